//! No minute is lost and none comes twice, whatever goes wrong on the way.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::huami::codec::time::{decode_short, encode_short};
use crate::huami::driver::core::FETCH;

/// What goes wrong in one transfer.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Nothing,
    /// The packet of this number is lost.
    Gap(usize),
    /// The last packet is lost.
    Tail,
    /// The connection is lost after this many packets.
    Lost(usize),
    /// The connection is lost before the transfer is on disk.
    Uncommitted,
    /// The connection is lost when it is on disk, before the band is told.
    Unacknowledged,
    /// The band falls silent instead of ending.
    Silent,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        4 => Just(Trouble::Nothing),
        1 => (0_usize..20).prop_map(Trouble::Gap),
        1 => Just(Trouble::Tail),
        1 => (0_usize..20).prop_map(Trouble::Lost),
        1 => Just(Trouble::Uncommitted),
        1 => Just(Trouble::Unacknowledged),
        1 => Just(Trouble::Silent),
    ]
}

/// A band with its memory.
struct Memory {
    /// By minute of the epoch.
    samples: BTreeMap<u64, [u8; 4]>,
    /// The second of each minute at which a sample begins.
    second: u64,
    /// A round begins up to so many minutes before what was asked for.
    early: u64,
    /// How many samples a round brings; more than `early`.
    span: usize,
    /// How many bytes a packet carries.
    room: usize,
    offered: Vec<u64>,
}

impl Memory {
    /// The next samples without a hole, from the time that is asked for on.
    fn offer(&mut self, request: &[u8]) -> Vec<u8> {
        let asked = decode_short(&request[2..]).unwrap().epoch().unwrap();
        let at = |minute: &u64| minute * 60 + self.second;
        let first = self.samples.keys().copied().find(|one| at(one) >= asked);
        let earlier = |first: u64| {
            let back = (0..=self.early).take_while(|back| self.samples.contains_key(&(first - back)));
            first - back.last().unwrap_or(0)
        };
        let first = first.map_or(u64::MAX, earlier);
        let all: Vec<u64> = self.samples.range(first..).map(|(minute, _)| *minute).collect();
        let together = all.iter().zip(&all[all.len().min(1)..]);
        let run = 1 + together.take_while(|(one, next)| *one + 1 == **next).count();
        self.offered = all.into_iter().take(run.min(self.span)).collect();
        let count = u32::try_from(self.offered.len()).unwrap();
        let start = moment(self.offered.first().map_or(0, at));
        let mut reply = [&[0x10, 1, 1], &count.to_le_bytes()[..], &encode_short(start)[..]].concat();
        reply[13] = u8::try_from(self.second).unwrap();
        reply
    }

    fn packets(&self) -> Vec<Vec<u8>> {
        let data: Vec<u8> = self.offered.iter().flat_map(|one| self.samples[one]).collect();
        let packets = data.chunks(self.room).enumerate();
        packets
            .map(|(index, data)| [&[index.to_le_bytes()[0]], data].concat())
            .collect()
    }
}

/// One connection: until the fetch ends, or the connection does.
fn connection(
    memory: &mut Memory,
    disk: &mut Vec<ActivityMinute>,
    now: u64,
    troubles: &mut VecDeque<Trouble>,
) {
    let mut band = Played::ready(Kind::MiBand2);
    let since = disk.last().map_or(now - 90_000, |last| last.start);
    let since = Some(moment(since));
    let now = moment(now);
    let id = band.request(Request::Fetch {
        since,
        now,
        forgets: true,
    });
    let mut answered = 0;
    let mut kept = 0;
    let mut trouble = Trouble::Nothing;
    while band.outcome(id).is_none() {
        let writes = band.writes(uuids::FETCH_CONTROL);
        let Some(write) = writes.get(answered) else {
            // The band has nothing more to say: time goes on.
            band.elapse(FETCH);
            continue;
        };
        answered += 1;
        match write[0] {
            1 => {
                trouble = troubles.pop_front().unwrap_or(Trouble::Nothing);
                let reply = memory.offer(write);
                band.told(uuids::FETCH_CONTROL, &reply);
            }
            2 => {
                let packets = memory.packets();
                let last = packets.len() - 1;
                for (index, packet) in packets.iter().enumerate() {
                    match trouble {
                        Trouble::Gap(lost) if lost == index && lost != last => continue,
                        Trouble::Tail if index == last => continue,
                        Trouble::Lost(lost) if lost == index => return band.step(Input::Disconnected),
                        _ => band.told(uuids::FETCH_DATA, packet),
                    }
                }
                if !matches!(trouble, Trouble::Silent) {
                    band.told(uuids::FETCH_CONTROL, &[0x10, 2, 1]);
                    if matches!(trouble, Trouble::Tail) && band.runs(FETCH) {
                        band.elapse(FETCH);
                    }
                }
            }
            _ => {
                // What it was told to forget is gone.
                for one in std::mem::take(&mut memory.offered) {
                    memory.samples.remove(&one);
                }
                band.told(uuids::FETCH_CONTROL, &[0x10, 3, 1]);
            }
        }
        let history = band.history();
        if history.len() > kept {
            if matches!(trouble, Trouble::Uncommitted) {
                return band.step(Input::Disconnected);
            }
            disk.extend(&history[kept..]);
            kept = history.len();
            if matches!(trouble, Trouble::Unacknowledged) {
                return band.step(Input::Disconnected);
            }
            band.step(Input::Committed);
            band.perform();
        }
    }
}

proptest! {
    #[test]
    fn every_minute_arrives_once(
        present in prop::collection::vec(prop::bool::weighted(0.95), 1..400),
        second in 0_u64..60,
        early in 0_u64..3,
        span in 4_usize..200,
        room in 1_usize..20,
        troubles in prop::collection::vec(trouble(), 0..12),
    ) {
        let first = NOW / 60 - u64::try_from(present.len()).unwrap();
        let minutes = (first..).zip(&present).filter(|(_, present)| **present);
        let samples: BTreeMap<u64, [u8; 4]> = minutes
            .map(|(minute, _)| (minute, [1, 2, minute.to_le_bytes()[0], 255]))
            .collect();
        let expected: Vec<_> = samples.iter().map(|(minute, sample)| (minute * 60, sample[2])).collect();
        let mut memory = Memory { samples, second, early, span, room, offered: Vec::new() };
        let mut disk = Vec::new();
        let mut troubles = VecDeque::from(troubles);
        // As often as something can go wrong, and once more.
        for _ in 0..14 {
            connection(&mut memory, &mut disk, NOW, &mut troubles);
        }
        let told: Vec<_> = disk.iter().map(|one| (one.start, one.steps)).collect();
        prop_assert_eq!(told, expected);
    }
}
