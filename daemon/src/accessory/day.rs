//! A day of health data as one record: what is stored, and later synchronised.
//!
//! Days are days of UTC, so that a record stays the same wherever its owner travels. Both forms begin with a version
//! byte; everything is little-endian.
//!
//! - Minutes: `01 ‖ 180 B, bit m%8 of byte m/8: minute m is there ‖ 4 B for each minute that is, in order: kind,
//!   intensity, steps, heart rate`.
//! - Readings: `01 ‖ 13 B each, in order of (second, quantity): second of the day u32, quantity u8, value f64`.

mod record;

use std::collections::BTreeMap;

use belay_drivers::{ActivityMinute, Reading};

pub use record::{Day, What};

/// Seconds of a day.
pub const DAY: u64 = 86_400;
const MINUTES: usize = 1440;
const BITMAP: usize = MINUTES / 8;
const VERSION: u8 = 1;
const MINUTE_BYTES: usize = 4;
const READING_BYTES: usize = 13;
/// The most readings that one day holds: one a second is more than any accessory of a person brings.
const MOST_READINGS: usize = 86_400;

/// A stored day isn't one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a day of health data can't be read")]
pub struct NotADay;

/// The number of the day that `second` since the epoch lies in.
#[must_use]
pub const fn day_of(second: u64) -> u64 {
    second / DAY
}

/// The activity of one day, by minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Minutes(BTreeMap<u16, [u8; MINUTE_BYTES]>);

impl Minutes {
    /// Takes a minute of this day. One that is there already stays as it is: what was answered as stored never
    /// changes. Answers whether it is new.
    pub fn put(&mut self, minute: &ActivityMinute) -> bool {
        let Ok(slot) = u16::try_from(minute.start % DAY / 60) else {
            return false;
        };
        let mut new = false;
        self.0.entry(slot).or_insert_with(|| {
            new = true;
            [minute.kind, minute.intensity, minute.steps, minute.heart_rate]
        });
        new
    }

    /// Takes a minute of this day in place of one that is there, which a clock that was ahead has dated so. Answers
    /// whether it is another one.
    pub fn replace(&mut self, minute: &ActivityMinute) -> bool {
        let slot = u16::try_from(minute.start % DAY / 60).ok();
        let there = slot.and_then(|slot| self.0.get_mut(&slot));
        let values = [minute.kind, minute.intensity, minute.steps, minute.heart_rate];
        there.is_some_and(|there| std::mem::replace(there, values) != values)
    }

    /// Takes what another device has of this day. A minute that is there already stays as it is.
    pub fn absorb(&mut self, other: Self) {
        for (slot, values) in other.0 {
            self.0.entry(slot).or_insert(values);
        }
    }

    /// Whether there is no minute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every minute is there.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.len() == MINUTES
    }

    /// The minutes in order; `day` is the day's number.
    pub fn iter(&self, day: u64) -> impl Iterator<Item = ActivityMinute> + '_ {
        self.0.iter().map(move |(slot, bytes)| {
            let [kind, intensity, steps, heart_rate] = *bytes;
            ActivityMinute {
                start: day * DAY + u64::from(*slot) * 60,
                kind,
                intensity,
                steps,
                heart_rate,
            }
        })
    }

    /// As it is stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 1 + BITMAP];
        bytes[0] = VERSION;
        for slot in self.0.keys().map(|slot| usize::from(*slot)) {
            bytes[1 + slot / 8] |= 1 << (slot % 8);
        }
        bytes.extend(self.0.values().flatten());
        bytes
    }

    /// Reads what [`Minutes::encode`] wrote.
    ///
    /// # Errors
    /// [`NotADay`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotADay> {
        let (&VERSION, rest) = bytes.split_first().ok_or(NotADay)? else {
            return Err(NotADay);
        };
        let (bitmap, rest) = rest.split_at_checked(BITMAP).ok_or(NotADay)?;
        let (values, []) = rest.as_chunks::<MINUTE_BYTES>() else {
            return Err(NotADay);
        };
        let there = (0..1440_u16).filter(|slot| bitmap[usize::from(*slot) / 8] & (1 << (slot % 8)) != 0);
        let minutes: BTreeMap<_, _> = there.clone().zip(values.iter().copied()).collect();
        if there.count() == values.len() {
            Ok(Self(minutes))
        } else {
            Err(NotADay)
        }
    }
}

