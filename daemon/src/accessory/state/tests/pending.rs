//! A key is on the disk before an accessory has it, until it is known whether it took it.

use std::collections::BTreeMap;
use std::time::Duration;

use belay_drivers::{Event as Told, Failure, Key, Kind, Opening, Reading, Request};

use super::super::*;
use super::rig::{ACCOUNT, Rig, saved, sighting};
use crate::accessory::ports::{LinkEnd, Report};
use crate::platform::Timekeeping;

const ID: AccessoryId = AccessoryId::from_bytes([7; 16]);

fn key(byte: u8) -> Option<Key> {
    Some(Key::new([byte; 16]))
}

fn pair(replace: bool) -> Question {
    Question::Pair {
        id: ID,
        key: None,
        fresh: Key::new([5; 16]),
        replace,
    }
}

/// A device of the account, to which this key may have been given before belayd was killed.
fn recalling(pending: Option<Key>, accessories: Vec<Saved>) -> Rig {
    let mut rig = Rig::new(vec![]);
    let address = sighting(Kind::MiBand2, 7).address;
    rig.happens(What::Recalled {
        pending: pending.into_iter().map(|key| (address, key)).collect(),
        counters: BTreeMap::new(),
    });
    rig.happens(What::Account(Some((ACCOUNT, accessories))));
    rig
}

/// The same with a band that was found.
fn found(pending: Option<Key>) -> Rig {
    let mut rig = recalling(pending, vec![]);
    rig.ask(Question::Discover {
        kinds: vec![],
        lasting: Duration::from_secs(30),
        power_on: false,
    });
    rig.happens(What::Heard(sighting(Kind::MiBand2, 7)));
    rig
}

fn begun(rig: &Rig) -> Option<Key> {
    rig.effects.iter().find_map(|effect| match effect {
        Effect::BeginPending(_, _, _, key) => Some(key.clone()),
        _ => None,
    })
}

fn ended(rig: &Rig) -> bool {
    let address = sighting(Kind::MiBand2, 7).address;
    rig.effects.contains(&Effect::EndPending(address))
}

#[test]
fn a_band_hears_of_no_key_that_is_not_on_the_disk() {
    for replace in [false, true] {
        let mut rig = found(None);
        rig.prepares = false;
        let asker = rig.ask(pair(replace));
        assert_eq!((begun(&rig), rig.session()), (key(5), None));
        assert_eq!(rig.one(ID).state(), "connecting");
        let session = rig.one(ID).connection.as_ref().unwrap().session;
        rig.happens(What::Prepared(
            ID,
            session,
            Preparation::Key,
            Err(AccessoryError::Storage),
        ));
        assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Storage)));
        assert_eq!(rig.session(), None);

        let asker = rig.ask(pair(replace));
        let session = rig.one(ID).connection.as_ref().unwrap().session;
        rig.happens(What::Prepared(ID, session, Preparation::Key, Ok(())));
        assert_eq!(rig.session(), Some((ID, session)));
        assert_eq!(rig.answer(asker), None);
    }
}

#[test]
fn a_pairing_that_was_cancelled_while_its_key_was_written_connects_to_nobody() {
    let mut rig = found(None);
    rig.prepares = false;
    rig.ask(pair(false));
    let session = rig.one(ID).connection.as_ref().unwrap().session;
    rig.ask(Question::CancelPairing(ID));
    rig.happens(What::Prepared(ID, session, Preparation::Key, Ok(())));
    assert_eq!(rig.session(), None);
}

#[test]
fn a_band_that_took_the_key_of_a_pairing_that_broke_off_is_paired_with_it() {
    let mut rig = found(None);
    rig.ask(pair(false));
    let first = rig.session().unwrap();
    // Tapped, and the link was lost before the band could say so.
    rig.ends(first, LinkEnd::Lost);
    let asker = rig.ask(pair(true));
    assert_eq!(rig.opening(), Some(Opening::Resume(key(5))));
    assert_eq!(begun(&rig), None, "it is on the disk");
    let session = rig.session().unwrap();
    rig.opens(session);
    let kept = rig.effects.iter().find_map(|effect| match effect {
        Effect::Save(saved) => Some(saved.key.clone()),
        _ => None,
    });
    assert_eq!(kept, Some(key(5)));
    rig.happens(What::Saved(ID, Ok(())));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
}

