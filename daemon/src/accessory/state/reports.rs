//! What a connection reports, and what follows.

use std::time::Duration;

use belay_drivers::{Event as Told, Failure, Reading};
use belay_proto::id::AccessoryId;

use super::super::error::AccessoryError;
use super::super::ports::{LinkEnd, Order, Report};
use super::clock::Belief;
use super::connection::Stage;
use super::discovery::KEPT_EACH;
use super::early::Early;
use super::event::Errand;
use super::{Accessory, Answer, At, Effect, SessionId, State, TimerOf, wait};

/// A connection that was of use lasted so long, or brought something. After any other the waits go on growing.
const USEFUL: Duration = Duration::from_secs(60);

impl State {
    /// A connection reports.
    pub(super) fn reported(
        &mut self,
        id: AccessoryId,
        session: SessionId,
        report: Report,
        at: &At,
        effects: &mut Vec<Effect>,
    ) {
        let account = self.account;
        let powered = self.adapter.powered;
        let Some(one) = self.accessories.get_mut(&id) else {
            return;
        };
        let Some(connection) = one.connection.as_mut().filter(|it| it.session == session) else {
            return;
        };
        match report {
            Report::Connected => {
                one.early = Early::default();
                connection.stage = Stage::Opening;
                let opening = connection.opening.clone();
                one.open(id, opening, at, effects);
            }
            Report::Ended(end) => one.ended(id, end, powered, at, effects),
            Report::Bonded => (connection.bonded, one.bonded) = (true, true),
            Report::Event(Told::Finished { .. }) if account.is_none() => {}
            Report::Event(Told::Finished { id: number, outcome }) => {
                if connection.errands.get(&number.0) == Some(&Errand::Open) {
                    connection.errands.remove(&number.0);
                    self.opening_ended(id, outcome, at, effects);
                } else {
                    one.finished(id, number.0, outcome, at, effects);
                }
            }
            Report::Event(Told::Reading { at: second, reading }) => {
                one.read(id, second, reading, at, effects);
            }
            Report::Event(Told::History(minutes)) => {
                if let Some(fetch) = &mut connection.fetch {
                    fetch.reaches = minutes.iter().map(|minute| minute.start).max();
                }
                effects.push(Effect::StoreMinutes(id, session, minutes));
            }
            Report::Event(Told::Readings(readings)) => {
                let fetch = connection.fetch.as_ref();
                let forgets = fetch.is_some_and(|fetch| fetch.forgets);
                // A clock that was set back meanwhile makes no record one of the future.
                let now = at.wall.epoch().unwrap_or(0);
                let now = now.max(fetch.map_or(0, |fetch| fetch.began));
                // The accessory forgets what is committed, so all of it is kept: a record whose clock was never set, or
                // is ahead, counts as of the moment it came, a second before the one after it. Where our own clock is in
                // doubt nothing is forgotten, and what no clock dates waits.
                let sure = |second: Option<u64>| second.is_some_and(|second| second <= now);
                let mut age = u64::try_from(readings.len()).unwrap_or(u64::MAX);
                let readings: Vec<_> = readings
                    .into_iter()
                    .filter(|(second, _)| forgets || sure(*second))
                    .map(|(second, reading)| {
                        age = age.saturating_sub(1);
                        let came = now.saturating_sub(age);
                        (second.filter(|second| *second <= now).unwrap_or(came), reading)
                    })
                    .collect();
                for (second, reading) in &readings {
                    one.remember(*second, *reading);
                }
                effects.push(Effect::StoreTransfer(id, session, readings));
                effects.push(Effect::MeasurementChanged(id));
            }
            Report::Event(event) => one.told(id, event, at, effects),
        }
    }

