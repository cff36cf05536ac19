//! The claim to a recovery code: what belayd may hold of it.

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use super::same;
use crate::cbor::{Item, Malformed, Value};
use crate::secret::Secret;
use crate::text::BadText;

/// Its text, in hexadecimal digits.
const DIGITS: usize = 32;

/// 128 bits by which whoever confirmed a registration gets its recovery code from the warden.
///
/// Two halves have to come together. The claim goes through belayd, which may not ask the warden for the
/// code; somebody at the device may ask, and has the claim only from confirming. So neither a belayd that
/// was broken into nor another program of the session gets the code alone.
#[derive(Debug)]
pub struct RecoveryClaim(Secret<[u8; 16]>);

impl RecoveryClaim {
    /// From its 128 bits.
    pub fn from_bytes(bytes: Secret<[u8; 16]>) -> Self {
        Self(bytes)
    }

    /// Reads 32 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`BadText`] for anything else.
    pub fn parse(text: &Secret<String>) -> Result<Self, BadText> {
        let bad = BadText {
            expected: "32 lower-case hexadecimal digits",
        };
        let text = text.expose().as_bytes();
        let mut bytes = Zeroizing::new([0; DIGITS / 2]);
        if text.len() != DIGITS || HEXLOWER.decode_mut(text, bytes.as_mut_slice()).is_err() {
            return Err(bad);
        }
        Ok(Self(Secret::new(*bytes)))
    }

    /// The 32 hexadecimal digits, as they cross the bus in a descriptor.
    pub fn text(&self) -> Secret<String> {
        Secret::new(HEXLOWER.encode(self.0.expose()))
    }

    /// Whether both are the same, in a time that doesn't tell where they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        same(self.0.expose(), other.0.expose())
    }
}

/// A copy: a claim is handed about as a ticket is.
impl Clone for RecoveryClaim {
    fn clone(&self) -> Self {
        Self(Secret::new(*self.0.expose()))
    }
}

impl Item for RecoveryClaim {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        Secret::from_value(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::{RecoveryClaim, Secret};

    #[test]
    fn a_claim_has_one_text_and_is_itself_alone() {
        let claim = RecoveryClaim::from_bytes(Secret::new([0xab; 16]));
        assert_eq!(claim.text().expose(), &"ab".repeat(16));
        assert!(RecoveryClaim::parse(&claim.text()).unwrap().is(&claim));
        for bit in 0..128 {
            let mut bytes = [0xab; 16];
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!RecoveryClaim::from_bytes(Secret::new(bytes)).is(&claim));
        }
        for bad in [
            "",
            "AB",
            &"AB".repeat(16),
            &"ab".repeat(15),
            &"ab".repeat(17),
            &"é".repeat(16),
        ] {
            assert!(RecoveryClaim::parse(&Secret::of_text(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_claim_is_never_shown() {
        let claim = RecoveryClaim::from_bytes(Secret::new([0xab; 16]));
        let shown = format!("{claim:?}");
        assert!(!shown.contains("ab") && !shown.contains("171"), "{shown}");
    }
}
