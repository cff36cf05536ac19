//! Bytes and secrets as JSON strings.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroize;

use crate::secret::Secret;
use crate::text::{Binary, base64url, from_base64url};

/// A byte string; base64url in JSON, `bin` in MessagePack.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

/// A token or code: a secret that has to travel as JSON, under TLS. Redacted in `Debug`, overwritten
/// when dropped.
pub struct SecretText(Secret<String>);

/// The cloud's share of an account's wrap key: 32 bytes, base64url in JSON. Redacted in `Debug`,
/// overwritten when dropped.
#[derive(Debug)]
pub struct Share(pub Secret<[u8; 32]>);

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({} B)", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_str(&base64url(&self.0)),
            false => serializer.serialize_bytes(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Binary::deserialize(deserializer).map(|bytes| Self(bytes.0));
        }
        let text = String::deserialize(deserializer)?;
        from_base64url(&text).map(Self).map_err(de::Error::custom)
    }
}

impl SecretText {
    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// As a secret of the rest of the program.
    pub fn into_secret(self) -> Secret<String> {
        self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl From<Secret<String>> for SecretText {
    fn from(secret: Secret<String>) -> Self {
        Self(secret)
    }
}

impl Deref for SecretText {
    type Target = str;

    fn deref(&self) -> &str {
        self.expose()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl From<Secret<[u8; 32]>> for Share {
    fn from(secret: Secret<[u8; 32]>) -> Self {
        Self(secret)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Secret::new(base64url(self.0.expose()));
        serializer.serialize_str(text.expose())
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = SecretText::deserialize(deserializer)?;
        let mut bytes = from_base64url(&text).map_err(de::Error::custom)?;
        let share = <[u8; 32]>::try_from(bytes.as_slice()).map(Secret::new);
        bytes.zeroize();
        share
            .map(Self)
            .map_err(|_| de::Error::custom("expected 32 bytes"))
    }
}
