//! A bond that BlueZ has and the accessory hasn't.

use std::time::Duration;

use belay_drivers::{Failure, Key, Kind, Opening};

use super::super::*;
use super::rig::{Rig, saved, sighting};
use crate::accessory::ports::{LinkEnd, Report};

const ID: AccessoryId = AccessoryId::from_bytes([7; 16]);

fn pair(replace: bool) -> Question {
    Question::Pair {
        id: ID,
        key: None,
        fresh: Key::new([5; 16]),
        replace,
    }
}

fn unbonds(rig: &Rig) -> bool {
    rig.effects
        .iter()
        .any(|effect| matches!(effect, Effect::Unbond(..)))
}

fn advice(rig: &Rig) -> &'static str {
    let one = rig.one(ID);
    one.problem.unwrap().advice(one.need, one.bonded)
}

/// A paired band with a bond, which doesn't let itself be connected.
fn kept_off(kind: Kind) -> Rig {
    let mut rig = Rig::new(vec![saved(kind, 7)]);
    let session = rig.session().unwrap();
    rig.reports(session, Report::Bonded);
    rig.ends(session, LinkEnd::Unreachable);
    rig
}

#[test]
fn a_stale_bond_is_found_without_a_scan() {
    let mut rig = kept_off(Kind::MiBand4);
    assert_eq!(advice(&rig), "remove-the-bond");
    // Removed elsewhere meanwhile, and just not there.
    rig.happens(What::Elapsed(TimerOf::Retry(ID)));
    let session = rig.session().unwrap();
    rig.ends(session, LinkEnd::Unreachable);
    assert_eq!(advice(&rig), "bring-it-closer");
}

#[test]
fn pairing_with_replace_removes_the_bond_and_keeps_the_key() {
    // A key that the maker issued can't be drawn anew.
    for kind in [Kind::MiBand2, Kind::MiBand4] {
        let mut rig = kept_off(kind);
        rig.prepares = false;
        let asker = rig.ask(pair(true));
        assert!(unbonds(&rig) && rig.session().is_none(), "first the bond");
        let session = rig.one(ID).connection.as_ref().unwrap().session;
        rig.happens(What::Prepared(ID, session, Preparation::Bond, Ok(())));
        assert_eq!(rig.opening(), Some(Opening::Resume(Some(Key::new([9; 16])))));
        let session = rig.session().unwrap();
        rig.opens(session);
        rig.happens(What::Saved(ID, Ok(())));
        assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
    }
}

#[test]
fn a_bond_that_blue_z_keeps_is_told_to_whoever_asked() {
    let mut rig = kept_off(Kind::MiBand2);
    rig.prepares = false;
    let asker = rig.ask(pair(true));
    let session = rig.one(ID).connection.as_ref().unwrap().session;
    let refused = Err(AccessoryError::AdapterMissing);
    rig.happens(What::Prepared(ID, session, Preparation::Bond, refused));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::AdapterMissing)));
    assert!(rig.one(ID).paired.is_some());
}

#[test]
fn a_key_that_turns_out_to_be_another_once_the_bond_is_gone_is_the_problem() {
    let mut rig = kept_off(Kind::MiBand2);
    let asker = rig.ask(pair(true));
    let session = rig.session().unwrap();
    rig.fails(session, Failure::KeyMismatch);
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::KeyMismatch)));
    assert_eq!(advice(&rig), "replace-the-key");
}

#[test]
fn a_stranger_with_a_stale_bond_is_paired_without_it_and_one_that_works_keeps_it() {
    let mut rig = Rig::new(vec![]);
    rig.ask(Question::Discover {
        kinds: vec![],
        lasting: Duration::from_secs(30),
        power_on: false,
    });
    let bonded = Sighting {
        bonded: true,
        ..sighting(Kind::MiBand2, 7)
    };
    rig.happens(What::Heard(bonded));
    rig.ask(pair(true));
    assert!(!unbonds(&rig), "nothing is wrong with it");
    let session = rig.session().unwrap();
    rig.reports(session, Report::Bonded);
    rig.ends(session, LinkEnd::Lost);
    assert_eq!(advice(&rig), "remove-the-bond");
    rig.ask(pair(false));
    assert!(!unbonds(&rig), "only when asked to");
    let session = rig.session().unwrap();
    rig.reports(session, Report::Bonded);
    rig.ends(session, LinkEnd::Lost);
    rig.ask(pair(true));
    assert!(unbonds(&rig));
}

#[test]
fn an_unpaired_accessory_loses_its_bond() {
    for bonded in [false, true] {
        let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
        let session = rig.session().unwrap();
        if bonded {
            rig.reports(session, Report::Bonded);
        }
        rig.opens(session);
        let asker = rig.ask(Question::Unpair(ID));
        rig.happens(What::Removed(ID, asker, Ok(())));
        assert_eq!(unbonds(&rig), bonded);
    }
}

#[test]
fn a_blue_z_without_a_device_id_is_named() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    let without_id = true;
    rig.happens(What::Adapter(AdapterView {
        without_id,
        ..AdapterView::default()
    }));
    for question in [pair(true), Question::Connect(ID), Question::Sync(ID)] {
        let asker = rig.ask(question);
        assert_eq!(rig.answer(asker), Some(Err(AccessoryError::NoDeviceId)));
    }
    let asker = rig.ask(Question::Discover {
        kinds: vec![],
        lasting: Duration::from_secs(30),
        power_on: true,
    });
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::NoDeviceId)));
    assert_eq!(
        AccessoryError::NoDeviceId.advice(KeyNeed::None, false),
        "set-the-device-id"
    );
}
