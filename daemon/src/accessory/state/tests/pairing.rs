use std::time::Duration;

use belay_drivers::{Event as Told, Failure, Key, Kind, Opening, Reading, Request};
use belay_proto::id::AccessoryId;

use super::super::*;
use super::rig::{NOW, Rig, saved, sighting};
use crate::accessory::ports::{LinkEnd, Report};

fn discover() -> Question {
    Question::Discover {
        kinds: vec![],
        lasting: Duration::from_secs(30),
        power_on: false,
    }
}

fn pair(id: AccessoryId) -> Question {
    Question::Pair {
        id,
        key: None,
        fresh: Key::new([5; 16]),
        replace: false,
    }
}

/// A band that was found.
fn found(kind: Kind) -> (Rig, AccessoryId) {
    let mut rig = Rig::new(vec![]);
    rig.ask(discover());
    rig.happens(What::Heard(sighting(kind, 7)));
    let id = *rig.state.accessories.keys().next().unwrap();
    (rig, id)
}

#[test]
fn a_band_is_paired_once_its_wearer_has_tapped_and_the_key_is_on_disk() {
    let (mut rig, id) = found(Kind::MiBand2);
    assert_eq!(rig.one(id).state(), "discovered");
    let asker = rig.ask(pair(id));
    let session = rig.session().unwrap();
    assert_eq!(rig.one(id).state(), "connecting");
    rig.reports(session, Report::Connected);
    let (open, request) = rig.requests().remove(0);
    let Request::Open { opening, .. } = request else {
        panic!("opens first")
    };
    assert_eq!(opening, Opening::Claim(Some(Key::new([5; 16]))));
    rig.tells(session, Told::AwaitingConfirmation);
    assert_eq!(rig.one(id).state(), "awaiting-confirmation");
    rig.finishes(session, open, Ok(()));
    assert!(rig.effects.iter().any(|effect| matches!(effect, Effect::Save(_))));
    assert_eq!(rig.answer(asker), None, "not before it is on disk");
    rig.happens(What::Saved(id, Ok(())));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
    assert_eq!(rig.one(id).state(), "syncing");
}

fn weighed(second: u64, kilograms: f64) -> Told {
    Told::Reading {
        at: Some(second),
        reading: Reading::Weight(kilograms),
    }
}

/// The readings that the last step stored.
fn stored(rig: &Rig) -> Vec<(u64, Reading)> {
    let readings = rig.effects.iter().find_map(|effect| match effect {
        Effect::StoreReadings(_, readings) => Some(readings.clone()),
        _ => None,
    });
    readings.unwrap_or_default()
}

#[test]
fn what_a_paired_one_tells_while_it_is_paired_anew_is_stored_at_once() {
    let mut rig = Rig::new(vec![saved(Kind::Generic, 7)]);
    let id = rig.session().unwrap().0;
    rig.ask(Question::Pair {
        id,
        key: None,
        fresh: Key::new([5; 16]),
        replace: true,
    });
    let session = rig.session().unwrap();
    rig.reports(session, Report::Connected);
    rig.tells(session, weighed(NOW - 5, 70.0));
    // Whatever becomes of the pairing.
    assert_eq!(stored(&rig), [(NOW - 5, Reading::Weight(70.0))]);
}

#[test]
fn what_a_scale_advertises_on_its_way_to_the_disk_is_stored_once_it_is_there() {
    let (mut rig, id) = found(Kind::MiScale);
    rig.ask(pair(id));
    let reading = (NOW - 5, Reading::Weight(70.0));
    rig.happens(What::Measured {
        id,
        readings: vec![(Some(reading.0), reading.1)],
        counter: None,
    });
    assert_eq!(stored(&rig), []);
    rig.happens(What::Saved(id, Ok(())));
    assert_eq!(stored(&rig), [reading]);
}

