//! What a band says without a connection.

use super::codec::{Malformed, bytes_at, u32_at};
use crate::address::Address;

/// Anhui Huami, as a company of manufacturer data.
pub const COMPANY: u16 = 0x0157;

/// What a band's manufacturer data tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manufacturer {
    /// Beats a minute, while it measures and may tell.
    pub heart_rate: Option<u8>,
    /// Its address.
    pub address: Address,
}

/// Reads manufacturer data, without the company in front.
///
/// # Errors
/// [`Malformed`]: shorter than 24 bytes, or of another of Huami's products.
pub fn manufacturer(bytes: &[u8]) -> Result<Manufacturer, Malformed> {
    let address = Address(bytes_at(bytes, 18).ok_or(Malformed)?);
    match (bytes.first(), bytes.get(3)) {
        (Some(0x02), Some(&rate)) => Ok(Manufacturer {
            heart_rate: (rate != 0 && rate != 255).then_some(rate),
            address,
        }),
        _ => Err(Malformed),
    }
}

/// Reads today's steps of the service data of FEE0.
///
/// # Errors
/// [`Malformed`]: not of 4 bytes; other products of Huami put something else there.
pub fn steps(bytes: &[u8]) -> Result<u32, Malformed> {
    u32_at(bytes, 0).filter(|_| bytes.len() == 4).ok_or(Malformed)
}
