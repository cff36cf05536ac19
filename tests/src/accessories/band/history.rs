//! What a band remembers of each minute, and how it is fetched.

use std::collections::BTreeMap;
use std::fmt;

use super::wire;
use crate::bluez::Chance;

/// One minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minute {
    /// What the wearer does; flags in the high half.
    pub kind: u8,
    /// How much they move.
    pub intensity: u8,
    /// Steps.
    pub steps: u8,
    /// Beats a minute; 255: none.
    pub heart: u8,
}

impl Minute {
    /// What the wearer with this `seed` does in the minute `number` since 1970, by UTC: asleep in the night, more or
    /// less busy by day, and without the band now and then.
    #[must_use]
    pub fn lived(seed: u64, number: i64) -> Self {
        let mut chance = Chance::new(seed ^ number.unsigned_abs().wrapping_mul(0x9e37_79b9));
        let of_day = number.rem_euclid(1440);
        // Without meaning, and to be masked.
        let flags = [0x00, 0x10, 0x50, 0x60, 0x70][chance.below(5)];
        let heart = |low: u8, span: u32, chance: &mut Chance| match chance.per_mille(400) {
            true => 255,
            false => low.saturating_add(u8::try_from(chance.number(span)).unwrap_or(0)),
        };
        if !(390..=1350).contains(&of_day) {
            let kind = if (number / 45) % 3 == 0 { 11 } else { 9 };
            return Self {
                kind: flags | kind,
                intensity: u8::try_from(chance.number(12)).unwrap_or(0),
                steps: 0,
                heart: heart(48, 15, &mut chance),
            };
        }
        let (kind, steps, low) = match chance.number(20) {
            0 => (3, 0, 255),
            1 => (6, 0, 255),
            2 => (2, 140 + chance.number(40), 130),
            3..=9 => (1, 20 + chance.number(90), 80),
            10 => (10, 0, 70),
            _ => (0, 0, 65),
        };
        Self {
            kind: flags | kind,
            intensity: chance.byte(),
            steps: u8::try_from(steps).unwrap_or(0),
            heart: if low == 255 {
                255
            } else {
                heart(low, 30, &mut chance)
            },
        }
    }

    /// The same as bands tell it that remember eight bytes a minute.
    #[must_use]
    pub const fn of_eight(self) -> Self {
        let kind = match self.kind & 0x0f {
            2 => 64,
            3 => 115,
            6 => 118,
            9 | 11 => 120,
            _ => 80,
        };
        Self { kind, ..self }
    }

    const fn four(self) -> [u8; 4] {
        [self.kind, self.intensity, self.steps, self.heart]
    }

    /// What nobody knows, then sleep, deep sleep and REM with the flags that are to be masked.
    pub(in crate::accessories) const fn eight(self) -> [u8; 8] {
        let (sleep, rem) = if self.kind == 120 { (60, 0x80 | 20) } else { (0, 0) };
        let [kind, intensity, steps, heart] = self.four();
        [kind, intensity, steps, heart, 4, sleep, 0x80 | (sleep / 2), rem]
    }
}

/// Something that is done once.
#[derive(Default)]
pub struct Once(Option<Box<dyn FnOnce() + Send>>);

impl Once {
    /// To be done.
    pub fn new(deed: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(deed)))
    }

    /// Whether it was done, or there is nothing to do.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.0.is_none()
    }

    fn perform(&mut self) {
        if let Some(deed) = self.0.take() {
            deed();
        }
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "to be done" } else { "done" })
    }
}

/// What is remembered, and the transfer under way.
#[derive(Debug)]
pub struct History {
    /// The minutes by their number since 1970, by UTC.
    minutes: BTreeMap<i64, Minute>,
    /// How many minutes a round brings at most.
    pub round: usize,
    /// What the next start is refused with.
    pub refuse: Option<u8>,
    /// This packet of the next transfer, counted from 0, is left out though it is counted.
    pub skip: Option<usize>,
    /// What is done in the moment in which a transfer is acknowledged, before anything is forgotten.
    pub on_acknowledged: Once,
    /// What is done in the moment in which a transfer begins, before its first packet.
    pub on_started: Once,
    /// Whether it remembers eight bytes a minute.
    eight: bool,
    /// What a transfer was agreed on.
    agreed: Vec<i64>,
    /// Whether all of it was sent.
    sent: bool,
}

