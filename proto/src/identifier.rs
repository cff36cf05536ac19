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
/// case; a number as `+` and 7 to 15 digits. Or one that was [stored](Self::stored), as it was proved.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identifier {
    kind: IdentifierKind,
    text: String,
    compared: Option<String>,
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

    /// An identifier that somebody has proved, as he proved it: a code went to this text, and so does all that is told. It was in normal
    /// form then. Where it has another one today it is [compared](Self::compared) in that; where it is refused today, in none.
    ///
    /// # Errors
    /// [`BadIdentifier`] for what never was one.
    pub fn stored(text: &str) -> Result<Self, BadIdentifier> {
        let is_address = || text.split_once('@').is_some_and(|(local, _)| !local.is_empty());
        let (kind, compared) = match Self::parse(text) {
            Ok(today) => (today.kind, today.compared),
            Err(_) if is_address() => (IdentifierKind::Email, None),
            Err(refused) => return Err(refused),
        };
        Ok(Self {
            kind,
            text: text.to_owned(),
            compared,
        })
    }

    fn normal(kind: IdentifierKind, text: String) -> Self {
        let folded: String = text.chars().flat_map(folded).collect();
        Self {
            kind,
            text,
            compared: Some(folded.nfc().collect()),
        }
    }

    /// The form that is the same for all spellings of one mailbox: providers take the local part without regard to case. Two
    /// identifiers belong to one account where it is equal; mail goes to the [text](Self::as_str). None of one that was stored and is
    /// refused today: nobody can mean it.
    pub fn compared(&self) -> Option<&str> {
        self.compared.as_deref()
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

    /// The normal form, or what was stored, in clear.
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
        true => Ok(Identifier::normal(IdentifierKind::Phone, text)),
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
        true => Ok(Identifier::normal(
            IdentifierKind::Email,
            format!("{local}@{domain}"),
        )),
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
mod tests;
