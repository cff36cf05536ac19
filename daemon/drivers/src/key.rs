//! The keys of accessories.

use std::fmt;

use zeroize::Zeroize;

/// A key of 16 bytes, or of 12 for MiBeacon's older encryption. Wiped from memory with its last owner; `Debug` says
/// nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    bytes: [u8; 16],
    length: usize,
}

/// A key of another length, or a text that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 hexadecimal digits (24 for older sensors), with or without 0x in front")]
pub struct NotAKey;

/// Which key an accessory wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyNeed {
    /// None.
    #[default]
    None,
    /// One that we draw at pairing and the wearer confirms with a tap (Mi Band 2 and 3).
    Chosen,
    /// One that the maker's account server has issued and the owner brings (Mi Band 4 to 7).
    Issued,
    /// The bind key of an encrypted MiBeacon sensor, which the owner brings.
    Bind,
}

impl Key {
    /// A key of 16 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self { bytes, length: 16 }
    }

    /// A key of 16 or 12 bytes.
    ///
    /// # Errors
    /// [`NotAKey`] for another length.
    pub fn from_slice(slice: &[u8]) -> Result<Self, NotAKey> {
        if slice.len() != 16 && slice.len() != 12 {
            return Err(NotAKey);
        }
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(slice).for_each(|(to, from)| *to = *from);
        Ok(Self {
            bytes,
            length: slice.len(),
        })
    }

    /// Reads 32 or 24 hexadecimal digits, with or without `0x`, with white space around. Anything else is refused,
    /// never padded: a key with a slip in it would only fail later, as a mismatch.
    ///
    /// # Errors
    /// [`NotAKey`].
    pub fn from_hex(text: &str) -> Result<Self, NotAKey> {
        let text = text.trim();
        let digits = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .unwrap_or(text)
            .as_bytes();
        if !digits.len().is_multiple_of(2) || digits.len() > 32 {
            return Err(NotAKey);
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        let key = Self::from_slice(&bytes[..digits.len() / 2]);
        bytes.zeroize();
        key
    }

    /// The bytes: 16 or 12.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The 16 bytes of a block cipher's key; `None` for one of 12.
    #[must_use]
    pub const fn block(&self) -> Option<&[u8; 16]> {
        if self.length == 16 {
            Some(&self.bytes)
        } else {
            None
        }
    }
}

fn digit(byte: u8) -> Result<u8, NotAKey> {
    char::from(byte)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
        .ok_or(NotAKey)
}

impl Drop for Key {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_with_and_without_its_prefix() {
        let key = Key::from_hex("000102030405060708090a0b0c0d0e0f").unwrap();
        assert_eq!(key.bytes(), &(0..16).collect::<Vec<u8>>()[..]);
        assert_eq!(
            Key::from_hex(" 0x000102030405060708090A0B0C0D0E0F\n").unwrap(),
            key
        );
        assert_eq!(Key::from_hex("b853075158487ca39a5b5ea9").unwrap().block(), None);
    }

    #[test]
    fn a_key_with_a_slip_is_refused() {
        for text in [
            "",
            "0x",
            "00",
            "000102030405060708090a0b0c0d0e",
            "g00102030405060708090a0b0c0d0e0f",
            "000102030405060708090a0b0c0d0e0f0",
            "000102030405060708090a0b0c0d0e0f00",
            "ключ",
        ] {
            assert_eq!(Key::from_hex(text), Err(NotAKey), "{text}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", Key::new([7; 16])), "Key(…)");
    }
}
