//! Heart Rate Measurement (2A37) and Body Sensor Location (2A38).

use super::Invalid;
use crate::cursor::Cursor;

/// A Heart Rate Measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartRate {
    /// Beats a minute; 0 where nothing was measured.
    pub bpm: u16,
    /// Whether the sensor touches skin; `None` where it can't tell.
    pub contact: Option<bool>,
    /// Energy since the last reset, kJ.
    pub energy: Option<u16>,
    /// Times between beats, in 1/1024 s, the oldest first.
    pub intervals: Vec<u16>,
}

/// Reads a Heart Rate Measurement. Bytes that no known flag announces are left alone: later versions of the service
/// may add some.
///
/// # Errors
/// [`Invalid`] if something announced is missing.
pub fn measurement(value: &[u8]) -> Result<HeartRate, Invalid> {
    read(value).ok_or(Invalid)
}

fn read(value: &[u8]) -> Option<HeartRate> {
    let mut cursor = Cursor::new(value);
    let flags = cursor.u8()?;
    let has = |bit: u8| flags & 1 << bit != 0;
    let bpm = if has(0) {
        cursor.u16()?
    } else {
        u16::from(cursor.u8()?)
    };
    let contact = has(2).then_some(has(1));
    let energy = if has(3) { Some(cursor.u16()?) } else { None };
    let mut intervals = Vec::new();
    if has(4) {
        // Announced and none there, or half of one, is a truncated value.
        while intervals.is_empty() || !cursor.rest().is_empty() {
            intervals.push(cursor.u16()?);
        }
    }
    Some(HeartRate {
        bpm,
        contact,
        energy,
        intervals,
    })
}

/// Where on the body the sensor is (Body Sensor Location).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// Somewhere else.
    Other,
    /// Chest.
    Chest,
    /// Wrist.
    Wrist,
    /// Finger.
    Finger,
    /// Hand.
    Hand,
    /// Ear lobe.
    EarLobe,
    /// Foot.
    Foot,
}

/// Reads a Body Sensor Location.
///
/// # Errors
/// [`Invalid`] for a reserved place or another length than 1.
pub const fn location(value: &[u8]) -> Result<Location, Invalid> {
    let [place] = value else {
        return Err(Invalid);
    };
    Ok(match *place {
        0 => Location::Other,
        1 => Location::Chest,
        2 => Location::Wrist,
        3 => Location::Finger,
        4 => Location::Hand,
        5 => Location::EarLobe,
        6 => Location::Foot,
        _ => return Err(Invalid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_are_read_in_their_order() {
        let read = measurement(&[0x1f, 0x55, 0x01, 0x32, 0x00, 0x21, 0x00, 0x00, 0x04]).unwrap();
        let wanted = HeartRate {
            bpm: 341,
            contact: Some(true),
            energy: Some(50),
            intervals: vec![33, 1024],
        };
        assert_eq!(read, wanted);
    }

    #[test]
    fn contact_is_told_only_by_sensors_that_feel_it() {
        let contact = |flags| measurement(&[flags, 80]).unwrap().contact;
        assert_eq!([0, 2, 4, 6].map(contact), [None, None, Some(false), Some(true)]);
    }

    #[test]
    fn a_truncated_value_is_invalid() {
        for value in [
            &[][..],
            &[0],
            &[1, 80],
            &[8, 80, 1],
            &[0x10, 80],
            &[0x10, 80, 1],
            &[0x10, 80, 1, 2, 3],
        ] {
            assert_eq!(measurement(value), Err(Invalid), "{value:02x?}");
        }
    }

    #[test]
    fn reserved_places_are_invalid() {
        assert_eq!(location(&[2]), Ok(Location::Wrist));
        assert_eq!(location(&[7]), Err(Invalid));
        assert_eq!(location(&[]), Err(Invalid));
    }
}
