//! Today's counters, 13 bytes; the ends may be missing.

use super::{Malformed, u32_at};
use crate::measure::DailyTotals;

/// Reads today's counters.
///
/// # Errors
/// [`Malformed`]: fewer than 5 bytes.
pub fn decode(bytes: &[u8]) -> Result<DailyTotals, Malformed> {
    Ok(DailyTotals {
        steps: u32_at(bytes, 1).ok_or(Malformed)?,
        distance: u32_at(bytes, 5),
        energy: u32_at(bytes, 9),
    })
}
