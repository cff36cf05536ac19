//! Who waits for news of which device, and how they are woken. Nothing polls.
//!
//! Only devices that somebody waits for have an entry. What happened is a few numbers, the newest of which
//! counts: a waiter that is slow misses none and holds nothing up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use belay_proto::DeviceId;
use belay_proto::wire::Hint;
use tokio::sync::watch;

/// Streams that one device keeps; a further one ends the oldest, which a change of networks left behind.
pub const STREAMS: u64 = 4;

/// Long polls for one device at once, of each [`Side`]; a further one is answered without waiting.
const WAITS: usize = 8;

/// Who waits in a long poll. Neither takes the other's places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The device, for commands.
    Device,
    /// Its owner, for what becomes of one.
    Owner,
}

/// How somebody waits.
#[derive(Clone, Copy, Debug)]
enum As {
    /// A stream, with its number.
    Stream(u64),
    Poll(Side),
}

/// What happened at a device: the number of the newest event of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Of [`Hint::Commands`]; 0 = none.
    pub commands: u64,
    /// Of [`Hint::Sync`]; 0 = none.
    pub sync: u64,
    /// Of [`Hint::Account`]; 0 = none.
    pub account: u64,
}

/// What waiters see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The events.
    pub marks: Marks,
    /// Counts changes of the device's commands, for their owner.
    pub lives: u64,
    /// Streams opened before this one end.
    pub oldest: u64,
    /// The binding ended, or the cloud stops.
    pub ended: bool,
}

/// The waiters; cloning gives another handle to the same.
#[derive(Clone, Debug, Default)]
pub struct Hub(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    devices: Mutex<HashMap<DeviceId, Entry>>,
    streams: AtomicUsize,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Entry {
    news: watch::Sender<News>,
    /// The number of the newest stream.
    opened: u64,
    /// Long polls of the device.
    device: usize,
    /// Long polls of its owner.
    owner: usize,
}

impl Entry {
    fn polls(&mut self, side: Side) -> &mut usize {
        match side {
            Side::Device => &mut self.device,
            Side::Owner => &mut self.owner,
        }
    }
}

/// One who waits for news of a device; ends waiting when dropped.
#[derive(Debug)]
pub struct Waiter {
    hub: Hub,
    device: DeviceId,
    news: watch::Receiver<News>,
    waits_as: As,
}

impl Marks {
    /// The newest number; 0 before the first event.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.commands.max(self.sync).max(self.account)
    }

    /// The kinds that had an event after number `sent`, with their newest number, in order.
    #[must_use]
    pub fn after(&self, sent: u64) -> Vec<(Hint, u64)> {
        let mut due = vec![
            (Hint::Commands, self.commands),
            (Hint::Sync, self.sync),
            (Hint::Account, self.account),
        ];
        due.retain(|(_, number)| *number > sent);
        due.sort_by_key(|(_, number)| *number);
        due
    }
}

impl Hub {
    /// Waits as a stream.
    #[must_use]
    pub fn stream(&self, device: DeviceId) -> Waiter {
        let mut devices = self.0.devices();
        let entry = devices.entry(device).or_default();
        entry.opened += 1;
        let number = entry.opened;
        entry
            .news
            .send_modify(|news| news.oldest = (number + 1).saturating_sub(STREAMS));
        self.0.streams.fetch_add(1, Ordering::Relaxed);
        self.waiter(device, entry, As::Stream(number))
    }

    /// Waits as a long poll; `None` when too many of this side do already.
    #[must_use]
    pub fn poll(&self, device: DeviceId, side: Side) -> Option<Waiter> {
        let mut devices = self.0.devices();
        let entry = devices.entry(device).or_default();
        let polls = entry.polls(side);
        if *polls >= WAITS {
            return None;
        }
        *polls += 1;
        Some(self.waiter(device, entry, As::Poll(side)))
    }

    fn waiter(&self, device: DeviceId, entry: &Entry, waits_as: As) -> Waiter {
        Waiter {
            hub: self.clone(),
            device,
            news: entry.news.subscribe(),
            waits_as,
        }
    }

    /// Tells of events at a device.
    pub fn tell(&self, device: &DeviceId, marks: Marks) {
        self.modify(device, |news| news.marks = marks);
    }

    /// Tells that one of the device's commands went on.
    pub fn went_on(&self, device: &DeviceId) {
        self.modify(device, |news| news.lives += 1);
    }

    /// Ends the waiting for a device whose binding ended.
    pub fn end(&self, device: &DeviceId) {
        self.modify(device, |news| news.ended = true);
    }

