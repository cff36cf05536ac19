use std::time::Duration;

use belay_drivers::{Event as Told, Failure, Kind, Reading, Request};

use super::super::*;
use super::rig::{NOW, Rig, saved};
use crate::accessory::model::{WishChanges, Wishes};
use crate::accessory::ports::LinkEnd;

const HEART: WishChanges = WishChanges {
    calls: None,
    messages: None,
    notifications: None,
    heart_rate: Some(true),
};

fn followed(rig: &Rig) -> Vec<bool> {
    let follow = |request: Request| match request {
        Request::FollowHeartRate(on) => Some(on),
        _ => None,
    };
    rig.requests()
        .into_iter()
        .filter_map(|(_, request)| follow(request))
        .collect()
}

/// A strap whose heart rate is followed.
fn following() -> (Rig, (AccessoryId, SessionId)) {
    let mut rig = Rig::new(vec![saved(Kind::HeartRateMonitor, 8)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let asker = rig.ask(Question::Wish(session.0, HEART));
    let wishes = Wishes::default().with(HEART);
    assert_eq!(rig.effects, [Effect::StoreWishes(session.0, asker, wishes)]);
    assert_eq!(rig.answer(asker), None, "not before it is on disk");
    rig.happens(What::WishesStored(session.0, asker, wishes, Ok(())));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
    (rig, session)
}

#[test]
fn a_heart_is_followed_from_when_it_is_switched_on_and_on_each_connection() {
    let (mut rig, session) = following();
    assert_eq!(followed(&rig), [true]);
    rig.ends(session, LinkEnd::Lost);
    rig.happens(What::Elapsed(TimerOf::Retry(session.0)));
    let session = rig.session().unwrap();
    rig.opens(session);
    assert_eq!(followed(&rig), [true]);
    let asker = rig.ask(Question::Wish(session.0, WishChanges::default()));
    rig.happens(What::WishesStored(session.0, asker, Wishes::default(), Ok(())));
    assert_eq!(followed(&rig), [false]);
}

#[test]
fn what_could_not_be_kept_is_not_switched_on() {
    let mut rig = Rig::new(vec![saved(Kind::HeartRateMonitor, 8)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    let asker = rig.ask(Question::Wish(session.0, HEART));
    let failed = Err(AccessoryError::Storage);
    rig.happens(What::WishesStored(
        session.0,
        asker,
        Wishes::default().with(HEART),
        failed,
    ));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Storage)));
    assert!(followed(&rig).is_empty() && !rig.one(session.0).wishes.heart_rate);
}

const CALLS: WishChanges = WishChanges {
    calls: Some(true),
    heart_rate: None,
    ..HEART
};

/// A strap with two changes asked for at once, of which the first is being written.
fn wishes_twice() -> (Rig, AccessoryId, [Asker; 2]) {
    let mut rig = Rig::new(vec![saved(Kind::HeartRateMonitor, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    let first = rig.ask(Question::Wish(id, HEART));
    let second = rig.ask(Question::Wish(id, CALLS));
    assert_eq!(rig.effects, [], "one change after the other");
    (rig, id, [first, second])
}

#[test]
fn of_two_changes_at_once_neither_takes_back_the_other() {
    let (mut rig, id, [first, second]) = wishes_twice();
    let wishes = Wishes::default().with(HEART);
    rig.happens(What::WishesStored(id, first, wishes, Ok(())));
    assert_eq!(rig.answer(first), Some(Ok(Answer::Done)));
    let both = wishes.with(CALLS);
    assert!(rig.effects.contains(&Effect::StoreWishes(id, second, both)));
    rig.happens(What::WishesStored(id, second, both, Ok(())));
    assert_eq!(rig.answer(second), Some(Ok(Answer::Done)));
    assert_eq!(rig.one(id).wishes.words(), ["calls", "heart-rate"]);
}

#[test]
fn a_change_that_could_not_be_kept_is_not_in_the_next_one() {
    let (mut rig, id, [first, second]) = wishes_twice();
    let failed = Err(AccessoryError::Storage);
    rig.happens(What::WishesStored(
        id,
        first,
        Wishes::default().with(HEART),
        failed,
    ));
    assert_eq!(rig.answer(first), Some(Err(AccessoryError::Storage)));
    let calls = Wishes::default().with(CALLS);
    assert!(rig.effects.contains(&Effect::StoreWishes(id, second, calls)));
}

#[test]
fn changes_that_wait_end_with_the_account_and_more_than_a_few_are_refused() {
    let (mut rig, id, [first, second]) = wishes_twice();
    for _ in 1..super::super::wishes::MOST_WISHING {
        rig.ask(Question::Wish(id, CALLS));
    }
    let refused = rig.ask(Question::Wish(id, CALLS));
    assert_eq!(rig.answer(refused), Some(Err(AccessoryError::Busy)));
    rig.happens(What::Account(None));
    assert_eq!(rig.answer(second), Some(Err(AccessoryError::NotBound)));
    let wishes = Wishes::default().with(HEART);
    rig.happens(What::WishesStored(id, first, wishes, Ok(())));
    assert_eq!(rig.answer(first), Some(Ok(Answer::Done)));
}

#[test]
fn of_a_heart_that_is_followed_one_rate_a_minute_goes_to_the_disk_and_each_is_the_latest() {
    let (mut rig, session) = following();
    let mut kept = 0;
    for second in 0..120 {
        let reading = Reading::HeartRate(60 + second as u16);
        let at = Some(NOW + second);
        rig.tells(session, Told::Reading { at, reading });
        kept += rig
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::StoreReadings(..)))
            .count();
        assert_eq!(rig.one(session.0).latest, [(NOW + second, reading)]);
    }
    assert_eq!(kept, 2);
}

#[test]
fn a_scale_has_nothing_to_switch_on() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    let asker = rig.ask(Question::Wish(id, HEART));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::NotSupported)));
}

