use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use belay_drivers::{Event as Told, Failure, Key, Kind, Opening, RequestId};
use belay_proto::id::AccessoryId;
use proptest::prelude::*;

use super::super::*;
use super::rig::{ACCOUNT, at, saved, sighting};
use crate::accessory::ports::{LinkEnd, Report};

fn id() -> impl Strategy<Value = AccessoryId> {
    (6..9_u8).prop_map(|byte| AccessoryId::from_bytes([byte; 16]))
}

fn question() -> impl Strategy<Value = Question> {
    prop_oneof![
        Just(Question::Discover {
            kinds: vec![],
            lasting: Duration::from_secs(1),
            power_on: true,
        }),
        (id(), any::<bool>()).prop_map(|(id, replace)| Question::Pair {
            id,
            key: None,
            fresh: Key::new([5; 16]),
            replace,
        }),
        id().prop_map(Question::CancelPairing),
        id().prop_map(Question::Connect),
        id().prop_map(Question::Disconnect),
        id().prop_map(Question::Unpair),
        id().prop_map(Question::Sync),
        id().prop_map(Question::MeasureHeartRate),
    ]
}

fn report() -> impl Strategy<Value = Report> {
    let failure = prop_oneof![Just(Failure::KeyMismatch), Just(Failure::TimedOut)];
    prop_oneof![
        Just(Report::Connected),
        Just(Report::Ended(LinkEnd::Lost)),
        Just(Report::Event(Told::AwaitingConfirmation)),
        (0..4_u32, prop::option::of(failure)).prop_map(|(id, failure)| {
            Report::Event(Told::Finished {
                id: RequestId(id),
                outcome: failure.map_or(Ok(()), Err),
            })
        }),
    ]
}

fn happening() -> impl Strategy<Value = What> {
    prop_oneof![
        4 => (0..40_u64, question()).prop_map(|(asker, question)| What::Asked(Asker(asker), question)),
        4 => (id(), 0..12_u64, report()).prop_map(|(id, session, report)| What::Reported(id, SessionId(session), report)),
        1 => (0..40_u64).prop_map(|asker| What::Left(Asker(asker))),
        1 => any::<bool>().prop_map(|powered| What::Adapter(AdapterView { available: true, powered, without_id: false })),
        1 => (6..9_u8).prop_map(|address| What::Heard(sighting(Kind::MiBand2, address))),
        1 => Just(What::Account(None)),
        1 => Just(What::Account(Some((ACCOUNT, vec![saved(Kind::MiBand2, 6)])))),
        1 => id().prop_map(|id| What::Saved(id, Ok(()))),
        4 => (id(), 0..12_u64).prop_map(|(id, session)| What::Prepared(id, SessionId(session), Preparation::Key, Ok(()))),
        1 => id().prop_map(|id| What::Elapsed(TimerOf::Retry(id))),
        1 => id().prop_map(|id| What::Elapsed(TimerOf::Leaving(id))),
    ]
}

proptest! {
    /// Nobody who asked is answered twice, and once the device is nobody's nobody waits for an accessory.
    #[test]
    fn everybody_is_answered_once(happenings in prop::collection::vec(happening(), 0..60)) {
        let mut state = State::default();
        let mut open = BTreeSet::new();
        let mut used = BTreeSet::new();
        let ending = [What::Account(None)];
        let mut happenings: VecDeque<_> = happenings.into_iter().chain(ending).collect();
        while let Some(what) = happenings.pop_front() {
            let mut left = None;
            match &what {
                // Askers are never used twice.
                What::Asked(asker, _) if !used.insert(*asker) => continue,
                What::Asked(asker, _) => { open.insert(*asker); }
                What::Left(asker) => left = Some(*asker),
                _ => {}
            }
            let (next, effects) = step(&state, Event { at: at(), what });
            state = next;
            for effect in effects {
                if let Effect::Remove(id, asker) = effect {
                    // The disk answers before anything else happens.
                    happenings.push_front(What::Removed(id, asker, Ok(())));
                }
                if let Effect::Answer(asker, _) = effect {
                    prop_assert!(open.remove(&asker) || left == Some(asker), "{asker:?} was answered before");
                }
            }
            if let Some(asker) = left {
                open.remove(&asker);
            }
        }
        prop_assert!(open.is_empty(), "still waiting: {open:?}");
    }

    /// No accessory is connected to with a key that it is to be given before that is on the disk.
    #[test]
    fn a_key_is_on_the_disk_before_it_is_given(happenings in prop::collection::vec(happening(), 0..60)) {
        let mut state = State::default();
        let mut kept = BTreeSet::new();
        for what in happenings {
            if let What::Prepared(id, session, ..) = &what {
                kept.insert((*id, *session));
            }
            let (next, effects) = step(&state, Event { at: at(), what });
            state = next;
            for effect in effects {
                if let Effect::Connect { id, session, opening: Opening::Pair(_) | Opening::Claim(_), .. } = effect {
                    prop_assert!(kept.contains(&(id, session)));
                }
            }
        }
    }

    /// A connection is begun only for an accessory that has none.
    #[test]
    fn an_accessory_has_one_connection(happenings in prop::collection::vec(happening(), 0..60)) {
        let mut state = State::default();
        let mut up = BTreeSet::new();
        for what in happenings {
            let ended = match &what {
                What::Reported(id, session, Report::Ended(_)) => Some((*id, *session)),
                _ => None,
            };
            up.retain(|one| Some(*one) != ended);
            let (next, effects) = step(&state, Event { at: at(), what });
            state = next;
            for effect in effects {
                match effect {
                    Effect::Connect { id, session, .. } => {
                        prop_assert!(!up.iter().any(|(other, _)| *other == id));
                        up.insert((id, session));
                    }
                    Effect::Close(id) => up.retain(|(other, _)| *other != id),
                    _ => {}
                }
            }
        }
    }
}
