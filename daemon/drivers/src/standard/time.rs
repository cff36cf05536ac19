//! Current Time (2A2B), Local Time Information (2A0F) and Time Zone (2A0E).

use jiff::civil::DateTime;

use super::Invalid;
use crate::cursor::Cursor;
use crate::moment::Moment;

/// A Current Time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentTime {
    /// What a clock on the wall shows.
    pub civil: DateTime,
    /// 1 Monday to 7 Sunday, 0 unknown.
    pub day_of_week: u8,
    /// 1/256 s.
    pub fractions: u8,
    /// Why it changed, as bits: 1 by hand, 2 from outside, 4 time zone, 8 daylight saving.
    pub reason: u8,
}

impl CurrentTime {
    /// Reads one.
    ///
    /// # Errors
    /// [`Invalid`] for a date that doesn't exist, a day of the week above 7, or another length than 10.
    pub fn decode(value: &[u8]) -> Result<Self, Invalid> {
        let mut cursor = Cursor::new(value);
        let civil = cursor.civil().flatten().ok_or(Invalid)?;
        let [day_of_week, fractions, reason] = cursor.array().ok_or(Invalid)?;
        if day_of_week > 7 || !cursor.rest().is_empty() {
            return Err(Invalid);
        }
        Ok(Self {
            civil,
            day_of_week,
            fractions,
            reason,
        })
    }

    /// What sets a clock to `moment`.
    #[must_use]
    pub fn set_to(moment: Moment) -> Self {
        let day = moment.civil.weekday().to_monday_one_offset();
        Self {
            civil: moment.civil,
            day_of_week: u8::try_from(day).unwrap_or(0),
            fractions: 0,
            reason: 0,
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(self) -> [u8; 10] {
        let small = |value: i8| u8::try_from(value).unwrap_or(0);
        let [low, high] = u16::try_from(self.civil.year()).unwrap_or(0).to_le_bytes();
        [
            low,
            high,
            small(self.civil.month()),
            small(self.civil.day()),
            small(self.civil.hour()),
            small(self.civil.minute()),
            small(self.civil.second()),
            self.day_of_week,
            self.fractions,
            self.reason,
        ]
    }
}

/// A Local Time Information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Ahead of UTC without daylight saving, in quarters of an hour; `None` unknown.
    pub zone: Option<i8>,
    /// What daylight saving adds now, in quarters of an hour: 0, 2, 4 or 8; `None` unknown.
    pub daylight: Option<u8>,
}

impl LocalTime {
    /// Reads one.
    ///
    /// # Errors
    /// [`Invalid`] for reserved values and another length than 2.
    pub fn decode(value: &[u8]) -> Result<Self, Invalid> {
        let [zone, daylight] = value else {
            return Err(Invalid);
        };
        let zone = time_zone(&[*zone])?;
        let daylight = match *daylight {
            255 => None,
            known @ (0 | 2 | 4 | 8) => Some(known),
            _ => return Err(Invalid),
        };
        Ok(Self { zone, daylight })
    }

    /// That of `moment`, whose offset has its daylight saving in it.
    #[must_use]
    pub fn of(moment: Moment) -> Self {
        Self {
            zone: Some(moment.quarters()).filter(|zone| (-48..=56).contains(zone)),
            daylight: Some(0),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(self) -> [u8; 2] {
        let [zone] = self.zone.unwrap_or(-128).to_le_bytes();
        [zone, self.daylight.unwrap_or(255)]
    }

    /// Minutes ahead of UTC, daylight saving included; `None` if either is unknown.
    #[must_use]
    pub fn minutes(self) -> Option<i16> {
        Some((i16::from(self.zone?) + i16::from(self.daylight?)) * 15)
    }
}

/// Reads a Time Zone: quarters of an hour ahead of UTC, `None` unknown.
///
/// # Errors
/// [`Invalid`] outside of -48 to 56, and for another length than 1.
pub fn time_zone(value: &[u8]) -> Result<Option<i8>, Invalid> {
    let [byte] = value else {
        return Err(Invalid);
    };
    match i8::from_le_bytes([*byte]) {
        -128 => Ok(None),
        zone @ -48..=56 => Ok(Some(zone)),
        _ => Err(Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::Offset;

    fn moment(offset: i32) -> Moment {
        Moment {
            civil: jiff::civil::date(2026, 3, 29).at(2, 30, 15, 0),
            offset: Offset::from_seconds(offset).unwrap(),
        }
    }

    #[test]
    fn a_time_is_written_as_it_is_read() {
        let bytes = [0xea, 7, 3, 0x1d, 2, 0x1e, 0x0f, 7, 0, 0];
        let time = CurrentTime::set_to(moment(0));
        assert_eq!(time.encode(), bytes);
        assert_eq!(CurrentTime::decode(&bytes), Ok(time));
    }

    #[test]
    fn times_that_do_not_exist_are_invalid() {
        let good = CurrentTime::set_to(moment(0)).encode();
        for (at, value) in [(2, 0), (2, 13), (3, 32), (4, 24), (5, 60), (7, 8)] {
            let mut bytes = good;
            bytes[at] = value;
            assert_eq!(CurrentTime::decode(&bytes), Err(Invalid), "{at}: {value}");
        }
        assert_eq!(CurrentTime::decode(&good[..9]), Err(Invalid));
        assert_eq!(CurrentTime::decode(&[&good[..], &[0]].concat()), Err(Invalid));
    }

    #[test]
    fn an_offset_is_told_in_quarters() {
        assert_eq!(LocalTime::of(moment(20_700)).encode(), [23, 0]);
        assert_eq!(LocalTime::of(moment(-10_800)).encode(), [0xf4, 0]);
        assert_eq!(LocalTime::decode(&[0xf4, 4]).unwrap().minutes(), Some(-120));
        assert_eq!(LocalTime::decode(&[0x80, 4]).unwrap().minutes(), None);
        assert_eq!(LocalTime::decode(&[57, 0]), Err(Invalid));
        assert_eq!(LocalTime::decode(&[0, 3]), Err(Invalid));
        assert_eq!(LocalTime::decode(&[0]), Err(Invalid));
    }
}
