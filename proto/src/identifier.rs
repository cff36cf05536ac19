//! What a person signs in with: an e-mail address or a telephone number, in one normal form.
//!
//! An address is a name of a mailbox, and a code proves who reads that. So two texts that mail programs take for one mailbox have one
//! normal form, to which the code goes, or one [compared form](Identifier::compared), which belongs to one account; and a letter that
//! some program replaces by a plain one on the way is refused: whoever reads the mailbox of `ſam` must not be taken for `sam`.

mod country;

use std::borrow::Cow;
use std::fmt;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;

use crate::text::is_deceptive;

/// Which of ASCII's characters no domain has: all but letters, digits and hyphens.
const DENIED: AsciiDenyList = AsciiDenyList::STD3;
/// Where no label has a hyphen: at its ends. In the third and fourth place some do.
const HYPHENS: Hyphens = Hyphens::CheckFirstLast;

/// The kind of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentifierKind {
    /// An e-mail address.
    Email,
    /// A telephone number, E.164.
    Phone,
}

/// An identifier in its normal form: an address in NFC (Unicode TR15) with its domain as UTS #46 writes it in Unicode, so in lower
/// case; a number as `+` and 7 to 15 digits.
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

    /// An identifier that was in normal form when it was stored, though it might be refused today.
    ///
    /// # Errors
    /// [`BadIdentifier`] for what never was one.
    pub fn stored(text: &str) -> Result<Self, BadIdentifier> {
        let is_address = || text.split_once('@').is_some_and(|(local, _)| !local.is_empty());
        Self::parse(text).or_else(|refused| match is_address() {
            true => Ok(Self {
                kind: IdentifierKind::Email,
                text: text.to_owned(),
            }),
            false => Err(refused),
        })
    }

    /// The form that is the same for all spellings of one mailbox: providers take the local part without regard to case. Two
    /// identifiers belong to one account where it is equal; mail goes to the [normal form](Self::as_str).
    pub fn compared(&self) -> String {
        let folded: String = self.text.chars().flat_map(folded).collect();
        folded.nfc().collect()
    }

    /// As a mail program writes it: the domain as DNS has it (A-labels, RFC 5890), since most servers take no other (SMTPUTF8, RFC 6531).
    /// The local part has one form only.
    pub fn in_mail(&self) -> String {
        let parts = self
            .text
            .rsplit_once('@')
            .filter(|(_, domain)| !domain.is_ascii());
        let ascii = parts.and_then(|(local, domain)| Some((local, in_dns(domain).ok()?)));
        ascii.map_or_else(
            || self.text.clone(),
            |(local, domain)| format!("{local}@{domain}"),
        )
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

/// The part of RFC 5321 and 6531 that mail providers hand out: no quoted local parts, no address literals.
fn email(text: &str) -> Result<Identifier, BadIdentifier> {
    let (local, domain) = text.rsplit_once('@').ok_or(BadIdentifier)?;
    let local: String = local.nfc().collect();
    let sound_local = (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .chars()
            .all(|c| !c.is_whitespace() && !is_deceptive(c) && !"@\"(),:;<>[]\\".contains(c) && !stands_for_ascii(c))
        // What has another form in compatibility is of no identifier (RFC 8264, section 9.17).
        && local.nfkc().eq(local.chars());
    let domain = domain_of(domain)?;
    match sound_local && domain.contains('.') {
        true => Ok(Identifier {
            kind: IdentifierKind::Email,
            text: format!("{local}@{domain}"),
        }),
        false => Err(BadIdentifier),
    }
}

/// A domain in its one form, whether it was typed in Unicode or as DNS has it.
fn domain_of(typed: &str) -> Result<String, BadIdentifier> {
    let ascii = in_dns(typed)?;
    let (domain, judged) = Uts46::new().to_unicode(ascii.as_bytes(), DENIED, HYPHENS);
    judged.map_err(|_| BadIdentifier)?;
    Ok(domain.into_owned())
}

/// A domain in the letters of DNS.
fn in_dns(domain: &str) -> Result<Cow<'_, str>, BadIdentifier> {
    Uts46::new()
        .to_ascii(domain.as_bytes(), DENIED, HYPHENS, DnsLength::Verify)
        .map_err(|_| BadIdentifier)
}

/// Whether a program that doesn't regard case may make a plain letter of a letter that is none.
fn stands_for_ascii(c: char) -> bool {
    let mut upper = c.to_uppercase();
    let upper = upper.next().filter(|_| upper.len() == 0);
    !c.is_ascii() && upper.into_iter().chain(c.to_lowercase()).any(|c| c.is_ascii())
}

/// A letter without its case: all that share a capital are one, as both small sigmas; one whose capital is several letters stays.
fn folded(c: char) -> impl Iterator<Item = char> {
    let mut upper = c.to_uppercase();
    upper
        .next()
        .filter(|_| upper.len() == 0)
        .unwrap_or(c)
        .to_lowercase()
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
    fn an_address_has_one_form_however_its_letters_are_put_together() {
        for (typed, normal) in [
            ("\u{212a}im@example.org", "Kim@example.org"),
            ("jose\u{301}@example.org", "jos\u{e9}@example.org"),
            ("a@xn--bcher-kva.example", "a@b\u{fc}cher.example"),
            ("a@XN--BCHER-KVA.example", "a@b\u{fc}cher.example"),
            ("a@B\u{dc}CHER.example", "a@b\u{fc}cher.example"),
            ("a@bu\u{308}cher.example", "a@b\u{fc}cher.example"),
            ("a@\u{ff45}xample.org", "a@example.org"),
            ("a@example\u{3002}org", "a@example.org"),
            ("a@\u{212a}.example", "a@k.example"),
            (
                "\u{930}@\u{92e}\u{939}\u{93e}\u{930}\u{93e}\u{937}\u{94d}\u{91f}\u{94d}\u{930}.example",
                "\u{930}@\u{92e}\u{939}\u{93e}\u{930}\u{93e}\u{937}\u{94d}\u{91f}\u{94d}\u{930}.example",
            ),
            ("stra\u{df}e@example.org", "stra\u{df}e@example.org"),
        ] {
            assert_eq!(Identifier::parse(typed).unwrap().as_str(), normal, "{typed:?}");
        }
    }

    #[test]
    fn letters_that_another_program_takes_for_plain_ones_are_refused() {
        for local in [
            "\u{ff4a}o",   // full width
            "jame\u{17f}", // long s
            "j\u{131}m",   // dotless i
            "J\u{130}M",   // dotted I
            "\u{fb01}n",   // a ligature
            "jo\u{b2}",    // a small 2
            "\u{1d4ff}an", // a mathematical letter
            "\u{2460}",    // a digit in a ring
            "\u{ff71}",    // half width: another spelling, though of no plain letter
        ] {
            assert!(
                Identifier::parse(&format!("{local}@example.org")).is_err(),
                "{local:?}"
            );
        }
        for domain in [
            "xn--a.example",
            "xn--.example",
            "a_b.example",
            "a\u{200d}b.example",
            "\u{301}a.example",
            "a..b",
            &format!("{}.org", "a".repeat(64)),
        ] {
            assert!(Identifier::parse(&format!("jo@{domain}")).is_err(), "{domain:?}");
        }
    }

    #[test]
    fn in_a_mail_the_domain_is_in_the_letters_of_dns() {
        for (text, written) in [
            ("Ada@example.org", "Ada@example.org"),
            ("ada@b\u{fc}cher.example", "ada@xn--bcher-kva.example"),
            (
                "jos\u{e9}@xn--bcher-kva.example",
                "jos\u{e9}@xn--bcher-kva.example",
            ),
            ("+49151234567", "+49151234567"),
        ] {
            assert_eq!(Identifier::parse(text).unwrap().in_mail(), written);
        }
        // No domain: another program may judge it.
        let none = Identifier::stored("a@b \u{fc}").unwrap();
        assert_eq!(none.in_mail(), "a@b \u{fc}");
    }

    #[test]
    fn spellings_of_one_mailbox_compare_equal_and_others_do_not() {
        let compared = |text: &str| Identifier::parse(text).unwrap().compared();
        for (one, other) in [
            ("Jo@example.org", "jO@EXAMPLE.org"),
            (
                "\u{3a3}\u{399}\u{3a3}@example.org",
                "\u{3c3}\u{3b9}\u{3c2}@example.org",
            ),
            ("JOS\u{c9}@example.org", "jose\u{301}@example.org"),
            ("\u{1e9e}@example.org", "\u{df}@example.org"),
            ("+49 151 234567", "+49151234567"),
        ] {
            assert_eq!(compared(one), compared(other));
        }
        assert_ne!(
            compared("stra\u{df}e@example.org"),
            compared("strasse@example.org")
        );
        assert_ne!(compared("jos\u{e9}@example.org"), compared("jose@example.org"));
    }

    #[test]
    fn what_was_stored_is_read_though_it_would_be_refused() {
        let before = Identifier::stored("j\u{131}m@example.org").unwrap();
        assert_eq!(
            (before.kind(), before.as_str()),
            (IdentifierKind::Email, "j\u{131}m@example.org")
        );
        assert_eq!(
            Identifier::stored("a@xn--bcher-kva.example").unwrap().as_str(),
            "a@b\u{fc}cher.example"
        );
        for none in ["", "@", "@b.de", "0151234567"] {
            assert!(Identifier::stored(none).is_err(), "{none:?}");
        }
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
