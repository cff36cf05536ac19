//! Points in time as accessories tell them: a civil time and its offset.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A civil time with its offset from UTC, daylight saving included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What a clock on the wall shows.
    pub civil: DateTime,
    /// How far that is ahead of UTC. Accessories know quarters of an hour.
    pub offset: Offset,
}

impl Moment {
    /// Seconds since the Unix epoch; `None` before it, or where the time lies outside of what can be told.
    #[must_use]
    pub fn epoch(self) -> Option<u64> {
        let timestamp = self.offset.to_timestamp(self.civil).ok()?;
        u64::try_from(timestamp.as_second()).ok()
    }

    /// The moment `seconds` after the epoch, told at `offset`; `None` after the year 9999.
    #[must_use]
    pub fn at(seconds: u64, offset: Offset) -> Option<Self> {
        let timestamp = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
        Some(Self {
            civil: offset.to_datetime(timestamp),
            offset,
        })
    }

    /// The offset in quarters of an hour, as accessories want it.
    #[must_use]
    pub fn quarters(self) -> i8 {
        // Offsets lie within 26 hours of UTC: 104 quarters.
        i8::try_from(self.offset.seconds() / 900).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_same_instant_at_any_offset() {
        let offset = Offset::from_seconds(3 * 3600).unwrap();
        let moment = Moment::at(1_523_798_443, offset).unwrap();
        assert_eq!(moment.civil.to_string(), "2018-04-15T16:20:43");
        assert_eq!(moment.epoch(), Some(1_523_798_443));
        assert_eq!(moment.quarters(), 12);
    }

    #[test]
    fn what_lies_before_the_epoch_is_no_time() {
        let moment = Moment {
            civil: jiff::civil::date(1969, 12, 31).at(23, 0, 0, 0),
            offset: Offset::UTC,
        };
        assert_eq!(moment.epoch(), None);
    }
}