#[test]
fn what_is_told_while_pairing_is_stored_once_the_accessory_is() {
    let (mut rig, id) = found(Kind::Generic);
    rig.ask(pair(id));
    let session = rig.session().unwrap();
    // A try that fails leaves nothing of it.
    rig.reports(session, Report::Connected);
    rig.tells(session, weighed(NOW - 9, 60.0));
    rig.ends(session, LinkEnd::Lost);
    rig.ask(pair(id));
    let session = rig.session().unwrap();
    rig.reports(session, Report::Connected);
    let (open, _) = rig.requests().remove(0);
    for (second, kilograms) in [(NOW - 5, 70.0), (NOW - 3, 71.0)] {
        rig.tells(session, weighed(second, kilograms));
        assert_eq!(stored(&rig), [], "nobody knows the accessory yet");
    }
    rig.finishes(session, open, Ok(()));
    assert_eq!(stored(&rig), []);
    rig.happens(What::Saved(id, Ok(())));
    let expected = [(NOW - 5, Reading::Weight(70.0)), (NOW - 3, Reading::Weight(71.0))];
    assert_eq!(stored(&rig), expected);
    rig.tells(session, weighed(NOW, 72.0));
    assert_eq!(stored(&rig), [(NOW, Reading::Weight(72.0))]);
}

#[test]
fn a_key_that_the_disk_did_not_take_pairs_nothing() {
    let (mut rig, id) = found(Kind::MiBand2);
    let asker = rig.ask(pair(id));
    let session = rig.session().unwrap();
    rig.opens(session);
    rig.happens(What::Saved(id, Err(AccessoryError::Storage)));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Storage)));
    assert_eq!(rig.one(id).paired, None);
    assert!(rig.effects.contains(&Effect::Close(id)));
}

#[test]
fn each_way_a_pairing_fails_is_told_by_its_name() {
    for (failure, error, state) in [
        (Failure::NotConfirmed, AccessoryError::NotConfirmed, "discovered"),
        (Failure::KeyMismatch, AccessoryError::KeyMismatch, "discovered"),
        (Failure::Refused, AccessoryError::Refused, "discovered"),
        (Failure::TimedOut, AccessoryError::TimedOut, "discovered"),
    ] {
        let (mut rig, id) = found(Kind::MiBand2);
        let asker = rig.ask(pair(id));
        let session = rig.session().unwrap();
        rig.reports(session, Report::Connected);
        let (open, _) = rig.requests().remove(0);
        rig.finishes(session, open, Err(failure));
        assert_eq!(rig.answer(asker), Some(Err(error)));
        assert_eq!((rig.one(id).state(), rig.one(id).problem), (state, Some(error)));
        assert_eq!(rig.session(), None, "nobody asked for another try");
    }
}

#[test]
fn an_absent_band_is_unreachable() {
    let (mut rig, id) = found(Kind::MiBand2);
    let asker = rig.ask(pair(id));
    let session = rig.session().unwrap();
    rig.ends(session, LinkEnd::Unreachable);
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Unreachable)));
}

#[test]
fn nothing_is_paired_without_an_account() {
    let (mut rig, _) = found(Kind::MiBand2);
    rig.happens(What::Account(None));
    rig.ask(discover());
    rig.happens(What::Heard(sighting(Kind::MiBand2, 8)));
    let id = AccessoryId::from_bytes([8; 16]);
    let asker = rig.ask(pair(id));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::NotBound)));
}

#[test]
fn a_band_whose_key_is_issued_wants_it_brought() {
    let (mut rig, id) = found(Kind::MiBand4);
    let asker = rig.ask(pair(id));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::KeyRequired)));
    let brought = Question::Pair {
        id,
        key: Some(Key::new([3; 16])),
        fresh: Key::new([5; 16]),
        replace: false,
    };
    rig.ask(brought);
    let opening = Opening::Claim(Some(Key::new([3; 16])));
    assert!(
        rig.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Connect { opening: with, .. } if *with == opening))
    );
}

#[test]
fn a_second_pairing_meanwhile_is_busy_and_the_first_one_may_be_cancelled() {
    let (mut rig, id) = found(Kind::MiBand2);
    let first = rig.ask(pair(id));
    let second = rig.ask(pair(id));
    assert_eq!(rig.answer(second), Some(Err(AccessoryError::Busy)));
    rig.ask(Question::CancelPairing(id));
    assert_eq!(rig.answer(first), Some(Err(AccessoryError::Cancelled)));
    assert!(rig.effects.contains(&Effect::Close(id)));
}

#[test]
fn a_pairing_ends_with_its_caller() {
    let (mut rig, id) = found(Kind::MiBand2);
    let asker = rig.ask(pair(id));
    rig.happens(What::Left(asker));
    assert!(rig.effects.contains(&Effect::Close(id)));
    assert_eq!(rig.one(id).state(), "discovered");
}

