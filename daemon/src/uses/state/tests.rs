use std::collections::BTreeMap;
use std::time::Duration;

use belay_drivers::Alert;
use belay_drivers::alert::AlertKind;
use belay_proto::id::AccessoryId;

use super::*;

const BAND: AccessoryId = AccessoryId::from_bytes([1; 16]);
const OTHER: AccessoryId = AccessoryId::from_bytes([2; 16]);

struct Rig {
    state: State,
    at: Duration,
    effects: Vec<Effect>,
}

fn band(wishes: Wishes) -> Band {
    Band {
        ready: true,
        away: false,
        held: false,
        worn: true,
        wishes,
    }
}

const CALLS: Wishes = Wishes {
    calls: true,
    messages: false,
    notifications: false,
    heart_rate: false,
};
const MESSAGES: Wishes = Wishes {
    calls: false,
    messages: true,
    ..CALLS
};
const AT_HAND: Phone = Phone {
    known: true,
    lost: false,
    guarded: false,
    dry_run: false,
};
const GUARDED: Phone = Phone {
    guarded: true,
    ..AT_HAND
};
const LOST: Phone = Phone {
    lost: true,
    ..GUARDED
};

impl Rig {
    fn new(phone: Phone, wishes: Wishes) -> Self {
        let mut rig = Self {
            state: State::default(),
            at: Duration::from_secs(1000),
            effects: Vec::new(),
        };
        rig.happens(What::Phone(phone));
        rig.bands(&[(BAND, band(wishes))]);
        rig
    }

    fn happens(&mut self, what: What) -> &[Effect] {
        let (state, effects) = step(&self.state, Event { at: self.at, what });
        self.state = state;
        self.effects = effects;
        &self.effects
    }

    fn bands(&mut self, bands: &[(AccessoryId, Band)]) -> &[Effect] {
        let bands = bands.iter().copied().collect::<BTreeMap<_, _>>();
        self.happens(What::Bands(bands, true))
    }

    /// The band's link breaks, or is there again.
    fn away(&mut self, away: bool) -> &[Effect] {
        let one = Band {
            ready: !away,
            away,
            ..band(Wishes::default())
        };
        self.bands(&[(BAND, one)])
    }

    /// Looks whenever it is time to, for so long; answers everything that was to be done.
    fn pass(&mut self, long: Duration) -> Vec<Effect> {
        let end = self.at + long;
        let mut all = Vec::new();
        while let Some(tick) = self.state.next_tick(self.at).filter(|tick| *tick <= end) {
            self.at = tick;
            self.happens(What::Tick);
            all.append(&mut self.effects);
        }
        self.at = end;
        all
    }

    fn call(&mut self, call: &str) -> &[Effect] {
        let (call, number) = (call.to_owned(), "+4915112345678".to_owned());
        self.happens(What::Incoming(Incoming::Call { call, number }))
    }

    fn over(&mut self, call: &str) -> &[Effect] {
        self.happens(What::Incoming(Incoming::CallOver { call: call.into() }))
    }

    fn text(&mut self, text: &str) -> usize {
        let (number, text) = ("+4915112345678".to_owned(), text.to_owned());
        self.happens(What::Incoming(Incoming::Text { number, text }))
            .len()
    }
}

#[test]
fn a_band_that_looks_for_the_phone_has_it_ring_until_its_wearer_has_it() {
    let mut rig = Rig::new(AT_HAND, Wishes::default());
    assert_eq!(rig.happens(What::FindPhone(true)), [Effect::Ring(SEARCH)]);
    assert_eq!(rig.happens(What::FindPhone(false)), [Effect::Silence]);
    // The bell's own word comes after it.
    assert_eq!(rig.happens(What::Silent), []);
    assert_eq!(rig.happens(What::FindPhone(false)), []);
}

