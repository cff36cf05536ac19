//! A day as a record of the owner's: what it is called, and which day a record is.

use belay_proto::id::{AccessoryId, DeviceId};
use belay_proto::secret::Secret;
use belay_proto::sync::Content;
use belay_sync::record;

use super::{MOST_READINGS, Minutes, READING_BYTES, Readings};

/// 31 December 9999: no later day is one.
const LAST: u64 = 2_932_896;
/// The longest that a day is, bytes.
const LONGEST: u64 = (1 + MOST_READINGS * READING_BYTES) as u64;
/// Ends the natural key that another version of a record shares with it.
const SEPARATOR: char = '\0';

/// What a day holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// [`Minutes`].
    Minutes,
    /// [`Readings`].
    Readings,
}

impl What {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Readings => "readings",
        }
    }

    /// What has this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Minutes, Self::Readings]
            .into_iter()
            .find(|what| what.as_str() == word)
    }
}

/// Which day of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The accessory that it is of.
    pub accessory: AccessoryId,
    /// Its number ([`super::day_of`]).
    pub day: u64,
    /// What it holds.
    pub what: What,
}

impl Day {
    /// The natural key of the record, as `device` had the day from the accessory.
    #[must_use]
    pub fn natural(&self, device: DeviceId) -> String {
        format!("{}/{}/{}/{device}", self.accessory, self.day, self.what.as_str())
    }

    /// The record's media type.
    #[must_use]
    pub fn kind(&self) -> String {
        format!("application/vnd.belay.health-{}", self.what.as_str())
    }

    /// The day that a record is, with the packed day, whichever device it is from; `None` for what isn't one. A version
    /// that stands beside another is one too.
    #[must_use]
    pub fn read(content: &Content) -> Option<(Self, Secret<Vec<u8>>)> {
        let natural = content.natural.split(SEPARATOR).next()?;
        let mut parts = natural.split('/');
        let day = Self {
            accessory: parts.next()?.parse().ok()?,
            day: parts.next()?.parse().ok()?,
            what: What::of(parts.next()?)?,
        };
        let device = parts.next()?.parse().ok()?;
        let is_one = !content.removed
            && natural == day.natural(device)
            && content.kind == day.kind()
            && day.day <= LAST
            && content.length <= LONGEST;
        let bytes = is_one.then(|| record::bytes(content)).flatten()?;
        let is_there = match day.what {
            What::Minutes => Minutes::decode(bytes.expose()).is_ok_and(|minutes| !minutes.is_empty()),
            What::Readings => Readings::decode(bytes.expose()).is_ok_and(|readings| !readings.is_empty()),
        };
        is_there.then_some((day, bytes))
    }
}

#[cfg(test)]
mod tests;