#[test]
fn a_band_that_took_another_phones_key_is_paired_again_only_when_asked_to() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.reports(session, Report::Connected);
    let (open, _) = rig.requests().remove(0);
    rig.finishes(session, open, Err(Failure::KeyMismatch));
    assert_eq!(rig.one(session.0).state(), "error");
    assert_eq!(rig.retry(), None);
    let advice = AccessoryError::KeyMismatch.advice(rig.one(session.0).need, false);
    assert_eq!(advice, "replace-the-key");
    rig.ask(Question::Pair {
        id: session.0,
        key: None,
        fresh: Key::new([5; 16]),
        replace: true,
    });
    let opening = Opening::Pair(Some(Key::new([5; 16])));
    assert!(
        rig.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Connect { opening: with, .. } if *with == opening))
    );
}

#[test]
fn what_a_band_says_of_itself_while_it_is_paired_is_kept() {
    let (mut rig, id) = found(Kind::MiBand2);
    rig.ask(pair(id));
    let session = rig.session().unwrap();
    rig.reports(session, Report::Connected);
    let (open, _) = rig.requests().remove(0);
    let information = belay_drivers::driver::Information {
        serial: "0123456789AB".into(),
        firmware: "1.0.1.81".into(),
        hardware: String::new(),
    };
    rig.tells(session, Told::Information(information));
    rig.finishes(session, open, Ok(()));
    let saved = rig.effects.iter().find_map(|effect| match effect {
        Effect::Save(saved) => Some(saved.serial.clone()),
        _ => None,
    });
    assert_eq!(saved.as_deref(), Some("0123456789AB"));
}

#[test]
fn a_device_that_is_not_heard_again_leaves_and_a_paired_one_stays() {
    let (mut rig, id) = found(Kind::MiBand2);
    rig.happens(What::Elapsed(TimerOf::Leaving(id)));
    assert!(rig.state.accessories.is_empty());
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    let id = rig.session().unwrap().0;
    rig.happens(What::Elapsed(TimerOf::Leaving(id)));
    assert!(rig.state.accessories.contains_key(&id));
}

#[test]
fn made_up_addresses_fill_no_memory() {
    let mut rig = Rig::new(vec![]);
    rig.ask(discover());
    for address in 0..=255 {
        rig.happens(What::Heard(sighting(Kind::MiBand2, address)));
    }
    assert_eq!(rig.state.accessories.len(), 64);
}

#[test]
fn nobody_sees_what_nobody_looks_for() {
    let mut rig = Rig::new(vec![]);
    rig.happens(What::Heard(sighting(Kind::MiBand2, 7)));
    let only = Question::Discover {
        kinds: vec![Kind::MiScale],
        lasting: Duration::from_secs(30),
        power_on: false,
    };
    rig.ask(only);
    rig.happens(What::Heard(sighting(Kind::MiBand2, 7)));
    let remembered = Sighting {
        rssi: None,
        ..sighting(Kind::MiScale, 8)
    };
    rig.happens(What::Heard(remembered));
    assert!(rig.state.accessories.is_empty());
    rig.happens(What::Heard(sighting(Kind::MiScale, 8)));
    assert_eq!(rig.state.accessories.len(), 1);
}

#[test]
fn a_band_that_is_first_heard_without_its_name_is_known_and_paired_once_the_name_is_heard() {
    let (mut rig, id) = found(Kind::Unknown);
    let asker = rig.ask(pair(id));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::NotSupported)));
    rig.happens(What::Heard(sighting(Kind::MiBand4, 7)));
    let known = |rig: &Rig| (rig.one(id).kind, rig.one(id).need);
    assert_eq!(known(&rig), (Kind::MiBand4, KeyNeed::Issued));
    // An advertisement without it takes nothing back.
    rig.happens(What::Heard(sighting(Kind::Unknown, 7)));
    assert_eq!(known(&rig), (Kind::MiBand4, KeyNeed::Issued));
    rig.happens(What::Heard(sighting(Kind::MiBand2, 7)));
    rig.ask(pair(id));
    assert!(rig.session().is_some());
    // What is spoken on a connection doesn't change under it.
    rig.happens(What::Heard(sighting(Kind::MiBand4, 7)));
    assert_eq!(known(&rig), (Kind::MiBand2, KeyNeed::Chosen));
}

#[test]
fn the_kind_of_a_paired_accessory_is_what_it_was_paired_as() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.ends(session, LinkEnd::Unreachable);
    rig.ask(Question::Disconnect(session.0));
    rig.happens(What::Heard(sighting(Kind::MiBand4, 7)));
    assert_eq!(rig.one(session.0).kind, Kind::MiBand2);
}