#[test]
fn a_band_that_did_not_take_it_is_given_another_and_nobody_asks_twice() {
    for failure in [Failure::NoKey, Failure::KeyMismatch] {
        let mut rig = found(key(3));
        let asker = rig.ask(pair(true));
        let probe = rig.session().unwrap();
        rig.fails(probe, failure);
        assert!(ended(&rig) && rig.effects.contains(&Effect::Close(ID)));
        assert_eq!(begun(&rig), key(5));
        assert_eq!(rig.opening(), Some(Opening::Pair(key(5))));
        let session = rig.session().unwrap();
        rig.opens(session);
        rig.happens(What::Saved(ID, Ok(())));
        assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
    }
}

#[test]
fn a_key_that_may_be_the_bands_is_kept_and_one_that_is_not_goes() {
    for (failure, goes) in [
        (Failure::NotConfirmed, true),
        (Failure::KeyMismatch, true),
        (Failure::Refused, false),
        (Failure::TimedOut, false),
        (Failure::Lost, false),
    ] {
        let mut rig = found(None);
        rig.ask(pair(false));
        let session = rig.session().unwrap();
        rig.fails(session, failure);
        assert_eq!(ended(&rig), goes, "{failure:?}");
        rig.ask(pair(false));
        let tries = rig.opening() == Some(Opening::Resume(key(5)));
        assert_eq!(tries, !goes, "{failure:?}");
    }
}

#[test]
fn a_probe_that_comes_to_nothing_gives_no_other_key() {
    let mut rig = found(key(3));
    let asker = rig.ask(pair(true));
    let probe = rig.session().unwrap();
    rig.fails(probe, Failure::TimedOut);
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::TimedOut)));
    assert!(!ended(&rig) && begun(&rig).is_none());
    rig.ask(pair(true));
    assert_eq!(rig.opening(), Some(Opening::Resume(key(3))));
}

#[test]
fn a_paired_band_with_the_key_of_a_replacement_that_broke_off_is_connected_by_itself() {
    let mut rig = recalling(key(3), vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.fails(session, Failure::KeyMismatch);
    assert_eq!(rig.opening(), Some(Opening::Resume(key(3))));
    let session = rig.session().unwrap();
    // Whoever asked for something else and leaves ends nothing.
    rig.happens(What::Left(Asker(77)));
    rig.opens(session);
    rig.happens(What::Saved(ID, Ok(())));
    assert_eq!(rig.one(ID).paired.as_ref().unwrap().key, key(3));
    assert!(rig.one(ID).is_ready());
}

#[test]
fn a_paired_band_that_holds_neither_key_waits_for_its_owner() {
    let mut rig = recalling(key(3), vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.fails(session, Failure::KeyMismatch);
    let probe = rig.session().unwrap();
    rig.fails(probe, Failure::KeyMismatch);
    assert!(ended(&rig));
    assert_eq!((rig.session(), rig.retry()), (None, None));
    assert_eq!(rig.one(ID).problem, Some(AccessoryError::KeyMismatch));
    assert_eq!(rig.one(ID).paired.as_ref().unwrap().key, key(9), "what was kept");
}

#[test]
fn a_band_that_opens_with_the_key_that_is_kept_never_took_the_other() {
    let mut rig = recalling(key(3), vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    assert!(ended(&rig) && rig.one(ID).is_ready());
}

#[test]
fn a_key_that_fails_takes_nothing_from_the_one_that_is_kept() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand4, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let asker = rig.ask(Question::Pair {
        id: ID,
        key: key(1),
        fresh: Key::new([5; 16]),
        replace: true,
    });
    let session = rig.session().unwrap();
    rig.fails(session, Failure::KeyMismatch);
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::KeyMismatch)));
    assert_eq!((rig.one(ID).problem, rig.one(ID).state()), (None, "paired"));
    assert!(rig.retry().is_some());
    rig.happens(What::Elapsed(TimerOf::Retry(ID)));
    assert_eq!(rig.opening(), Some(Opening::Resume(key(9))));
}