/// What was measured at moments of one day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings(BTreeMap<(u32, u8), f64>);

impl Readings {
    /// Takes a reading of this day at `second` since the epoch. One of the same second and quantity stays as it is.
    /// Answers whether it is new; a full day takes no more.
    pub fn put(&mut self, second: u64, reading: Reading) -> bool {
        let Some((quantity, value)) = coded(reading) else {
            return false;
        };
        let Ok(at) = u32::try_from(second % DAY) else {
            return false;
        };
        if self.0.len() >= MOST_READINGS || self.0.contains_key(&(at, quantity)) {
            return false;
        }
        self.0.insert((at, quantity), value);
        true
    }

    /// Takes what another device has of this day, as [`Readings::put`]; what isn't a number is left out.
    pub fn absorb(&mut self, other: Self) {
        for (at, value) in other.0.into_iter().filter(|(_, value)| value.is_finite()) {
            if self.0.len() < MOST_READINGS {
                self.0.entry(at).or_insert(value);
            }
        }
    }

    /// Whether there is no reading.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The readings in order; `day` is the day's number. Quantities of a later version are left out.
    pub fn iter(&self, day: u64) -> impl Iterator<Item = (u64, Reading)> + '_ {
        self.0.iter().filter_map(move |(&(at, quantity), &value)| {
            Some((day * DAY + u64::from(at), decoded(quantity, value)?))
        })
    }

    /// As it is stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.0.len() * READING_BYTES);
        bytes.push(VERSION);
        for ((at, quantity), value) in &self.0 {
            bytes.extend(at.to_le_bytes());
            bytes.push(*quantity);
            bytes.extend(value.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Readings::encode`] wrote.
    ///
    /// # Errors
    /// [`NotADay`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotADay> {
        let (&VERSION, rest) = bytes.split_first().ok_or(NotADay)? else {
            return Err(NotADay);
        };
        let (entries, []) = rest.as_chunks::<READING_BYTES>() else {
            return Err(NotADay);
        };
        let mut readings = BTreeMap::new();
        for [a, b, c, d, quantity, value @ ..] in entries {
            let at = u32::from_le_bytes([*a, *b, *c, *d]);
            if u64::from(at) >= DAY {
                return Err(NotADay);
            }
            readings.insert((at, *quantity), f64::from_le_bytes(*value));
        }
        if readings.len() == entries.len() {
            Ok(Self(readings))
        } else {
            Err(NotADay)
        }
    }
}

/// The number of a quantity and the value; `None` for what isn't kept: events, batteries and today's counters, which
/// the minutes tell better.
fn coded(reading: Reading) -> Option<(u8, f64)> {
    Some(match reading {
        Reading::Weight(value) => (1, value),
        Reading::Impedance(value) => (2, value),
        Reading::SecondImpedance(value) => (3, value),
        Reading::BodyFat(value) => (4, value),
        Reading::HeartRate(value) => (5, f64::from(value)),
        Reading::Temperature(value) => (6, value),
        Reading::Humidity(value) => (7, value),
        Reading::Illuminance(value) => (8, value),
        Reading::Moisture(value) => (9, value),
        Reading::Conductivity(value) => (10, value),
        _ => return None,
    })
}

fn decoded(quantity: u8, value: f64) -> Option<Reading> {
    Some(match quantity {
        1 => Reading::Weight(value),
        2 => Reading::Impedance(value),
        3 => Reading::SecondImpedance(value),
        4 => Reading::BodyFat(value),
        5 if (0.0..=f64::from(u16::MAX)).contains(&value) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was just looked at"
            )]
            let beats = value as u16;
            Reading::HeartRate(beats)
        }
        6 => Reading::Temperature(value),
        7 => Reading::Humidity(value),
        8 => Reading::Illuminance(value),
        9 => Reading::Moisture(value),
        10 => Reading::Conductivity(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
