//! A clock that is behind, ahead, or set while an accessory is connected.

mod ahead;

use std::time::Duration;

use belay_drivers::{ActivityMinute, Event as Told, Key, Kind, Moment, Reading, Request};
use jiff::tz::Offset;

use super::super::*;
use super::rig::{NOW, Rig, at, saved};
use crate::accessory::model::Saved;
use crate::accessory::ports::{Order, Report};
use crate::platform::Timekeeping;

const HOUR: u64 = 3600;
const DAY: u64 = 86_400;

fn minute(start: u64) -> ActivityMinute {
    ActivityMinute {
        start,
        kind: 1,
        intensity: 1,
        steps: 1,
        heart_rate: 255,
    }
}

/// A band with all up to this moment stored.
fn synced(synced_to: u64) -> Saved {
    Saved {
        synced_to,
        ..saved(Kind::MiBand3, 7)
    }
}

impl Rig {
    /// The wall clock shows this from now on.
    fn set(&mut self, wall: u64) {
        self.at.wall = Moment::at(wall, self.at.wall.offset).unwrap();
        self.happens(What::ClockSet);
    }

    fn travels(&mut self, hours: i8) {
        let offset = Offset::from_hours(hours).unwrap();
        self.at.wall = Moment::at(self.at.wall.epoch().unwrap(), offset).unwrap();
        self.happens(What::ClockSet);
    }

    fn kept(&mut self, kept: Timekeeping) {
        self.happens(What::Timekeeping(kept));
    }

    /// A device whose clock shows this from its start on.
    fn started(wall: u64, kept: Timekeeping, accessories: Vec<Saved>) -> Self {
        let mut rig = Self::at(At {
            wall: Moment::at(wall, Offset::UTC).unwrap(),
            ..at()
        });
        rig.kept(kept);
        rig.power(true);
        rig.happens(What::Account(Some((super::rig::ACCOUNT, accessories))));
        rig
    }

    /// Connects, and says whether the opening and the fetch that follows it may change something at the accessory.
    fn may(&mut self, session: (AccessoryId, SessionId)) -> (bool, bool) {
        self.reports(session, Report::Connected);
        let (open, request) = self.requests().remove(0);
        let Request::Open { sets_clock, .. } = request else {
            panic!("{request:?}")
        };
        self.finishes(session, open, Ok(()));
        let fetches = self.requests();
        let forgets = |request: &Request| matches!(request, Request::Fetch { forgets: true, .. });
        (sets_clock, fetches.iter().any(|(_, request)| forgets(request)))
    }

    /// What a clock was set to by the last step.
    fn told_time(&self) -> Option<u64> {
        self.requests().iter().find_map(|(_, request)| match request {
            Request::SetTime(now) => now.epoch(),
            _ => None,
        })
    }

    fn fetches(&self) -> Option<(Option<u64>, bool)> {
        self.requests().iter().find_map(|(_, request)| match request {
            Request::Fetch { since, forgets, .. } => {
                Some((since.map(|since| since.epoch().unwrap()), *forgets))
            }
            _ => None,
        })
    }

    fn finishes_all(&mut self, session: (AccessoryId, SessionId)) {
        for (id, _) in self.requests() {
            self.finishes(session, id, Ok(()));
        }
    }
}

#[test]
fn a_clock_that_is_behind_sets_no_other_and_has_nothing_forgotten() {
    for (wall, kept) in [
        (5, Timekeeping::Unknown),
        (5, Timekeeping::Synchronised),
        (NOW - HOUR, Timekeeping::Unknown),
        (NOW - HOUR, Timekeeping::Waiting),
        // All that a phone knows that was off for a night.
        (NOW + 120, Timekeeping::Waiting),
    ] {
        let mut rig = Rig::started(wall, kept, vec![synced(NOW - 60)]);
        let session = rig.session().unwrap();
        assert_eq!(rig.may(session), (false, false), "{wall} {kept:?}");
        assert!(!rig.effects.iter().any(|one| matches!(one, Effect::StoreMark(..))));
        // The network tells the time.
        rig.finishes_all(session);
        rig.set(NOW + 8 * HOUR);
        assert_eq!(rig.told_time(), Some(NOW + 8 * HOUR), "{wall} {kept:?}");
        assert_eq!(rig.fetches(), Some((Some(NOW - 60), true)), "{wall} {kept:?}");
    }
    let mut rig = Rig::started(NOW, Timekeeping::Unknown, vec![synced(NOW - 60)]);
    let session = rig.session().unwrap();
    assert_eq!(rig.may(session), (true, true));
}

