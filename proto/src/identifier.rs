//! What a person signs in with: an e-mail address or a telephone number, in one normal form.

mod country;

use std::fmt;

use crate::text::is_deceptive;

/// The kind of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentifierKind {
    /// An e-mail address.
    Email,
    /// A telephone number, E.164.
    Phone,
}

/// An identifier in its normal form: the domain of an address in lower case, a number as `+` and 7 to 15 digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identifier {
    kind: IdentifierKind,
    text: String,
}

/// The text is neither an e-mail address nor a telephone number with its country code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither an e-mail address nor a telephone number with its country code")]
pub struct BadIdentifier;

impl IdentifierKind {
    /// `email` or `phone`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

impl Identifier {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// [`BadIdentifier`].
    pub fn parse(text: &str) -> Result<Self, BadIdentifier> {
        let text = text.trim();
        if text.starts_with('+') {
            phone(text)
        } else {
            email(text)
        }
    }

    /// Which kind it is.
    pub fn kind(&self) -> IdentifierKind {
        self.kind
    }

    /// The normal form, in clear.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The country of a number, two capital letters (ISO 3166-1), where its country code is of one country alone; of an address
    /// none.
    pub fn country(&self) -> Option<&'static str> {
        self.text.strip_prefix('+').and_then(country::of_digits)
    }

    /// For showing to whoever holds the device: `j•••@e•••.org`, `+49•••••67`. The number of dots
    /// says nothing.
    pub fn masked(&self) -> String {
        match self.kind {
            IdentifierKind::Email => masked_email(&self.text),
            IdentifierKind::Phone => masked_phone(&self.text),
        }
    }
}

/// Never the address in clear: `Debug` ends in logs.
impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({})", self.masked())
    }
}

/// Whether a text is `+` and 7 to 15 digits, the first not 0 (ITU-T E.164).
pub(crate) fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else {
        return false;
    };
    (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn phone(text: &str) -> Result<Identifier, BadIdentifier> {
    let text: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}'))
        .collect();
    match is_e164(&text) {
        true => Ok(Identifier {
            kind: IdentifierKind::Phone,
            text,
        }),
        false => Err(BadIdentifier),
    }
}

/// The part of RFC 5321 that mail providers hand out: no quoted local parts, no address literals.
fn email(text: &str) -> Result<Identifier, BadIdentifier> {
    let (local, domain) = text.rsplit_once('@').ok_or(BadIdentifier)?;
    let domain = domain.to_lowercase();
    let sound_local = (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .chars()
            .all(|c| !c.is_whitespace() && !is_deceptive(c) && !"@\"(),:;<>[]\\".contains(c));
    let sound_domain = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(sound_label);
    match sound_local && sound_domain {
        true => Ok(Identifier {
            kind: IdentifierKind::Email,
            text: format!("{local}@{domain}"),
        }),
        false => Err(BadIdentifier),
    }
}

fn sound_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| c.is_alphanumeric() || c == '-')
}

fn masked_email(text: &str) -> String {
    let (local, domain) = text.rsplit_once('@').unwrap_or((text, ""));
    let top = domain.rsplit_once('.').map_or("", |(_, top)| top);
    format!("{}•••@{}•••.{top}", first(local), first(domain))
}

fn masked_phone(text: &str) -> String {
    let start: String = text.chars().take(3).collect();
    let end: String = text
        .chars()
        .skip(text.chars().count().saturating_sub(2))
        .collect();
    format!("{start}•••••{end}")
}

fn first(text: &str) -> String {
    text.chars().take(1).collect()
}

#[cfg(test)]
mod tests {
    use super::{Identifier, IdentifierKind};

    #[test]
    fn addresses_keep_their_local_part_and_lower_the_domain() {
        let id = Identifier::parse("  Jo.Doe+x@Example.ORG ").unwrap();
        assert_eq!(
            (id.kind(), id.as_str()),
            (IdentifierKind::Email, "Jo.Doe+x@example.org")
        );
        assert_eq!(id.masked(), "J•••@e•••.org");
        assert!(!format!("{id:?}").contains("Doe"));
    }

    #[test]
    fn numbers_lose_their_separators() {
        let id = Identifier::parse("+49 (151) 234-567").unwrap();
        assert_eq!((id.kind(), id.as_str()), (IdentifierKind::Phone, "+49151234567"));
        assert_eq!(id.masked(), "+49•••••67");
        assert_eq!(id.country(), Some("DE"));
        // What only begins like a number is none.
        assert_eq!(Identifier::parse("49@example.org").unwrap().country(), None);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "@",
            "a@",
            "@b.c",
            "a@b",
            "a b@c.de",
            "a@b..c",
            "a@-b.de",
            "a..b@c.de",
            "\"a\"@b.de",
            "0151234567",
            "+0151234567",
            "+12345",
            "+1234567890123456",
            "+49x1234567",
            "a@b.de\0",
            "\u{202e}a@b.de",
            "a\u{202e}\n@b.de",
        ] {
            assert!(Identifier::parse(text).is_err(), "{text:?}");
        }
    }
}
