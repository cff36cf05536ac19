//! Which Rust types are which CBOR values.

use zeroize::Zeroize;

use super::{Malformed, Value};
use crate::secret::Secret;

/// A type with one CBOR form.
pub trait Item: Sized {
    /// This value as CBOR.
    fn to_value(&self) -> Value;

    /// From CBOR.
    ///
    /// # Errors
    /// [`Malformed`] when the value has another type or breaks a rule of this one.
    fn from_value(value: Value) -> Result<Self, Malformed>;
}

impl Item for u64 {
    fn to_value(&self) -> Value {
        Value::Uint(*self)
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        match value {
            Value::Uint(number) => Ok(number),
            _ => Err(Malformed::new("expected an unsigned number")),
        }
    }
}

impl Item for u32 {
    fn to_value(&self) -> Value {
        Value::Uint(u64::from(*self))
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        Self::try_from(u64::from_value(value)?).map_err(|_| Malformed::new("a number over 32 bits"))
    }
}

impl Item for bool {
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        match value {
            Value::Bool(flag) => Ok(flag),
            _ => Err(Malformed::new("expected true or false")),
        }
    }
}

impl Item for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        match value {
            Value::Text(text) => Ok(text),
            _ => Err(Malformed::new("expected a text")),
        }
    }
}

/// A byte string; there are no arrays of small numbers in Belay.
impl Item for Vec<u8> {
    fn to_value(&self) -> Value {
        Value::Bytes(self.clone())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::new("expected a byte string")),
        }
    }
}

impl<const N: usize> Item for [u8; N] {
    fn to_value(&self) -> Value {
        Value::Bytes(self.to_vec())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let mut bytes = Vec::from_value(value)?;
        let array =
            Self::try_from(bytes.as_slice()).map_err(|_| Malformed::new("a byte string of another length"));
        // It may have been a key; the array is the caller's to guard.
        bytes.zeroize();
        array
    }
}

impl<const N: usize> Item for Secret<[u8; N]> {
    fn to_value(&self) -> Value {
        self.expose().to_value()
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        Item::from_value(value).map(Self::new)
    }
}

impl Item for Secret<Vec<u8>> {
    fn to_value(&self) -> Value {
        self.expose().to_value()
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        Item::from_value(value).map(Self::new)
    }
}

impl Item for Value {
    fn to_value(&self) -> Value {
        self.clone()
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        Ok(value)
    }
}

/// A list of anything but bytes.
impl Item for Vec<Value> {
    fn to_value(&self) -> Value {
        Value::Array(self.clone())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        match value {
            Value::Array(items) => Ok(items),
            _ => Err(Malformed::new("expected an array")),
        }
    }
}
