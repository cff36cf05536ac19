//! One frame of a Mi scale: of an advertisement, an indication or the history, which are all the same.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::Model;
use crate::cursor::Cursor;
use crate::measure::Reading;
use crate::moment::Moment;
use crate::standard::weight::POUND;

/// The unit that the scale shows and sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Kilograms.
    Kilogram,
    /// Pounds.
    Pound,
    /// Jin of half a kilogram.
    Jin,
}

impl Unit {
    /// A weight in this unit, from what is on air.
    fn weight(self, raw: u16) -> f64 {
        match self {
            Self::Kilogram => f64::from(raw) / 200.0,
            Self::Pound | Self::Jin => f64::from(raw) / 100.0,
        }
    }

    /// Kilograms, from the unit.
    #[must_use]
    pub fn kilograms(self, weight: f64) -> f64 {
        match self {
            Self::Kilogram => weight,
            Self::Pound => weight * POUND,
            Self::Jin => weight / 2.0,
        }
    }
}

/// What a scale says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// The unit of the weight.
    pub unit: Unit,
    /// The weight in that unit.
    pub weight: f64,
    /// It no longer changes.
    pub stabilised: bool,
    /// Who stood on it has left.
    pub removed: bool,
    /// It weighs a thing, not a person.
    pub small_object: bool,
    /// Impedance, ohm, where the scale has measured one that can be.
    pub impedance: Option<u16>,
    /// The scale's clock, civil time; `None` where it shows no date.
    pub clock: Option<DateTime>,
    /// Clock and weight as they are on air: what tells one weighing from the next.
    pub(super) identity: Identity,
}

/// Clock and weight as they are on air.
pub(super) type Identity = ([u8; 7], u16);

/// The bytes are no frame of this scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a frame of this scale")]
pub struct Invalid;