#[test]
fn a_sync_by_a_clock_that_is_wrong_is_none_to_be_shown() {
    let mut rig = Rig::started(5, Timekeeping::Unknown, vec![synced(NOW)]);
    let session = rig.session().unwrap();
    rig.may(session);
    rig.finishes_all(session);
    let stored = |effect: &Effect| matches!(effect, Effect::StoreSynced(..));
    assert!(!rig.effects.iter().any(stored));
    assert_eq!(rig.one(session.0).paired.as_ref().unwrap().synced_at, 0);
}

#[test]
fn a_band_that_is_paired_gets_the_time_that_its_owner_sees() {
    for (kept, sets) in [(Timekeeping::Waiting, true), (Timekeeping::Unknown, true)] {
        let mut rig = Rig::started(NOW, kept, vec![]);
        rig.ask(Question::Discover {
            kinds: vec![],
            lasting: Duration::from_secs(30),
            power_on: false,
        });
        rig.happens(What::Heard(super::rig::sighting(Kind::MiBand2, 8)));
        rig.ask(Question::Pair {
            id: AccessoryId::from_bytes([8; 16]),
            key: None,
            fresh: Key::new([5; 16]),
            replace: false,
        });
        let session = rig.session().unwrap();
        assert_eq!(rig.may(session).0, sets);
    }
}