fn weighs(rig: &mut Rig) {
    let id = AccessoryId::from_bytes([8; 16]);
    let readings = vec![(Some(NOW), Reading::Weight(70.0))];
    rig.happens(What::Measured {
        id,
        readings,
        counter: None,
    });
}

#[test]
fn a_scale_that_weighs_is_connected_for_its_records_and_let_go_of() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    assert_eq!(rig.session(), None, "it sleeps");
    weighs(&mut rig);
    let session = rig.session().unwrap();
    let fetch = rig.opens(session).unwrap();
    let records = vec![(Some(NOW - 60), Reading::Weight(69.0))];
    rig.tells(session, Told::Readings(records));
    rig.happens(What::Stored(session.0, session.1, Ok(1)));
    assert!(rig.effects.contains(&Effect::Order(
        session.0,
        crate::accessory::ports::Order::Committed
    )));
    rig.finishes(session, fetch, Ok(()));
    // Its clock is set last.
    let (clock, _) = rig.requests().remove(0);
    rig.finishes(session, clock, Ok(()));
    assert!(rig.effects.contains(&Effect::Close(session.0)));
    weighs(&mut rig);
    assert_eq!(rig.session(), None, "they were just fetched");
    let asker = rig.ask(Question::Sync(session.0));
    let session = rig.session().unwrap();
    let fetch = rig.opens(session).unwrap();
    rig.finishes(session, fetch, Ok(()));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::Records(0))));
}

#[test]
fn a_record_without_a_date_or_from_ahead_is_of_the_moment_it_came() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    weighs(&mut rig);
    let session = rig.session().unwrap();
    rig.opens(session).unwrap();
    let told = [
        (None, 68.0),
        (Some(NOW - 60), 69.0),
        (None, 70.0),
        (Some(NOW + 3600), 71.0),
    ];
    let records = told
        .map(|(at, kilograms)| (at, Reading::Weight(kilograms)))
        .to_vec();
    rig.tells(session, Told::Readings(records));
    let kept = [(NOW - 3, 68.0), (NOW - 60, 69.0), (NOW - 1, 70.0), (NOW, 71.0)];
    let kept = kept
        .map(|(at, kilograms)| (at, Reading::Weight(kilograms)))
        .to_vec();
    // All of them: what is committed the scale forgets.
    assert!(
        rig.effects
            .contains(&Effect::StoreTransfer(session.0, session.1, kept))
    );
}

