//! The samples of the history, one a minute: 4 bytes up to Mi Band 4, 8 from Mi Band 5.

use super::{Malformed, bytes_at};

/// The size of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 4 bytes.
    Four,
    /// 8 bytes.
    Eight,
}

impl Size {
    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The band's code for what its wearer did.
    pub kind: u8,
    /// How much the band moved.
    pub intensity: u8,
    /// Steps in that minute.
    pub steps: u8,
    /// Beats a minute, if they were measured.
    pub heart_rate: Option<u8>,
    /// What the longer form adds.
    pub sleep: Option<Sleep>,
}

/// What a sample of 8 bytes tells of sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sleep {
    /// Nobody knows.
    pub unknown: u8,
    /// Sleep.
    pub sleep: u8,
    /// Deep sleep, without its highest bit.
    pub deep: u8,
    /// REM sleep, without its highest bit.
    pub rem: u8,
}

/// Takes one packet apart: its counter, and its share of the samples.
///
/// # Errors
/// [`Malformed`]: empty.
pub fn packet(bytes: &[u8]) -> Result<(u8, &[u8]), Malformed> {
    let (counter, data) = bytes.split_first().ok_or(Malformed)?;
    Ok((*counter, data))
}

/// Reads the samples of a whole transfer, counters taken off.
///
/// # Errors
/// [`Malformed`]: part of a sample is left over.
pub fn decode(bytes: &[u8], size: Size) -> Result<Vec<Sample>, Malformed> {
    if !bytes.len().is_multiple_of(size.bytes()) {
        return Err(Malformed);
    }
    bytes.chunks_exact(size.bytes()).map(one).collect()
}

fn one(bytes: &[u8]) -> Result<Sample, Malformed> {
    let [kind, intensity, steps, rate] = bytes_at(bytes, 0).ok_or(Malformed)?;
    let sleep = bytes_at(bytes, 4).map(|[unknown, sleep, deep, rem]| Sleep {
        unknown,
        sleep,
        deep: deep & 0x7f,
        rem: rem & 0x7f,
    });
    Ok(Sample {
        kind,
        intensity,
        steps,
        heart_rate: (rate != 0 && rate != 255).then_some(rate),
        sleep,
    })
}
