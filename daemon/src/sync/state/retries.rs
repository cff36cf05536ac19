//! What is tried again by itself, ever less often, since nothing tells when it would come to something else: chunks that the cloud
//! lacks, which another device may bring without a word, records that it had no room for, which it may have though its numbers
//! stay, and records that one of the cloud is in the way of which doesn't open, since the answer alone may have been damaged.
//! Contents that it had no room for are whoever's who brought them, and tries them again: they are let through ever less often.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{EACH, LONGEST_PAUSE, State};
use crate::sync::error::SyncError;

/// A wait is up to a quarter longer, by so many 1024ths.
const WHOLE: u32 = 1024;

/// What is tried again, by what keeps it.
#[derive(Clone, Debug, Default)]
pub(super) struct Retries {
    lacking: Again,
    full: Again,
    in_the_way: Again,
    /// Collections of which contents found no room.
    long: BTreeMap<&'static str, NoRoom>,
    /// How much longer this device waits than others, in 1024ths, so that all of an account don't come at once.
    spread: u32,
}

/// When something is tried again, by collection.
#[derive(Clone, Debug, Default)]
struct Again(BTreeMap<&'static str, Wait>);

#[derive(Clone, Copy, Debug)]
struct Wait {
    /// How long was waited last: what stays as it is isn't tried for ever as often.
    long: Duration,
    /// Boot time; none while it is about to be.
    until: Option<Duration>,
}

/// No room for contents.
#[derive(Clone, Copy, Debug)]
struct NoRoom {
    /// How long it was believed last.
    long: Duration,
    /// Until this boot time it is believed; none: somebody has asked for a try since.
    until: Option<Duration>,
    /// Until this boot time it is shown: whoever brings contents has tried again by then, or has none any more.
    shown: Duration,
    /// The fewest bytes that the cloud has told to be left since.
    left: Option<u64>,
}

impl Retries {
    /// None yet, on a device that waits so much longer than others.
    pub(super) fn spread(spread: u8) -> Self {
        Self {
            spread: u32::from(spread),
            ..Self::default()
        }
    }

    /// None, on the same device.
    pub(super) fn anew(&self) -> Self {
        Self {
            spread: self.spread,
            ..Self::default()
        }
    }

    /// What came of a round; and whether what doesn't open is in the way of anything, which something graver may hide.
    pub(super) fn came(
        &mut self,
        collection: &'static str,
        (trouble, is_in_the_way): (Option<SyncError>, bool),
        now: Duration,
    ) {
        let is_lacking = trouble == Some(SyncError::Lacking);
        self.lacking.found(collection, is_lacking, now, self.spread);
        let is_full = trouble == Some(SyncError::QuotaExceeded);
        // A round before its time has tried nothing of it.
        if !(is_full && self.full.waits(collection)) {
            self.full.found(collection, is_full, now, self.spread);
        }
        if !(is_in_the_way && self.in_the_way.waits(collection)) {
            self.in_the_way.found(collection, is_in_the_way, now, self.spread);
        }
    }

    /// A round came to nothing by itself: what it may have tried waits as long again.
    pub(super) fn came_to_nothing(&mut self, collection: &str, now: Duration) {
        if let Some(wait) = self.in_the_way.0.get_mut(collection) {
            let until = now + wait.long + wait.long * self.spread / WHOLE;
            wait.until.get_or_insert(until);
        }
    }

    /// It isn't synced any more.
    pub(super) fn drop_out(&mut self, collection: &str) {
        self.lacking.0.remove(collection);
        self.full.0.remove(collection);
        self.in_the_way.0.remove(collection);
        self.long.remove(collection);
    }

    /// A content found no room.
    pub(super) fn found_no_room(&mut self, collection: &'static str, now: Duration) {
        let before = self.long.get(collection);
        // Of those that were on their way together each says so.
        if before.is_some_and(|before| before.until.is_some()) {
            return;
        }
        let long = before.map_or(LONGEST_PAUSE, |before| (before.long * 2).min(EACH));
        let until = now + long + long * self.spread / WHOLE;
        let no_room = NoRoom {
            long,
            until: Some(until),
            shown: until + 2 * LONGEST_PAUSE,
            left: None,
        };
        self.long.insert(collection, no_room);
    }

    /// A content found room.
    pub(super) fn found_room(&mut self, collection: &str) {
        self.long.remove(collection);
    }

    /// Somebody wants these tried, whatever was found.
    pub(super) fn lets_through(&mut self, collection: &str) {
        if let Some(no_room) = self.long.get_mut(collection) {
            no_room.until = None;
        }
    }

    /// The cloud has so many bytes left. More than before may be enough.
    pub(super) fn told(&mut self, left: u64) {
        self.long.retain(|_, no_room| {
            let before = no_room.left.unwrap_or(left);
            no_room.left = Some(left.min(before));
            left <= before
        });
    }

    /// What is over by now isn't believed, or shown, any more.
    pub(super) fn pass(&mut self, now: Duration) {
        self.long.retain(|_, no_room| {
            no_room.until = no_room.until.filter(|until| *until > now);
            no_room.shown > now
        });
    }

    /// Whether contents found no room.
    pub(super) fn has_no_room(&self, collection: &str) -> bool {
        self.long.contains_key(collection)
    }

    /// When the next is tried, boot time.
    pub(super) fn due(&self) -> Option<Duration> {
        let all = self.lacking.0.values().chain(self.full.0.values());
        let all = all.chain(self.in_the_way.0.values());
        let long = self
            .long
            .values()
            .map(|no_room| no_room.until.unwrap_or(no_room.shown));
        all.filter_map(|wait| wait.until).chain(long).min()
    }

    /// Those that are to be tried by now, each once.
    pub(super) fn take(&mut self, now: Duration) -> impl Iterator<Item = &'static str> {
        let all = self.lacking.0.iter_mut().chain(&mut self.full.0);
        let all = all.chain(&mut self.in_the_way.0);
        all.filter_map(move |(name, wait)| wait.until.take_if(|until| *until <= now).map(|_| *name))
    }
}

