//! Histories of a few devices that follow from a seed, each with the real desk, the real rounds and a real database, and
//! a small cloud between them. Between any two transactions of a device there may be an edit, a restart or another
//! device's whole sync; a request or an answer comes late, twice or never. In the end all devices have the same, no
//! answered edit is lost, nothing removed is back, and nothing is there twice.
//!
//! `BELAY_HISTORIES=a..b` chooses the seeds.

mod book;
mod device;
mod network;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::Secret;
use belay_proto::sync::{Attributes, CollectionKeys, Content, Revision};
use belay_proto::text::hex;
use belay_proto::wire::{PushResult, SyncRecord};
use belay_sync::record::{self, CONFLICT_WITH};

use self::book::{Book, Edit, tokens};
use self::device::Device;
use self::network::{Asked, Either, Network, Packet, Said};
use super::super::SyncError;
use super::super::model::{Choice, Put};

/// The seeds of who says nothing else.
const USUAL: Range<u64> = 0..400;
/// Devices of a history at most.
const DEVICES: usize = 3;
/// So many things by nature there are: few, so that devices meet in them.
const NATURES: usize = 2;
/// So much happens at most.
const STEPS: usize = 70;
/// So often everybody syncs at the end until all have the same.
const ROUNDS: usize = 12;
/// Where a card has something to say.
const PROPERTIES: [&str; 3] = ["ORG", "TITLE", "NOTE"];

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
    steps: Vec<u64>,
    end: u64,
}

