//! The battery, 20 bytes; some firmware may send fewer.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::{Malformed, time};

/// The battery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Battery {
    /// Percent.
    pub level: u8,
    /// Whether it charges.
    pub charging: bool,
    /// The first of its two times, of which nobody knows what it means.
    pub first: Option<Stamp>,
    /// When it was charged last.
    pub charged: Option<Stamp>,
    /// Percent after that.
    pub charged_to: Option<u8>,
}

/// A time, and its offset where that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Local time.
    pub civil: DateTime,
    /// Offset from UTC.
    pub offset: Option<Offset>,
}

/// Reads a battery.
///
/// # Errors
/// [`Malformed`]: fewer than 3 bytes, or more than 100 percent.
pub fn decode(bytes: &[u8]) -> Result<Battery, Malformed> {
    let [_, level, state] = super::bytes_at(bytes, 0).ok_or(Malformed)?;
    if level > 100 {
        return Err(Malformed);
    }
    Ok(Battery {
        level,
        charging: state == 1,
        first: stamp(bytes, 3),
        charged: stamp(bytes, 11),
        charged_to: bytes.get(19).copied(),
    })
}

fn stamp(bytes: &[u8], at: usize) -> Option<Stamp> {
    Some(Stamp {
        civil: time::civil(bytes.get(at..)?)?,
        offset: bytes.get(at + 7).and_then(|byte| time::offset(*byte).ok()),
    })
}
