//! Steps (00030001) and acceleration (00030002).

use super::Invalid;
use crate::cursor::Cursor;

/// Reads the steps of today.
///
/// # Errors
/// [`Invalid`] for another length than 4.
pub fn steps(value: &[u8]) -> Result<u32, Invalid> {
    value.try_into().map(u32::from_le_bytes).map_err(|_| Invalid)
}

/// An acceleration along the three axes, in 1/1024 of that of gravity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceleration {
    /// Along the strap.
    pub x: i16,
    /// Across it.
    pub y: i16,
    /// Out of the face.
    pub z: i16,
}

impl Acceleration {
    /// Reads one.
    ///
    /// # Errors
    /// [`Invalid`] for another length than 6.
    pub fn decode(value: &[u8]) -> Result<Self, Invalid> {
        let mut cursor = Cursor::new(value);
        let mut axis = || cursor.i16().ok_or(Invalid);
        let read = Self {
            x: axis()?,
            y: axis()?,
            z: axis()?,
        };
        if cursor.rest().is_empty() {
            Ok(read)
        } else {
            Err(Invalid)
        }
    }

    /// The three in multiples of gravity.
    #[must_use]
    pub fn gravities(self) -> [f64; 3] {
        [self.x, self.y, self.z].map(|axis| f64::from(axis) / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motion_is_read_at_its_length_only() {
        assert_eq!(steps(&[0xd2, 4, 0, 0]), Ok(1234));
        assert_eq!(steps(&[0xd2, 4, 0]), Err(Invalid));
        let read = Acceleration::decode(&[0, 4, 0, 0xfc, 0, 0x80]).unwrap();
        assert_eq!(read.gravities(), [1.0, -1.0, -32.0]);
        assert_eq!(Acceleration::decode(&[0; 5]), Err(Invalid));
        assert_eq!(Acceleration::decode(&[0; 7]), Err(Invalid));
    }
}