impl Default for History {
    fn default() -> Self {
        Self {
            minutes: BTreeMap::new(),
            round: 1440,
            refuse: None,
            skip: None,
            on_acknowledged: Once::default(),
            on_started: Once::default(),
            eight: false,
            agreed: Vec::new(),
            sent: false,
        }
    }
}

impl History {
    /// A memory as this band's, with nothing in it.
    pub(super) fn of(model: super::Model) -> Self {
        Self {
            eight: model.remembers_eight(),
            ..Self::default()
        }
    }

    /// Lives `count` minutes from the minute `first` on, by `seed`.
    pub fn live(&mut self, seed: u64, first: i64, count: i64) {
        for number in first..first + count {
            let minute = Minute::lived(seed, number);
            let minute = if self.eight { minute.of_eight() } else { minute };
            self.minutes.insert(number, minute);
        }
    }

    /// Puts in one minute.
    pub fn put(&mut self, number: i64, minute: Minute) {
        self.minutes.insert(number, minute);
    }

    /// What is remembered.
    #[must_use]
    pub const fn minutes(&self) -> &BTreeMap<i64, Minute> {
        &self.minutes
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self {
            round: self.round,
            eight: self.eight,
            ..Self::default()
        };
    }

    /// The link is gone, and a transfer with it.
    pub(super) fn abort(&mut self) {
        self.agreed.clear();
        self.sent = false;
    }

    /// Answers a start: from the first minute remembered on, as many as follow without a gap. `offset` is the band's
    /// own, in quarter hours.
    pub(super) fn start(&mut self, request: &[u8], offset: u8) -> Vec<u8> {
        self.abort();
        if let Some(status) = self.refuse.take() {
            return vec![0x10, 0x01, status];
        }
        let [0x01, 0x01, date @ ..] = request else {
            // Other data than minutes isn't kept here.
            return vec![0x10, 0x01, 0x02];
        };
        let (Some(local), Some(zone)) = (wire::seconds(date), date.get(7)) else {
            return vec![0x10, 0x01, 0x02];
        };
        let asked = (local - wire::quarters(*zone)).div_euclid(60);
        for number in self.minutes.range(asked..).map(|(number, _)| *number) {
            let follows = self.agreed.last().is_none_or(|last| last + 1 == number);
            if !follows || self.agreed.len() == self.round {
                break;
            }
            self.agreed.push(number);
        }
        let first = self.agreed.first().copied().unwrap_or(asked);
        let count = u32::try_from(self.agreed.len()).unwrap_or(u32::MAX);
        let mut answer = vec![0x10, 0x01, 0x01];
        answer.extend(count.to_le_bytes());
        answer.extend(wire::date(first * 60 + wire::quarters(offset)));
        answer.push(offset);
        answer
    }

    /// The packets of the transfer agreed on, each with at most `room` bytes.
    pub(super) fn packets(&mut self, room: usize) -> Vec<Vec<u8>> {
        self.on_started.perform();
        let size = if self.eight { 8 } else { 4 };
        let each = (room.saturating_sub(1) / size).max(1);
        let minutes = self.agreed.iter().filter_map(|number| self.minutes.get(number));
        let bytes = |minute: &Minute| match self.eight {
            true => minute.eight().to_vec(),
            false => minute.four().to_vec(),
        };
        let minutes: Vec<Vec<u8>> = minutes.map(bytes).collect();
        let skip = self.skip.take();
        let packets = minutes.chunks(each).enumerate();
        let packets = packets.filter(|(at, _)| Some(*at) != skip).map(|(at, samples)| {
            let counter = u8::try_from(at % 256).unwrap_or(0);
            let mut packet = vec![counter];
            packet.extend(samples.iter().flatten());
            packet
        });
        self.sent = true;
        packets.collect()
    }

    /// The transfer is acknowledged: what was sent is deleted.
    pub(super) fn acknowledge(&mut self) {
        if self.sent && !self.agreed.is_empty() {
            self.on_acknowledged.perform();
            for number in std::mem::take(&mut self.agreed) {
                self.minutes.remove(&number);
            }
        }
        self.abort();
    }
}
