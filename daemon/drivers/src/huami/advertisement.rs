//! What a band says without a connection.

use super::codec::{Malformed, bytes_at, u32_at};
use super::uuids::BAND;
use crate::address::Address;
use crate::advertisement::{Advertisement, Identified};
use crate::key::KeyNeed;
use crate::kind::Kind;

/// Anhui Huami, as a company of manufacturer data.
pub const COMPANY: u16 = 0x0157;

/// The names of bands.
const NAMES: [(&str, Kind); 9] = [
    ("MI Band 2", Kind::MiBand2),
    ("Mi Band HRX", Kind::MiBand2),
    ("Mi Band 3", Kind::MiBand3),
    ("Xiaomi Band 3", Kind::MiBand3),
    ("Mi Smart Band 4", Kind::MiBand4),
    ("Mi Smart Band 5", Kind::MiBand5),
    ("Mi Smart Band 6", Kind::MiBand6),
    ("Xiaomi Smart Band 7", Kind::MiBand7),
    ("Mi Smart Band 7", Kind::MiBand7),
];

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

/// Which band it is, by its name; a band that tells no name but is one by its service is of no known kind.
#[must_use]
pub fn identify(heard: &Advertisement) -> Option<Identified> {
    if let Some(name) = &heard.name {
        let (_, kind) = NAMES
            .into_iter()
            .find(|(known, _)| name.trim().eq_ignore_ascii_case(known))?;
        let key = match kind {
            Kind::MiBand2 | Kind::MiBand3 => KeyNeed::Chosen,
            _ => KeyNeed::Issued,
        };
        return Some(Identified { kind, key });
    }
    let band = heard.services.contains(&BAND)
        && heard
            .manufacturer
            .iter()
            .any(|(company, data)| *company == COMPANY && manufacturer(data).is_ok());
    band.then_some(Identified {
        kind: Kind::Unknown,
        key: KeyNeed::None,
    })
}
