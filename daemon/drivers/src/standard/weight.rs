//! Weight Measurement (2A9D), and what it shares with Body Composition Measurement.

use jiff::civil::DateTime;

use super::Invalid;
use crate::cursor::Cursor;
use crate::measure::Reading;

/// Kilograms in a pound.
pub const POUND: f64 = 0.453_592_37;

/// The units of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Kilograms and metres.
    Metric,
    /// Pounds and inches.
    Imperial,
}

impl System {
    /// Of the bit that says it.
    pub(super) const fn of(imperial: bool) -> Self {
        if imperial { Self::Imperial } else { Self::Metric }
    }

    /// A mass in the unit, from what is on air: 0.005 kg or 0.01 lb.
    pub(super) fn mass(self, raw: u16) -> f64 {
        match self {
            Self::Metric => f64::from(raw) / 200.0,
            Self::Imperial => f64::from(raw) / 100.0,
        }
    }

    /// A length in the unit, from what is on air: 0.001 m or 0.1 in.
    pub(super) fn length(self, raw: u16) -> f64 {
        match self {
            Self::Metric => f64::from(raw) / 1000.0,
            Self::Imperial => f64::from(raw) / 10.0,
        }
    }

    /// Kilograms, from the unit.
    #[must_use]
    pub fn kilograms(self, mass: f64) -> f64 {
        match self {
            Self::Metric => mass,
            Self::Imperial => mass * POUND,
        }
    }
}

/// The value that says: the measurement didn't succeed.
pub(super) const UNSUCCESSFUL: u16 = 0xffff;
/// The user who isn't known.
pub(super) const UNKNOWN_USER: u8 = 255;

/// A Weight Measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight {
    /// The units of the rest.
    pub system: System,
    /// Body mass, kg or lb; `None`: it could not be measured.
    pub weight: Option<f64>,
    /// When, by the scale's clock; `None` where it doesn't say, or names no date.
    pub time: Option<DateTime>,
    /// Which of the scale's users.
    pub user: Option<u8>,
    /// Body mass index, kg/m².
    pub bmi: Option<f64>,
    /// Body height, m or in.
    pub height: Option<f64>,
}

/// Reads a Weight Measurement.
///
/// # Errors
/// [`Invalid`] if something announced is missing.
pub fn measurement(value: &[u8]) -> Result<Weight, Invalid> {
    read(value).ok_or(Invalid)
}

fn read(value: &[u8]) -> Option<Weight> {
    let mut cursor = Cursor::new(value);
    let flags = cursor.u8()?;
    let has = |bit: u8| flags & 1 << bit != 0;
    let system = System::of(has(0));
    let raw = cursor.u16()?;
    let weight = (raw != UNSUCCESSFUL).then(|| system.mass(raw));
    let time = if has(1) { cursor.civil()? } else { None };
    let user = if has(2) { Some(cursor.u8()?) } else { None };
    let (bmi, height) = if has(3) {
        let bmi = f64::from(cursor.u16()?) / 10.0;
        (Some(bmi), Some(system.length(cursor.u16()?)))
    } else {
        (None, None)
    };
    Some(Weight {
        system,
        weight,
        time,
        user: user.filter(|user| *user != UNKNOWN_USER),
        bmi,
        height,
    })
}

impl Weight {
    /// What of it is a reading.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let weight = self.weight.filter(|weight| *weight > 0.0);
        weight
            .map(|weight| Reading::Weight(self.system.kilograms(weight)))
            .into_iter()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_are_read_in_their_order() {
        let value = [
            0x0f, 0x10, 0x27, 0xe7, 0x07, 0x0c, 0x19, 0x0e, 0x1e, 0x2d, 3, 0xf5, 0, 0xb4, 0x02,
        ];
        let read = measurement(&value).unwrap();
        assert_eq!(read.system, System::Imperial);
        assert_eq!(read.weight, Some(100.0));
        assert_eq!(read.time.unwrap().to_string(), "2023-12-25T14:30:45");
        assert_eq!(
            (read.user, read.bmi, read.height),
            (Some(3), Some(24.5), Some(69.2))
        );
        assert_eq!(read.readings(), [Reading::Weight(45.359_237)]);
        for length in 0..value.len() {
            assert_eq!(measurement(&value[..length]), Err(Invalid), "{length}");
        }
    }

    #[test]
    fn what_was_not_measured_is_no_reading() {
        assert_eq!(measurement(&[0, 0xff, 0xff]).unwrap().readings(), []);
        assert_eq!(measurement(&[0, 0, 0]).unwrap().readings(), []);
        assert_eq!(measurement(&[4, 0, 0, 255]).unwrap().user, None);
    }
}
