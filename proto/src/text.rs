//! Bytes as text: base64url without padding (RFC 4648 §5) and lower-case hexadecimal.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

/// The text isn't what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct BadText {
    /// What would have been right, in words.
    pub expected: &'static str,
}

/// Base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// Reads base64url without padding; stray bits and padding are refused, so that one value has one text.
pub fn from_base64url(text: &str) -> Result<Vec<u8>, BadText> {
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| BadText {
        expected: "base64url without padding",
    })
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Reads lower-case hexadecimal.
pub fn from_hex(text: &str) -> Result<Vec<u8>, BadText> {
    HEXLOWER.decode(text.as_bytes()).map_err(|_| BadText {
        expected: "lower-case hexadecimal",
    })
}

/// Whether a character of a name or a message misleads: control characters, line and paragraph separators, and the
/// characters that change the direction of writing (Unicode UAX #9 §2). Joiners don't: words of several languages and
/// many emoji need them.
pub fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character can make an identifier look like another one: what [`misleads`], and everything invisible
/// (Unicode TR36 §3).
pub fn is_deceptive(c: char) -> bool {
    misleads(c)
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{feff}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}')
}

/// An error with its causes on one line, the outermost first. A cause that the text ends with already isn't said twice.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// A URL's origin, in its normal form, and its path, without query and fragment. A text without a
/// scheme is all path.
pub(crate) fn split_url(url: &str) -> (String, &str) {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return (String::new(), url);
    };
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
    let default = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    let authority = authority.strip_suffix(default).unwrap_or(&authority);
    (format!("{scheme}://{authority}"), path)
}

/// Writes the common traits of a public newtype over a byte array: construction, access, `Display`
/// and `FromStr` in one text form, `Debug` as that text, and serde as a string.
macro_rules! byte_newtype {
    ($(#[$meta:meta])* $name:ident, $len:literal, $write:path, $read:path, $expected:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// From the raw bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        $crate::text::byte_text!($name, $len, $write, $read, $expected);
    };
}

/// The text half of [`byte_newtype`], for types that check their bytes.
macro_rules! byte_text {
    ($name:ident, $len:literal, $write:path, $read:path, $expected:literal) => {
        impl TryFrom<&[u8]> for $name {
            type Error = $crate::text::BadText;

            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                let wrong = $crate::text::BadText {
                    expected: $expected,
                };
                let bytes: [u8; $len] = bytes.try_into().map_err(|_| wrong)?;
                Self::try_from(bytes).map_err(|_| wrong)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text::BadText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let bytes = $read(text).map_err(|_| $crate::text::BadText {
                    expected: $expected,
                })?;
                Self::try_from(bytes.as_slice())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$write(self.as_bytes()))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match serializer.is_human_readable() {
                    true => serializer.collect_str(self),
                    false => serializer.serialize_bytes(self.as_bytes()),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                    return text.parse().map_err(serde::de::Error::custom);
                }
                let bytes = $crate::text::Binary::deserialize(deserializer)?.0;
                Self::try_from(bytes.as_slice()).map_err(serde::de::Error::custom)
            }
        }

        impl $crate::cbor::Item for $name {
            fn to_value(&self) -> $crate::cbor::Value {
                $crate::cbor::Value::Bytes(self.as_bytes().to_vec())
            }

            fn from_value(value: $crate::cbor::Value) -> Result<Self, $crate::cbor::Malformed> {
                let bytes = <[u8; $len]>::from_value(value)?;
                Self::try_from(bytes)
                    .map_err(|_| $crate::cbor::Malformed::new(concat!("not a ", stringify!($name))))
            }
        }
    };
}

/// `TryFrom<[u8; N]>` for newtypes that take any bytes.
macro_rules! from_any_bytes {
    ($name:ident, $len:literal) => {
        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self::from_bytes(bytes)
            }
        }
    };
}

/// A byte string of a format that has them; serde's own vectors are sequences of numbers.
pub(crate) struct Binary(pub Vec<u8>);

impl<'de> serde::Deserialize<'de> for Binary {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Binary;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a byte string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Binary, E> {
                Ok(Binary(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Binary, E> {
                Ok(Binary(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

pub(crate) use {byte_newtype, byte_text, from_any_bytes};

#[cfg(test)]
mod tests {
    use super::{from_base64url, from_hex, is_deceptive, misleads, with_causes};

    #[derive(Debug, thiserror::Error)]
    enum Trouble {
        #[error("reading")]
        Reading(#[source] std::io::Error),
        #[error("no luck: {0}")]
        Said(#[source] std::io::Error),
    }

    #[test]
    fn each_cause_is_said_once() {
        let gone = || std::io::Error::other("it is gone");
        assert_eq!(with_causes(&Trouble::Reading(gone())), "reading: it is gone");
        assert_eq!(with_causes(&Trouble::Said(gone())), "no luck: it is gone");
    }

    #[test]
    fn joiners_mislead_in_an_identifier_alone() {
        for c in [
            '\n', '\0', '\u{61c}', '\u{200f}', '\u{2028}', '\u{202e}', '\u{2067}',
        ] {
            assert!(misleads(c) && is_deceptive(c), "{c:?}");
        }
        for c in [
            '\u{200b}', '\u{200d}', '\u{ad}', '\u{feff}', '\u{2060}', '\u{206f}',
        ] {
            assert!(!misleads(c) && is_deceptive(c), "{c:?}");
        }
        assert!(!['ü', '水', ' ', '📱'].into_iter().any(is_deceptive));
    }

    #[test]
    fn a_value_has_one_text() {
        for text in ["AA==", "A", "AB", "+/", "A A", "AA\n"] {
            assert!(from_base64url(text).is_err(), "{text:?}");
        }
        for text in ["A0", "0", "0g", " 00"] {
            assert!(from_hex(text).is_err(), "{text:?}");
        }
    }
}
