//! Another key for a sensor that is paired: the one that is kept stays until the other has opened what the sensor says.

use std::time::Duration;

use belay_drivers::{Key, Kind};
use belay_proto::id::AccessoryId;

use super::super::error::AccessoryError;
use super::{Accessory, Answer, Asker, Effect, State, TimerOf};

/// So long it may be silent. Sensors speak within seconds, or when something happens to them.
const TRIED_FOR: Duration = Duration::from_secs(60);

/// A key that is tried on what a paired accessory advertises.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trial {
    key: Key,
    askers: Vec<Asker>,
}

impl State {
    /// Tries the key that was brought for a paired accessory that advertises.
    pub(super) fn try_key(
        &mut self,
        asker: Asker,
        id: AccessoryId,
        brought: Option<Key>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, AccessoryError> {
        let one = self.get(id)?;
        let Some(key) = brought.filter(|_| one.kind == Kind::MiBeaconSensor) else {
            // One that encrypts is never again believed what everybody can say.
            return match one.problem.filter(|_| one.stopped()) {
                Some(_) => Err(AccessoryError::KeyRequired),
                None => Ok(Some(Answer::Done)),
            };
        };
        let is_kept = one.kept_key() == Some(&key);
        if is_kept && !one.stopped() && one.problem != Some(AccessoryError::Replayed) {
            return Ok(Some(Answer::Done));
        }
        if one.trial.is_some() {
            return Err(AccessoryError::Busy);
        }
        one.trial = Some(Trial {
            key: key.clone(),
            askers: vec![asker],
        });
        effects.push(Effect::Try {
            id,
            kind: one.kind,
            address: one.address,
            key,
        });
        effects.push(Effect::Wake(TimerOf::Trial(id), TRIED_FOR));
        Ok(None)
    }

    /// A key that is tried has opened what the accessory says, or hasn't.
    pub(super) fn tried(
        &mut self,
        id: AccessoryId,
        outcome: Result<(), AccessoryError>,
        effects: &mut Vec<Effect>,
    ) {
        let Ok(one) = self.get(id) else { return };
        let Some(trial) = one.trial.as_mut().filter(|_| outcome.is_ok()) else {
            if let Err(error) = outcome {
                one.end_trial(id, Err(error), effects);
            }
            return;
        };
        let (key, askers) = (trial.key.clone(), std::mem::take(&mut trial.askers));
        one.end_trial(id, Ok(()), effects);
        one.problem = None;
        one.adopt(id, Some(key), askers, effects);
        // It may count anew: what was heard is the newest.
        self.count_anew(id, effects);
        self.listen_anew(id, effects);
    }

    /// Those who listen to it stop, and begin again with what is kept now.
    pub(super) fn listen_anew(&mut self, id: AccessoryId, effects: &mut Vec<Effect>) {
        if self.listening.remove(&id) {
            effects.push(Effect::Deafen(id));
        }
    }

    /// What is known of its counter is another key's.
    pub(super) fn count_anew(&mut self, id: AccessoryId, effects: &mut Vec<Effect>) {
        if self.counters.remove(&id).is_some() {
            effects.push(Effect::StoreCounter(id, None));
        }
    }
}

impl Accessory {
    pub(super) fn kept_key(&self) -> Option<&Key> {
        self.paired.as_ref().and_then(|paired| paired.key.as_ref())
    }

    /// It was understood with the key that is kept: another isn't its.
    pub(super) fn is_understood(&mut self, id: AccessoryId, effects: &mut Vec<Effect>) {
        let is_kept = self
            .trial
            .as_ref()
            .is_some_and(|it| Some(&it.key) == self.kept_key());
        let outcome = if is_kept {
            Ok(())
        } else {
            Err(AccessoryError::KeyMismatch)
        };
        self.end_trial(id, outcome, effects);
    }

    pub(super) fn end_trial(
        &mut self,
        id: AccessoryId,
        outcome: Result<(), AccessoryError>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(trial) = self.trial.take() else { return };
        effects.push(Effect::EndTry(id));
        effects.push(Effect::Sleep(TimerOf::Trial(id)));
        for asker in trial.askers {
            effects.push(Effect::Answer(asker, outcome.map(|()| Answer::Done)));
        }
    }

    /// Whoever asked for a trial is gone.
    pub(super) fn trial_left(&mut self, id: AccessoryId, asker: Asker, effects: &mut Vec<Effect>) {
        if let Some(trial) = &mut self.trial {
            trial.askers.retain(|one| *one != asker);
            if trial.askers.is_empty() {
                self.end_trial(id, Err(AccessoryError::Cancelled), effects);
            }
        }
    }
}
