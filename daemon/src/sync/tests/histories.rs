//! Histories of a few devices that follow from a seed, each with the real desk, the real rounds and a real database, and
//! a small cloud between them. Between any two transactions of a device there may be an edit, a restart or another
//! device's whole sync; a request or an answer comes late, twice or never; the cloud goes on with a backup. In the end all
//! devices have the same, no answered edit is lost, nothing removed is back, and nothing is there twice.
//!
//! In a second family its owner also changes the versions that lie beside records, puts such ones, the same ones again too, and
//! chooses in every way that there is; in a third one new keys are made meanwhile besides, of which the devices hear one by one.
//!
//! `BELAY_HISTORIES=a..b` chooses the seeds of each.

mod book;
mod device;
mod keys;
mod network;
mod owner;
mod telling;
mod versions;
mod world;

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use self::book::Book;
use self::device::{Device, all_keys};
use self::network::Network;
use self::world::World;

/// The seeds of who says nothing else,
const USUAL: Range<u64> = 0..150;
/// and those of the first family that went wrong once.
const ONCE: [u64; 2] = [5844, 6039];
/// Devices of a history at most.
const DEVICES: usize = 3;
/// So many things by nature there are at most: few, so that devices meet in them.
const NATURES: usize = 2;
/// So much happens at most, and in one history of eight: so that a record outlives what is remembered of where it comes from.
const STEPS: usize = 60;
const MANY_STEPS: usize = 240;

/// Numbers that follow from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap()
    }

    fn percent(&mut self, of_hundred: usize) -> bool {
        self.below(100) < of_hundred
    }
}

/// What happens, each step by its own number: one that is left out changes no other.
#[derive(Clone, Debug)]
struct History {
    collection: &'static str,
    devices: usize,
    natures: usize,
    steps: Vec<u64>,
    end: u64,
    family: Family,
}

/// What may happen in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// Records are changed and removed, and of two versions the other one goes or is kept apart.
    Records,
    /// Its owner has to do with versions beside records in every way.
    Versions,
    /// The same, and there are new keys.
    Keys,
}

impl History {
    fn of(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let most = if chance.below(8) == 0 { MANY_STEPS } else { STEPS };
        Self {
            collection: ["notes", "notes", "contacts"][chance.below(3)],
            devices: 2 + chance.below(DEVICES - 1),
            natures: 1 + chance.below(NATURES),
            steps: (0..10 + chance.below(most - 10)).map(|_| chance.next()).collect(),
            end: chance.next(),
            family: Family::Records,
        }
    }

    /// One of the second family. It has few steps: so many versions go that the owner would be asked before more do.
    fn of_versions(seed: u64) -> Self {
        let mut history = Self::of(!seed);
        history.steps.truncate(STEPS);
        history.family = Family::Versions;
        history
    }

    /// One of the third.
    fn of_keys(seed: u64) -> Self {
        Self {
            family: Family::Keys,
            ..Self::of_versions(seed.rotate_left(32))
        }
    }

    /// As few of its steps as go wrong as it does.
    fn shortened(mut self, devices: &mut [Device]) -> Self {
        let mut length = self.steps.len();
        while length > 0 {
            let mut at = 0;
            while at < self.steps.len() {
                let mut shorter = self.clone();
                shorter.steps.drain(at..self.steps.len().min(at + length));
                match play(&shorter, devices, false).is_empty() {
                    true => at += length,
                    false => self = shorter,
                }
            }
            length /= 2;
        }
        self
    }
}

/// What is wrong in the end.
fn play(history: &History, devices: &mut [Device], told: bool) -> Vec<String> {
    let devices = &mut devices[..history.devices];
    for device in &mut *devices {
        device.anew(history.collection);
    }
    let mut world = World {
        collection: history.collection,
        natures: history.natures,
        devices,
        network: Network::default(),
        book: Book::default(),
        told,
        keys: OnceCell::new(),
        beside: Vec::new(),
    };
    if told {
        let keys = all_keys(history.collection);
        world.keys.set(Arc::new(keys)).unwrap();
    }
    for step in &history.steps {
        match history.family {
            Family::Records => world.step(&mut Chance(*step)),
            Family::Versions => world.step_with_versions(*step),
            Family::Keys => world.step_with_keys(*step),
        }
    }
    match world.ends(&mut Chance(history.end)) {
        Ok(records) => {
            let joined = history.collection == "contacts";
            world.book.judge(&records, joined, history.family)
        }
        Err(differences) => differences,
    }
}

fn seeds(once: &[u64]) -> Vec<u64> {
    let Ok(text) = std::env::var("BELAY_HISTORIES") else {
        return USUAL.chain(once.iter().copied()).collect();
    };
    let parsed = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse::<u64>().ok()?..to.parse().ok()?));
    let range = parsed.unwrap_or_else(|| panic!("BELAY_HISTORIES is a range such as 17..18, not {text:?}"));
    range.collect()
}

/// Plays the history `of` each seed.
fn all_go_well(seeds: Vec<u64>, of: fn(u64) -> History) {
    let mut devices: Vec<Device> = (0..DEVICES).map(|_| Device::new("notes")).collect();
    for seed in seeds {
        let history = of(seed);
        if play(&history, &mut devices, false).is_empty() {
            continue;
        }
        let short = history.shortened(&mut devices);
        let wrong = play(&short, &mut devices, true);
        panic!(
            "history {seed} in {} steps, told above; again: BELAY_HISTORIES={seed}..{}:\n  {}",
            short.steps.len(),
            seed + 1,
            wrong.join("\n  ")
        );
    }
}

#[test]
fn over_all_histories_devices_agree_and_nothing_is_lost_doubled_or_back() {
    all_go_well(seeds(&ONCE), History::of);
}

#[test]
fn versions_that_are_edited_put_again_and_chosen_are_neither_lost_nor_doubled_nor_back() {
    all_go_well(seeds(&[]), History::of_versions);
}

#[test]
fn nor_are_they_lost_or_doubled_where_the_owner_makes_new_keys_meanwhile() {
    all_go_well(seeds(&[]), History::of_keys);
}