    /// Ends all waiting, and what begins later at once.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
        for entry in self.0.devices().values() {
            entry.news.send_modify(|news| news.ended = true);
        }
    }

    /// Whether the cloud stops.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Relaxed)
    }

    /// How many streams are open.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.0.streams.load(Ordering::Relaxed)
    }

    /// Whether anybody waits for news of the device.
    #[cfg(test)]
    pub fn is_waited_at(&self, device: &DeviceId) -> bool {
        self.0.devices().contains_key(device)
    }

    fn modify(&self, device: &DeviceId, change: impl FnOnce(&mut News)) {
        if let Some(entry) = self.0.devices().get(device) {
            entry.news.send_modify(change);
        }
    }
}

impl Shared {
    /// A plain lock: it is held for one entry, or when the cloud stops.
    fn devices(&self) -> MutexGuard<'_, HashMap<DeviceId, Entry>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// What happened; from here on [`Self::changed`] waits for more.
    #[must_use]
    pub fn news(&mut self) -> News {
        *self.news.borrow_and_update()
    }

    /// Whether this one has to end.
    #[must_use]
    pub fn is_over(&self, news: &News) -> bool {
        let left_behind = matches!(self.waits_as, As::Stream(number) if number < news.oldest);
        news.ended || self.hub.is_closed() || left_behind
    }

    /// Ends with the next news.
    pub async fn changed(&mut self) {
        // The entry with its sender stays as long as this waiter does.
        drop(self.news.changed().await);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut devices = self.hub.0.devices();
        if let As::Stream(_) = self.waits_as {
            self.hub.0.streams.fetch_sub(1, Ordering::Relaxed);
        }
        let Some(entry) = devices.get_mut(&self.device) else {
            return;
        };
        if let As::Poll(side) = self.waits_as {
            *entry.polls(side) -= 1;
        }
        // This one's own receiver is still counted.
        if entry.news.receiver_count() <= 1 {
            devices.remove(&self.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const DEVICE: DeviceId = DeviceId::from_bytes([1; 16]);

    #[test]
    fn each_kind_is_told_once_with_its_newest_number_in_order() {
        let marks = Marks {
            commands: 7,
            sync: 0,
            account: 5,
        };
        assert_eq!(marks.newest(), 7);
        assert_eq!(marks.after(0), [(Hint::Account, 5), (Hint::Commands, 7)]);
        assert_eq!(marks.after(5), [(Hint::Commands, 7)]);
        assert_eq!(marks.after(7), []);
    }

    #[test]
    fn nobody_waits_leaves_no_entry() {
        let hub = Hub::default();
        hub.tell(&DEVICE, Marks::default());
        assert!(hub.0.devices().is_empty());
        let (one, two) = (hub.stream(DEVICE), hub.poll(DEVICE, Side::Owner).unwrap());
        assert_eq!(hub.streams(), 1);
        drop(one);
        assert_eq!((hub.streams(), hub.0.devices().len()), (0, 1));
        drop(two);
        assert!(hub.0.devices().is_empty());
    }

    #[test]
    fn a_fifth_stream_ends_the_oldest_and_a_ninth_poll_does_not_wait() {
        let hub = Hub::default();
        let mut streams: Vec<_> = (0..=STREAMS).map(|_| hub.stream(DEVICE)).collect();
        let over: Vec<_> = streams
            .iter_mut()
            .map(|stream| {
                let news = stream.news();
                stream.is_over(&news)
            })
            .collect();
        assert_eq!(over, [true, false, false, false, false]);
        for (side, other) in [(Side::Owner, Side::Device), (Side::Device, Side::Owner)] {
            let polls: Vec<_> = (0..WAITS).map(|_| hub.poll(DEVICE, side).unwrap()).collect();
            assert!(hub.poll(DEVICE, side).is_none());
            assert!(
                hub.poll(DEVICE, other).is_some(),
                "{side:?} takes no place of the other's"
            );
            drop(polls);
            assert!(hub.poll(DEVICE, side).is_some());
        }
    }

    #[test]
    fn closing_ends_all_and_what_comes_later() {
        let hub = Hub::default();
        let mut waiter = hub.stream(DEVICE);
        let before = waiter.news();
        assert!(!waiter.is_over(&before) && waiter.changed().now_or_never().is_none());
        hub.close();
        assert!(waiter.changed().now_or_never().is_some());
        let mut later = hub.stream(DEVICE);
        let news = later.news();
        assert!(later.is_over(&news));
    }
}
