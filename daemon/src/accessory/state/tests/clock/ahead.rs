//! What a clock that was ahead, or is wrong, leaves of readings; how often a clock that can't be set is tried.

use belay_drivers::Failure;

use super::*;
use crate::accessory::model::Wishes;

const SENSOR: AccessoryId = AccessoryId::from_bytes([8; 16]);

/// A sensor whose frames have no date says this; the seconds that it is kept at.
fn measures(rig: &mut Rig, reading: Reading) -> Vec<u64> {
    rig.happens(What::Measured {
        id: SENSOR,
        readings: vec![(None, reading)],
        counter: None,
    });
    stored(rig)
}

fn stored(rig: &Rig) -> Vec<u64> {
    let stored = rig.effects.iter().filter_map(|effect| match effect {
        Effect::StoreReadings(_, readings) => Some(readings),
        _ => None,
    });
    stored.flatten().map(|(second, _)| *second).collect()
}

fn latest(rig: &Rig, id: AccessoryId) -> u64 {
    rig.one(id).latest[0].0
}

/// The wait for the clocks that the last step asked for.
fn wakes(rig: &Rig) -> Option<u64> {
    rig.effects.iter().find_map(|effect| match effect {
        Effect::Wake(TimerOf::Clock, wait) => Some(wait.as_secs()),
        _ => None,
    })
}

#[test]
fn what_was_measured_by_a_clock_ahead_holds_up_nothing_that_comes_after() {
    let both = vec![saved(Kind::MiBeaconSensor, 8), saved(Kind::HeartRateMonitor, 7)];
    let mut rig = Rig::started(NOW + 30 * DAY, Timekeeping::Unknown, both);
    let strap = rig.session().unwrap();
    rig.opens(strap);
    let heart_rate = true;
    let wishes = Wishes {
        heart_rate,
        ..Wishes::default()
    };
    rig.happens(What::Wishes(vec![(strap.0, wishes)]));
    let beats = || Told::Reading {
        at: None,
        reading: Reading::HeartRate(60),
    };
    assert_eq!(measures(&mut rig, Reading::Temperature(20.0)), [NOW + 30 * DAY]);
    rig.tells(strap, beats());
    assert_eq!(stored(&rig), [NOW + 30 * DAY]);
    rig.set(NOW);
    rig.passes(60);
    assert_eq!(measures(&mut rig, Reading::Temperature(21.0)), [NOW + 60]);
    rig.tells(strap, beats());
    assert_eq!(stored(&rig), [NOW + 60]);
    assert_eq!(
        (latest(&rig, SENSOR), latest(&rig, strap.0)),
        (NOW + 60, NOW + 60)
    );
}

#[test]
fn neither_does_what_was_measured_before_anybody_said_that_it_was_ahead() {
    let both = vec![synced(NOW + 30 * DAY), saved(Kind::MiBeaconSensor, 8)];
    let mut rig = Rig::started(NOW + 30 * DAY, Timekeeping::Synchronised, both);
    measures(&mut rig, Reading::Temperature(20.0));
    rig.set(NOW);
    rig.passes(60);
    assert!(measures(&mut rig, Reading::Temperature(21.0))[0] > NOW + 30 * DAY);
    rig.kept(Timekeeping::Synchronised);
    rig.passes(60);
    assert_eq!(measures(&mut rig, Reading::Temperature(22.0)), [NOW + 120]);
}

#[test]
fn a_little_correction_takes_nobodys_word_back() {
    for (by, told) in [(3, true), (60, true), (61, false)] {
        let mut rig = Rig::started(NOW, Timekeeping::Synchronised, vec![synced(NOW - HOUR)]);
        let session = rig.session().unwrap();
        rig.opens(session);
        rig.finishes_all(session);
        rig.set(NOW - by);
        assert_eq!(rig.told_time(), told.then_some(NOW - by), "{by}");
    }
}

#[test]
fn by_a_clock_that_is_wrong_each_weighing_has_a_second_of_its_own() {
    let both = vec![synced(NOW), saved(Kind::MiBeaconSensor, 8)];
    let mut rig = Rig::started(5, Timekeeping::Unknown, both);
    let mut weighs = |kilograms| measures(&mut rig, Reading::Weight(kilograms));
    assert_eq!(weighs(70.0), [NOW]);
    rig.passes(5);
    let mut weighs = |kilograms| measures(&mut rig, Reading::Weight(kilograms));
    assert_eq!(weighs(60.0), [NOW + 5], "of one second only one would be kept");
}

#[test]
fn a_reading_from_ahead_counts_as_of_the_moment_it_came() {
    let mut rig = Rig::new(vec![saved(Kind::Generic, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let reading = Reading::Weight(70.0);
    let ahead = Some(NOW + 30 * DAY);
    rig.tells(session, Told::Reading { at: ahead, reading });
    assert_eq!((stored(&rig), latest(&rig, session.0)), (vec![NOW], NOW));
}

#[test]
fn a_clock_that_refuses_is_tried_more_and_more_seldom() {
    let mut rig = Rig::new(vec![synced(NOW - 60)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    rig.travels(3);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let (id, _) = rig.requests().remove(0);
        rig.finishes(session, id, Err(Failure::Refused));
        waits.push(wakes(&rig).unwrap());
        rig.passes(waits[waits.len() - 1]);
        rig.happens(What::Elapsed(TimerOf::Clock));
        assert!(rig.told_time().is_some());
    }
    assert_eq!(waits, [600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800]);
    let (id, _) = rig.requests().remove(0);
    rig.finishes(session, id, Err(Failure::Refused));
    assert_eq!(wakes(&rig), None, "it is due in a day, as ever");
}

#[test]
fn whoever_has_no_clock_is_left_alone() {
    let mut rig = Rig::new(vec![saved(Kind::Generic, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    rig.travels(3);
    let (id, _) = rig.requests().remove(0);
    rig.finishes(session, id, Err(Failure::NotSupported));
    assert_eq!((wakes(&rig), rig.told_time()), (None, None));
}

#[test]
fn a_zone_that_is_told_of_may_change_its_offset_sooner() {
    let mut rig = Rig::new(vec![synced(NOW - 60)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    rig.passes(HOUR);
    rig.kept(Timekeeping::Unknown);
    assert_eq!(wakes(&rig), Some(DAY - HOUR));
}
