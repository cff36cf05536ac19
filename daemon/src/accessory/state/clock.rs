//! What is believed of the phone's clock, and who is told when it was set.
//!
//! A band dates what it keeps by the clock that the phone sets, and a fetch goes on after the last minute that is
//! stored: a clock that is behind makes a band date anew what it has told before, and one that was ahead leaves a mark
//! in the time to come. So a clock that can't be right, or that nobody has vouched for, sets no other, and nothing is
//! forgotten by it.

use std::time::Duration;

use belay_drivers::{Kind, Moment, Opening, Request};
use belay_proto::id::AccessoryId;
use jiff::tz::Offset;

use super::super::error::AccessoryError;
use super::connection::Connection;
use super::event::Errand;
use super::{Accessory, At, Effect, State, TimerOf, by_chance};
use crate::platform::Timekeeping;

/// 2025, seconds since the epoch: a clock that shows an earlier time was never set.
const EARLIEST: u64 = 1_735_689_600;
/// The clocks of accessories go wrong by seconds in a day.
const DAILY: Duration = Duration::from_secs(86_400);
/// A clock that couldn't be set is set again after this, and after twice as long each further time.
const AGAIN: Duration = Duration::from_secs(600);
/// Where nobody keeps the time, a clock that was left alone for so long is the phone's, whatever is stored.
const LEFT_ALONE: Duration = Duration::from_secs(86_400);
/// Seconds; both clocks are told in whole ones.
const NOT_SET: u64 = 2;
/// Seconds. Whoever keeps the time sets it back by as little now and then, which takes nobody's word back.
const CORRECTED: u64 = 60;
/// A mark that lies so far ahead was made by a clock that was; seconds.
const AHEAD: u64 = 60;

/// How far the phone's clock is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Belief {
    /// It shows a time that can't be.
    #[default]
    Wrong,
    /// It may have stood still while the phone was off, and is about to be corrected.
    Unproven,
    /// It is right, as far as anybody can tell.
    Right,
}

/// What is known of the phone's clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Clock {
    kept: Timekeeping,
    /// What it showed when the boot clock began, in seconds since the epoch; and since when, by that clock, it does.
    base: Option<(i64, Duration)>,
    /// When it was first looked at, boot time.
    began: Option<Duration>,
    /// Since the start it was synchronised, or set ahead: it isn't what the phone woke up with.
    proven: bool,
    /// The earliest time that it was set back to since the start, seconds since the epoch.
    back_to: Option<u64>,
    /// What is waited for, boot time.
    wakes: Option<Duration>,
}

/// How [`step`](super::step) sees the clock at an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    belief: Belief,
    /// The last minute that any accessory has stored, seconds since the epoch.
    newest: u64,
    /// Seconds since the clock was first looked at.
    passed: u64,
}

/// A clock that was set to the phone's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SetClock {
    base: i64,
    offset: Offset,
    /// When it is due again, boot time.
    due: Duration,
}

impl At {
    pub(super) const fn belief(&self) -> Belief {
        self.seen.belief
    }

    /// Seconds since the epoch, for what is to be dated; not before what was dated already, and each second another: of
    /// two readings of the same one only one is kept.
    pub(super) fn dated(&self) -> u64 {
        let now = self.wall.epoch().unwrap_or(0);
        if self.belief() == Belief::Wrong {
            now.max(self.seen.newest.saturating_add(self.seen.passed))
        } else {
            now
        }
    }

    /// Whether an accessory may say that it measured at this second.
    pub(super) fn may_be(&self, second: u64) -> bool {
        self.belief() == Belief::Wrong || second <= self.dated().saturating_add(86_400)
    }

    fn set_clock(&self) -> SetClock {
        SetClock {
            base: base(self),
            offset: self.wall.offset,
            due: self.boot + DAILY,
        }
    }
}

impl SetClock {
    fn is_due(&self, at: &At) -> bool {
        let is_same = self.base.abs_diff(base(at)) <= NOT_SET && self.offset == at.wall.offset;
        !is_same || at.boot >= self.due
    }
}

impl Clock {
    /// Somebody keeps the time, or doesn't any more; or the zone is another one, whose offset changes at another time.
    pub(super) fn kept(&mut self, kept: Timekeeping) {
        self.wakes = None;
        self.kept = kept;
        self.proven |= kept == Timekeeping::Synchronised;
    }

    pub(super) fn elapsed(&mut self) {
        self.wakes = None;
    }

