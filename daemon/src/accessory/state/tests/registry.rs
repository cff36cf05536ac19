use belay_drivers::{Event as Told, Key, Kind, Opening};
use belay_proto::id::AccessoryId;

use super::super::*;
use super::rig::{Rig, saved, sighting};
use crate::accessory::ports::Report;

const ID: AccessoryId = AccessoryId::from_bytes([7; 16]);

fn rekeyed(kind: Kind) -> Saved {
    Saved {
        key: Some(Key::new([4; 16])),
        ..saved(kind, 7)
    }
}

/// Whether the last step connects with this key.
fn resumes(rig: &Rig, key: [u8; 16]) -> bool {
    let with = Opening::Resume(Some(Key::new(key)));
    rig.effects
        .iter()
        .any(|effect| matches!(effect, Effect::Connect { opening, .. } if *opening == with))
}

#[test]
fn a_band_that_another_device_paired_is_connected_to_and_nothing_is_written_again() {
    let mut rig = Rig::new(vec![]);
    rig.happens(What::Registered(saved(Kind::MiBand2, 7)));
    assert!(resumes(&rig, [9; 16]));
    assert_eq!((rig.one(ID).state(), rig.effects.len()), ("connecting", 1));
    let session = rig.session().unwrap();
    assert!(rig.opens(session).is_some(), "and its history is fetched");
}

#[test]
fn a_stranger_that_was_heard_here_is_that_accessory() {
    let mut rig = Rig::new(vec![]);
    rig.ask(Question::Discover {
        kinds: vec![],
        lasting: Duration::from_secs(30),
        power_on: false,
    });
    let heard = Sighting {
        fresh: AccessoryId::from_bytes([99; 16]),
        ..sighting(Kind::MiBand2, 7)
    };
    rig.happens(What::Heard(heard));
    rig.happens(What::Registered(saved(Kind::MiBand2, 7)));
    assert_eq!(rig.state.accessories.keys().collect::<Vec<_>>(), [&ID]);
}

#[test]
fn nobody_elses_accessory_is_taken_by_a_device_that_is_nobodys() {
    let mut rig = Rig::new(vec![]);
    rig.happens(What::Account(None));
    rig.happens(What::Registered(saved(Kind::MiBand2, 7)));
    assert!(rig.state.accessories.is_empty());
}

#[test]
fn a_band_with_another_key_is_connected_to_anew_and_one_with_the_same_stays_as_it_is() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let renamed = Saved {
        name: "Ada's".into(),
        serial: "42".into(),
        ..saved(Kind::MiBand2, 7)
    };
    assert_eq!(rig.happens(What::Registered(renamed)), []);
    assert_eq!(
        (rig.one(ID).name.as_str(), rig.one(ID).is_ready()),
        ("Ada's", true)
    );
    rig.happens(What::Registered(rekeyed(Kind::MiBand2)));
    assert!(rig.effects.contains(&Effect::Close(ID)) && resumes(&rig, [4; 16]));
}

#[test]
fn a_key_that_was_wrong_is_a_problem_no_more_once_another_device_has_the_right_one() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.reports(session, Report::Connected);
    let (open, _) = rig.requests().remove(0);
    rig.finishes(session, open, Err(belay_drivers::Failure::KeyMismatch));
    assert_eq!(rig.one(ID).state(), "error");
    rig.happens(What::Registered(rekeyed(Kind::MiBand2)));
    assert!(resumes(&rig, [4; 16]));
    assert_eq!(rig.one(ID).problem, None);
}

#[test]
fn a_sensor_with_another_key_is_listened_to_with_it() {
    let sensor = |key: u8| Saved {
        key: Some(Key::new([key; 16])),
        ..saved(Kind::MiBeaconSensor, 7)
    };
    let mut rig = Rig::new(vec![sensor(9)]);
    rig.happens(What::Registered(sensor(4)));
    let listens =
        |effect: &Effect| matches!(effect, Effect::Listen { key, .. } if *key == Some(Key::new([4; 16])));
    assert_eq!(rig.effects.first(), Some(&Effect::Deafen(ID)));
    assert!(rig.effects.iter().any(listens));
}

#[test]
fn a_pairing_that_is_on_its_way_to_the_disk_is_newer_than_what_is_told() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    rig.ask(Question::Pair {
        id: ID,
        key: None,
        fresh: Key::new([5; 16]),
        replace: true,
    });
    let session = rig.session().unwrap();
    rig.opens(session);
    assert_eq!(rig.happens(What::Registered(rekeyed(Kind::MiBand2))), []);
    let paired = rig.one(ID).paired.as_ref().unwrap();
    assert_eq!(paired.key, Some(Key::new([5; 16])));
}

#[test]
fn what_was_fetched_here_is_not_fetched_again_for_a_record() {
    let mut rig = Rig::new(vec![Saved {
        synced_to: 60,
        synced_at: 90,
        ..saved(Kind::MiBand2, 7)
    }]);
    rig.happens(What::Registered(rekeyed(Kind::MiBand2)));
    let paired = rig.one(ID).paired.as_ref().unwrap();
    assert_eq!((paired.synced_to, paired.synced_at), (60, 90));
}

#[test]
fn a_band_that_another_device_unpaired_is_disconnected_and_whoever_waited_is_told() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let asker = rig.ask(Question::MeasureHeartRate(ID));
    rig.happens(What::Unregistered(ID));
    assert!(rig.effects.contains(&Effect::Close(ID)));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Cancelled)));
    assert!(
        !rig.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Remove(..))),
        "nobody unpaired it here"
    );
    rig.tells(session, Told::FindPhone(true));
    assert_eq!((rig.state.accessories.len(), rig.effects.len()), (0, 0));
    assert_eq!(rig.happens(What::Unregistered(ID)), []);
}

#[test]
fn a_serial_number_that_a_band_tells_writes_no_key() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let information = belay_drivers::driver::Information {
        serial: "42".into(),
        firmware: String::new(),
        hardware: String::new(),
    };
    rig.tells(session, Told::Information(information.clone()));
    assert_eq!(rig.effects, [Effect::SaveSerial(ID, "42".into())]);
    rig.tells(session, Told::Information(information));
    assert_eq!(rig.effects, [], "no news");
}

#[test]
fn an_unpaired_band_goes_and_its_owner_hears_so_only_once_the_disk_has_forgotten_it() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let asker = rig.ask(Question::Unpair(ID));
    assert_eq!(rig.effects, [Effect::Remove(ID, asker)]);
    assert!(rig.one(ID).is_ready());
    rig.happens(What::Removed(ID, asker, Err(AccessoryError::Storage)));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Storage)));
    assert!(rig.one(ID).is_ready(), "still the account's");
    let asker = rig.ask(Question::Unpair(ID));
    rig.happens(What::Removed(ID, asker, Ok(())));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
    assert!(rig.effects.contains(&Effect::Close(ID)) && rig.state.accessories.is_empty());
    let asker = rig.ask(Question::Unpair(ID));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::NotFound)));
}
