//! Body Composition Measurement (2A9C).

use jiff::civil::DateTime;

use super::Invalid;
use super::weight::{System, UNKNOWN_USER, UNSUCCESSFUL};
use crate::cursor::Cursor;
use crate::measure::Reading;

/// A Body Composition Measurement, or one packet of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Composition {
    /// The units of the rest.
    pub system: System,
    /// Body fat, percent; `None`: it could not be measured.
    pub body_fat: Option<f64>,
    /// When, by the scale's clock; `None` where it doesn't say, or names no date.
    pub time: Option<DateTime>,
    /// Which of the scale's users.
    pub user: Option<u8>,
    /// Basal metabolism, kJ a day.
    pub basal_metabolism: Option<u16>,
    /// Muscle, percent.
    pub muscle: Option<f64>,
    /// Muscle, kg or lb.
    pub muscle_mass: Option<f64>,
    /// All but fat, kg or lb.
    pub fat_free_mass: Option<f64>,
    /// All but fat and bone, kg or lb.
    pub soft_lean_mass: Option<f64>,
    /// Water, kg or lb.
    pub body_water_mass: Option<f64>,
    /// Impedance, ohm.
    pub impedance: Option<f64>,
    /// Body mass, kg or lb.
    pub weight: Option<f64>,
    /// Body height, m or in.
    pub height: Option<f64>,
    /// Whether this is one of several packets of the same measurement.
    pub multiple_packets: bool,
}

/// Reads a Body Composition Measurement.
///
/// # Errors
/// [`Invalid`] if something announced is missing.
pub fn measurement(value: &[u8]) -> Result<Composition, Invalid> {
    read(value).ok_or(Invalid)
}

fn read(value: &[u8]) -> Option<Composition> {
    let mut cursor = Cursor::new(value);
    let flags = cursor.u16()?;
    let body_fat = cursor.u16()?;
    let has = |bit: u8| flags & 1 << bit != 0;
    let system = System::of(has(0));
    let time = if has(1) { cursor.civil()? } else { None };
    let user = if has(2) { Some(cursor.u8()?) } else { None };
    // The outer `None` is a truncated value.
    let mut field = |bit| {
        if has(bit) {
            cursor.u16().map(Some)
        } else {
            Some(None)
        }
    };
    let tenths = |raw: u16| f64::from(raw) / 10.0;
    let mass = |raw| system.mass(raw);
    Some(Composition {
        system,
        body_fat: (body_fat != UNSUCCESSFUL).then(|| tenths(body_fat)),
        time,
        user: user.filter(|user| *user != UNKNOWN_USER),
        basal_metabolism: field(3)?,
        muscle: field(4)?.map(tenths),
        muscle_mass: field(5)?.map(mass),
        fat_free_mass: field(6)?.map(mass),
        soft_lean_mass: field(7)?.map(mass),
        body_water_mass: field(8)?.map(mass),
        impedance: field(9)?.map(tenths),
        weight: field(10)?.map(mass),
        height: field(11)?.map(|raw| system.length(raw)),
        multiple_packets: has(12),
    })
}

impl Composition {
    /// What of it is a reading: a body has some fat, impedance and weight, or they were not measured.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let weight = self.weight.map(|weight| self.system.kilograms(weight));
        let fat = self.body_fat.filter(|percent| *percent <= 100.0);
        let all = [
            weight.map(Reading::Weight).filter(|_| weight > Some(0.0)),
            fat.map(Reading::BodyFat).filter(|_| fat > Some(0.0)),
            self.impedance.filter(|ohm| *ohm > 0.0).map(Reading::Impedance),
        ];
        all.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [u8; 30] = [
        0xfe, 0x1f, 0xc8, 0x00, // flags, 20.0 % fat
        0xe7, 0x07, 12, 25, 14, 30, 45, 2, // time and user
        0x40, 0x06, 0x90, 0x01, 0x60, 0x22, // 1600 kJ, 40.0 %, 44 kg
        0xe0, 0x2e, 0x10, 0x27, 0x40, 0x1f, // 60, 50, 40 kg
        0x88, 0x13, 0x98, 0x3a, 0xd6, 0x06, // 500.0 ohm, 75 kg, 1.75 m
    ];

    #[test]
    fn all_fields_are_read_in_their_order() {
        let read = measurement(&ALL).unwrap();
        assert_eq!(
            (read.user, read.basal_metabolism, read.muscle),
            (Some(2), Some(1600), Some(40.0))
        );
        assert_eq!((read.muscle_mass, read.fat_free_mass), (Some(44.0), Some(60.0)));
        assert_eq!(
            (read.soft_lean_mass, read.body_water_mass),
            (Some(50.0), Some(40.0))
        );
        assert_eq!((read.height, read.multiple_packets), (Some(1.75), true));
        assert_eq!(
            read.readings(),
            [
                Reading::Weight(75.0),
                Reading::BodyFat(20.0),
                Reading::Impedance(500.0)
            ]
        );
        for length in 0..ALL.len() {
            assert_eq!(measurement(&ALL[..length]), Err(Invalid), "{length}");
        }
    }

    #[test]
    fn what_was_not_measured_is_no_reading() {
        assert_eq!(measurement(&[0, 0, 0xff, 0xff]).unwrap().readings(), []);
        assert_eq!(measurement(&[0, 0x06, 0, 0, 0, 0, 0, 0]).unwrap().readings(), []);
    }

    #[test]
    fn imperial_masses_become_kilograms() {
        let read = measurement(&[1, 0x04, 0x32, 0, 0x10, 0x27]).unwrap();
        assert_eq!(read.weight, Some(100.0));
        assert_eq!(
            read.readings(),
            [Reading::Weight(45.359_237), Reading::BodyFat(5.0)]
        );
    }
}