#[test]
fn a_scale_that_is_asleep_is_not_tried_again_by_itself() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    let asker = rig.ask(Question::Sync(id));
    let session = rig.session().unwrap();
    rig.ends(session, LinkEnd::Unreachable);
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Unreachable)));
    assert_eq!((rig.session(), rig.retry()), (None, None));
}

#[test]
fn whoever_asks_a_scale_for_its_records_just_after_the_link_was_lost_has_it_connected_anew() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    let first = rig.ask(Question::Sync(id));
    let lost = rig.session().unwrap();
    let fetch = rig.opens(lost).unwrap();
    rig.finishes(lost, fetch, Err(Failure::Lost));
    assert_eq!(rig.answer(first), Some(Err(AccessoryError::TimedOut)));
    assert_eq!(rig.requests(), [], "nobody would hear of the time");
    let second = rig.ask(Question::Sync(id));
    let session = rig.session().unwrap();
    rig.ends(lost, LinkEnd::Lost);
    assert_eq!(rig.answer(second), None, "it waits for the other one");
    let fetch = rig.opens(session).unwrap();
    rig.finishes(session, fetch, Ok(()));
    assert_eq!(rig.answer(second), Some(Ok(Answer::Records(0))));
}

/// Whether a band counts as lost after this.
fn away(then: impl FnOnce(&mut Rig, (AccessoryId, SessionId))) -> bool {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 8)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    then(&mut rig, session);
    rig.one(session.0).lost_at.is_some()
}

#[test]
fn only_a_link_that_broke_by_itself_makes_a_band_a_lost_one() {
    assert!(away(|rig, session| rig.ends(session, LinkEnd::Lost)));
    assert!(!away(|rig, session| rig.ends(session, LinkEnd::Closed)));
    assert!(!away(|rig, session| {
        rig.ask(Question::Disconnect(session.0));
    }));
    assert!(!away(|rig, session| {
        rig.ends(session, LinkEnd::Lost);
        rig.ask(Question::Disconnect(session.0));
    }));
    assert!(!away(|rig, session| {
        rig.power(false);
        rig.ends(session, LinkEnd::Lost);
    }));
    assert!(
        !away(|rig, session| {
            rig.ends(session, LinkEnd::Lost);
            rig.power(false);
        }),
        "the radio was switched off, which is told a moment later"
    );
    assert!(!away(|rig, session| {
        rig.ends(session, LinkEnd::Lost);
        rig.happens(What::Elapsed(TimerOf::Retry(session.0)));
        let session = rig.session().unwrap();
        rig.opens(session);
    }));
}

#[test]
fn a_band_that_was_lost_stays_lost_when_the_radio_is_switched_off_later() {
    let mut rig = Rig::new(vec![saved(Kind::MiBand2, 8)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    rig.ends(session, LinkEnd::Lost);
    let later = At {
        boot: super::rig::at().boot + Duration::from_secs(30),
        ..super::rig::at()
    };
    let off = AdapterView {
        available: true,
        powered: false,
        without_id: false,
    };
    let (state, _) = step(
        &rig.state,
        Event {
            at: later,
            what: What::Adapter(off),
        },
    );
    assert!(state.accessories[&session.0].lost_at.is_some());
}

#[test]
fn a_scale_that_was_disconnected_is_not_waited_for_until_it_is_connected_again() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    rig.ask(Question::Disconnect(id));
    let asker = rig.ask(Question::Sync(id));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::Unreachable)));
    assert_eq!(rig.session(), None);
    let asker = rig.ask(Question::Connect(id));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
    assert_eq!(rig.session(), None, "nobody asked for its records yet");
    rig.ask(Question::Sync(id));
    assert!(rig.session().is_some());
}

#[test]
fn a_scale_that_only_its_owner_can_help_says_so_at_once() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    rig.happens(What::Unheard(id, AccessoryError::KeyMismatch));
    let asker = rig.ask(Question::Sync(id));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::KeyMismatch)));
}
