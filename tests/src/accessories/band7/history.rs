//! What it remembers of each minute, and how it is fetched: eight bytes a minute, a sum at the end, and a word about
//! what becomes of it.

use std::collections::BTreeMap;

use super::tunnel::crc;
use crate::accessories::band::{Minute, wire};

/// The minute `number` since 1970 of the wearer with this `seed`, told as later bands do.
#[must_use]
pub fn lived(seed: u64, number: i64) -> Minute {
    Minute::lived(seed, number).of_eight()
}

/// What is remembered, and the transfer under way.
#[derive(Debug)]
pub struct History {
    minutes: BTreeMap<i64, Minute>,
    /// How many minutes a round brings at most.
    pub round: usize,
    /// So many of the next transfers end with a sum of other data.
    pub torn: u32,
    /// How often a start was refused because nothing was said of the transfer before.
    pub refused: u32,
    /// How often it was told to keep a transfer.
    pub kept: u32,
    agreed: Vec<i64>,
    open: bool,
}

impl Default for History {
    fn default() -> Self {
        Self {
            minutes: BTreeMap::new(),
            round: 1440,
            torn: 0,
            refused: 0,
            kept: 0,
            agreed: Vec::new(),
            open: false,
        }
    }
}

impl History {
    /// Lives `count` minutes from the minute `first` on, by `seed`.
    pub fn live(&mut self, seed: u64, first: i64, count: i64) {
        let minutes = (first..first + count).map(|number| (number, lived(seed, number)));
        self.minutes.extend(minutes);
    }

    /// What is remembered.
    #[must_use]
    pub const fn minutes(&self) -> &BTreeMap<i64, Minute> {
        &self.minutes
    }

    /// The link is gone, and a transfer with it.
    pub(super) fn abort(&mut self) {
        self.agreed.clear();
        self.open = false;
    }

    /// Answers a start.
    pub(super) fn start(&mut self, request: &[u8], offset: u8) -> Vec<u8> {
        if self.open {
            self.refused += 1;
            return vec![0x10, 0x01, 0x32];
        }
        self.abort();
        let [0x01, 0x01, date @ ..] = request else {
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
        answer.extend([offset, 0]);
        answer
    }

    /// The packets of the transfer agreed on, each of at most `room` bytes, and its end.
    pub(super) fn transfer(&mut self, room: usize) -> (Vec<Vec<u8>>, Vec<u8>) {
        self.open = true;
        let all: Vec<u8> = self
            .agreed
            .iter()
            .filter_map(|number| self.minutes.get(number))
            .flat_map(|minute| minute.eight())
            .collect();
        let torn = self.torn > 0;
        self.torn = self.torn.saturating_sub(1);
        let mut end = vec![0x10, 0x02, 0x01];
        end.extend((crc(&all) ^ u32::from(torn)).to_le_bytes());
        let each = (room.saturating_sub(1) / 8).max(1) * 8;
        let packets = all.chunks(each).enumerate().map(|(at, part)| {
            let counter = u8::try_from(at % 256).unwrap_or(0);
            [&[counter], part].concat()
        });
        (packets.collect(), end)
    }

    /// What becomes of the transfer: 1 it is deleted, 9 it is kept. Whether that was one of these words.
    pub(super) fn settle(&mut self, word: u8) -> bool {
        match word {
            1 if self.open => {
                for number in std::mem::take(&mut self.agreed) {
                    self.minutes.remove(&number);
                }
            }
            9 => self.kept += u32::from(self.open),
            1 => {}
            _ => return false,
        }
        self.abort();
        true
    }
}
