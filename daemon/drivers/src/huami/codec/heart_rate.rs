//! The heart rate: the measurement that comes, and the commands for it.

use super::{Malformed, u16_at};

/// Stops one measurement.
pub const STOP_ONCE: [u8; 3] = [0x15, 0x02, 0x00];
/// Begins one measurement.
pub const START_ONCE: [u8; 3] = [0x15, 0x02, 0x01];
/// Stops measuring without pause.
pub const STOP_FOLLOWING: [u8; 3] = [0x15, 0x01, 0x00];
/// Begins measuring without pause.
pub const START_FOLLOWING: [u8; 3] = [0x15, 0x01, 0x01];
/// Keeps it going; within 12 seconds of the last.
pub const KEEP_FOLLOWING: [u8; 1] = [0x16];

/// Reads a measurement, beats a minute; `None` where the band found none.
///
/// # Errors
/// [`Malformed`]: shorter than its flags say.
pub fn decode(bytes: &[u8]) -> Result<Option<u16>, Malformed> {
    let flags = *bytes.first().ok_or(Malformed)?;
    let value = if flags & 1 == 0 {
        bytes.get(1).copied().map(u16::from)
    } else {
        u16_at(bytes, 1)
    };
    match value.ok_or(Malformed)? {
        0 | 255 => Ok(None),
        value => Ok(Some(value)),
    }
}