#[test]
fn a_replacement_that_the_disk_did_not_take_leaves_what_was_there() {
    let mut rig = Rig::new(vec![Saved {
        synced_to: 60,
        ..saved(Kind::MiBand2, 7)
    }]);
    let asker = rig.ask(pair(true));
    let session = rig.session().unwrap();
    rig.opens(session);
    rig.happens(What::Saved(ID, Err(AccessoryError::Storage)));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Storage)));
    let paired = rig.one(ID).paired.clone().unwrap();
    assert_eq!((paired.key, paired.synced_to), (key(9), 60));
}

#[test]
fn a_replacement_that_is_cancelled_leaves_what_was_wrong_as_it_was() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.fails(session, Failure::KeyMismatch);
    rig.ask(pair(true));
    assert_eq!(rig.one(ID).problem, None);
    let session = rig.session().unwrap();
    rig.ends(session, LinkEnd::Unreachable);
    assert_eq!(rig.one(ID).problem, Some(AccessoryError::KeyMismatch));
    rig.ask(pair(true));
    rig.ask(Question::CancelPairing(ID));
    assert_eq!(rig.one(ID).problem, Some(AccessoryError::KeyMismatch));
    assert_eq!((rig.session(), rig.retry()), (None, None));
}

#[test]
fn an_unpaired_band_leaves_no_key_behind() {
    let mut rig = recalling(key(3), vec![saved(Kind::MiBand2, 7)]);
    let asker = rig.ask(Question::Unpair(ID));
    rig.happens(What::Removed(ID, asker, Ok(())));
    assert!(ended(&rig));
    rig.tells((ID, SessionId(1)), Told::FindPhone(true));
    assert_eq!(rig.effects, []);
}

#[test]
fn a_clock_that_nobody_vouched_for_is_given_only_where_somebody_pairs() {
    let sets_clock = |rig: &mut Rig, session| {
        rig.reports(session, Report::Connected);
        match rig.requests().remove(0).1 {
            Request::Open { sets_clock, .. } => sets_clock,
            other => panic!("{other:?}"),
        }
    };
    let mut rig = found(key(3));
    rig.happens(What::Timekeeping(Timekeeping::Waiting));
    rig.ask(pair(false));
    let session = rig.session().unwrap();
    assert_eq!(rig.opening(), Some(Opening::Resume(key(3))));
    assert!(sets_clock(&mut rig, session), "its clock may never have been set");

    let mut rig = recalling(key(3), vec![saved(Kind::MiBand2, 7)]);
    rig.happens(What::Timekeeping(Timekeeping::Waiting));
    let session = rig.state.accessories[&ID].connection.as_ref().unwrap().session;
    rig.fails((ID, session), Failure::KeyMismatch);
    let session = rig.session().unwrap();
    assert_eq!(rig.opening(), Some(Opening::Resume(key(3))));
    assert!(!sets_clock(&mut rig, session), "nobody looks on");
}

#[test]
fn what_is_told_while_the_key_of_a_pairing_that_broke_off_is_tried_waits_for_the_disk() {
    let stored = |rig: &Rig| {
        let stores = |effect: &&Effect| matches!(effect, Effect::StoreReadings(..));
        rig.effects.iter().filter(stores).count()
    };
    let mut rig = found(key(3));
    rig.ask(pair(false));
    let session = rig.session().unwrap();
    rig.reports(session, Report::Connected);
    let (open, _) = rig.requests().remove(0);
    let reading = Reading::HeartRate(60);
    rig.tells(session, Told::Reading { at: None, reading });
    rig.finishes(session, open, Ok(()));
    assert_eq!(stored(&rig), 0, "nobody knows the accessory yet");
    rig.happens(What::Saved(ID, Ok(())));
    assert_eq!(stored(&rig), 1);
}