#[test]
fn a_phone_that_was_silenced_by_hand_or_by_its_time_tells_the_band() {
    let mut rig = Rig::new(AT_HAND, Wishes::default());
    rig.happens(What::FindPhone(true));
    assert_eq!(rig.happens(What::Silent), [Effect::PhoneFound]);
    assert_eq!(rig.happens(What::Silent), [], "nobody looks any more");
}

#[test]
fn a_lost_phone_rings_for_no_band_and_shows_nothing_on_it() {
    let mut rig = Rig::new(LOST, CALLS);
    assert_eq!(rig.happens(What::FindPhone(true)), [Effect::PhoneFound]);
    assert_eq!(rig.call("1"), []);
    assert!(!rig.state.wants_modem());
    let mut rig = Rig::new(AT_HAND, CALLS);
    rig.call("1");
    let ended = Effect::StopAlert(BAND, AlertKind::Call);
    assert_eq!(rig.happens(What::Phone(LOST)), [ended]);
    assert_eq!(rig.happens(What::DeclineCall), []);
}

#[test]
fn a_call_is_shown_where_it_is_wanted_and_goes_when_it_is_over() {
    let mut rig = Rig::new(AT_HAND, CALLS);
    rig.bands(&[(BAND, band(CALLS)), (OTHER, band(Wishes::default()))]);
    let caller = "+4915112345678".to_owned();
    assert_eq!(rig.call("1"), [Effect::Alert(BAND, Alert::Call { caller })]);
    assert_eq!(rig.call("1"), [], "it is shown already");
    assert_eq!(rig.over("1"), [Effect::StopAlert(BAND, AlertKind::Call)]);
    assert_eq!(rig.over("1"), []);
}

#[test]
fn a_call_stays_on_the_wrist_as_long_as_another_one_rings() {
    let mut rig = Rig::new(AT_HAND, CALLS);
    rig.call("1");
    rig.call("2");
    assert_eq!(rig.over("1"), []);
    assert_eq!(rig.over("2"), [Effect::StopAlert(BAND, AlertKind::Call)]);
}

#[test]
fn the_wearer_declines_a_call_that_rings_and_no_other() {
    let mut rig = Rig::new(AT_HAND, CALLS);
    assert_eq!(rig.happens(What::DeclineCall), []);
    rig.call("1");
    assert_eq!(rig.happens(What::DeclineCall), [Effect::Decline]);
    rig.over("1");
    assert_eq!(rig.happens(What::DeclineCall), []);
}

#[test]
fn a_call_that_is_ignored_leaves_every_wrist_and_can_still_be_declined() {
    let mut rig = Rig::new(AT_HAND, CALLS);
    rig.bands(&[(BAND, band(CALLS)), (OTHER, band(CALLS))]);
    rig.call("1");
    let ended = [BAND, OTHER].map(|id| Effect::StopAlert(id, AlertKind::Call));
    assert_eq!(rig.happens(What::IgnoreCall), ended);
    assert_eq!(rig.over("1"), []);
}

#[test]
fn the_modem_is_followed_only_while_somebody_wants_it() {
    let mut rig = Rig::new(AT_HAND, Wishes::default());
    assert!(!rig.state.wants_modem());
    rig.bands(&[(BAND, band(MESSAGES))]);
    assert!(rig.state.wants_modem());
    rig.bands(&[]);
    assert!(!rig.state.wants_modem());
}

#[test]
fn texts_are_cut_cleaned_and_not_shown_without_end() {
    let mut rig = Rig::new(AT_HAND, MESSAGES);
    let long = "ä\u{7}".repeat(400);
    assert_eq!(rig.text(&long), 1);
    let Effect::Alert(_, Alert::Message { body, .. }) = &rig.effects[0] else {
        panic!("a message");
    };
    assert_eq!((body.chars().count(), &body[..3]), (256, "ä "));
    assert_eq!((0..20).map(|_| rig.text("x")).sum::<usize>(), 4);
    rig.at += Duration::from_secs(20);
    assert_eq!((0..20).map(|_| rig.text("x")).sum::<usize>(), 2);
}

mod absences;
