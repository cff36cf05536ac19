//! What a connection reports, and what follows.

use belay_drivers::{Event as Told, Failure, Opening, Reading};
use belay_proto::id::AccessoryId;

use super::super::error::AccessoryError;
use super::super::model::Saved;
use super::super::ports::{LinkEnd, Order, Report};
use super::clock::Belief;
use super::connection::Stage;
use super::discovery::KEPT_EACH;
use super::early::Early;
use super::event::Errand;
use super::{Accessory, Answer, Asker, At, Effect, Paired, SessionId, State, TimerOf, wait};

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
            Report::Event(Told::Finished { id: number, outcome }) => {
                if account.is_some() {
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
            }
            // Not acknowledged: the accessory keeps it and the next connection fetches it again.
            Err(error) => {
                one.end_connection(id, error, effects);
                one.problem = Some(error);
                one.retry(id, 0, effects);
            }
        }
    }

    /// A paired accessory is on disk, or not.
    pub(super) fn saved(
        &mut self,
        id: AccessoryId,
        outcome: Result<(), AccessoryError>,
        at: &At,
        effects: &mut Vec<Effect>,
    ) {
        let Ok(one) = self.get(id) else { return };
        let answer = outcome.map(|()| Answer::Done);
        for asker in std::mem::take(&mut one.adopting) {
            effects.push(Effect::Answer(asker, answer));
        }
        match (outcome, &mut one.connection) {
            (Ok(()), Some(connection)) if connection.stage == Stage::Saving => {
                connection.stage = Stage::Ready;
                for asker in std::mem::take(&mut connection.waiting) {
                    effects.push(Effect::Answer(asker, Ok(Answer::Done)));
                }
                one.begin(id, at, effects);
            }
            (Err(error), _) => {
                one.paired = None;
                one.end_connection(id, error, effects);
            }
            (Ok(()), _) => {}
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
        let outcome = outcome.map_err(AccessoryError::from);
        match errand {
            Errand::Open => match outcome {
                Ok(()) => self.opened(id, at, effects),
                Err(error) => self.refused(id, error, at, effects),
            },
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
                if self.kind.keeps_records() && !self.set_scales_clock(id, at, effects) {
                    // It was connected for that alone, and sleeps sooner without.
                    self.end_connection(id, AccessoryError::Cancelled, effects);
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
            Errand::Nobody => {}
        }
    }

    /// Takes an accessory that only advertises.
    pub(super) fn adopt(
        &mut self,
        id: AccessoryId,
        key: Option<belay_drivers::Key>,
        asker: Asker,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, AccessoryError> {
        let paired = Paired {
            key,
            serial: String::new(),
            synced_to: 0,
            synced_at: 0,
        };
        effects.push(Effect::Save(self.to_save(id, &paired)));
        self.paired = Some(paired);
        self.adopting.push(asker);
        Ok(None)
    }

    /// Authenticated: a new one is kept before anybody hears of it.
    fn opened(&mut self, id: AccessoryId, at: &At, effects: &mut Vec<Effect>) {
        self.failures = 0;
        self.problem = None;
        let Some(connection) = &mut self.connection else {
            return;
        };
        if let Opening::Pair(key) | Opening::Claim(key) = &connection.opening {
            connection.stage = Stage::Saving;
            let before = self.paired.take();
            let paired = Paired {
                key: key.clone(),
                serial: self.serial.clone(),
                synced_to: before.as_ref().map_or(0, |it| it.synced_to),
                synced_at: before.as_ref().map_or(0, |it| it.synced_at),
            };
            effects.push(Effect::Sleep(TimerOf::Leaving(id)));
            effects.push(Effect::Save(self.to_save(id, &paired)));
            self.paired = Some(paired);
        } else {
            connection.stage = Stage::Ready;
            for asker in std::mem::take(&mut connection.waiting) {
                effects.push(Effect::Answer(asker, Ok(Answer::Done)));
            }
            self.begin(id, at, effects);
        }
    }

    /// What is asked of each connection once it is ready.
    fn begin(&mut self, id: AccessoryId, at: &At, effects: &mut Vec<Effect>) {
        self.lost_at = None;
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

    fn to_save(&self, id: AccessoryId, paired: &Paired) -> Saved {
        Saved {
            id,
            kind: self.kind,
            address: self.address,
            name: self.name.clone(),
            serial: paired.serial.clone(),
            key: paired.key.clone(),
            synced_to: paired.synced_to,
            synced_at: paired.synced_at,
        }
    }

    /// The opening failed.
    fn refused(&mut self, id: AccessoryId, error: AccessoryError, at: &At, effects: &mut Vec<Effect>) {
        self.end_connection(id, error, effects);
        self.problem = Some(error);
        self.failures = self.failures.saturating_add(1);
        self.retry(id, at.dice, effects);
    }

    fn ended(&mut self, id: AccessoryId, end: LinkEnd, powered: bool, at: &At, effects: &mut Vec<Effect>) {
        let error = AccessoryError::from(end);
        let was_ready = self.is_ready();
        if was_ready && end == LinkEnd::Lost && powered {
            self.lost_at = Some(at.boot);
        }
        self.records.fail(error, effects);
        if let Some(connection) = self.connection.take() {
            connection.fail_all(error, effects);
        }
        if self.paired.is_none() {
            self.problem = Some(error);
            effects.push(Effect::Wake(TimerOf::Leaving(id), super::STAYS));
            return;
        }
        // A link that was lost is nothing a person has to know of before it can't be had again.
        if !(was_ready && end == LinkEnd::Lost) {
            self.problem = Some(error);
        }
        self.failures = self.failures.saturating_add(1);
        self.retry(id, at.dice, effects);
    }

    fn retry(&mut self, id: AccessoryId, dice: u16, effects: &mut Vec<Effect>) {
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
        let second = second.or_else(|| at.wall.epoch()).unwrap_or(0);
        self.remember(second, reading);
        if self.keeps(second, reading) {
            self.store(id, second, reading, effects);
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