    /// Sees whether it was set; to which second, in seconds since the epoch, if it was set back.
    fn look(&mut self, at: &At) -> Option<u64> {
        self.began.get_or_insert(at.boot);
        let base = base(at);
        let (before, _) = self.base.unwrap_or((base, at.boot));
        if self.base.is_some() && before.abs_diff(base) <= NOT_SET {
            return None;
        }
        self.base = Some((base, at.boot));
        if base >= before {
            self.proven |= base > before;
            return None;
        }
        if before.abs_diff(base) > CORRECTED {
            // Right or wrong: whoever keeps the time has to say so again.
            self.proven = false;
            if self.kept == Timekeeping::Synchronised {
                self.kept = Timekeeping::Waiting;
            }
        }
        let to = at.wall.epoch().unwrap_or(0);
        self.back_to = Some(self.back_to.map_or(to, |before| before.min(to)));
        Some(to)
    }

    fn belief(&self, at: &At, newest: u64) -> Belief {
        let now = at.wall.epoch().unwrap_or(0);
        if now < EARLIEST {
            return Belief::Wrong;
        }
        match self.kept {
            Timekeeping::Synchronised => Belief::Right,
            Timekeeping::Unknown if now >= newest || self.is_left_alone(at) => Belief::Right,
            Timekeeping::Waiting if now >= newest && self.proven => Belief::Right,
            Timekeeping::Waiting if now >= newest => Belief::Unproven,
            _ => Belief::Wrong,
        }
    }

    fn is_left_alone(&self, at: &At) -> bool {
        self.base
            .is_some_and(|(_, since)| at.boot.saturating_sub(since) >= LEFT_ALONE)
    }
}

/// What the wall clock showed when the boot clock began, seconds since the epoch.
fn base(at: &At) -> i64 {
    let seconds = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    seconds(at.wall.epoch().unwrap_or(0)).saturating_sub(seconds(at.boot.as_secs()))
}

impl State {
    /// Looks at the clock.
    pub(super) fn seen(&mut self, at: At) -> At {
        if let Some(to) = self.clock.look(&at) {
            self.measured_until(to);
        }
        let marks = self.accessories.values().filter_map(|one| one.paired.as_ref());
        let newest = marks.map(|paired| paired.synced_to).max().unwrap_or(0);
        let belief = self.clock.belief(&at, newest);
        let passed = at.boot.saturating_sub(self.clock.began.unwrap_or(at.boot));
        let seen = Seen {
            belief,
            newest,
            passed: passed.as_secs(),
        };
        At { seen, ..at }
    }

    /// The clock was ahead. What was measured by it is no newer than this second: else nothing would be kept or shown
    /// before that time has come.
    fn measured_until(&mut self, second: u64) {
        for one in self.accessories.values_mut() {
            for (measured, _) in &mut one.latest {
                *measured = second.min(*measured);
            }
            if let Some(connection) = &mut one.connection {
                connection.kept_at = second.min(connection.kept_at);
            }
        }
    }

    /// Takes back marks that a clock ahead has made: what comes until then would be passed over.
    pub(super) fn settle_marks(&mut self, at: &At, effects: &mut Vec<Effect>) {
        let today = at.wall.epoch().unwrap_or(0);
        if at.belief() < Belief::Right {
            return;
        }
        let mut was_ahead = false;
        for (id, one) in &mut self.accessories {
            let Some(paired) = &mut one.paired else { continue };
            if paired.synced_to > today.saturating_add(AHEAD) {
                was_ahead = true;
                // Where it was set back while we looked on, all up to there is stored. Else nobody knows, and all that the
                // accessory has is fetched, once.
                let whole = |to: u64| to.min(today) / 60 * 60;
                paired.synced_to = self.clock.back_to.map_or(0, |to| whole(to).saturating_sub(60));
                effects.push(Effect::StoreMark(*id, paired.synced_to));
            }
        }
        if was_ahead {
            self.measured_until(today);
        }
    }

    /// Has the accessories' clocks follow the phone's, and waits for the next time that they have to.
    pub(super) fn settle_clocks(&mut self, at: &At, effects: &mut Vec<Effect>) {
        let mut due = None;
        for (id, one) in &mut self.accessories {
            one.settle_clock(*id, at, effects);
            due = due.into_iter().chain(one.clock_due(at)).min();
        }
        let doubtful = at.belief() == Belief::Wrong && self.clock.kept == Timekeeping::Unknown;
        if let Some((_, since)) = self.clock.base.filter(|_| doubtful && at.seen.newest > 0) {
            due = due.into_iter().chain([since + LEFT_ALONE]).min();
        }
        // Late is soon enough: it is for a clock that isn't believed, and that is looked at whenever anything happens.
        let due = due.map(|due| if due > at.boot { due } else { at.boot + DAILY });
        if due == self.clock.wakes {
            return;
        }
        effects.push(match due {
            Some(due) => Effect::Wake(TimerOf::Clock, due.saturating_sub(at.boot)),
            None => Effect::Sleep(TimerOf::Clock),
        });
        self.clock.wakes = due;
    }
}

