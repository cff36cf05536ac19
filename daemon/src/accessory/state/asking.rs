//! What somebody asks, and who leaves.

use belay_drivers::{Opening, Request};
use belay_proto::id::AccessoryId;

use super::super::error::AccessoryError;
use super::{Answer, Asker, At, Effect, Question, State, TimerOf};

impl State {
    pub(super) fn asked(&mut self, asker: Asker, question: Question, at: &At, effects: &mut Vec<Effect>) {
        let outcome = match question {
            Question::Discover {
                kinds,
                lasting,
                power_on,
            } => {
                self.discover(asker, kinds, lasting, power_on, effects);
                return;
            }
            Question::EndDiscovery(whose) => {
                self.end_discovery(whose, effects);
                Ok(Some(Answer::Done))
            }
            Question::Pair {
                id,
                key,
                fresh,
                replace,
            } => self.pair(asker, id, (key, fresh), replace, effects),
            Question::CancelPairing(id) => self.cancel_pairing(id, effects),
            Question::Connect(id) => self.connect(asker, id, effects),
            Question::Disconnect(id) => self.disconnect(id, effects),
            Question::Unpair(id) => self.unpair(asker, id, effects),
            Question::Sync(id) => self.sync(asker, id, at, effects),
            Question::MeasureHeartRate(id) => self.ask(asker, id, Request::MeasureHeartRate, effects),
            Question::Alert(id, alert) => self.ask(asker, id, Request::Alert(alert), effects),
            Question::StopAlert(id, kind) => self.ask(asker, id, Request::StopAlert(kind), effects),
            Question::Settings(id, settings) => self.ask(asker, id, Request::Settings(settings), effects),
            Question::Wish(id, changes) => self.wish(asker, id, changes, effects),
            Question::PhoneFound => {
                for (id, one) in &mut self.accessories {
                    // The others don't look.
                    if one.kind.has_history() {
                        one.tell(*id, Request::PhoneFound, effects);
                    }
                }
                Ok(Some(Answer::Done))
            }
        };
        match outcome {
            Ok(None) => {}
            Ok(Some(answer)) => effects.push(Effect::Answer(asker, Ok(answer))),
            Err(error) => effects.push(Effect::Answer(asker, Err(error))),
        }
    }

    pub(super) fn left(&mut self, asker: Asker, effects: &mut Vec<Effect>) {
        self.end_discovery(asker, effects);
        for (id, one) in &mut self.accessories {
            one.asker_left(*id, asker, effects);
        }
    }

    /// The adapter is there and on.
    pub(super) fn radio(&self) -> Result<(), AccessoryError> {
        match (self.adapter.available, self.adapter.powered) {
            (false, _) if self.adapter.without_id => Err(AccessoryError::NoDeviceId),
            (false, _) => Err(AccessoryError::AdapterMissing),
            (true, false) => Err(AccessoryError::PoweredOff),
            (true, true) => Ok(()),
        }
    }

    fn connect(
        &mut self,
        asker: Asker,
        id: AccessoryId,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, AccessoryError> {
        let radio = self.radio();
        let session = self.next_session();
        let one = self.get(id)?;
        let paired = one.paired.as_ref().ok_or(AccessoryError::NotFound)?;
        if !one.kind.connects() {
            // There is nothing to keep up, but its records may be fetched again.
            one.held = false;
            return Ok(Some(Answer::Done));
        }
        radio?;
        let opening = Opening::Resume(paired.key.clone());
        one.held = false;
        if one.connection.is_none() {
            one.problem = None;
            one.connect(id, session, opening, effects);
        }
        one.await_ready(asker, effects);
        Ok(None)
    }

    fn disconnect(
        &mut self,
        id: AccessoryId,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, AccessoryError> {
        let one = self.get(id)?;
        one.held = one.paired.is_some();
        if std::mem::take(&mut one.waiting) {
            effects.push(Effect::Sleep(TimerOf::Retry(id)));
        }
        one.lost_at = None;
        one.end_connection(id, AccessoryError::Cancelled, effects);
        Ok(Some(Answer::Done))
    }

    /// It goes once the disk has forgotten it: else it would be back, key and all, after the next start.
    fn unpair(
        &mut self,
        asker: Asker,
        id: AccessoryId,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, AccessoryError> {
        self.get(id)?;
        if self.account.is_none() {
            // Nothing is kept for nobody.
            self.unregistered(id, effects);
            return Ok(Some(Answer::Done));
        }
        effects.push(Effect::Remove(id, asker));
        Ok(None)
    }

    /// The disk has forgotten an accessory, or not.
    pub(super) fn removed(
        &mut self,
        id: AccessoryId,
        asker: Asker,
        outcome: Result<(), AccessoryError>,
        effects: &mut Vec<Effect>,
    ) {
        if outcome.is_ok() {
            let bonded = self.accessories.get(&id).filter(|one| one.bonded);
            let address = bonded.map(|one| one.address);
            self.unregistered(id, effects);
            effects.extend(address.map(|address| Effect::Unbond(id, None, address)));
        }
        effects.push(Effect::Answer(asker, outcome.map(|()| Answer::Done)));
    }

    fn sync(
        &mut self,
        asker: Asker,
        id: AccessoryId,
        at: &At,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, AccessoryError> {
        let radio = self.radio();
        let one = self.get(id)?;
        if one.paired.is_none() {
            return Err(AccessoryError::NotFound);
        }
        if !one.kind.has_history() && !one.kind.keeps_records() {
            return Ok(Some(Answer::Records(0)));
        }
        radio?;
        if one.kind.keeps_records() && !one.is_ready() {
            // No connection would be made for whoever waits.
            if one.connection.is_none() && one.held {
                return Err(AccessoryError::Unreachable);
            }
            if one.connection.is_none() && one.stopped() {
                return Err(one.problem.unwrap_or(AccessoryError::Unreachable));
            }
            one.records.wait_for(asker);
            return Ok(None);
        }
        one.fetch(id, Some(asker), at, effects);
        Ok(None)
    }

    fn ask(
        &mut self,
        asker: Asker,
        id: AccessoryId,
        request: Request,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, AccessoryError> {
        let radio = self.radio();
        let one = self.get(id)?;
        if one.paired.is_none() {
            return Err(AccessoryError::NotFound);
        }
        if !one.kind.connects() {
            return Err(AccessoryError::NotSupported);
        }
        radio?;
        one.ask(id, asker, request, effects)
            .map(|()| None)
            .ok_or(AccessoryError::Unreachable)
    }
}
