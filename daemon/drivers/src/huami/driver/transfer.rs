//! One transfer of the history: packets in, minutes out.

use crate::huami::codec::sample::{self, Size};
use crate::measure::ActivityMinute;

/// The most bytes that are kept of a transfer: half a year of the longer samples.
const LIMIT: usize = 182 * 1440 * 8;

/// The most packets, kept or not, of a transfer that is announced as this long: a band that sends on for ever gets no
/// further. Each packet has a sample or four; whether a band counts samples or something longer isn't known for sure.
const PACKETS: u64 = 400_000;
const PACKETS_EACH: u64 = 8;
const PACKETS_MORE: u64 = 64;

/// A transfer under way.
pub(super) struct Transfer {
    /// The start of the first minute, seconds since the epoch.
    start: u64,
    /// How many samples were announced.
    announced: u32,
    counter: u8,
    data: Vec<u8>,
    packets: u64,
    broken: bool,
}

impl Transfer {
    pub(super) const fn new(start: u64, announced: u32) -> Self {
        Self {
            start,
            announced,
            counter: 0,
            data: Vec::new(),
            packets: 0,
            broken: false,
        }
    }

    /// Takes one packet. After a gap, or beyond the limit, nothing is kept any more.
    pub(super) fn push(&mut self, packet: &[u8]) {
        self.packets += 1;
        match sample::packet(packet) {
            Ok((counter, data))
                if !self.broken && counter == self.counter && self.data.len() + data.len() <= LIMIT =>
            {
                self.counter = self.counter.wrapping_add(1);
                self.data.extend_from_slice(data);
            }
            _ => {
                self.broken = true;
                self.data = Vec::new();
            }
        }
    }

    /// Whether there were more packets than can be.
    pub(super) fn is_endless(&self) -> bool {
        let likely = u64::from(self.announced) * PACKETS_EACH + PACKETS_MORE;
        self.packets > likely.min(PACKETS)
    }

    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Packets so far, kept or not.
    pub(super) const fn packets(&self) -> u64 {
        self.packets
    }

    /// Whole samples so far.
    pub(super) fn samples(&self, size: Size) -> u64 {
        u64::try_from(self.data.len() / size.bytes()).unwrap_or(u64::MAX)
    }

    /// How many samples were announced.
    pub(super) const fn announced(&self) -> u32 {
        self.announced
    }

    /// Whether as much has come as was announced.
    pub(super) fn is_complete(&self, size: Size) -> bool {
        self.samples(size) >= u64::from(self.announced)
    }

    /// CRC-32 of all data.
    pub(super) fn crc(&self) -> u32 {
        crc32fast::hash(&self.data)
    }

    /// When its last minute is over, seconds since the epoch.
    pub(super) fn end(&self, size: Size) -> u64 {
        self.start.saturating_add(self.samples(size).saturating_mul(60))
    }

    /// The minutes after `after` and up to `until`, in order; `None` where the transfer is broken.
    pub(super) fn minutes(&self, size: Size, after: u64, until: u64) -> Option<Vec<ActivityMinute>> {
        if self.broken {
            return None;
        }
        let samples = sample::decode(&self.data, size).ok()?;
        let starts = (0..).map(|index: u64| self.start.saturating_add(index.saturating_mul(60)));
        let minutes = starts.zip(samples).map(|(start, sample)| ActivityMinute {
            start,
            kind: sample.kind,
            intensity: sample.intensity,
            steps: sample.steps,
            heart_rate: sample.heart_rate.unwrap_or(255),
        });
        let wanted = |minute: &ActivityMinute| minute.start > after && minute.start <= until;
        Some(minutes.filter(wanted).collect())
    }
}
