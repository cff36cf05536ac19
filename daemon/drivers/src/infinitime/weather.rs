//! The weather (00050001, since InfiniTime 1.14).

use super::Invalid;
use crate::cursor::Cursor;
use crate::standard::alert::cut;

/// The bytes of a place's name.
const PLACE: usize = 32;
/// The days that a forecast has at most, and room for.
const DAYS: usize = 5;

/// What the sky looks like, as the watch numbers its pictures: 0 clear to 8 mist.
pub type Icon = u8;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weather {
    /// How it is now.
    Current(Current),
    /// How it will be.
    Forecast(Forecast),
}

/// How the weather is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// When, in seconds since the epoch as if the local time were UTC.
    pub time: i64,
    /// Now, 1/100 °C.
    pub temperature: i16,
    /// Today's lowest, 1/100 °C.
    pub minimum: i16,
    /// Today's highest, 1/100 °C.
    pub maximum: i16,
    /// Where: at most 32 bytes.
    pub place: String,
    /// Sky.
    pub icon: Icon,
    /// Rise and setting; version 1 of the message has them.
    pub sun: Option<Sun>,
}

/// When the sun rises and sets, in minutes after midnight; -1 unknown, -2 not today. A rise of 0: it is up already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sun {
    /// Rise.
    pub rise: i16,
    /// Setting.
    pub set: i16,
}

/// How the weather of the next days will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// When it was made, as [`Current::time`].
    pub time: i64,
    /// The days from today on, at most 5.
    pub days: Vec<Day>,
}

/// One day of a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Lowest, 1/100 °C.
    pub minimum: i16,
    /// Highest, 1/100 °C.
    pub maximum: i16,
    /// Sky.
    pub icon: Icon,
}

/// 1/100 °C as °C.
#[must_use]
pub fn celsius(hundredths: i16) -> f64 {
    f64::from(hundredths) / 100.0
}

impl Weather {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Invalid`] for another type or version, a truncated one, and a place that isn't UTF-8.
    pub fn decode(value: &[u8]) -> Result<Self, Invalid> {
        let mut cursor = Cursor::new(value);
        let kind = cursor.array::<2>().ok_or(Invalid)?;
        let time = cursor.array().map(i64::from_le_bytes).ok_or(Invalid)?;
        match kind {
            [0, version @ (0 | 1)] => current(cursor, time, version == 1).map(Self::Current),
            [1, 0] => forecast(cursor, time).map(Self::Forecast),
            _ => None,
        }
        .ok_or(Invalid)
    }

    /// Its bytes. A longer place is cut where a character ends; days after the fifth are left out.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Current(current) => {
                let mut bytes = vec![0, u8::from(current.sun.is_some())];
                bytes.extend(current.time.to_le_bytes());
                for temperature in [current.temperature, current.minimum, current.maximum] {
                    bytes.extend(temperature.to_le_bytes());
                }
                let place = cut(&current.place, PLACE);
                bytes.extend_from_slice(place.as_bytes());
                bytes.resize(bytes.len() + PLACE - place.len(), 0);
                bytes.push(current.icon);
                if let Some(Sun { rise, set }) = current.sun {
                    bytes.extend(rise.to_le_bytes());
                    bytes.extend(set.to_le_bytes());
                }
                bytes
            }
            Self::Forecast(forecast) => {
                let days = &forecast.days[..forecast.days.len().min(DAYS)];
                let mut bytes = vec![1, 0];
                bytes.extend(forecast.time.to_le_bytes());
                bytes.push(u8::try_from(days.len()).unwrap_or(0));
                for day in days {
                    bytes.extend(day.minimum.to_le_bytes());
                    bytes.extend(day.maximum.to_le_bytes());
                    bytes.push(day.icon);
                }
                bytes.resize(11 + DAYS * 5, 0);
                bytes
            }
        }
    }
}

fn current(mut cursor: Cursor<'_>, time: i64, sun: bool) -> Option<Current> {
    let (temperature, minimum, maximum) = (cursor.i16()?, cursor.i16()?, cursor.i16()?);
    let place = cursor.take(PLACE)?;
    let end = place.iter().position(|byte| *byte == 0).unwrap_or(PLACE);
    Some(Current {
        time,
        temperature,
        minimum,
        maximum,
        place: String::from_utf8(place.get(..end)?.to_vec()).ok()?,
        icon: cursor.u8()?,
        sun: if sun {
            let (rise, set) = (cursor.i16()?, cursor.i16()?);
            Some(Sun { rise, set })
        } else {
            None
        },
    })
}

fn forecast(mut cursor: Cursor<'_>, time: i64) -> Option<Forecast> {
    let count = usize::from(cursor.u8()?);
    if count > DAYS {
        return None;
    }
    let mut days = Vec::with_capacity(count);
    for _ in 0..count {
        days.push(Day {
            minimum: cursor.i16()?,
            maximum: cursor.i16()?,
            icon: cursor.u8()?,
        });
    }
    Some(Forecast { time, days })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weather_is_read_as_it_is_written() {
        let mut now = Current {
            time: 1_767_225_600,
            temperature: -150,
            minimum: -520,
            maximum: 310,
            place: "Осло".into(),
            icon: 7,
            sun: None,
        };
        let plain = Weather::Current(now.clone());
        assert_eq!(plain.encode().len(), 49);
        assert_eq!(Weather::decode(&plain.encode()), Ok(plain));
        now.sun = Some(Sun { rise: 540, set: -1 });
        let sunny = Weather::Current(now);
        let bytes = sunny.encode();
        assert_eq!(bytes.len(), 53);
        assert_eq!(Weather::decode(&bytes), Ok(sunny));
        for length in 0..bytes.len() {
            assert_eq!(Weather::decode(&bytes[..length]), Err(Invalid), "{length}");
        }
    }

    #[test]
    fn a_forecast_has_at_most_five_days() {
        let day = Day {
            minimum: -100,
            maximum: 200,
            icon: 3,
        };
        let mut forecast = Forecast {
            time: 1,
            days: vec![day; 9],
        };
        let bytes = Weather::Forecast(forecast.clone()).encode();
        assert_eq!(bytes.len(), 36);
        forecast.days.truncate(5);
        assert_eq!(Weather::decode(&bytes), Ok(Weather::Forecast(forecast)));
        let mut six = bytes;
        six[10] = 6;
        assert_eq!(Weather::decode(&six), Err(Invalid));
    }

    #[test]
    fn a_long_place_is_cut_where_a_character_ends() {
        let now = Current {
            time: 0,
            temperature: 0,
            minimum: 0,
            maximum: 0,
            place: format!("a{}", "я".repeat(30)),
            icon: 0,
            sun: None,
        };
        let bytes = Weather::Current(now).encode();
        let Ok(Weather::Current(read)) = Weather::decode(&bytes) else {
            unreachable!("the weather now");
        };
        assert_eq!(read.place, format!("a{}", "я".repeat(15)));
    }
}