impl Frame {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`Invalid`] for another length.
    pub fn decode(model: Model, bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.len() != model.length() {
            return Err(Invalid);
        }
        match model {
            Model::Weight => Self::first(bytes),
            Model::Composition => Self::second(bytes),
        }
        .ok_or(Invalid)
    }

    fn first(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let flags = cursor.u8()?;
        let raw = cursor.u16()?;
        let time = cursor.array()?;
        let unit = match (flags & 0x01 != 0, flags & 0x10 != 0) {
            (true, _) => Unit::Pound,
            (false, true) => Unit::Jin,
            (false, false) => Unit::Kilogram,
        };
        Some(Self {
            unit,
            weight: unit.weight(raw),
            stabilised: flags & 0x20 != 0,
            removed: flags & 0x80 != 0,
            small_object: flags & 0x40 != 0,
            impedance: None,
            clock: Cursor::new(&time).civil()?,
            identity: (time, raw),
        })
    }

    fn second(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let [first, flags] = cursor.array()?;
        let time = cursor.array()?;
        let (ohm, raw) = (cursor.u16()?, cursor.u16()?);
        let unit = match (flags & 0x40 != 0, first & 0x01 != 0) {
            (true, _) => Unit::Jin,
            (false, true) => Unit::Pound,
            (false, false) => Unit::Kilogram,
        };
        Some(Self {
            unit,
            weight: unit.weight(raw),
            stabilised: flags & 0x20 != 0,
            removed: flags & 0x80 != 0,
            small_object: first & 0x04 != 0,
            // The scale sets the bit with 0 behind it as well; no body has 3,000 ohm between its feet.
            impedance: Some(ohm).filter(|ohm| flags & 0x02 != 0 && (1..3000).contains(ohm)),
            clock: Cursor::new(&time).civil()?,
            identity: (time, raw),
        })
    }

    /// Whether it is the result of weighing a person. What follows after they have stepped off isn't: it may be the
    /// same, or of something else.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.stabilised && !self.removed && !self.small_object && self.weight > 0.0
    }

    /// The weight as a reading, if the frame is final.
    #[must_use]
    pub fn weight(&self) -> Option<Reading> {
        let weight = || Reading::Weight(self.unit.kilograms(self.weight));
        self.is_final().then(weight)
    }

    /// The impedance as a reading, if the frame is final and has one.
    #[must_use]
    pub fn impedance(&self) -> Option<Reading> {
        let ohm = self.impedance.filter(|_| self.is_final())?;
        Some(Reading::Impedance(f64::from(ohm)))
    }

    /// The frame as one of the scale's memory: it holds weighings that are over, so that somebody has stepped off says
    /// nothing against it.
    #[must_use]
    pub fn remembered(self) -> Self {
        Self {
            removed: false,
            ..self
        }
    }

    /// When it was weighed, in seconds since the epoch, if the clock was ever set: it shows 1970 until then, and no
    /// such scale is older than 2015. With a `now`, the clock must not be more than a day ahead of it.
    #[must_use]
    pub fn time(&self, offset: Offset, now: Option<Moment>) -> Option<u64> {
        let civil = self.clock.filter(|civil| civil.year() >= 2015)?;
        let time = Moment { civil, offset }.epoch()?;
        match now.and_then(Moment::epoch) {
            Some(now) if time > now.saturating_add(86_400) => None,
            _ => Some(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: [u8; 10]) -> Frame {
        Frame::decode(Model::Weight, &bytes).unwrap()
    }

    fn second(first: u8, flags: u8, ohm: u16, raw: u16) -> Frame {
        let mut bytes = vec![first, flags, 0xe6, 7, 2, 14, 16, 41, 58];
        bytes.extend(ohm.to_le_bytes());
        bytes.extend(raw.to_le_bytes());
        Frame::decode(Model::Composition, &bytes).unwrap()
    }

    #[test]
    fn a_weight_is_told_in_the_unit_of_the_scale() {
        let kilograms = first([0x22, 0x9e, 0x43, 0xe5, 7, 4, 11, 16, 19, 1]);
        assert_eq!(kilograms.weight(), Some(Reading::Weight(86.55)));
        let jin = first([0x32, 0x39, 0x30, 0xea, 7, 2, 3, 4, 5, 6]);
        assert_eq!((jin.unit, jin.weight), (Unit::Jin, 123.45));
        assert_eq!(jin.weight(), Some(Reading::Weight(61.725)));
        let pounds = second(3, 0x26, 503, 10_000);
        assert_eq!(pounds.weight(), Some(Reading::Weight(45.359_237)));
        assert_eq!(pounds.impedance(), Some(Reading::Impedance(503.0)));
    }

    #[test]
    fn only_a_stable_weight_of_a_person_is_a_reading() {
        for (byte, flags) in [(2, 0x04), (2, 0xa6), (6, 0x24), (7, 0x26)] {
            let frame = second(byte, flags, 503, 14_490);
            assert_eq!((frame.weight(), frame.impedance()), (None, None), "{flags:x}");
        }
        assert_eq!(second(2, 0x26, 503, 0).weight(), None);
        assert_eq!(first([0x62, 0x76, 7, 0xe6, 7, 2, 14, 16, 41, 58]).weight(), None);
    }

    #[test]
    fn an_impedance_that_cannot_be_is_none() {
        for (flags, ohm) in [(0x24, 503), (0x26, 0), (0x26, 3000), (0x26, 0xffff)] {
            assert_eq!(second(2, flags, ohm, 14_490).impedance(), None, "{flags:x} {ohm}");
        }
        assert_eq!(second(2, 0x26, 2999, 14_490).impedance, Some(2999));
    }

    #[test]
    fn a_clock_that_was_never_set_is_no_time() {
        let offset = Offset::from_seconds(10_800).unwrap();
        let frame = second(2, 0x26, 503, 14_490);
        assert_eq!(frame.time(offset, None), Some(1_644_846_118));
        assert_eq!(
            frame.time(offset, Moment::at(1_644_846_000, offset)),
            Some(1_644_846_118)
        );
        assert_eq!(
            frame.time(offset, Moment::at(1_644_700_000, offset)),
            None,
            "from the future"
        );
        let never = first([0xa2, 0x20, 0x44, 0xb2, 7, 1, 1, 10, 26, 21]);
        assert_eq!(never.time(offset, None), None);
        let no_date = first([0x22, 0x20, 0x44, 0xe6, 7, 13, 1, 10, 26, 21]);
        assert_eq!((no_date.clock, no_date.time(offset, None)), (None, None));
    }

    #[test]
    fn another_length_is_no_frame() {
        for length in 0..30 {
            let bytes = vec![0x22; length];
            assert_eq!(Frame::decode(Model::Weight, &bytes).is_ok(), length == 10);
            assert_eq!(Frame::decode(Model::Composition, &bytes).is_ok(), length == 13);
        }
    }
}