#[test]
fn a_transfer_is_stored_whole_though_the_clock_steps_back_under_it() {
    let mut rig = Rig::new(vec![synced(NOW - 300)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    rig.set(NOW - DAY);
    let minutes = vec![minute(NOW - 240), minute(NOW - 180)];
    rig.tells(session, Told::History(minutes.clone()));
    assert_eq!(
        rig.effects,
        [Effect::StoreMinutes(session.0, session.1, minutes)],
        "the band is about to be told to forget them"
    );
    rig.happens(What::Stored(session.0, session.1, Ok(2)));
    assert!(rig.effects.contains(&Effect::Order(session.0, Order::Committed)));
}

#[test]
fn a_mark_of_a_clock_ahead_is_taken_back_once_and_on_disk() {
    let ahead = || synced(NOW + 30 * DAY);
    let mut rig = Rig::started(NOW, Timekeeping::Synchronised, vec![ahead()]);
    let id = AccessoryId::from_bytes([7; 16]);
    assert!(rig.effects.contains(&Effect::StoreMark(id, 0)));
    let session = rig.session().unwrap();
    rig.opens(session);
    assert_eq!(rig.fetches(), Some((None, true)), "all that the band has");
    rig.tells(session, Told::History(vec![minute(NOW - 60)]));
    rig.happens(What::Stored(session.0, session.1, Ok(1)));
    rig.finishes_all(session);
    assert_eq!(rig.one(id).paired.as_ref().unwrap().synced_to, NOW - 60);
    // Where nobody keeps the time the phone's clock may as well be behind; but not for ever.
    let mut rig = Rig::started(NOW, Timekeeping::Unknown, vec![ahead()]);
    let wakes = Effect::Wake(TimerOf::Clock, Duration::from_secs(DAY));
    assert!(rig.effects.contains(&wakes), "{:?}", rig.effects);
    let session = rig.session().unwrap();
    assert_eq!(rig.may(session), (false, false));
    rig.finishes_all(session);
    rig.passes(DAY);
    rig.happens(What::Elapsed(TimerOf::Clock));
    assert!(rig.effects.contains(&Effect::StoreMark(id, 0)));
    assert_eq!(rig.told_time(), Some(NOW + DAY));
}

#[test]
fn a_clock_that_is_set_back_rightly_has_fetched_what_comes_from_there_on() {
    let mut rig = Rig::started(NOW, Timekeeping::Synchronised, vec![synced(NOW - 60)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    rig.finishes_all(session);
    rig.set(NOW - 5 * HOUR);
    assert_eq!(rig.told_time(), None, "nobody has said that this is right");
    rig.kept(Timekeeping::Synchronised);
    let mark = (NOW - 5 * HOUR) / 60 * 60 - 60;
    assert_eq!(rig.told_time(), Some(NOW - 5 * HOUR));
    assert!(rig.effects.contains(&Effect::StoreMark(session.0, mark)));
    rig.passes(HOUR);
    rig.tells(session, Told::HistoryGrew);
    assert_eq!(rig.fetches(), Some((Some(mark), true)));
}

#[test]
fn a_lasting_connection_gets_the_time_when_it_changes_and_each_day() {
    let mut rig = Rig::new(vec![synced(NOW - 60)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    assert_eq!(rig.told_time(), None, "the opening has set it");
    rig.travels(3);
    assert!(rig.told_time().is_some(), "another zone");
    rig.travels(4);
    assert_eq!(rig.told_time(), None, "one at a time");
    let under_way = belay_drivers::RequestId(2);
    rig.finishes(session, under_way, Ok(()));
    assert!(rig.told_time().is_some(), "and then the newer one");
    rig.finishes_all(session);
    rig.passes(HOUR);
    rig.happens(What::ClockSet);
    assert_eq!(rig.told_time(), None, "it goes on as it was");
    rig.set(NOW + 2 * HOUR);
    assert!(rig.told_time().is_some(), "set ahead");
    let wakes = Effect::Wake(TimerOf::Clock, Duration::from_secs(DAY));
    assert!(rig.effects.contains(&wakes), "{:?}", rig.effects);
    rig.finishes_all(session);
    rig.passes(DAY);
    rig.happens(What::Elapsed(TimerOf::Clock));
    assert!(rig.told_time().is_some(), "a day later");
}

#[test]
fn a_clock_that_could_not_be_set_is_set_again() {
    let mut rig = Rig::new(vec![synced(NOW - 60)]);
    let session = rig.session().unwrap();
    rig.opens(session);
    rig.travels(3);
    let (id, _) = rig.requests().remove(0);
    rig.finishes(session, id, Err(belay_drivers::Failure::Busy));
    assert_eq!(rig.told_time(), None);
    assert!(
        rig.effects
            .contains(&Effect::Wake(TimerOf::Clock, Duration::from_secs(600)))
    );
    rig.passes(600);
    rig.happens(What::Elapsed(TimerOf::Clock));
    assert!(rig.told_time().is_some());
}

/// Connects the scale for what it kept; the offset that the fetch is told.
fn scales_fetch(rig: &mut Rig, id: AccessoryId) -> ((AccessoryId, SessionId), i32) {
    rig.ask(Question::Sync(id));
    let session = rig.session().unwrap();
    rig.opens(session);
    let requests = rig.requests();
    let Request::Fetch { now, .. } = &requests[0].1 else {
        panic!("{requests:?}")
    };
    (session, now.offset.seconds())
}

#[test]
fn what_a_scale_kept_is_dated_by_the_offset_that_its_clock_had() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    let listens = |offset: Offset| move |one: &Effect| matches!(one, Effect::Listen { offset: it, .. } if *it == offset);
    assert!(rig.effects.iter().any(listens(Offset::UTC)));
    rig.travels(3);
    assert_eq!(rig.effects, [], "its own clock wasn't set");
    let (session, offset) = scales_fetch(&mut rig, id);
    assert_eq!(offset, 0, "as what was heard of it");
    rig.finishes_all(session);
    assert!(rig.told_time().is_some(), "now that it has told all");
    assert!(rig.one(id).is_ready(), "until its clock is set");
    rig.finishes_all(session);
    let offset = Offset::from_hours(3).unwrap();
    assert!(
        rig.effects.contains(&Effect::Offset(id, offset)),
        "{:?}",
        rig.effects
    );
    assert!(rig.effects.contains(&Effect::Close(id)));
    let (_, offset) = scales_fetch(&mut rig, id);
    assert_eq!(offset, 3 * 3600);
}

#[test]
fn a_scale_keeps_what_no_clock_dates() {
    let mut rig = Rig::started(NOW, Timekeeping::Waiting, vec![saved(Kind::MiScale, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    let (session, _) = scales_fetch(&mut rig, id);
    let weight = Reading::Weight(70.0);
    rig.tells(
        session,
        Told::Readings(vec![
            (None, weight),
            (Some(NOW - 60), weight),
            (Some(NOW + DAY), weight),
        ]),
    );
    assert!(
        rig.effects
            .contains(&Effect::StoreTransfer(id, session.1, vec![(NOW - 60, weight)]))
    );
}
