//! Maps with text keys, read and written key by key.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroize;

use super::{Item, MAX_BYTES, Malformed, Value};

/// What a key of a map may hold: an [`Item`], or an `Option` of one (absent when `None`).
pub trait Field: Sized {
    /// Puts this value under `key`, or nothing.
    fn put(&self, map: &mut BTreeMap<String, Value>, key: &str);

    /// Takes the value of `key` out of the map.
    ///
    /// # Errors
    /// [`Malformed`] when the key is missing and needed, or its value isn't of this type.
    fn take(map: &mut BTreeMap<String, Value>, key: &str) -> Result<Self, Malformed>;
}

impl<T: Item> Field for T {
    fn put(&self, map: &mut BTreeMap<String, Value>, key: &str) {
        map.insert(key.to_owned(), self.to_value());
    }

    fn take(map: &mut BTreeMap<String, Value>, key: &str) -> Result<Self, Malformed> {
        let value = map
            .remove(key)
            .ok_or_else(|| Malformed::new(format!("{key} is missing")))?;
        named(key, value)
    }
}

impl<T: Item> Field for Option<T> {
    fn put(&self, map: &mut BTreeMap<String, Value>, key: &str) {
        if let Some(value) = self {
            map.insert(key.to_owned(), value.to_value());
        }
    }

    fn take(map: &mut BTreeMap<String, Value>, key: &str) -> Result<Self, Malformed> {
        map.remove(key).map(|value| named(key, value)).transpose()
    }
}

fn named<T: Item>(key: &str, value: Value) -> Result<T, Malformed> {
    T::from_value(value).map_err(|error| Malformed::new(format!("{key}: {}", error.what())))
}

/// Builds a map and encodes it.
#[derive(Default)]
pub struct MapWriter(BTreeMap<String, Value>);

impl MapWriter {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// A map with `"v": 1`.
    pub fn versioned() -> Self {
        Self::new().put("v", &1_u64)
    }

    /// Adds a key; a `None` adds nothing.
    #[must_use]
    pub fn put<T: Field>(mut self, key: &str, value: &T) -> Self {
        value.put(&mut self.0, key);
        self
    }

    /// The map as a value, to nest it.
    pub fn into_value(mut self) -> Value {
        Value::Map(std::mem::take(&mut self.0))
    }

    /// The one encoding of the map.
    pub fn finish(self) -> Vec<u8> {
        let mut value = self.into_value();
        let bytes = value.encode();
        // Some maps hold keys; the encoding is the only copy left.
        value.zeroize();
        bytes
    }
}

/// Keys only: some maps hold secrets.
impl fmt::Debug for MapWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Drop for MapWriter {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

/// Takes a map apart; what [`MapReader::finish`] still finds is an unknown key.
pub struct MapReader(BTreeMap<String, Value>);

impl MapReader {
    /// Reads a map.
    ///
    /// # Errors
    /// [`Malformed`] as [`Value::decode`], and for anything but a map.
    pub fn new(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::within(bytes, MAX_BYTES)
    }

    /// As [`MapReader::new`], of at most `most` bytes.
    ///
    /// # Errors
    /// As [`MapReader::new`].
    pub fn within(bytes: &[u8], most: usize) -> Result<Self, Malformed> {
        Self::of(Value::decode_within(bytes, most)?)
    }

    /// Reads a map with `"v": 1`.
    ///
    /// # Errors
    /// [`Malformed`] as [`MapReader::new`], and for another version.
    pub fn versioned(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut map = Self::new(bytes)?;
        map.version()?;
        Ok(map)
    }

    /// Takes `"v"`.
    ///
    /// # Errors
    /// [`Malformed`] unless it is 1.
    pub fn version(&mut self) -> Result<(), Malformed> {
        match self.take::<u64>("v")? {
            1 => Ok(()),
            _ => Err(Malformed::new("another version")),
        }
    }

    /// A map that is already decoded.
    ///
    /// # Errors
    /// [`Malformed`] for anything but a map.
    pub fn of(value: Value) -> Result<Self, Malformed> {
        match value {
            Value::Map(map) => Ok(Self(map)),
            _ => Err(Malformed::new("expected a map")),
        }
    }

    /// Takes a key, or an optional one with `Option<T>`.
    ///
    /// # Errors
    /// [`Malformed`] when it is missing or of another type.
    pub fn take<T: Field>(&mut self, key: &str) -> Result<T, Malformed> {
        T::take(&mut self.0, key)
    }

    /// Ends reading.
    ///
    /// # Errors
    /// [`Malformed`] when a key is left.
    pub fn finish(self) -> Result<(), Malformed> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Malformed::new("an unknown key")),
        }
    }
}

/// Keys only: some maps hold secrets.
impl fmt::Debug for MapReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Drop for MapReader {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}
