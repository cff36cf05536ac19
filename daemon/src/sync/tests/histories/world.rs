//! What happens to devices and the network, step by step.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::sync::CollectionKeys;

use super::Chance;
use super::book::Book;
use super::device::Device;
use super::network::{Either, Network, Packet};
use crate::store::sync::Listed;

/// So often everybody syncs at the end until all have the same.
const ROUNDS: usize = 12;
/// Longer than the cloud remembers a removal.
const HALF_A_YEAR: Duration = Duration::from_secs(181 * 24 * 3600);

pub struct World<'a> {
    pub collection: &'static str,
    pub natures: usize,
    pub devices: &'a mut [Device],
    pub network: Network,
    pub book: Book,
    /// Says what happens.
    pub told: bool,
    pub keys: OnceCell<Arc<CollectionKeys>>,
    /// What was put beside records by keep-both: where, and what, which may be put again.
    pub beside: Vec<(String, String)>,
}

impl World<'_> {
    pub fn step(&mut self, chance: &mut Chance) {
        let who = chance.below(self.devices.len());
        match chance.below(100) {
            0..=13 => self.edits(who, chance),
            14..=21 => self.deletes(who, chance),
            22..=23 => self.chooses(who, chance),
            24..=29 => self.devices[who].begins(1 + chance.below(3)),
            30..=34 => drop(self.syncs(who, chance)),
            35..=37 => {
                let done = chance.percent(50);
                self.tells(|| format!("device {who} dies"));
                self.devices[who].dies(done);
            }
            38..=39 => {
                self.tells(|| format!("device {who} leaves its round"));
                self.devices[who].leaves(true);
            }
            40 if chance.percent(25) => self.half_a_year_passes(),
            40 => self.devices[who].clock.advance(Duration::from_secs(1)),
            41 => {
                self.tells(|| "the cloud counts anew".to_owned());
                self.network.cloud.epoch += 1;
            }
            42 => {
                self.tells(|| "the cloud is backed up".to_owned());
                self.network.backup = self.network.cloud.clone();
            }
            43 => {
                self.tells(|| "the cloud goes on with its backup".to_owned());
                self.network.is_restored();
            }
            44..=71 => {
                self.devices[who].begins(1 + chance.below(3));
                for _ in 0..=chance.below(4) {
                    let _done = self.goes_on(who);
                }
            }
            _ => self.comes(chance),
        }
    }

    /// The cloud forgets the removals that it has, and no cursor of before reaches.
    fn half_a_year_passes(&mut self) {
        self.tells(|| "half a year passes".to_owned());
        self.network
            .cloud
            .records
            .retain(|_, (_, record)| !record.removed);
        self.network.cloud.epoch += 1;
        for device in &mut *self.devices {
            device.clock.advance(HALF_A_YEAR);
        }
    }

    fn goes_on(&mut self, who: usize) -> Option<bool> {
        let device = &mut self.devices[who];
        let done = device.goes_on();
        self.network.takes_up(who, &device.line);
        done.map(|done| {
            self.tells(|| format!("device {who} ends its round: {:?}", done.as_ref().err()));
            done.is_ok()
        })
    }

    /// Something that is under way comes, or doesn't.
    fn comes(&mut self, chance: &mut Chance) {
        if self.network.packets.is_empty() {
            return;
        }
        let index = chance.below(self.network.packets.len());
        let Packet { device, what, back } = self.network.packets.swap_remove(index);
        match what {
            Either::Answer(said) => {
                let arrives = chance.percent(80);
                self.tells(|| format!("device {device} is answered, {arrives}: {}", self.said(&said)));
                if let (Some(back), true) = (back, arrives) {
                    let _dead = back.send(said);
                }
            }
            Either::Request(asked) => {
                let fate = chance.below(100);
                let again = asked.clone();
                let later = |back| {
                    self.network.packets.push(Packet {
                        device,
                        what: Either::Request(again),
                        back,
                    });
                };
                let mut back = back;
                match fate {
                    // The device gives up waiting for it.
                    0..=11 => {
                        later(None);
                        self.tells(|| format!("device {device} gives up"));
                        return;
                    }
                    12..=17 => return self.tells(|| format!("a request of device {device} is lost")),
                    18..=22 => later(back.take()),
                    23..=27 => later(None),
                    _ => {}
                }
                self.tells(|| format!("device {device} is heard: {}", self.asked(&asked)));
                let said = self.network.carries_out(asked, chance.below(3));
                match back {
                    Some(back) if chance.percent(70) => {
                        self.tells(|| format!("device {device} is answered: {}", self.said(&said)));
                        let _dead = back.send(said);
                    }
                    None => {}
                    back => self.network.packets.push(Packet {
                        device,
                        what: Either::Answer(said),
                        back,
                    }),
                }
            }
        }
    }

    fn syncs(&mut self, who: usize, chance: &mut Chance) -> bool {
        self.devices[who].begins(1 + chance.below(3));
        loop {
            if let Some(done) = self.goes_on(who) {
                return done;
            }
            let packets = &mut self.network.packets;
            let Some(index) = packets
                .iter()
                .position(|packet| packet.device == who && packet.back.is_some())
            else {
                continue;
            };
            let Packet { what, back, .. } = packets.swap_remove(index);
            let said = match what {
                Either::Answer(said) => said,
                Either::Request(asked) => {
                    self.tells(|| format!("device {who} is heard: {}", self.asked(&asked)));
                    self.network.carries_out(asked, chance.below(4))
                }
            };
            self.tells(|| format!("device {who} is answered: {}", self.said(&said)));
            let _dead = back.unwrap().send(said);
        }
    }

    /// Everybody is back, and the network is fair: what all have then, or how they differ.
    pub fn ends(&mut self, chance: &mut Chance) -> Result<Vec<(String, String)>, Vec<String>> {
        self.tells(|| "the end".to_owned());
        let mut seen = Vec::new();
        for round in 0..ROUNDS {
            let mut problems = Vec::new();
            if round > 0 {
                self.network.packets.clear();
            }
            for who in 0..self.devices.len() {
                // What was late comes now at the latest.
                while chance.percent(50) && self.network.packets.iter().any(|packet| packet.back.is_none()) {
                    self.comes(chance);
                }
                if !self.syncs(who, chance) {
                    problems.push(format!("device {who} didn't sync"));
                }
            }
            // Something may have come since the first ones synced.
            if round > 0 && problems.is_empty() {
                match self.agreed() {
                    Ok(all) => return Ok(all),
                    Err(differences) => problems = differences,
                }
            }
            seen = problems;
        }
        Err(seen)
    }

    /// What all have, by natural key, or how they differ.
    fn agreed(&mut self) -> Result<Vec<(String, String)>, Vec<String>> {
        let (mut all, mut problems) = (Vec::new(), Vec::new());
        for (who, device) in self.devices.iter_mut().enumerate() {
            if device.pending() > 0 {
                problems.push(format!("records of device {who} wait"));
            }
            let has = device.has();
            let is_lost =
                |listed: &Listed| !listed.held.is_sibling() && listed.held.content.natural.contains('\0');
            if has.iter().any(|(listed, _)| is_lost(listed)) {
                problems.push(format!("on device {who} a version is of nothing"));
            }
            let mut has: Vec<_> = has
                .into_iter()
                .map(|(listed, text)| (listed.held.content.natural, text))
                .collect();
            has.sort();
            all.push(has);
        }
        if all.iter().any(|has| *has != all[0]) {
            problems.push(format!("they differ: {all:?}"));
        }
        match problems.is_empty() {
            true => Ok(all.swap_remove(0)),
            false => Err(problems),
        }
    }
}
