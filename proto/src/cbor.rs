//! Core deterministic CBOR (RFC 8949 §4.2.1), the small part of it that Belay signs.
//!
//! One map with text keys; unsigned integers, booleans, byte strings, texts, arrays and maps. Decoding
//! encodes again and compares, so each accepted value has exactly one form. Refused: floats, tags,
//! negative numbers, null, indefinite lengths, duplicate keys, trailing bytes, nesting deeper than
//! [`MAX_DEPTH`], more than [`MAX_BYTES`] where a type doesn't say otherwise.

mod codec;
mod item;
mod map;

use std::borrow::Cow;
use std::collections::BTreeMap;

use zeroize::Zeroize;

pub use item::Item;
pub use map::{Field, MapReader, MapWriter};

/// The deepest nesting that is read: 8 containers in each other.
pub const MAX_DEPTH: usize = 8;

/// The longest encoding that is read, where a type doesn't say otherwise: 64 KiB.
pub const MAX_BYTES: usize = 64 * 1024;

/// A value of the subset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An unsigned integer.
    Uint(u64),
    /// `true` or `false`.
    Bool(bool),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text in UTF-8.
    Text(String),
    /// An array of definite length.
    Array(Vec<Value>),
    /// A map of definite length with text keys.
    Map(BTreeMap<String, Value>),
}

/// The bytes aren't what the contract says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed: {0}")]
pub struct Malformed(Cow<'static, str>);

impl Malformed {
    /// Says what is wrong, in words for a log; never quotes a value.
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self(what.into())
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.0
    }
}

impl Value {
    /// The one encoding of this value: shortest heads, map keys in bytewise order of their encoded form.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads exactly one value in its one encoding.
    ///
    /// # Errors
    /// [`Malformed`] for anything that [`Value::encode`] wouldn't have written.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::decode_within(bytes, MAX_BYTES)
    }

    /// As [`Value::decode`], of at most `most` bytes.
    ///
    /// # Errors
    /// As [`Value::decode`].
    pub fn decode_within(bytes: &[u8], most: usize) -> Result<Self, Malformed> {
        codec::decode(bytes, most)
    }
}

impl Zeroize for Value {
    fn zeroize(&mut self) {
        match self {
            Self::Uint(number) => number.zeroize(),
            Self::Bool(flag) => flag.zeroize(),
            Self::Bytes(bytes) => bytes.zeroize(),
            Self::Text(text) => text.zeroize(),
            Self::Array(items) => items.iter_mut().for_each(Zeroize::zeroize),
            Self::Map(map) => map.values_mut().for_each(Zeroize::zeroize),
        }
    }
}

/// Declares a struct that travels as one CBOR map with `"v": 1` and a key for each field.
///
/// Each field's type implements [`Field`]; `Option` fields are left out of the map when `None`. The
/// struct gets `encode() -> Vec<u8>` and `decode(&[u8]) -> Result<Self, Malformed>`; unknown keys,
/// missing keys and other versions are malformed. `struct Name: at_most(BYTES) { … }` is read up to
/// another length than [`MAX_BYTES`].
#[macro_export]
macro_rules! cbor_map {
    (@most) => { $crate::cbor::MAX_BYTES };
    (@most $most:expr) => { $most };
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(: at_most($most:expr))? { $( $(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty ),* $(,)? }
    )+) => {$(
        $(#[$meta])*
        $vis struct $name { $( $(#[$field_meta])* $field_vis $field: $type ),* }

        impl $name {
            /// The one encoding of this value.
            pub fn encode(&self) -> Vec<u8> {
                $crate::cbor::MapWriter::versioned()
                    $( .put(stringify!($field), &self.$field) )*
                    .finish()
            }

            /// Reads exactly what `encode` writes.
            ///
            /// # Errors
            /// [`Malformed`]($crate::cbor::Malformed) for anything else.
            pub fn decode(bytes: &[u8]) -> Result<Self, $crate::cbor::Malformed> {
                let mut map = $crate::cbor::MapReader::within(bytes, $crate::cbor_map!(@most $($most)?))?;
                map.version()?;
                let value = Self { $( $field: map.take(stringify!($field))? ),* };
                map.finish()?;
                Ok(value)
            }
        }
    )+};
}

#[cfg(test)]
mod tests;