    /// A transfer is on disk, or not.
    pub(super) fn stored(
        &mut self,
        id: AccessoryId,
        session: SessionId,
        outcome: Result<u64, AccessoryError>,
        at: &At,
        effects: &mut Vec<Effect>,
    ) {
        let Some(one) = self.accessories.get_mut(&id) else {
            return;
        };
        let Some(connection) = one.connection.as_mut().filter(|it| it.session == session) else {
            return;
        };
        match outcome {
            Ok(new) => {
                if let Some(fetch) = &mut connection.fetch {
                    fetch.new += new;
                    // The next fetch of this process begins where the disk says it may.
                    if let (Some(reaches), Some(paired)) = (fetch.reaches.take(), &mut one.paired) {
                        paired.synced_to = paired.synced_to.max(reaches);
                    }
                }
                effects.push(Effect::Order(id, Order::Committed));
                if new > 0 {
                    one.failures = 0;
                }
            }
            // Not acknowledged: the accessory keeps it and the next connection fetches it again.
            Err(error) => {
                one.end_connection(id, error, effects);
                one.problem = Some(error);
                one.failures = one.failures.saturating_add(1);
                one.retry(id, at.dice, effects);
            }
        }
    }
}

impl Accessory {
    fn finished(
        &mut self,
        id: AccessoryId,
        number: u32,
        outcome: Result<(), Failure>,
        at: &At,
        effects: &mut Vec<Effect>,
    ) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let Some(errand) = connection.errands.remove(&number) else {
            return;
        };
        // Its end is told in a moment; whoever asks before that needs another one.
        let is_lost = outcome == Err(Failure::Lost);
        let outcome = outcome.map_err(AccessoryError::from);
        match errand {
            Errand::Fetch => {
                let Some(fetch) = connection.fetch.take() else {
                    return;
                };
                let outcome = match (fetch.failed, outcome) {
                    (Some(error), _) | (None, Err(error)) => Err(error),
                    (None, Ok(())) => Ok(Answer::Records(fetch.new)),
                };
                if outcome.is_ok() && at.belief() > Belief::Wrong {
                    let now = at.wall.epoch().unwrap_or(0);
                    if let Some(paired) = &mut self.paired {
                        paired.synced_at = now;
                    }
                    effects.push(Effect::StoreSynced(id, now));
                }
                for asker in fetch.askers {
                    effects.push(Effect::Answer(asker, outcome));
                }
                if self.kind.keeps_records() && (is_lost || !self.set_scales_clock(id, at, effects)) {
                    // It was connected for that alone, and sleeps sooner without.
                    let why = match is_lost {
                        true => AccessoryError::from(Failure::Lost),
                        false => AccessoryError::Cancelled,
                    };
                    self.end_connection(id, why, effects);
                }
            }
            Errand::HeartRate(asker) => {
                let value = connection.heart_rate.take();
                let outcome =
                    outcome.and_then(|()| value.map(Answer::HeartRate).ok_or(AccessoryError::TimedOut));
                effects.push(Effect::Answer(asker, outcome));
            }
            Errand::Other(asker) => {
                effects.push(Effect::Answer(asker, outcome.map(|()| Answer::Done)));
            }
            Errand::Clock => self.clock_set(id, outcome, at, effects),
            Errand::Open | Errand::Nobody => {}
        }
    }

    /// What is asked of each connection once it is ready.
    pub(super) fn begin(&mut self, id: AccessoryId, at: &At, effects: &mut Vec<Effect>) {
        self.lost_at = None;
        if let Some(connection) = &mut self.connection {
            connection.ready_at = Some(at.boot);
        }
        if self.kind.has_history() || self.kind.keeps_records() {
            self.fetch(id, None, at, effects);
        }
        let askers = self.records.begin(at.boot);
        if let Some(fetch) = self.connection.as_mut().and_then(|it| it.fetch.as_mut()) {
            fetch.askers.extend(askers);
        }
        if self.wishes.heart_rate {
            self.follow_heart(id, true, effects);
        }
        self.store_early(id, effects);
    }

    fn ended(&mut self, id: AccessoryId, end: LinkEnd, powered: bool, at: &At, effects: &mut Vec<Effect>) {
        let error = AccessoryError::from(end);
        let was_ready = self.is_ready();
        if was_ready && end == LinkEnd::Lost && powered {
            self.lost_at = Some(at.boot);
        }
        self.records.fail(error, effects);
        let connection = self.connection.take();
        // Whatever lets itself be connected only to hang up is waited for as if it had been away.
        let ready_at = connection.as_ref().and_then(|it| it.ready_at);
        if ready_at.is_some_and(|ready| at.boot.saturating_sub(ready) >= USEFUL) {
            self.failures = 0;
        }
        let before = connection.as_ref().and_then(|it| it.pairing.as_ref()?.before);
        self.bonded = connection.as_ref().is_some_and(|it| it.bonded);
        if let Some(connection) = connection {
            connection.fail_all(error, effects);
        }
        if self.paired.is_none() {
            self.problem = Some(error);
            effects.push(Effect::Wake(TimerOf::Leaving(id), super::STAYS));
            return;
        }
        // A link that was lost is nothing a person has to know of before it can't be had again.
        if !(was_ready && end == LinkEnd::Lost) {
            // Nothing was learnt of the key that didn't fit before.
            self.problem = before.filter(|it| it.is_the_owners()).or(Some(error));
        }
        self.failures = self.failures.saturating_add(1);
        self.retry(id, at.dice, effects);
    }

    pub(super) fn retry(&mut self, id: AccessoryId, dice: u16, effects: &mut Vec<Effect>) {
        // A scale is asleep, and is heard when it isn't.
        let again = !self.kind.keeps_records();
        if again && self.paired.is_some() && !self.held && !self.stopped() {
            self.waiting = true;
            effects.push(Effect::Wake(TimerOf::Retry(id), wait(self.failures, dice)));
        }
    }

    fn read(
        &mut self,
        id: AccessoryId,
        second: Option<u64>,
        reading: Reading,
        at: &At,
        effects: &mut Vec<Effect>,
    ) {
        if let (Reading::HeartRate(beats), Some(connection)) = (reading, &mut self.connection) {
            connection.heart_rate = Some(beats);
        }
        if let Reading::Battery(level) = reading {
            self.battery = Some(level);
            return;
        }
        let second = second.filter(|second| at.may_be(*second));
        let second = second.unwrap_or_else(|| at.dated());
        self.remember(second, reading);
        if self.keeps(second, reading) {
            self.store(id, vec![(second, reading)], effects);
        }
        effects.push(Effect::MeasurementChanged(id));
    }

    /// Whether a reading goes to the disk. Of a heart that is followed one a minute does; what somebody asked for is
    /// kept always.
    fn keeps(&mut self, second: u64, reading: Reading) -> bool {
        let follows = self.wishes.heart_rate && matches!(reading, Reading::HeartRate(_));
        let Some(connection) = self.connection.as_mut().filter(|_| follows) else {
            return true;
        };
        let is_asked = |errand: &Errand| matches!(errand, Errand::HeartRate(_));
        let asked = connection.errands.values().any(is_asked);
        let due = second >= connection.kept_at.saturating_add(KEPT_EACH);
        if due {
            connection.kept_at = second;
        }
        asked || due
    }

    /// What changes only what is shown, or the phone.
    fn told(&mut self, id: AccessoryId, event: Told, at: &At, effects: &mut Vec<Effect>) {
        match event {
            Told::AwaitingConfirmation => {
                if let Some(connection) = &mut self.connection {
                    connection.stage = Stage::AwaitingConfirmation;
                }
            }
            Told::Battery { level, charging } => {
                self.battery = Some(level.min(100));
                self.charging = charging;
            }
            Told::Information(information) => {
                self.firmware = information.firmware;
                self.serial.clone_from(&information.serial);
                if let Some(paired) = &mut self.paired
                    && paired.serial != information.serial
                {
                    paired.serial.clone_from(&information.serial);
                    effects.push(Effect::SaveSerial(id, information.serial));
                }
            }
            Told::Progress { done, total } => self.progress = (done, total.max(done)),
            Told::HistoryGrew => self.fetch(id, None, at, effects),
            Told::FindPhone(on) => effects.push(Effect::FindPhone(on)),
            Told::DeclineCall => effects.push(Effect::DeclineCall),
            Told::IgnoreCall => effects.push(Effect::IgnoreCall),
            _ => {}
        }
    }
}
