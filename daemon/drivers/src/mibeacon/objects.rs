//! What sensors measure, as MiBeacon objects.

use super::frame::Invalid;
use crate::cursor::Cursor;
use crate::measure::Reading;

/// One object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// What it is about.
    pub kind: u16,
    /// Its value; for some buttons there is none, and the kind says it all.
    pub data: &'a [u8],
}

/// Splits what a frame holds.
///
/// # Errors
/// [`Invalid::Truncated`] if an object isn't whole.
pub fn objects(payload: &[u8]) -> Result<Vec<Object<'_>>, Invalid> {
    let mut cursor = Cursor::new(payload);
    let mut next = || {
        let kind = cursor.u16()?;
        let length = usize::from(cursor.u8()?);
        let data = cursor.take(length)?;
        Some((Object { kind, data }, cursor.rest().is_empty()))
    };
    let mut objects = Vec::new();
    loop {
        let (object, last) = next().ok_or(Invalid::Truncated)?;
        objects.push(object);
        if last {
            return Ok(objects);
        }
    }
}

impl Object<'_> {
    /// The readings in it, each with the sensor's own time in seconds since the epoch where it has one. None for an
    /// object that isn't known, is of another length than it should be, or names what can't be.
    #[must_use]
    pub fn readings(&self) -> Vec<(Option<u64>, Reading)> {
        if matches!(self.kind, 0x4e16 | 0x6e16) {
            return self.scale().unwrap_or_default();
        }
        let mut readings = self.sensor().unwrap_or_default();
        readings.retain(plausible);
        readings.into_iter().map(|reading| (None, reading)).collect()
    }

    fn sensor(&self) -> Option<Vec<Reading>> {
        let mut cursor = Cursor::new(self.data);
        let tenth = |raw: i16| f64::from(raw) / 10.0;
        let tenths = |raw: u16| f64::from(raw) / 10.0;
        let moved = |motion: bool| if motion { vec![Reading::Motion] } else { Vec::new() };
        let readings = match self.kind {
            0x0003 => moved(cursor.u8()? != 0),
            // 0 open, 1 closed, 2 left open; above is knocking and the like.
            0x0007 | 0x1019 => match cursor.u8()? {
                0 | 2 => vec![Reading::Open(true)],
                1 => vec![Reading::Open(false)],
                _ => Vec::new(),
            },
            0x4804 => match cursor.u8()? {
                1 => vec![Reading::Open(true)],
                2 => vec![Reading::Open(false)],
                _ => Vec::new(),
            },
            0x000a => vec![Reading::Temperature(f64::from(cursor.i16()?) / 100.0)],
            0x000f => vec![Reading::Motion, Reading::Illuminance(f64::from(cursor.u24()?))],
            0x4a08 => vec![Reading::Motion, Reading::Illuminance(decimal(cursor.f32()?))],
            0x1001 => {
                cursor.take(3)?;
                vec![Reading::Press]
            }
            0x4a0c..=0x4a0e | 0x4e0c..=0x4e0e => {
                // Without a value, or with the number of the button.
                cursor = Cursor::new(&[]);
                vec![Reading::Press]
            }
            0x1004 => vec![Reading::Temperature(tenth(cursor.i16()?))],
            0x1006 => vec![Reading::Humidity(tenths(cursor.u16()?))],
            0x100d => vec![
                Reading::Temperature(tenth(cursor.i16()?)),
                Reading::Humidity(tenths(cursor.u16()?)),
            ],
            0x1007 => vec![Reading::Illuminance(f64::from(cursor.u24()?))],
            0x1008 => vec![Reading::Moisture(f64::from(cursor.u8()?))],
            0x1009 => vec![Reading::Conductivity(f64::from(cursor.u16()?))],
            0x100a | 0x4803 | 0x4c03 => vec![Reading::Battery(cursor.u8()?)],
            0x1014 | 0x4806 => vec![Reading::Leak(cursor.u8()? != 0)],
            0x1015 => vec![Reading::Smoke(cursor.u8()? == 1)],
            0x4801 | 0x4c01 => vec![Reading::Temperature(decimal(cursor.f32()?))],
            0x4802 | 0x4c02 => vec![Reading::Humidity(f64::from(cursor.u8()?))],
            0x4808 | 0x4c08 => vec![Reading::Humidity(decimal(cursor.f32()?))],
            0x4805 => vec![Reading::Illuminance(decimal(cursor.f32()?))],
            _ => return None,
        };
        cursor.rest().is_empty().then_some(readings)
    }

    /// Which of the scale's users it was, by the scale's own guess.
    #[must_use]
    pub fn profile(&self) -> Option<u8> {
        let profile = *self.data.first()?;
        (matches!(self.kind, 0x4e16 | 0x6e16) && self.data.len() == 9).then_some(profile)
    }

    fn scale(&self) -> Option<Vec<(Option<u64>, Reading)>> {
        self.profile()?;
        let mut cursor = Cursor::new(self.data.get(1..)?);
        let (data, time) = (cursor.u32()?, cursor.u32()?);
        // No such scale was sold before 2020: its clock has never been set.
        let time = Some(u64::from(time)).filter(|time| *time >= 1_577_836_800);
        let field = |shift: u32, bits: u32| data >> shift & ((1 << bits) - 1);
        let readings: Vec<_> = if self.kind == 0x4e16 {
            let weight = f64::from(data) / 100.0;
            vec![Reading::Weight(weight)]
        } else {
            let (weight, rate, ohm) = (field(0, 11), field(11, 7), field(18, 14));
            let impedance = f64::from(ohm) / 10.0;
            let rate = u16::try_from(rate).ok()?;
            // The second frame of a weighing has no weight, but the second impedance. Socks: none.
            [
                (weight > 0).then(|| Reading::Weight(f64::from(weight) / 10.0)),
                (1..=126).contains(&rate).then(|| Reading::HeartRate(rate + 50)),
                (ohm > 0).then(|| {
                    if weight > 0 {
                        Reading::Impedance(impedance)
                    } else {
                        Reading::SecondImpedance(impedance)
                    }
                }),
            ]
            .into_iter()
            .flatten()
            .collect()
        };
        let plausible = readings.into_iter().filter(plausible);
        Some(plausible.map(|reading| (time, reading)).collect())
    }
}

/// A sensor's float as the decimal number that it stands for.
fn decimal(value: f32) -> f64 {
    (f64::from(value) * 1000.0).round() / 1000.0
}

/// Whether it can be. Sensors send extremes where they have failed.
fn plausible(reading: &Reading) -> bool {
    match *reading {
        Reading::Temperature(celsius) => (-100.0..=1000.0).contains(&celsius),
        Reading::Humidity(percent) | Reading::Moisture(percent) => (0.0..=100.0).contains(&percent),
        Reading::Illuminance(lux) => (0.0..=10_000_000.0).contains(&lux),
        Reading::Battery(percent) => percent <= 100,
        Reading::Weight(kilograms) => kilograms > 0.0 && kilograms <= 500.0,
        _ => true,
    }
}
