//! How long it is waited before an accessory is tried again.

use std::time::Duration;

use belay_drivers::{ActivityMinute, Event as Told, Failure, Kind};

use super::super::*;
use super::rig::{NOW, Rig, saved, sighting};
use crate::accessory::ports::{LinkEnd, Report};

/// What happens to a connection.
type Course = fn(&mut Rig, (AccessoryId, SessionId));

fn band() -> (Rig, (AccessoryId, SessionId)) {
    let rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let session = rig.session().unwrap();
    (rig, session)
}

/// The wait runs out.
fn again(rig: &mut Rig, session: (AccessoryId, SessionId)) -> (AccessoryId, SessionId) {
    rig.happens(What::Elapsed(TimerOf::Retry(session.0)));
    rig.session().unwrap()
}

/// The waits after so many connections that end as `ends` has them.
fn waits(
    rig: &mut Rig,
    mut session: (AccessoryId, SessionId),
    ends: fn(&mut Rig, (AccessoryId, SessionId)),
) -> Vec<u64> {
    let mut all = Vec::new();
    for _ in 0..6 {
        ends(rig, session);
        all.push(rig.retry().unwrap().as_secs());
        session = again(rig, session);
    }
    all
}

fn stores(rig: &mut Rig, session: (AccessoryId, SessionId), outcome: Result<u64, AccessoryError>) {
    let minute = ActivityMinute {
        start: NOW - 60,
        kind: 1,
        intensity: 1,
        steps: 1,
        heart_rate: 255,
    };
    rig.tells(session, Told::History(vec![minute]));
    rig.happens(What::Stored(session.0, session.1, outcome));
}

#[test]
fn a_wait_is_never_cut_by_more_than_a_quarter() {
    for failures in 0..20 {
        let (least, most) = (wait(failures, 0), wait(failures, u16::MAX));
        assert!(least >= Duration::from_secs(6) && most <= Duration::from_secs(64));
        assert_eq!(least, most.mul_f64(0.75));
    }
}

#[test]
fn waits_grow_to_64_seconds_whatever_goes_wrong() {
    let each: [Course; 4] = [
        |rig, session| rig.ends(session, LinkEnd::Unreachable),
        |rig, session| rig.fails(session, Failure::Refused),
        // It lets itself be opened and hangs up.
        |rig, session| {
            rig.opens(session);
            rig.ends(session, LinkEnd::Lost);
        },
        |rig, session| {
            rig.opens(session);
            stores(rig, session, Err(AccessoryError::Storage));
        },
    ];
    for ends in each {
        let (mut rig, session) = band();
        assert_eq!(waits(&mut rig, session, ends), [8, 16, 32, 64, 64, 64]);
    }
}

#[test]
fn a_minute_of_connection_or_a_transfer_that_is_stored_begins_the_waits_again() {
    let useful: [Course; 2] = [
        |rig, _| rig.passes(60),
        |rig, session| stores(rig, session, Ok(1)),
    ];
    for useful in useful {
        let (mut rig, mut session) = band();
        for _ in 0..4 {
            rig.ends(session, LinkEnd::Unreachable);
            session = again(&mut rig, session);
        }
        rig.opens(session);
        useful(&mut rig, session);
        rig.ends(session, LinkEnd::Lost);
        assert_eq!(rig.retry(), Some(Duration::from_secs(8)));
    }
}

#[test]
fn a_transfer_that_held_nothing_new_is_of_no_use() {
    let (mut rig, session) = band();
    let ends = |rig: &mut Rig, session| {
        rig.opens(session);
        stores(rig, session, Ok(0));
        rig.ends(session, LinkEnd::Lost);
    };
    assert_eq!(waits(&mut rig, session, ends), [8, 16, 32, 64, 64, 64]);
}

#[test]
fn whoever_advertises_all_the_while_and_refuses_is_not_tried_before_its_time() {
    let (mut rig, session) = band();
    rig.happens(What::Heard(sighting(Kind::MiBand3, 7)));
    rig.fails(session, Failure::Refused);
    for _ in 0..100 {
        rig.passes(1);
        rig.happens(What::Heard(sighting(Kind::MiBand3, 7)));
        assert_eq!(rig.session(), None);
    }
    again(&mut rig, session);
}

#[test]
fn who_was_away_and_is_heard_is_connected_at_once() {
    let (mut rig, session) = band();
    rig.happens(What::Heard(sighting(Kind::MiBand3, 7)));
    rig.ends(session, LinkEnd::Unreachable);
    rig.passes(60);
    let remembered = Sighting {
        rssi: None,
        ..sighting(Kind::MiBand3, 7)
    };
    rig.happens(What::Heard(remembered));
    assert_eq!(rig.session(), None, "BlueZ only remembers it");
    rig.happens(What::Heard(sighting(Kind::MiBand3, 7)));
    let session = rig.session().unwrap();
    assert!(rig.effects.contains(&Effect::Sleep(TimerOf::Retry(session.0))));
    rig.reports(session, Report::Connected);
    assert_eq!(rig.one(session.0).state(), "connecting");
}