impl History {
    fn of(seed: u64) -> Self {
        let mut chance = Chance(seed);
        Self {
            collection: ["notes", "notes", "contacts"][chance.below(3)],
            devices: 2 + chance.below(DEVICES - 1),
            steps: (0..20 + chance.below(STEPS - 20))
                .map(|_| chance.next())
                .collect(),
            end: chance.next(),
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

struct World<'a> {
    collection: &'static str,
    devices: &'a mut [Device],
    network: Network,
    book: Book,
    /// Says what happens.
    told: bool,
    keys: OnceCell<Arc<CollectionKeys>>,
}

fn short(revision: Option<Revision>) -> String {
    revision.map_or("nothing".to_owned(), |revision| hex(&revision.as_bytes()[..2]))
}

/// What is wrong in the end.
fn play(history: &History, devices: &mut [Device], told: bool) -> Vec<String> {
    let devices = &mut devices[..history.devices];
    for device in &mut *devices {
        device.anew(history.collection);
    }
    let mut world = World {
        collection: history.collection,
        devices,
        network: Network::default(),
        book: Book::default(),
        told,
        keys: OnceCell::new(),
    };
    if told {
        let keys = world.devices[0].keys();
        world.keys.set(keys).unwrap();
    }
    for step in &history.steps {
        world.step(&mut Chance(*step));
    }
    match world.ends(&mut Chance(history.end)) {
        Ok(records) => world.book.judge(&records, history.collection == "contacts"),
        Err(differences) => differences,
    }
}

impl World<'_> {
    fn tells(&self, what: impl FnOnce() -> String) {
        if self.told {
            println!("{}", what());
        }
    }

    fn step(&mut self, chance: &mut Chance) {
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
            40..=41 => self.devices[who].clock.advance(Duration::from_secs(1)),
            42..=71 => {
                self.devices[who].begins(1 + chance.below(3));
                for _ in 0..=chance.below(4) {
                    let _done = self.goes_on(who);
                }
            }
            _ => self.comes(chance),
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

    /// What the cloud says, or is asked, in short.
    fn says(&self, record: &SyncRecord) -> String {
        let keys = self.keys.get().unwrap();
        let content = Content::open(keys, &record.id, record.key_epoch, &record.sealed.0).unwrap();
        let what = match content.removed {
            true => "removal".to_owned(),
            false => tokens(&String::from_utf8_lossy(
                record::bytes(&content).unwrap().expose(),
            ))
            .into_iter()
            .collect::<Vec<_>>()
            .join("+"),
        };
        let natural: String = content.natural.chars().take(8).collect();
        format!(
            "{natural:?} {what} {} as {}",
            content.number,
            short(Some(record.revision))
        )
    }

    fn asked(&self, asked: &Asked) -> String {
        match asked {
            Asked::Changes(cursor, _) => format!("changes after {cursor:?}"),
            Asked::Push(request) => {
                let all = request.records.iter();
                all.map(|push| format!("{} over {}; ", self.says(&push.record), short(push.base)))
                    .collect()
            }
        }
    }

    fn said(&self, said: &Said) -> String {
        match said {
            Said::Push(answer) => {
                let current = |result: &PushResult| result.current.as_ref().map(|record| self.says(record));
                let all = answer.results.iter();
                all.map(|result| format!("{:?} {:?}; ", result.status, current(result)))
                    .collect()
            }
            Said::Changes(Ok(answer)) => {
                let all = answer.records.iter();
                all.map(|record| format!("{}; ", self.says(record))).collect()
            }
            Said::Changes(Err(failure)) => failure.to_string(),
        }
    }

    /// A sync on a fair network, in one go.
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
    fn ends(&mut self, chance: &mut Chance) -> Result<Vec<(String, String)>, Vec<String>> {
        self.tells(|| "the end".to_owned());
        let mut seen = Vec::new();
        for round in 0..ROUNDS {
            let mut problems = Vec::new();
            if round > 1 {
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
            let mut all = Vec::new();
            for (who, device) in self.devices.iter_mut().enumerate() {
                if device.pending() > 0 {
                    problems.push(format!("records of device {who} wait"));
                }
                let has = device.has().into_iter();
                let mut has: Vec<_> = has
                    .map(|(listed, text)| (listed.held.content.natural, text))
                    .collect();
                has.sort();
                all.push(has);
            }
            if all.iter().any(|has| *has != all[0]) {
                problems.push(format!("they differ: {all:?}"));
            }
            if problems.is_empty() && round > 1 {
                return Ok(all.swap_remove(0));
            }
            seen = problems;
        }
        Err(seen)
    }
}

/// An edit that is about to be made.
struct Draft {
    natural: String,
    revision: u64,
    saw: String,
}

impl World<'_> {
    /// What the device shows of something.
    fn draft(&mut self, who: usize, natural: String) -> Draft {
        let all = self.devices[who].has();
        let found = all
            .into_iter()
            .find(|(listed, _)| listed.held.content.natural == natural);
        let (revision, saw) = found.map_or((0, String::new()), |(listed, text)| (listed.held.revision, text));
        Draft {
            natural,
            revision,
            saw,
        }
    }

    fn edits(&mut self, who: usize, chance: &mut Chance) {
        let token = format!("tok-{}", self.book.0.len());
        let draft = self.draft(who, format!("n{}", chance.below(NATURES)));
        let content = match self.collection {
            "contacts" => card(&draft, PROPERTIES[chance.below(PROPERTIES.len())], &token),
            _ => format!("{token} is what it says\n"),
        };
        let put = Put {
            id: None,
            revision: draft.revision,
            natural: Some(draft.natural.clone()),
            kind: match self.collection {
                "contacts" => "text/vcard",
                _ => "application/x-note",
            }
            .to_owned(),
            attributes: Attributes::default(),
            keep_both: false,
            body: Secret::new(content.clone().into_bytes()),
        };
        let desk = self.devices[who].desk.clone();
        let answer = self.devices[who].does(desk.put_many(self.collection, vec![put]));
        let edit = Edit {
            what: format!("{token} put by device {who} in {}", draft.natural),
            wrote: Some(token),
            dropped: &tokens(&draft.saw) - &tokens(&content),
            kept: BTreeSet::new(),
            answered: true,
        };
        self.notes(who, edit, answer.map(drop), chance);
    }

    fn deletes(&mut self, who: usize, chance: &mut Chance) {
        let draft = self.draft(who, format!("n{}", chance.below(NATURES)));
        if draft.revision == 0 {
            return;
        }
        let id = self.devices[who].keys().record_id(&draft.natural);
        let desk = self.devices[who].desk.clone();
        let answer = self.devices[who].does(desk.delete(self.collection, id, draft.revision));
        let edit = Edit {
            what: format!("{} deleted by device {who}", draft.natural),
            wrote: None,
            dropped: tokens(&draft.saw),
            kept: BTreeSet::new(),
            answered: true,
        };
        self.notes(who, edit, answer, chance);
    }

    /// The owner ends a conflict: the other version goes, or is a record of its own.
    fn chooses(&mut self, who: usize, chance: &mut Chance) {
        let mut all = self.devices[who].has();
        all.retain(|(listed, _)| listed.held.content.attributes.0.contains_key(CONFLICT_WITH));
        if all.is_empty() {
            return;
        }
        let (listed, text) = all.swap_remove(chance.below(all.len()));
        let goes = chance.percent(50);
        let choice = if goes { Choice::Theirs } else { Choice::Both };
        let desk = self.devices[who].desk.clone();
        let answer = self.devices[who].does(desk.resolve(self.collection, listed.id, choice));
        let edit = Edit {
            what: format!(
                "{:?} chosen by device {who}: {choice:?}",
                listed.held.content.natural
            ),
            wrote: None,
            dropped: if goes { tokens(&text) } else { BTreeSet::new() },
            kept: if goes { BTreeSet::new() } else { tokens(&text) },
            answered: true,
        };
        self.notes(who, edit, answer, chance);
    }

    fn notes(&mut self, who: usize, mut edit: Edit, answer: Result<(), SyncError>, chance: &mut Chance) {
        answer.unwrap();
        if chance.percent(5) {
            // It dies before it answers.
            edit.answered = false;
            self.devices[who].dies(true);
        }
        self.tells(|| format!("{} (answered: {})", edit.what, edit.answered));
        self.book.0.push(edit);
    }
}

/// The card with another text in one property.
fn card(draft: &Draft, property: &str, token: &str) -> String {
    let kept = draft.saw.lines().map(str::trim_end).filter(|line| {
        PROPERTIES
            .iter()
            .any(|p| *p != property && line.starts_with(&format!("{p}:")))
    });
    let mut lines = vec!["BEGIN:VCARD", "VERSION:4.0"];
    let (natural, said) = (format!("UID:{}", draft.natural), format!("{property}:{token}"));
    lines.extend([natural.as_str(), "FN:Somebody"]);
    lines.extend(kept);
    lines.extend([said.as_str(), "END:VCARD", ""]);
    lines.join("\r\n")
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("BELAY_HISTORIES") else {
        return USUAL;
    };
    let parsed = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.unwrap_or_else(|| panic!("BELAY_HISTORIES is a range such as 17..18, not {text:?}"))
}

#[test]
fn over_all_histories_devices_agree_and_nothing_is_lost_doubled_or_back() {
    let mut devices: Vec<Device> = (0..DEVICES).map(|_| Device::new("notes")).collect();
    let mut failed = Vec::new();
    for seed in seeds() {
        let history = History::of(seed);
        if play(&history, &mut devices, false).is_empty() {
            continue;
        }
        let short = history.shortened(&mut devices);
        let wrong = play(&short, &mut devices, true);
        failed.push(format!(
            "history {seed} in {} steps:\n  {}",
            short.steps.len(),
            wrong.join("\n  ")
        ));
        println!("{}\n", failed.last().unwrap());
        if failed.len() > 4 {
            break;
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