impl Again {
    fn found(&mut self, collection: &'static str, is_so: bool, now: Duration, spread: u32) {
        if !is_so {
            self.0.remove(collection);
            return;
        }
        let before = self.0.get(collection).map(|wait| wait.long);
        let long = before.map_or(LONGEST_PAUSE, |long| (long * 2).min(EACH));
        let until = Some(now + long + long * spread / WHOLE);
        self.0.insert(collection, Wait { long, until });
    }

    fn waits(&self, collection: &str) -> bool {
        self.0.get(collection).is_some_and(|wait| wait.until.is_some())
    }
}

impl State {
    /// One that waits so much longer than others, of at most a quarter.
    pub(in crate::sync) fn spread(spread: u8) -> Self {
        Self {
            retries: Retries::spread(spread),
            ..Self::default()
        }
    }

    /// Whether a round of this collection goes by what the cloud said last of its room: it isn't yet time to try anew, and
    /// nobody asked for it.
    pub(in crate::sync) fn believes_it_full(&self, collection: &str) -> bool {
        self.retries.full.waits(collection) && !self.waiting.is_for(collection)
    }

    /// Whether a round of this collection tries again what one of the cloud that doesn't open was in the way of: it is time to.
    pub(in crate::sync) fn tries_in_the_way(&self, collection: &str) -> bool {
        !self.retries.in_the_way.waits(collection)
    }

    /// Collections of which contents found no room, and whether that is believed: then none is tried.
    pub(in crate::sync) fn without_room(&self) -> BTreeMap<&'static str, bool> {
        let all = self.retries.long.iter();
        all.map(|(name, no_room)| (*name, no_room.until.is_some()))
            .collect()
    }

    /// A content found no room.
    pub(super) fn find_no_room(&mut self, collection: &'static str, now: Duration) {
        if self.enabled.contains(collection) {
            self.retries.found_no_room(collection, now);
            // What is left now is what more is measured by.
            self.wanted.insert(collection);
        }
    }

    /// What else is wrong with a collection whose records are as they should be.
    pub(super) fn lacks_room(&self, collection: &str) -> Option<SyncError> {
        self.retries
            .has_no_room(collection)
            .then_some(SyncError::QuotaExceeded)
    }
}

#[cfg(test)]
mod tests;