impl Accessory {
    /// What the clock shows, told to an accessory: one that dates by a clock without an offset is told the offset that
    /// its clock was set to.
    pub(super) fn clock_shows(&mut self, at: &At) -> Moment {
        if !self.kind.keeps_records() {
            return at.wall;
        }
        let offset = *self.clock_offset.get_or_insert(at.wall.offset);
        let seconds = at.wall.epoch().unwrap_or(0);
        Moment::at(seconds, offset).unwrap_or(at.wall)
    }

    /// Opens the connection. A scale's clock is set only when what it has dated by it is fetched.
    pub(super) fn open(&mut self, id: AccessoryId, opening: Opening, at: &At, effects: &mut Vec<Effect>) {
        // Whoever pairs it sees the phone's clock, and the accessory's may never have been set: also where it has the key of
        // a pairing that broke off. One that is tried with that while nobody looks on was set before.
        let is_pairing = |one: &Connection| one.is_pairing() && !one.waiting.is_empty();
        let least = if self.connection.as_ref().is_some_and(is_pairing) {
            Belief::Unproven
        } else {
            Belief::Right
        };
        let sets_clock = at.belief() >= least && !self.kind.keeps_records();
        let now = self.clock_shows(at);
        let Some(connection) = &mut self.connection else {
            return;
        };
        connection.clock = sets_clock.then(|| at.set_clock());
        let request = Request::Open {
            opening,
            now,
            sets_clock,
        };
        connection.request(id, Errand::Open, request, effects);
    }

    fn settle_clock(&mut self, id: AccessoryId, at: &At, effects: &mut Vec<Effect>) {
        let scale = self.kind.keeps_records();
        let Some(connection) = self.connection.as_mut().filter(|one| one.is_ready()) else {
            return;
        };
        if at.belief() < Belief::Right || scale {
            return;
        }
        let due = connection.clock.is_none_or(|clock| clock.is_due(at));
        if due && has_clock(self.kind) && !connection.sets_clock() {
            connection.clock = Some(at.set_clock());
            connection.request(id, Errand::Clock, Request::SetTime(at.wall), effects);
        }
        if connection.held_back && connection.fetch.is_none() {
            self.fetch(id, None, at, effects);
        }
    }

    fn clock_due(&self, at: &At) -> Option<Duration> {
        let connection = self.connection.as_ref().filter(|one| one.is_ready())?;
        connection
            .clock
            .filter(|_| has_clock(self.kind) && !self.kind.keeps_records())
            .map(|clock| clock.due.max(at.boot))
    }

    /// A scale has told what it kept: its clock is set before it is let go. Whether that is so.
    pub(super) fn set_scales_clock(&mut self, id: AccessoryId, at: &At, effects: &mut Vec<Effect>) -> bool {
        let Some(connection) = self.connection.as_mut().filter(|_| at.belief() == Belief::Right) else {
            return false;
        };
        connection.clock = Some(at.set_clock());
        connection.request(id, Errand::Clock, Request::SetTime(at.wall), effects);
        true
    }

    /// Its clock is set, or not.
    pub(super) fn clock_set(
        &mut self,
        id: AccessoryId,
        outcome: Result<(), AccessoryError>,
        at: &At,
        effects: &mut Vec<Effect>,
    ) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let Some(clock) = &mut connection.clock else {
            return;
        };
        let offset = clock.offset;
        match outcome {
            Ok(()) => connection.clock_failures = 0,
            // It has none.
            Err(AccessoryError::NotSupported) => {}
            Err(_) => {
                let longer = AGAIN.saturating_mul(1 << connection.clock_failures.min(8));
                clock.due = at.boot + by_chance(longer.min(DAILY), at.dice);
                connection.clock_failures = connection.clock_failures.saturating_add(1);
            }
        }
        if self.kind.keeps_records() {
            if outcome.is_ok() && self.clock_offset.replace(offset) != Some(offset) {
                effects.push(Effect::Offset(id, offset));
            }
            // Whoever asked for its records meanwhile is answered first.
            if self.connection.as_ref().is_some_and(|one| one.fetch.is_none()) {
                self.end_connection(id, AccessoryError::Cancelled, effects);
            }
        }
    }
}

const fn has_clock(kind: Kind) -> bool {
    !matches!(kind, Kind::HeartRateMonitor)
}
