//! Bluetooth device addresses.

use std::fmt;
use std::str::FromStr;

/// A Bluetooth device address, most significant byte first, as it is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 6]);

/// A text that is no Bluetooth address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Bluetooth address")]
pub struct NotAnAddress;

impl Address {
    /// The bytes least significant first, as they are on air.
    #[must_use]
    pub fn reversed(self) -> [u8; 6] {
        let mut bytes = self.0;
        bytes.reverse();
        bytes
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02X}:{b:02X}:{c:02X}:{d:02X}:{e:02X}:{g:02X}")
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let mut bytes = [0; 6];
        for byte in &mut bytes {
            let part = parts.next().ok_or(NotAnAddress)?;
            // `from_str_radix` takes a sign, an address has none.
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(NotAnAddress);
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| NotAnAddress)?;
        }
        match parts.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(NotAnAddress),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let address: Address = "C8:47:8C:C0:95:89".parse().unwrap();
        assert_eq!(address.to_string(), "C8:47:8C:C0:95:89");
        assert_eq!(address.reversed(), [0x89, 0x95, 0xc0, 0x8c, 0x47, 0xc8]);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "C8:47:8C:C0:95",
            "C8:47:8C:C0:95:89:00",
            "C8-47-8C-C0-95-89",
            "+8:47:8C:C0:95:89",
        ] {
            assert_eq!(text.parse::<Address>(), Err(NotAnAddress), "{text}");
        }
    }
}
