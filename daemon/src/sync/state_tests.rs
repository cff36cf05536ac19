//! When what is synced.

use proptest::prelude::*;

use super::*;
use crate::sync::model::Phase;
use crate::sync::ports::SyncFailure;

const NOW: Duration = Duration::from_secs(1000);
const SESSION: Session = Session {
    account: AccountId::from_bytes([1; 16]),
    owner: None,
    generation: 1,
    presence: 1,
};

fn seconds(seconds: u64) -> Duration {
    NOW + Duration::from_secs(seconds)
}

fn on(collections: &[&'static str]) -> BTreeSet<&'static str> {
    collections.iter().copied().collect()
}

/// What `events` lead to, with the effects of the last one.
fn after(events: &[(Duration, Event)]) -> (State, Vec<Effect>) {
    let mut state = State::default();
    let mut effects = Vec::new();
    for (now, event) in events {
        (state, effects) = step(&state, *now, event.clone());
    }
    (state, effects)
}

fn asked(waiter: u64, collections: Vec<&'static str>) -> Event {
    Event::Asked {
        waiter,
        collections,
        anyway: false,
    }
}

fn idle() -> State {
    let begun = after(&[
        (NOW, Event::Session(Some(SESSION), on(&["contacts"]))),
        (NOW, Event::Done(None)),
    ]);
    begun.0
}

#[test]
fn a_session_syncs_all_that_is_on_in_the_order_in_which_it_is_missed() {
    let (state, effects) = after(&[(NOW, Event::Session(Some(SESSION), on(&["videos", "contacts"])))]);
    assert_eq!(effects, [Effect::Leave, Effect::Sync("contacts")]);
    let (state, effects) = step(&state, NOW, Event::Done(None));
    assert_eq!(effects, [Effect::Sync("videos")]);
    let (state, effects) = step(&state, NOW, Event::Done(None));
    assert_eq!((effects, state.phase(false)), (vec![], Phase::Idle));
}

#[test]
fn edits_are_gathered_for_a_moment_and_not_for_longer_than_ten_seconds() {
    let mut state = idle();
    for second in 0..10 {
        let (next, effects) = step(&state, seconds(second), Event::Edited("contacts"));
        assert_eq!(effects, [], "{second}");
        state = next;
    }
    assert_eq!(state.due(), Some(seconds(10)));
    let (_, effects) = step(&state, seconds(10), Event::Woken);
    assert_eq!(effects, [Effect::Sync("contacts")]);
    let (state, _) = step(&idle(), NOW, Event::Edited("contacts"));
    assert_eq!(state.due(), Some(seconds(2)));
    let (state, effects) = step(&idle(), NOW, Event::Edited("notes"));
    assert_eq!((state.debounce, effects), (None, vec![]), "notes are off");
}

#[test]
fn what_fails_waits_and_the_cloud_s_coming_back_ends_the_wait() {
    let failed = Event::Failed(SyncFailure::Offline(None).into(), Duration::from_secs(60));
    let (state, _) = step(&idle(), NOW, Event::Hinted);
    let (state, effects) = step(&state, NOW, failed);
    assert_eq!((effects, state.phase(false)), (vec![], Phase::Offline));
    assert_eq!(state.due(), Some(seconds(60)));
    let (_, effects) = step(&state, seconds(30), Event::Woken);
    assert_eq!(effects, []);
    let (_, effects) = step(&state, seconds(30), Event::Reached);
    assert_eq!(effects, [Effect::Sync("contacts")]);
    let (_, effects) = step(&state, seconds(60), Event::Woken);
    assert_eq!(effects, [Effect::Sync("contacts")]);
}

#[test]
fn what_the_owner_has_to_help_with_is_asked_after_seldom() {
    let (state, _) = step(&idle(), NOW, Event::Hinted);
    let failed = Event::Failed(SyncFailure::Reauthentication.into(), Duration::from_secs(1));
    let (state, _) = step(&state, NOW, failed);
    assert_eq!(state.phase(false), Phase::Attention);
    assert_eq!(state.due(), Some(NOW + LONGEST_PAUSE));
    let again = Session {
        presence: 2,
        ..SESSION
    };
    let (_, effects) = step(&state, NOW, Event::Session(Some(again), on(&["contacts"])));
    assert_eq!(effects, [Effect::Sync("contacts")]);
}

#[test]
fn whoever_asks_is_answered_by_a_round_that_began_afterwards() {
    let (state, _) = step(&idle(), NOW, Event::Hinted);
    assert_eq!(state.busy, Some("contacts"));
    let (state, effects) = step(&state, NOW, asked(1, vec!["contacts"]));
    assert_eq!(effects, []);
    let (state, effects) = step(&state, NOW, Event::Done(None));
    assert_eq!(effects, [Effect::Sync("contacts")], "not yet");
    let (_, effects) = step(&state, NOW, Event::Done(None));
    assert_eq!(effects, [Effect::Answer(1, Ok(()))]);
    let (state, _) = step(&state, NOW, Event::HungUp(1));
    let (_, effects) = step(&state, NOW, Event::Done(None));
    assert_eq!(effects, [], "nobody waits");
}

#[test]
fn whoever_asks_for_what_can_t_be_is_told_at_once() {
    let table = [
        (vec!["notes"], Conditions::default(), Err(SyncError::NotFound)),
        (
            vec!["contacts"],
            Conditions {
                online: Some(false),
                ..Conditions::default()
            },
            Err(SyncError::Offline),
        ),
        (
            vec![],
            Conditions {
                metered: true,
                ..Conditions::default()
            },
            Err(SyncError::Paused),
        ),
        (
            vec![],
            Conditions {
                battery: Some(14),
                ..Conditions::default()
            },
            Err(SyncError::Paused),
        ),
    ];
    for (collections, conditions, answer) in table {
        let (state, _) = step(&idle(), NOW, Event::Conditions(conditions));
        let (_, effects) = step(&state, NOW, asked(1, collections));
        assert_eq!(effects, [Effect::Answer(1, answer)], "{conditions:?}");
    }
    let asked = asked(1, vec![]);
    assert_eq!(
        step(&State::default(), NOW, asked).1,
        [Effect::Answer(1, Err(SyncError::NotBound))]
    );
}

#[test]
fn a_pause_ends_what_is_under_way_and_all_is_looked_at_after_it() {
    let (state, _) = step(&idle(), NOW, asked(1, vec![]));
    let (state, effects) = step(&state, NOW, Event::Paused(true));
    assert_eq!(
        effects,
        [Effect::Answer(1, Err(SyncError::Paused)), Effect::Leave]
    );
    assert_eq!((state.due(), state.phase(true)), (None, Phase::Paused));
    let (state, effects) = step(&state, NOW, Event::Hinted);
    assert_eq!((effects, state.due()), (vec![], None));
    let (_, effects) = step(&state, NOW, Event::Paused(false));
    assert_eq!(effects, [Effect::Sync("contacts")]);
}

#[test]
fn a_question_needs_the_owner_and_a_full_cloud_is_told() {
    assert_eq!(idle().phase(true), Phase::Attention);
    let (state, _) = step(&idle(), NOW, Event::Hinted);
    let (state, _) = step(&state, NOW, Event::Done(Some(SyncError::QuotaExceeded)));
    assert_eq!(state.phase(false), Phase::QuotaExceeded);
    let (state, _) = step(&state, NOW, Event::Hinted);
    let (state, _) = step(&state, NOW, Event::Done(None));
    assert_eq!(state.phase(false), Phase::Idle);
}

#[test]
fn a_collection_that_comes_to_nothing_keeps_no_other_from_being_synced() {
    let refused = || Event::Failed(SyncFailure::Nonsense.into(), Duration::from_secs(60));
    let (state, _) = after(&[(NOW, Event::Session(Some(SESSION), on(&["contacts", "notes"])))]);
    let (state, _) = step(&state, NOW, asked(1, vec!["contacts"]));
    let (state, _) = step(&state, NOW, asked(2, vec!["notes"]));
    let (state, effects) = step(&state, NOW, refused());
    let refusal = Effect::Answer(1, Err(SyncError::CloudRefused));
    assert_eq!(effects, [refusal, Effect::Sync("notes")]);
    let (state, effects) = step(&state, NOW, Event::Done(None));
    assert_eq!(effects, [Effect::Answer(2, Ok(()))]);
    assert_eq!(
        state.trouble(),
        Some(SyncError::CloudRefused),
        "it still isn't synced"
    );
    assert_eq!(state.due(), Some(seconds(60)));
    let (state, effects) = step(&state, seconds(5), Event::Enabled("calls", true));
    assert_eq!(effects, [Effect::Sync("calls")]);
    let (state, effects) = step(&state, seconds(60), Event::Done(None));
    assert_eq!(effects, [Effect::Sync("contacts")]);
    let (state, _) = step(&state, seconds(60), Event::Done(None));
    assert_eq!((state.trouble(), state.phase(false)), (None, Phase::Idle));
}

#[test]
fn a_full_cloud_is_told_as_long_as_a_collection_finds_no_room() {
    let (state, _) = after(&[(NOW, Event::Session(Some(SESSION), on(&["contacts", "notes"])))]);
    let (state, _) = step(&state, NOW, Event::Done(Some(SyncError::QuotaExceeded)));
    let (state, _) = step(&state, NOW, Event::Done(None));
    assert_eq!(state.phase(false), Phase::QuotaExceeded);
    let (state, _) = step(&state, NOW, Event::Enabled("contacts", false));
    assert_eq!(state.phase(false), Phase::Idle);
}

#[test]
fn the_policy_says_on_which_networks_and_on_how_much_of_a_battery_it_is_synced() {
    let now = |metered, roaming, battery| Conditions {
        metered,
        roaming,
        battery,
        ..Conditions::default()
    };
    let policy = |metered, roaming, battery_floor| Policy {
        metered,
        roaming,
        battery_floor,
    };
    for (policy, now, is_allowed) in [
        (Policy::default(), now(false, false, None), true),
        (Policy::default(), now(false, false, Some(15)), true),
        (Policy::default(), now(false, false, Some(14)), false),
        (Policy::default(), now(true, false, None), false),
        (Policy::default(), now(false, true, None), false),
        (policy(true, false, 0), now(true, false, Some(1)), true),
        (policy(true, false, 0), now(true, true, None), false),
        (policy(false, true, 0), now(true, true, None), false),
        (policy(true, true, 0), now(true, true, Some(0)), true),
    ] {
        let (state, _) = after(&[
            (NOW, Event::Session(Some(SESSION), on(&[]))),
            (NOW, Event::Policy(policy)),
            (NOW, Event::Conditions(now)),
        ]);
        assert_eq!(state.allowed().is_ok(), is_allowed, "{policy:?} {now:?}");
    }
}

#[test]
fn who_asks_whatever_the_policy_says_is_synced_for_and_nobody_else() {
    let metered = Conditions {
        metered: true,
        ..Conditions::default()
    };
    let anyway = |waiter, collections| Event::Asked {
        waiter,
        collections,
        anyway: true,
    };
    let (state, _) = after(&[
        (NOW, Event::Session(Some(SESSION), on(&["contacts", "notes"]))),
        (NOW, Event::Conditions(metered)),
    ]);
    assert_eq!((state.phase(false), state.due()), (Phase::Paused, None));
    let (state, effects) = step(&state, NOW, anyway(1, vec!["notes"]));
    assert_eq!(
        (effects, state.phase(false)),
        (vec![Effect::Sync("notes")], Phase::Syncing)
    );
    assert_eq!(
        state.allowed(),
        Err(SyncError::Paused),
        "long contents keep to it"
    );
    let (state, effects) = step(&state, NOW, asked(2, vec!["notes"]));
    assert_eq!(effects, [Effect::Answer(2, Err(SyncError::Paused))]);
    let (done, effects) = step(&state, NOW, Event::Done(None));
    assert_eq!(effects, [Effect::Answer(1, Ok(()))]);
    assert_eq!((done.phase(false), done.due()), (Phase::Paused, None));
    let (_, effects) = step(&state, NOW, Event::HungUp(1));
    assert_eq!(effects, [Effect::Leave]);
    // Its owner's pause is nobody else's, nor is there a way without a network.
    let (state, effects) = step(&state, NOW, Event::Paused(true));
    assert_eq!(
        effects,
        [Effect::Answer(1, Err(SyncError::Paused)), Effect::Leave]
    );
    let (_, effects) = step(&state, NOW, anyway(3, vec![]));
    assert_eq!(effects, [Effect::Answer(3, Err(SyncError::Paused))]);
    // What was under way while it might be isn't gone on with for who asked for something else.
    let (state, _) = after(&[
        (NOW, Event::Session(Some(SESSION), on(&["contacts", "notes"]))),
        (NOW, anyway(1, vec!["notes"])),
        (NOW, asked(2, vec!["contacts"])),
    ]);
    let (_, effects) = step(&state, NOW, Event::Conditions(metered));
    assert_eq!(
        effects,
        [
            Effect::Answer(2, Err(SyncError::Paused)),
            Effect::Leave,
            Effect::Sync("notes")
        ]
    );
}

fn event() -> impl Strategy<Value = Event> {
    let names = || prop_oneof![Just("contacts"), Just("notes")];
    let battery = prop::option::of(0..30_u8);
    let conditions = (
        prop::option::of(any::<bool>()),
        any::<bool>(),
        any::<bool>(),
        battery,
    );
    prop_oneof![
        any::<bool>().prop_map(|is| Event::Session(is.then_some(SESSION), on(&["contacts"]))),
        (names(), any::<bool>()).prop_map(|(name, is)| Event::Enabled(name, is)),
        any::<bool>().prop_map(Event::Paused),
        conditions.prop_map(
            |(online, metered, roaming, battery)| Event::Conditions(Conditions {
                online,
                metered,
                roaming,
                battery
            })
        ),
        Just(Event::Hinted),
        Just(Event::Reached),
        Just(Event::NewKeys),
        names().prop_map(Event::Edited),
        (0..4_u64, prop::collection::vec(names(), 0..2), any::<bool>()).prop_map(
            |(waiter, collections, anyway)| Event::Asked {
                waiter,
                collections,
                anyway
            }
        ),
        (0..4_u64).prop_map(Event::HungUp),
        Just(Event::Woken),
        Just(Event::Done(None)),
        Just(Event::Done(Some(SyncError::QuotaExceeded))),
        (0..100_u64)
            .prop_map(|wait| Event::Failed(SyncFailure::Offline(None).into(), Duration::from_secs(wait))),
        (0..100_u64).prop_map(|wait| Event::Failed(SyncFailure::Nonsense.into(), Duration::from_secs(wait))),
    ]
}

proptest! {
    /// One thing at a time, never while it isn't allowed but for who asked for it anyway; whoever asked is answered or still waits for a collection that
    /// is under way or will be.
    #[test]
    fn whatever_happens_one_collection_is_synced_at_a_time_and_nobody_waits_in_vain(
        events in prop::collection::vec((0..20_u64, event()), 1..60)
    ) {
        let (mut state, mut now, mut running) = (State::default(), NOW, None);
        for (passed, event) in events {
            now += Duration::from_secs(passed);
            if matches!(event, Event::Done(_) | Event::Failed(..)) {
                // Only what is under way ends.
                if running.take().is_none() {
                    continue;
                }
            }
            let (next, effects) = step(&state, now, event);
            state = next;
            for effect in effects {
                match effect {
                    Effect::Leave => running = None,
                    Effect::Sync(name) => {
                        prop_assert_eq!(running.replace(name), None);
                        prop_assert!(state.allowed().is_ok() || state.waiting.is_anyway_for(name));
                        prop_assert!(state.enabled.contains(name));
                    }
                    Effect::Answer(..) => {}
                }
            }
            prop_assert_eq!(state.busy, running);
            if state.may_sync().is_err() {
                prop_assert_eq!(running, None);
                prop_assert!(state.waiting.is_empty());
            }
            let is_allowed = state.allowed().is_ok();
            prop_assert!(is_allowed || running.is_none_or(|name| state.waiting.is_anyway_for(name)));
            let is_moving = running.is_some() || state.due().is_some();
            let is_done = state.waiting.is_empty() && (state.wanted.is_empty() || !is_allowed);
            prop_assert!(is_moving || is_done);
        }
    }
}
