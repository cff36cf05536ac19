//! Another key for a sensor that is paired, and a scale that is paired anew.

use std::collections::BTreeMap;

use belay_drivers::{Key, Kind, Reading};

use super::super::*;
use super::rig::{ACCOUNT, Rig, saved};

const ID: AccessoryId = AccessoryId::from_bytes([8; 16]);

fn key(byte: u8) -> Option<Key> {
    Some(Key::new([byte; 16]))
}

/// A sensor of which something is kept.
fn sensor() -> Saved {
    Saved {
        serial: "42".into(),
        synced_to: 60,
        synced_at: 90,
        ..saved(Kind::MiBeaconSensor, 8)
    }
}

fn pair(key: Option<Key>) -> Question {
    Question::Pair {
        id: ID,
        key,
        fresh: Key::new([5; 16]),
        replace: true,
    }
}

fn saves(rig: &Rig) -> Vec<&Saved> {
    let save = |effect: &'_ Effect| matches!(effect, Effect::Save(_));
    let all = rig.effects.iter().filter(|effect| save(effect));
    all.filter_map(|effect| match effect {
        Effect::Save(saved) => Some(saved),
        _ => None,
    })
    .collect()
}

fn measured(rig: &mut Rig, counter: u32) {
    rig.happens(What::Measured {
        id: ID,
        readings: vec![(None, Reading::Temperature(20.0))],
        counter: Some(counter),
    });
}

#[test]
fn pairing_anew_without_a_key_takes_nothing_away() {
    for one in [
        sensor(),
        Saved {
            key: None,
            ..saved(Kind::MiScale, 8)
        },
    ] {
        let mut rig = Rig::new(vec![one.clone()]);
        let asker = rig.ask(pair(None));
        assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
        assert_eq!(rig.effects.len(), 1);
        assert_eq!(rig.one(ID).paired.as_ref().unwrap().key, one.key);
    }
    // A scale has none.
    let mut rig = Rig::new(vec![Saved {
        key: None,
        ..saved(Kind::MiScale, 8)
    }]);
    let asker = rig.ask(pair(key(1)));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
    assert!(saves(&rig).is_empty());
}

#[test]
fn a_rubbish_key_takes_nothing_away() {
    for failure in [AccessoryError::KeyMismatch, AccessoryError::Unreachable] {
        let mut rig = Rig::new(vec![sensor()]);
        let asker = rig.ask(pair(key(1)));
        assert_eq!(rig.answer(asker), None);
        assert_eq!(rig.one(ID).state(), "pairing");
        match failure {
            AccessoryError::Unreachable => rig.happens(What::Elapsed(TimerOf::Trial(ID))),
            error => rig.happens(What::Tried(ID, Err(error))),
        };
        assert_eq!(rig.answer(asker), Some(Err(failure)));
        assert!(saves(&rig).is_empty() && rig.effects.contains(&Effect::EndTry(ID)));
        let one = rig.one(ID);
        let paired = one.paired.as_ref().unwrap();
        assert_eq!((&paired.key, one.problem), (&key(9), None));
    }
}

#[test]
fn a_sensor_that_speaks_with_the_key_that_is_kept_is_given_no_other() {
    let mut rig = Rig::new(vec![sensor()]);
    let asker = rig.ask(pair(key(1)));
    measured(&mut rig, 1);
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::KeyMismatch)));
    rig.happens(What::Tried(ID, Ok(())));
    assert!(saves(&rig).is_empty(), "it is over");
}

#[test]
fn a_key_that_opens_what_a_sensor_says_takes_the_place_of_the_other_and_of_nothing_else() {
    let mut rig = Rig::new(vec![sensor()]);
    measured(&mut rig, 100);
    let asker = rig.ask(pair(key(1)));
    rig.happens(What::Tried(ID, Ok(())));
    let save = saves(&rig)[0].clone();
    assert_eq!(
        save,
        Saved {
            key: key(1),
            ..sensor()
        }
    );
    assert_eq!(rig.answer(asker), None, "not before it is on disk");
    assert!(
        rig.effects.contains(&Effect::StoreCounter(ID, None)),
        "it counts anew"
    );
    let listens = |effect: &Effect| matches!(effect, Effect::Listen { key: with, .. } if *with == key(1));
    assert!(rig.effects.iter().any(listens));
    rig.happens(What::Saved(ID, Ok(())));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
}

