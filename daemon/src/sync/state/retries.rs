//! What is tried again by itself, ever less often, since nothing tells when it would come to something else: chunks that the cloud
//! lacks, which another device may bring without a word, and records that it had no room for, which it may have though its
//! numbers stay.

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

    /// What came of a round.
    pub(super) fn came(&mut self, collection: &'static str, trouble: Option<SyncError>, now: Duration) {
        let is_lacking = trouble == Some(SyncError::Lacking);
        self.lacking.found(collection, is_lacking, now, self.spread);
        let is_full = trouble == Some(SyncError::QuotaExceeded);
        // A round before its time has tried nothing of it.
        if !(is_full && self.full.waits(collection)) {
            self.full.found(collection, is_full, now, self.spread);
        }
    }

    /// It isn't synced any more.
    pub(super) fn drop_out(&mut self, collection: &str) {
        self.lacking.0.remove(collection);
        self.full.0.remove(collection);
    }

    /// When the next is tried, boot time.
    pub(super) fn due(&self) -> Option<Duration> {
        let all = self.lacking.0.values().chain(self.full.0.values());
        all.filter_map(|wait| wait.until).min()
    }

    /// Those that are to be tried by now, each once.
    pub(super) fn take(&mut self, now: Duration) -> impl Iterator<Item = &'static str> {
        let all = self.lacking.0.iter_mut().chain(&mut self.full.0);
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
}

#[cfg(test)]
mod tests {
    use belay_proto::AccountId;

    use super::super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const LACKS: Event = Event::Done(Some(SyncError::Lacking));
    const FULL: Event = Event::Done(Some(SyncError::QuotaExceeded));

    /// A device whose pictures are synced at this time.
    fn syncing(now: Duration) -> State {
        begun(&State::default(), now)
    }

    fn begun(state: &State, now: Duration) -> State {
        let session = Session {
            account: AccountId::from_bytes([1; 16]),
            generation: 1,
            presence: 0,
        };
        let event = Event::Session(Some(session), BTreeSet::from(["pictures"]));
        let (state, effects) = step(state, now, event);
        assert!(effects.contains(&Effect::Sync("pictures")));
        state
    }

    #[test]
    fn chunks_that_another_device_may_bring_are_asked_after_again_and_ever_less_often() {
        let mut now = MINUTE;
        let mut state = syncing(now);
        for minutes in [15, 30, 60, 120, 240, 360, 360] {
            state = step(&state, now, LACKS).0;
            assert_eq!(state.due(), Some(now + minutes * MINUTE));
            now += minutes * MINUTE;
            let (next, effects) = step(&state, now, Event::Woken);
            assert_eq!(effects, [Effect::Sync("pictures")]);
            state = next;
        }
        // They are there again, and are lost again.
        state = step(&state, now, Event::Done(None)).0;
        assert_eq!(state.due(), Some(now + EACH));
        state = step(&state, now + EACH, Event::Woken).0;
        state = step(&state, now + EACH, LACKS).0;
        assert_eq!(state.due(), Some(now + EACH + LONGEST_PAUSE));
    }

    #[test]
    fn what_is_edited_meanwhile_waits_for_none_of_it() {
        let state = step(&syncing(MINUTE), MINUTE, LACKS).0;
        let state = step(&state, 2 * MINUTE, Event::Edited("pictures")).0;
        assert_eq!(state.due(), Some(2 * MINUTE + DEBOUNCE));
        let (state, effects) = step(&state, 2 * MINUTE + DEBOUNCE, Event::Woken);
        assert_eq!(effects, [Effect::Sync("pictures")]);
        // A try that fails isn't begun again and again since it is due.
        let wait = Duration::from_secs(5);
        let failed = Event::Failed(Failure::Here(SyncError::Storage), wait);
        let now = 40 * MINUTE;
        let (state, effects) = step(&state, now, failed);
        assert_eq!((state.due(), effects), (Some(now + wait), vec![]));
    }

    #[test]
    fn what_is_switched_off_is_asked_after_no_more() {
        let state = step(&syncing(MINUTE), MINUTE, LACKS).0;
        let state = step(&state, MINUTE, Event::Enabled("pictures", false)).0;
        assert_eq!(state.due(), Some(MINUTE + EACH));
    }

    #[test]
    fn what_there_was_no_room_for_is_tried_again_ever_less_often_and_not_in_between() {
        let mut now = MINUTE;
        let mut state = syncing(now);
        assert!(!state.believes_it_full("pictures"), "nothing is known");
        for minutes in [15, 30, 60, 120, 240, 360, 360] {
            state = step(&state, now, FULL).0;
            let until = now + minutes * MINUTE;
            assert_eq!(state.due(), Some(until));
            // Something else is to be synced meanwhile.
            let edited = step(&state, now, Event::Edited("pictures")).0;
            let (edited, effects) = step(&edited, now + DEBOUNCE, Event::Woken);
            assert_eq!(effects, [Effect::Sync("pictures")]);
            assert!(edited.believes_it_full("pictures"));
            state = step(&edited, now + DEBOUNCE, FULL).0;
            assert_eq!(state.due(), Some(until), "which tried nothing of it");
            now = until;
            let (next, effects) = step(&state, now, Event::Woken);
            assert_eq!(effects, [Effect::Sync("pictures")]);
            assert!(!next.believes_it_full("pictures"));
            state = next;
        }
        state = step(&state, now, Event::Done(None)).0;
        assert!(!state.believes_it_full("pictures"));
        assert_eq!(state.due(), Some(now + EACH));
    }

    #[test]
    fn who_asks_for_a_full_collection_has_it_tried() {
        let state = step(&syncing(MINUTE), MINUTE, FULL).0;
        let (waiter, anyway) = (1, false);
        let collections = vec![];
        let asked = Event::Asked {
            waiter,
            collections,
            anyway,
        };
        let (state, effects) = step(&state, MINUTE, asked);
        assert_eq!(effects, [Effect::Sync("pictures")]);
        assert!(!state.believes_it_full("pictures"));
    }

    #[test]
    fn devices_that_found_no_room_at_once_dont_come_again_at_once() {
        let until = |spread| {
            let state = begun(&State::spread(spread), MINUTE);
            step(&state, MINUTE, FULL).0.due().unwrap()
        };
        assert_eq!(until(0), 16 * MINUTE);
        assert!(until(0) < until(7) && until(7) < until(255));
        assert!(until(255) < MINUTE + 15 * MINUTE * 5 / 4);
    }
}
