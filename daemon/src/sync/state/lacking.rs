//! Collections of which the cloud lacks chunks. Another device may bring them, and no record tells of it: they are asked after
//! again.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{EACH, LONGEST_PAUSE};

/// When they are asked after again, by collection.
#[derive(Clone, Debug, Default)]
pub(super) struct Lacking(BTreeMap<&'static str, Asking>);

#[derive(Clone, Copy, Debug)]
struct Asking {
    /// How long was waited last: what nobody has any more isn't asked after for ever as often.
    wait: Duration,
    /// Boot time; none while it is about to be.
    at: Option<Duration>,
}

impl Lacking {
    /// What a round found.
    pub(super) fn found(&mut self, collection: &'static str, is_lacking: bool, now: Duration) {
        if !is_lacking {
            self.0.remove(collection);
            return;
        }
        let before = self.0.get(collection).map(|asking| asking.wait);
        let wait = before.map_or(LONGEST_PAUSE, |wait| (wait * 2).min(EACH));
        let at = Some(now + wait);
        self.0.insert(collection, Asking { wait, at });
    }

    /// It isn't synced any more.
    pub(super) fn drop_out(&mut self, collection: &str) {
        self.0.remove(collection);
    }

    /// When the next is asked after, boot time.
    pub(super) fn due(&self) -> Option<Duration> {
        self.0.values().filter_map(|asking| asking.at).min()
    }

    /// Those that are to be asked after by now, each once.
    pub(super) fn take(&mut self, now: Duration) -> impl Iterator<Item = &'static str> {
        self.0
            .iter_mut()
            .filter_map(move |(name, asking)| asking.at.take_if(|at| *at <= now).map(|_| *name))
    }
}

#[cfg(test)]
mod tests {
    use belay_proto::AccountId;

    use super::super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const LACKS: Event = Event::Done(Some(SyncError::Lacking));

    /// A device whose pictures are synced at this time.
    fn syncing(now: Duration) -> State {
        let session = Session {
            account: AccountId::from_bytes([1; 16]),
            generation: 1,
            presence: 0,
        };
        let event = Event::Session(Some(session), BTreeSet::from(["pictures"]));
        let (state, effects) = step(&State::default(), now, event);
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
}
