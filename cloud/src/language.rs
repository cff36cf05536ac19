//! The languages that the cloud writes, and which of them somebody reads.

use std::cmp::Reverse;

/// A language with a catalogue in `locales/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// What everybody gets whose own isn't here.
    #[default]
    English,
    /// German.
    German,
    /// Italian.
    Italian,
    /// Marathi.
    Marathi,
    /// Russian.
    Russian,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::English,
        Self::German,
        Self::Italian,
        Self::Marathi,
        Self::Russian,
    ];

    /// Its tag (BCP 47), for `lang` and `Content-Language`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Italian => "it",
            Self::Marathi => "mr",
            Self::Russian => "ru",
        }
    }

    /// The best match of a tag such as `it-CH`, by lookup (RFC 4647 §3.4): the catalogues know no regions. POSIX's
    /// `it_CH` is taken too.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default().trim();
        Self::ALL
            .into_iter()
            .find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// What of an `Accept-Language` (RFC 9110 §12.5.4) is liked best and is here; the first of equals.
    #[must_use]
    pub fn accepted(header: &str) -> Option<Self> {
        let mut ranges: Vec<(&str, u16)> = header.split(',').filter_map(range).collect();
        ranges.sort_by_key(|(_, weight)| Reverse(*weight));
        ranges.into_iter().find_map(|(tag, _)| match tag {
            "*" => Some(Self::default()),
            tag => Self::of(tag),
        })
    }
}

/// A tag and its weight in thousandths; none for what isn't wanted at all.
fn range(text: &str) -> Option<(&str, u16)> {
    let (tag, parameters) = text.split_once(';').unwrap_or((text, ""));
    let weight = match parameters.trim().strip_prefix("q=") {
        Some(number) => thousandths(number.trim())?,
        None => 1000,
    };
    (weight > 0).then_some((tag.trim(), weight))
}

/// `0.8` → 800. A weight has three decimals at most.
fn thousandths(number: &str) -> Option<u16> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let decimals = (decimals.len() <= 3).then(|| format!("{decimals:0<3}"))?;
    let weight = whole.parse::<u16>().ok()?.checked_mul(1000)?;
    Some(weight.checked_add(decimals.parse().ok()?)?.min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_finds_its_language_whatever_the_region() {
        for (tag, language) in [
            ("it", Language::Italian),
            ("it-CH", Language::Italian),
            ("de_AT", Language::German),
            ("RU-ru", Language::Russian),
            ("mr-Deva-IN", Language::Marathi),
            ("en-GB", Language::English),
        ] {
            assert_eq!(Language::of(tag), Some(language), "{tag}");
        }
        for tag in ["", "-", "fr", "itx", "i", "x-it"] {
            assert_eq!(Language::of(tag), None, "{tag}");
        }
    }

    #[test]
    fn what_a_browser_likes_best_and_is_here_is_taken() {
        for (header, language) in [
            ("it-IT,it;q=0.9,en;q=0.8", Some(Language::Italian)),
            ("fr, en;q=0.3, ru;q=0.7", Some(Language::Russian)),
            ("en;q=0.5, de", Some(Language::German)),
            ("fr, *;q=0.1", Some(Language::English)),
            ("mr;q=0.805, ru;q=0.81", Some(Language::Russian)),
            ("de;q=0, it;q=0.001", Some(Language::Italian)),
            ("de;q=0", None),
            ("fr", None),
            ("", None),
            ("de;q=x, de;q=0.1234, ;;;,,", None),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }
}
