//! What a scan has heard of which device, and of which of them there is news that nobody has yet.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

use belay_drivers::{Address, Advertisement};
use uuid::Uuid;

use crate::accessory::ports::Heard;

/// So many devices are kept in mind. An attacker has as many addresses as he likes.
const MOST_DEVICES: usize = 512;
/// BlueZ doesn't tell of a name that comes later: a device without one is asked for it so often.
const ASKED_FOR_NAME: u8 = 8;

/// News of a device.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    /// BlueZ knows it, for whatever reason.
    Known,
    Strength(i16),
    Manufacturer(Vec<(u16, Vec<u8>)>),
    Service(Vec<(Uuid, Vec<u8>)>),
    Services(Vec<Uuid>),
}

/// The devices of a scan; `K` is what BlueZ calls them.
#[derive(Debug)]
pub(super) struct Book<K> {
    devices: HashMap<K, Entry>,
    /// Those with news, the longest waiting first, each once.
    news: VecDeque<K>,
    bonded: HashSet<Address>,
}

#[derive(Debug)]
struct Entry {
    said: Advertisement,
    asked: u8,
    has_news: bool,
}

impl<K: Clone + Eq + Hash> Book<K> {
    pub(super) fn new(bonded: HashSet<Address>) -> Self {
        Self {
            devices: HashMap::new(),
            news: VecDeque::new(),
            bonded,
        }
    }

    /// Whether BlueZ is to be asked for all of the device, to be told in [`Book::learn`].
    pub(super) fn wants(&self, device: &K) -> bool {
        self.devices
            .get(device)
            .is_none_or(|entry| entry.said.name.is_none() && entry.asked < ASKED_FOR_NAME)
    }

    /// Learns all that BlueZ has of the device.
    pub(super) fn learn(&mut self, device: &K, said: Advertisement) {
        if let Some(entry) = self.devices.get_mut(device) {
            entry.said = said;
            entry.asked = entry.asked.saturating_add(1);
            return;
        }
        if self.devices.len() >= MOST_DEVICES {
            self.devices.retain(|_, entry| entry.has_news);
        }
        if self.devices.len() < MOST_DEVICES {
            let entry = Entry {
                said,
                asked: 1,
                has_news: false,
            };
            self.devices.insert(device.clone(), entry);
        }
    }

    /// Takes news of a device that it has learnt of.
    pub(super) fn note(&mut self, device: &K, news: News) {
        let Some(entry) = self.devices.get_mut(device) else {
            return;
        };
        match news {
            News::Known => {}
            News::Strength(rssi) => entry.said.rssi = Some(rssi),
            News::Manufacturer(data) => entry.said.manufacturer = data,
            News::Service(data) => entry.said.service_data = data,
            News::Services(services) => entry.said.services = services,
        }
        // Without a signal strength it is one of those that BlueZ keeps in mind, and not near.
        let counts = entry.said.rssi.is_some() || self.bonded.contains(&entry.said.address);
        if counts && !entry.has_news {
            entry.has_news = true;
            self.news.push_back(device.clone());
        }
    }

    pub(super) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// The newest of the device whose news waits longest.
    pub(super) fn next(&mut self) -> Option<Heard> {
        let device = self.news.pop_front()?;
        let entry = self.devices.get_mut(&device)?;
        entry.has_news = false;
        Some(Heard {
            advertisement: entry.said.clone(),
            bonded: self.bonded.contains(&entry.said.address),
        })
    }
}

#[cfg(test)]
#[path = "heard_tests.rs"]
mod tests;
