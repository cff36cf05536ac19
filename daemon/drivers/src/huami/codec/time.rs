//! Points in time: the 11 bytes of the clock, the 8 bytes of a fetch, the 7 bytes within other values.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::{Malformed, u16_at};
use crate::moment::Moment;

/// What a clock shows, with the fields that a [`Moment`] hasn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Local time.
    pub civil: DateTime,
    /// The day of the week: Monday is 1, Sunday 7. Some write 0 for Sunday.
    pub weekday: u8,
    /// 1/256 seconds.
    pub fractions: u8,
    /// Why it was set; bands before the protocol of 2021 want 0, later ones 8.
    pub reason: u8,
    /// Offset from UTC, daylight saving included; `None` in a shorter value.
    pub offset: Option<Offset>,
}

impl Clock {
    /// What is written to set the clock of a Mi Band 2 to 6.
    #[must_use]
    pub fn showing(moment: Moment) -> Self {
        Self {
            civil: moment.civil,
            weekday: moment.civil.weekday().to_monday_one_offset().unsigned_abs(),
            fractions: 0,
            reason: 0,
            offset: Some(moment.offset),
        }
    }

    /// What is written to set the clock of a band with Zepp OS: Sunday is 0, and there is a reason. With another day of
    /// the week it refuses the value.
    #[must_use]
    pub fn of_zepp(moment: Moment) -> Self {
        Self {
            weekday: moment.civil.weekday().to_sunday_zero_offset().unsigned_abs(),
            reason: 8,
            ..Self::showing(moment)
        }
    }

    /// Reads 11 bytes, or 10 where the offset is missing.
    ///
    /// # Errors
    /// [`Malformed`]: shorter, or no time of a calendar.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let tail: [u8; 3] = super::bytes_at(bytes, 7).ok_or(Malformed)?;
        Ok(Self {
            civil: civil(bytes).ok_or(Malformed)?,
            weekday: tail[0],
            fractions: tail[1],
            reason: tail[2],
            offset: bytes.get(10).map(|quarters| offset(*quarters)).transpose()?,
        })
    }

    /// The 11 bytes; without an offset 0 is written for it.
    #[must_use]
    pub fn encode(self) -> [u8; 11] {
        let [y, z, month, day, hour, minute, second] = encode_civil(self.civil);
        let quarters = self.offset.map_or(0, quarters);
        let (week, fractions, reason) = (self.weekday, self.fractions, self.reason);
        [
            y, z, month, day, hour, minute, second, week, fractions, reason, quarters,
        ]
    }
}

/// The 8 bytes of a fetch; seconds are sent as 0.
#[must_use]
pub fn encode_short(moment: Moment) -> [u8; 8] {
    let [y, z, month, day, hour, minute, _] = encode_civil(moment.civil);
    [y, z, month, day, hour, minute, 0, quarters(moment.offset)]
}

/// Reads the 8 bytes of a fetch.
///
/// # Errors
/// [`Malformed`]: shorter, or no time of a calendar.
pub fn decode_short(bytes: &[u8]) -> Result<Moment, Malformed> {
    Ok(Moment {
        civil: civil(bytes).ok_or(Malformed)?,
        offset: offset(*bytes.get(7).ok_or(Malformed)?)?,
    })
}

/// Reads the 7 bytes of a civil time; `None` where they are none.
#[must_use]
pub fn civil(bytes: &[u8]) -> Option<DateTime> {
    let year = i16::try_from(u16_at(bytes, 0)?).ok()?;
    let [month, day, hour, minute, second] =
        super::bytes_at(bytes, 2)?.map(|byte: u8| i8::try_from(byte).ok());
    let date = Date::new(year, month?, day?).ok()?;
    let time = Time::new(hour?, minute?, second?, 0).ok()?;
    Some(date.to_datetime(time))
}

/// Reads an offset in signed quarters of an hour.
///
/// # Errors
/// [`Malformed`] beyond 26 hours.
pub fn offset(byte: u8) -> Result<Offset, Malformed> {
    Offset::from_seconds(i32::from(i8::from_le_bytes([byte])) * 900).map_err(|_| Malformed)
}

fn quarters(offset: Offset) -> u8 {
    // Offsets lie within 26 hours of UTC: 104 quarters.
    i8::try_from(offset.seconds() / 900).map_or(0, |quarters| quarters.to_le_bytes()[0])
}

fn encode_civil(civil: DateTime) -> [u8; 7] {
    let [y, z] = u16::try_from(civil.year()).unwrap_or(0).to_le_bytes();
    let small = |value: i8| value.unsigned_abs();
    let (month, day) = (small(civil.month()), small(civil.day()));
    [
        y,
        z,
        month,
        day,
        small(civil.hour()),
        small(civil.minute()),
        small(civil.second()),
    ]
}
