//! What is tried again, and when.

use belay_proto::AccountId;

use super::super::*;
use crate::sync::model::Phase;

const MINUTE: Duration = Duration::from_secs(60);
const LACKS: Event = Event::Done(Some(SyncError::Lacking));
const IN_THE_WAY: Event = Event::Done(Some(SyncError::InTheWay));
const FULL: Event = Event::Done(Some(SyncError::QuotaExceeded));

/// A device whose pictures are synced at this time.
fn syncing(now: Duration) -> State {
    begun(&State::default(), now)
}

fn begun(state: &State, now: Duration) -> State {
    let session = Session {
        account: AccountId::from_bytes([1; 16]),
        owner: None,
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
fn what_a_record_that_doesn_t_open_is_in_the_way_of_is_tried_again_and_ever_less_often() {
    let mut now = MINUTE;
    let mut state = syncing(now);
    assert!(state.tries_in_the_way("pictures"));
    for minutes in [15, 30, 60, 120, 240, 360, 360] {
        state = step(&state, now, IN_THE_WAY).0;
        // What is edited meanwhile goes without it, and puts nothing off.
        state = step(&state, now, Event::Edited("pictures")).0;
        state = step(&state, now + DEBOUNCE, Event::Woken).0;
        assert!(!state.tries_in_the_way("pictures"));
        state = step(&state, now + DEBOUNCE, IN_THE_WAY).0;
        assert_eq!(state.due(), Some(now + minutes * MINUTE));
        now += minutes * MINUTE;
        let (next, effects) = step(&state, now, Event::Woken);
        assert_eq!(effects, [Effect::Sync("pictures")]);
        assert!(next.tries_in_the_way("pictures"));
        state = next;
    }
    state = step(&state, now, IN_THE_WAY).0;
    state = step(&state, now, Event::Enabled("pictures", false)).0;
    assert_eq!(state.due(), Some(now + EACH));
}

#[test]
fn what_is_in_the_way_is_tried_no_more_often_where_something_graver_is_told() {
    let hidden = Event::DoneButInTheWay(SyncError::CloudRefused);
    let mut now = MINUTE;
    let mut state = syncing(now);
    for minutes in [15, 30, 60] {
        state = step(&state, now, hidden.clone()).0;
        state = step(&state, now, Event::Edited("pictures")).0;
        state = step(&state, now + DEBOUNCE, Event::Woken).0;
        assert!(!state.tries_in_the_way("pictures"));
        state = step(&state, now + DEBOUNCE, hidden.clone()).0;
        assert_eq!(state.due(), Some(now + minutes * MINUTE));
        now += minutes * MINUTE;
        state = step(&state, now, Event::Woken).0;
        assert!(state.tries_in_the_way("pictures"));
    }
    // Nor does each of several rounds that fail.
    let failed = Event::Failed(Failure::Here(SyncError::Storage), MINUTE);
    let state = step(&state, now, failed).0;
    assert_eq!(state.due(), Some(now + MINUTE));
    assert!(!state.tries_in_the_way("pictures"));
    let state = step(&state, now + MINUTE, Event::Woken).0;
    let state = step(&state, now + MINUTE, Event::Done(None)).0;
    assert!(
        state.tries_in_the_way("pictures"),
        "nothing is in the way any more"
    );
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

const NO_ROOM: Event = Event::NoRoom("pictures");

/// One whose records are synced, and whose contents found no room.
fn without_room(now: Duration) -> State {
    let state = step(&syncing(now), now, Event::Done(None)).0;
    let (state, effects) = step(&state, now, NO_ROOM);
    assert_eq!(effects, [Effect::Sync("pictures")], "which tells what is left");
    step(&state, now, Event::Done(None)).0
}

#[test]
fn contents_without_room_are_shown_and_let_through_ever_less_often() {
    let mut now = MINUTE;
    let mut state = without_room(now);
    for minutes in [15, 30, 60, 120, 240, 360, 360] {
        assert_eq!(state.phase(false), Phase::QuotaExceeded);
        assert_eq!(state.trouble(), Some(SyncError::QuotaExceeded));
        assert_eq!(state.without_room(), [("pictures", true)].into());
        // Those that were on their way with the first one change nothing.
        state = step(&state, now + MINUTE, NO_ROOM).0;
        state = step(&state, now + MINUTE, Event::Done(None)).0;
        let until = now + minutes * MINUTE;
        assert_eq!(state.retries.due(), Some(until));
        state = step(&state, until, Event::Woken).0;
        assert_eq!(state.without_room(), [("pictures", false)].into());
        assert_eq!(state.phase(false), Phase::QuotaExceeded, "it is tried first");
        now = until;
        state = step(&state, now, NO_ROOM).0;
        state = step(&state, now, Event::Done(None)).0;
    }
    state = step(&state, now, Event::Room("pictures")).0;
    assert_eq!((state.phase(false), state.trouble()), (Phase::Idle, None));
}

#[test]
fn no_room_for_contents_is_shown_no_longer_than_somebody_brings_any() {
    let mut state = without_room(MINUTE);
    for _ in 0..2 {
        let due = state.retries.due().unwrap();
        state = step(&state, due, Event::Woken).0;
    }
    assert_eq!(
        (state.phase(false), state.without_room()),
        (Phase::Idle, [].into())
    );
}

#[test]
fn a_cloud_that_tells_of_more_room_than_there_was_has_contents_tried() {
    let mut state = without_room(MINUTE);
    for left in [1000, 10, 10, 5] {
        state = step(&state, MINUTE, Event::Told(left)).0;
        assert_eq!(state.without_room(), [("pictures", true)].into(), "{left}");
    }
    state = step(&state, MINUTE, Event::Told(6)).0;
    assert_eq!(state.phase(false), Phase::Idle);
}

#[test]
fn who_asks_for_a_collection_has_its_contents_tried_and_hears_that_there_was_no_room() {
    let state = without_room(MINUTE);
    let asked = Event::Asked {
        waiter: 1,
        collections: vec![],
        anyway: false,
    };
    let state = step(&state, MINUTE, asked).0;
    assert_eq!(state.without_room(), [("pictures", false)].into());
    let (state, effects) = step(&state, MINUTE, Event::Done(None));
    assert_eq!(effects, [Effect::Answer(1, Err(SyncError::QuotaExceeded))]);
    let off = step(&state, MINUTE, Event::Enabled("pictures", false)).0;
    assert_eq!(off.without_room(), [].into());
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