#[test]
fn a_key_that_the_disk_did_not_take_leaves_the_other() {
    let mut rig = Rig::new(vec![sensor()]);
    let asker = rig.ask(pair(key(1)));
    rig.happens(What::Tried(ID, Ok(())));
    rig.happens(What::Saved(ID, Err(AccessoryError::Storage)));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Storage)));
    let listens = |effect: &Effect| matches!(effect, Effect::Listen { key: with, .. } if *with == key(9));
    assert!(rig.effects.iter().any(listens));
}

#[test]
fn a_sensor_that_encrypts_is_not_paired_again_without_a_key() {
    let mut rig = Rig::new(vec![sensor()]);
    rig.happens(What::Unheard(ID, AccessoryError::KeyMismatch));
    let asker = rig.ask(pair(None));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::KeyRequired)));
    assert!(saves(&rig).is_empty());
}

#[test]
fn a_trial_ends_with_its_caller_when_it_is_cancelled_and_with_the_account() {
    let mut rig = Rig::new(vec![sensor()]);
    let first = rig.ask(pair(key(1)));
    let second = rig.ask(pair(key(1)));
    assert_eq!(rig.answer(second), Some(Err(AccessoryError::Busy)));
    rig.happens(What::Left(second));
    assert!(!rig.effects.contains(&Effect::EndTry(ID)));
    rig.happens(What::Left(first));
    assert!(rig.effects.contains(&Effect::EndTry(ID)));
    for ending in [
        What::Asked(Asker(99), Question::CancelPairing(ID)),
        What::Account(None),
    ] {
        let mut rig = Rig::new(vec![sensor()]);
        let asker = rig.ask(pair(key(1)));
        rig.happens(ending);
        assert!(rig.answer(asker).is_some() && rig.effects.contains(&Effect::EndTry(ID)));
    }
}

#[test]
fn a_sensor_whose_counter_began_anew_is_heard_again_with_its_key() {
    let mut rig = Rig::new(vec![sensor()]);
    measured(&mut rig, 100);
    rig.happens(What::Unheard(ID, AccessoryError::Replayed));
    let one = rig.one(ID);
    assert_eq!(
        AccessoryError::Replayed.advice(one.need, false),
        "pair-with-its-key"
    );
    let asker = rig.ask(Question::Pair {
        id: ID,
        key: key(9),
        fresh: Key::new([5; 16]),
        replace: false,
    });
    assert_eq!(rig.answer(asker), None);
    rig.happens(What::Tried(ID, Ok(())));
    let listens = |effect: &Effect| matches!(effect, Effect::Listen { counter: None, .. });
    assert!(rig.effects.iter().any(listens));
}

#[test]
fn how_far_a_sensor_has_counted_is_on_the_disk_before_what_it_says() {
    let mut rig = Rig::new(vec![sensor()]);
    measured(&mut rig, 100);
    let place = |wanted: &dyn Fn(&Effect) -> bool| rig.effects.iter().position(wanted);
    let counted = place(&|effect| *effect == Effect::StoreCounter(ID, Some(100)));
    let stored = place(&|effect| matches!(effect, Effect::StoreReadings(..)));
    assert!(counted.is_some() && counted < stored);
    measured(&mut rig, 101);
    assert!(
        rig.effects.contains(&Effect::StoreCounter(ID, Some(101))),
        "though the reading isn't kept"
    );
    rig.happens(What::Unheard(ID, AccessoryError::KeyMismatch));
    rig.happens(What::Adapter(AdapterView::default()));
    rig.power(true);
    let listens = |effect: &Effect| {
        matches!(
            effect,
            Effect::Listen {
                counter: Some(101),
                ..
            }
        )
    };
    assert!(rig.effects.iter().any(listens));
}

#[test]
fn how_far_it_had_counted_is_known_after_a_start() {
    let mut rig = Rig::new(vec![]);
    rig.happens(What::Recalled {
        pending: BTreeMap::new(),
        counters: BTreeMap::from([(ID, 77)]),
    });
    rig.happens(What::Account(Some((ACCOUNT, vec![sensor()]))));
    let listens = |effect: &Effect| {
        matches!(
            effect,
            Effect::Listen {
                counter: Some(77),
                ..
            }
        )
    };
    assert!(rig.effects.iter().any(listens));
}
