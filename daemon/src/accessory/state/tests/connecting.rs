use belay_drivers::{ActivityMinute, Event as Told, Failure, Kind, Reading, Request};

use super::super::*;
use super::rig::{NOW, Rig, saved};
use crate::accessory::ports::{LinkEnd, Order, Report};

fn minute(start: u64) -> ActivityMinute {
    ActivityMinute {
        start,
        kind: 1,
        intensity: 1,
        steps: 1,
        heart_rate: 255,
    }
}

#[test]
fn a_paired_band_is_connected_by_itself_and_synced() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    assert!(matches!(rig.requests()[0].1, Request::Fetch { since: None, .. }));
    assert_eq!(rig.one(session.0).state(), "syncing");
}

#[test]
fn with_bluetooth_off_nothing_is_tried_and_switching_it_on_ends_the_wait() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let session = rig.session().unwrap();
    rig.power(false);
    rig.ends(session, LinkEnd::Lost);
    rig.happens(What::Elapsed(TimerOf::Retry(session.0)));
    assert_eq!(rig.session(), None);
    rig.power(true);
    assert!(rig.session().is_some());
}

#[test]
fn what_an_earlier_connection_still_says_is_not_the_later_ones() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let first = rig.session().unwrap();
    rig.ends(first, LinkEnd::Lost);
    rig.happens(What::Elapsed(TimerOf::Retry(first.0)));
    let second = rig.session().unwrap();
    assert_ne!(first, second);
    rig.ends(first, LinkEnd::Lost);
    assert_eq!(rig.one(second.0).state(), "connecting");
}

#[test]
fn history_is_acknowledged_only_once_it_is_on_disk() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let session = rig.session().unwrap();
    let fetch = rig.opens(session).unwrap();
    let asker = rig.ask(Question::Sync(session.0));
    assert!(rig.requests().is_empty(), "it joins the fetch that runs");
    rig.tells(session, Told::History(vec![minute(NOW - 60)]));
    let stored = Effect::StoreMinutes(session.0, session.1, vec![minute(NOW - 60)]);
    assert_eq!(rig.effects, [stored], "no acknowledgement");
    rig.happens(What::Stored(session.0, session.1, Ok(1)));
    assert_eq!(rig.effects, [Effect::Order(session.0, Order::Committed)]);
    rig.finishes(session, fetch, Ok(()));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::Records(1))));
    assert!(rig.effects.contains(&Effect::StoreSynced(session.0, NOW)));
}

#[test]
fn history_that_the_disk_refused_stays_on_the_band() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let asker = rig.ask(Question::Sync(session.0));
    rig.tells(session, Told::History(vec![minute(NOW - 60)]));
    rig.happens(What::Stored(session.0, session.1, Err(AccessoryError::Storage)));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Storage)));
    assert!(
        !rig.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Order(..)))
    );
    assert!(rig.effects.contains(&Effect::Close(session.0)));
    assert!(rig.retry().is_some());
}

#[test]
fn the_bands_own_tick_begins_a_sync() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let session = rig.session().unwrap();
    let fetch = rig.opens(session).unwrap();
    rig.tells(session, Told::History(vec![minute(NOW - 60)]));
    rig.happens(What::Stored(session.0, session.1, Ok(1)));
    rig.finishes(session, fetch, Ok(()));
    rig.tells(session, Told::HistoryGrew);
    let Request::Fetch { since, .. } = rig.requests()[0].1 else {
        panic!("no fetch");
    };
    // It goes on where the disk is, not where it was when the daemon began.
    assert_eq!(since.and_then(|since| since.epoch()), Some(NOW - 60));
}

#[test]
fn a_heart_rate_is_answered_and_kept() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let asker = rig.ask(Question::MeasureHeartRate(session.0));
    let (request, _) = rig.requests().remove(0);
    let reading = Reading::HeartRate(76);
    rig.tells(session, Told::Reading { at: None, reading });
    assert!(
        rig.effects
            .contains(&Effect::StoreReadings(session.0, vec![(NOW, reading)]))
    );
    rig.finishes(session, request, Ok(()));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::HeartRate(76))));
}

#[test]
fn a_measurement_ends_with_its_caller() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let asker = rig.ask(Question::MeasureHeartRate(session.0));
    let (request, _) = rig.requests().remove(0);
    rig.happens(What::Left(asker));
    assert_eq!(rig.effects, [Effect::Order(session.0, Order::Cancel(request))]);
    rig.finishes(session, request, Err(Failure::Cancelled));
    assert_eq!(rig.answer(asker), None);
}

#[test]
fn what_was_disconnected_by_hand_stays_so_until_it_is_connected_by_hand() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    rig.ask(Question::Disconnect(session.0));
    assert!(rig.effects.contains(&Effect::Close(session.0)));
    rig.power(false);
    rig.power(true);
    assert_eq!(rig.session(), None);
    rig.ask(Question::Connect(session.0));
    assert!(rig.session().is_some());
}

#[test]
fn a_sign_out_ends_every_connection_and_forgets_every_key() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7), saved(Kind::MiScale, 8)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let asker = rig.ask(Question::Sync(session.0));
    rig.happens(What::Account(None));
    assert!(rig.effects.contains(&Effect::Close(session.0)));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::NotBound)));
    assert!(rig.effects.contains(&Effect::EndScan), "nobody listens any more");
    assert!(rig.state.accessories.is_empty());
}

#[test]
fn what_a_band_asks_of_the_phone_is_done() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand3, 7)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    for (event, effect) in [
        (Told::FindPhone(true), Effect::FindPhone(true)),
        (Told::FindPhone(false), Effect::FindPhone(false)),
        (Told::DeclineCall, Effect::DeclineCall),
        (Told::IgnoreCall, Effect::IgnoreCall),
    ] {
        rig.tells(session, event);
        assert_eq!(rig.effects, [effect]);
    }
    rig.reports(session, Report::Event(Told::NotWorn));
    assert_eq!(rig.effects, []);
}
