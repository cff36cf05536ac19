//! Hears a scale's advertisements and tells of each weighing once.

use std::collections::VecDeque;

use jiff::tz::Offset;

use super::frame::Identity;
use super::{Frame, Model};
use crate::advertisement::{Advertisement, Listener, Unheard};
use crate::measure::Reading;

/// A scale repeats its last weighing only; a few more are for what a radio holds back.
const REMEMBERED: usize = 8;

/// Which weighings were told of.
#[derive(Debug, Default)]
pub(super) struct Told(VecDeque<(Identity, bool)>);

impl Told {
    /// What of the frame is new. The weight is told as soon as it is stable; the impedance comes later, or never.
    pub(super) fn news(&mut self, frame: &Frame) -> Vec<Reading> {
        let Some(weight) = frame.weight() else {
            return Vec::new();
        };
        let impedance = frame.impedance();
        let known = self
            .0
            .iter_mut()
            .find(|(identity, _)| *identity == frame.identity);
        match known {
            Some((_, told)) => {
                let news = impedance.filter(|_| !*told);
                *told |= impedance.is_some();
                news.into_iter().collect()
            }
            None => {
                if self.0.len() == REMEMBERED {
                    self.0.pop_front();
                }
                self.0.push_back((frame.identity, impedance.is_some()));
                std::iter::once(weight).chain(impedance).collect()
            }
        }
    }
}

/// Hears one Mi scale.
#[derive(Debug)]
pub struct MiScaleListener {
    model: Model,
    offset: Option<Offset>,
    told: Told,
}

impl MiScaleListener {
    /// One that has heard nothing.
    #[must_use]
    pub fn new(model: Model) -> Self {
        Self {
            model,
            offset: None,
            told: Told::default(),
        }
    }
}

impl Listener for MiScaleListener {
    fn set_offset(&mut self, offset: Offset) {
        self.offset = Some(offset);
    }

    fn hear(&mut self, advertisement: &Advertisement) -> Result<Vec<(Option<u64>, Reading)>, Unheard> {
        let service = self.model.service();
        let mut data = advertisement.service_data.iter();
        let Some((_, bytes)) = data.find(|(uuid, _)| *uuid == service) else {
            return Ok(Vec::new());
        };
        let frame = Frame::decode(self.model, bytes).map_err(|_| Unheard::Malformed)?;
        let time = self.offset.and_then(|offset| frame.time(offset, None));
        let news = self.told.news(&frame);
        Ok(news.into_iter().map(|reading| (time, reading)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    fn advertisement(bytes: &[u8]) -> Advertisement {
        Advertisement {
            address: Address([1; 6]),
            name: None,
            services: Vec::new(),
            manufacturer: Vec::new(),
            service_data: vec![(Model::Composition.service(), bytes.to_vec())],
            rssi: None,
        }
    }

    fn frame(flags: u8, second: u8, ohm: u16, raw: u16) -> Advertisement {
        let mut bytes = vec![2, flags, 0xe6, 7, 2, 14, 16, 41, second];
        bytes.extend(ohm.to_le_bytes());
        bytes.extend(raw.to_le_bytes());
        advertisement(&bytes)
    }

    #[test]
    fn a_weighing_is_told_once_however_often_it_is_sent() {
        let mut scale = MiScaleListener::new(Model::Composition);
        let mut hear = |flags, second, ohm| scale.hear(&frame(flags, second, ohm, 14_490)).unwrap();
        assert_eq!(hear(0x04, 58, 0), [], "not stable yet");
        assert_eq!(hear(0x24, 58, 0), [(None, Reading::Weight(72.45))]);
        assert_eq!(hear(0x24, 58, 0), []);
        assert_eq!(hear(0x26, 58, 503), [(None, Reading::Impedance(503.0))]);
        assert_eq!(hear(0x26, 58, 503), []);
        assert_eq!(hear(0xa6, 58, 503), [], "stepped off");
        assert_eq!(hear(0x24, 59, 0), [(None, Reading::Weight(72.45))], "again");
    }

    #[test]
    fn a_weighing_is_dated_once_the_offset_is_known() {
        let mut scale = MiScaleListener::new(Model::Composition);
        scale.set_offset(Offset::from_seconds(10_800).unwrap());
        let at = Some(1_644_846_118);
        assert_eq!(
            scale.hear(&frame(0x26, 58, 503, 14_490)).unwrap(),
            [(at, Reading::Weight(72.45)), (at, Reading::Impedance(503.0))]
        );
    }

    #[test]
    fn what_is_no_frame_is_malformed_and_what_is_not_there_is_nothing() {
        let mut scale = MiScaleListener::new(Model::Composition);
        assert_eq!(scale.hear(&advertisement(&[2, 4])), Err(Unheard::Malformed));
        let mut none = advertisement(&[]);
        none.service_data.clear();
        assert_eq!(scale.hear(&none), Ok(Vec::new()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut scale = MiScaleListener::new(Model::Composition);
        for second in 0..60 {
            scale.hear(&frame(0x24, second, 0, 14_490)).unwrap();
        }
        assert_eq!(scale.told.0.len(), REMEMBERED);
    }
}
