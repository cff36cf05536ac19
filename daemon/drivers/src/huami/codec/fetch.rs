//! The control of a fetch.

use super::{Malformed, bytes_at, time, u32_at};
use crate::moment::Moment;

/// The kind of history that is fetched: a sample a minute.
pub const ACTIVITY: u8 = 0x01;
/// Begins the transfer that was requested.
pub const BEGIN: [u8; 1] = [0x02];

/// The status of a transfer that failed, or that there was nothing for.
pub const NOTHING: u8 = 0x04;

/// Requests what lies after `since`.
#[must_use]
pub fn request(kind: u8, since: Moment) -> Vec<u8> {
    [&[0x01, kind], &time::encode_short(since)[..]].concat()
}

/// What a band answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// To which command.
    pub to: u8,
    /// 1 where it went well.
    pub status: u8,
    /// With what.
    pub body: Body,
}

/// What an answer brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing that is known.
    Empty,
    /// The request is taken.
    Started {
        /// How much is to come; most probably samples, but that is inferred.
        count: u32,
        /// When the first sample was; none in the short form, after which nothing comes.
        start: Option<Moment>,
    },
    /// The transfer is over.
    Ended {
        /// CRC-32 of all data without the counters; later bands send it.
        crc: Option<u32>,
    },
}

impl Reply {
    /// Whether it went well.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.status == 1
    }
}

/// Reads an answer `10 command status …`.
///
/// # Errors
/// [`Malformed`]: too short, or without a time where there should be one.
pub fn decode(bytes: &[u8]) -> Result<Reply, Malformed> {
    let [0x10, to, status] = bytes_at(bytes, 0).ok_or(Malformed)? else {
        return Err(Malformed);
    };
    let body = match (to, status) {
        (1, 1) => started(bytes)?,
        (2, 1) => Body::Ended {
            crc: u32_at(bytes, 3),
        },
        _ => Body::Empty,
    };
    Ok(Reply { to, status, body })
}

fn started(bytes: &[u8]) -> Result<Body, Malformed> {
    if let Some([a, b, c]) = bytes_at(bytes, 3)
        && bytes.len() == 6
    {
        let count = u32::from_le_bytes([a, b, c, 0]);
        return Ok(Body::Started { count, start: None });
    }
    let count = u32_at(bytes, 3).ok_or(Malformed)?;
    let start = time::decode_short(bytes.get(7..).ok_or(Malformed)?);
    // A band with nothing to send needs no time that makes sense.
    let start = if count == 0 { start.ok() } else { Some(start?) };
    Ok(Body::Started { count, start })
}
