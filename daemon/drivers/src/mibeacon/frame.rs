//! The frame around a sensor's objects.

use crate::address::Address;
use crate::cursor::Cursor;

/// One frame: the service data of FE95.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// 2 to 5.
    pub version: u8,
    /// Whether its objects are encrypted.
    pub encrypted: bool,
    /// Whether it holds objects. Idle devices send frames without.
    pub has_object: bool,
    /// Which product.
    pub product: u16,
    /// Counts frames; one that is sent again has the same.
    pub counter: u8,
    /// Who sends it, if it says so.
    pub address: Option<Address>,
    /// What the device can do, if it says so.
    pub capability: Option<u8>,
    /// All of it.
    pub(super) whole: &'a [u8],
    /// What follows the header.
    pub(super) body: &'a [u8],
}

/// The bytes are no frame that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Something announced is missing, or doesn't fit.
    #[error("truncated")]
    Truncated,
    /// Version 0, 1 or above 5, or a frame of a mesh.
    #[error("a version of MiBeacon that isn't understood")]
    Version,
}

impl<'a> Frame<'a> {
    /// Reads a frame; its objects stay as they are.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn decode(whole: &'a [u8]) -> Result<Self, Invalid> {
        let mut cursor = Cursor::new(whole);
        let control = cursor.u16().ok_or(Invalid::Truncated)?;
        let has = |bit: u16| control & 1 << bit != 0;
        let version = u8::try_from(control >> 12).unwrap_or(0);
        if has(7) || !(2..=5).contains(&version) {
            return Err(Invalid::Version);
        }
        let mut rest = || {
            let product = cursor.u16()?;
            let counter = cursor.u8()?;
            let address = if has(4) { Some(cursor.array::<6>()?) } else { None };
            let capability = if has(5) { Some(cursor.u8()?) } else { None };
            if capability.is_some_and(|capability| capability & 0x20 != 0) {
                // Its inputs and outputs, which nobody asks for.
                cursor.u8()?;
            }
            let address = address.map(|mut bytes| {
                bytes.reverse();
                Address(bytes)
            });
            Some(Self {
                version,
                encrypted: has(3),
                has_object: has(6),
                product,
                counter,
                address,
                capability,
                whole,
                body: cursor.rest(),
            })
        };
        rest().ok_or(Invalid::Truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_far_as_it_says() {
        let bytes = [
            0x71, 0x20, 0x98, 0x00, 0x12, 1, 2, 3, 4, 5, 6, 0x2d, 0x99, 4, 0x10, 0,
        ];
        let frame = Frame::decode(&bytes).unwrap();
        assert_eq!((frame.version, frame.product, frame.counter), (2, 0x98, 0x12));
        assert_eq!(frame.address, Some(Address([6, 5, 4, 3, 2, 1])));
        assert_eq!(frame.capability, Some(0x2d));
        assert_eq!(frame.body, [4, 0x10, 0], "after the byte of inputs and outputs");
        for length in 0..13 {
            assert_eq!(
                Frame::decode(&bytes[..length]),
                Err(Invalid::Truncated),
                "{length}"
            );
        }
    }

    #[test]
    fn meshes_and_other_versions_are_not_understood() {
        for control in [0x1040_u16, 0x0040, 0x6040, 0x50c0] {
            let mut bytes = [0; 12];
            bytes[..2].copy_from_slice(&control.to_le_bytes());
            assert_eq!(Frame::decode(&bytes), Err(Invalid::Version), "{control:x}");
        }
    }
}
