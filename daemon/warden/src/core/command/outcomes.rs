//! What the owner is told: outcomes and state reports, signed by the warden key.

use belay_proto::CommandId;
use belay_proto::signed::{CommandState, Outcome, Signed, StateReport, Verb};

use super::book::{Fate, Told};
use crate::core::binding::warden_key;
use crate::core::refusal::Refusal;
use crate::core::state::{Answer, Binding, Effect, Lock, State, Transition};
use crate::moment::Moment;

const LONGEST_REASON: usize = 48;

impl State {
    /// Tells the owner how far a command is.
    pub(super) fn tell(
        &mut self,
        command: CommandId,
        verb: Verb,
        state: CommandState,
        reason: &str,
    ) -> Result<(), Refusal> {
        self.tell_step(command, verb, state, reason, (0, 0), 0)
    }

    /// As [`Self::tell`], with the step of how many, and the wait until the next try, ms.
    pub(super) fn tell_step(
        &mut self,
        command: CommandId,
        verb: Verb,
        state: CommandState,
        reason: &str,
        steps: (u64, u64),
        retry: u64,
    ) -> Result<(), Refusal> {
        let (sequence, bytes) = self.sign_outcome(command, verb, state, reason, steps, retry)?;
        self.book.tell(Told {
            sequence,
            command,
            bytes,
        });
        Ok(())
    }

    /// Ends a command that was accepted. What isn't one, as a policy's stand-in, ends untold.
    pub(super) fn finish(
        &mut self,
        id: &CommandId,
        state: CommandState,
        reason: &str,
    ) -> Result<(), Refusal> {
        let Some(known) = self.book.known.get_mut(id) else {
            return Ok(());
        };
        known.fate = Fate::Over;
        match known.verb {
            Some(verb) => self.tell(*id, verb, state, reason),
            None => Ok(()),
        }
    }

    /// Signs an outcome under the next sequence.
    pub(super) fn sign_outcome(
        &mut self,
        command: CommandId,
        verb: Verb,
        state: CommandState,
        reason: &str,
        (step, steps): (u64, u64),
        retry: u64,
    ) -> Result<(u64, Vec<u8>), Refusal> {
        let sequence = self.book.next_sequence();
        let bound = self.bound()?;
        let outcome = Outcome {
            account: bound.account,
            device: bound.device,
            epoch: bound.epoch,
            sequence,
            command,
            action: verb.as_str().to_owned(),
            state,
            reason: as_code(reason),
            step,
            steps,
            retry,
            presence: bound.presence,
            counter: self.book.counter,
            episode: self.book.episode,
            lock: self.lock.name().to_owned(),
        };
        let signed = Signed::seal(&outcome, &warden_key(&self.key, bound)?).encode();
        Ok((sequence, signed))
    }

    /// How the device stands, signed and never signed again under this sequence.
    pub(in crate::core) fn report(&mut self, at: &Moment) -> Transition {
        self.bound()?;
        let sequence = self.book.next_sequence();
        let bound = self.bound()?;
        let report = StateReport {
            account: bound.account,
            device: bound.device,
            epoch: bound.epoch,
            sequence,
            presence: bound.presence,
            counter: self.book.counter,
            episode: self.book.episode,
            lock: self.lock.name().to_owned(),
            time: self.book.time.now(at),
            find: self.book.find,
        };
        let signed = Signed::seal(&report, &warden_key(&self.key, bound)?).encode();
        Ok(vec![self.keep(at), Effect::Answer(Answer::Signed(signed))])
    }

    /// belayd has stored everything up to `after`, and asks for the rest.
    pub(in crate::core) fn outcomes_after(&mut self, after: u64, at: &Moment) -> Transition {
        if let Binding::Tampered(_) = self.binding {
            return Err(Refusal::Tampered);
        }
        let is_free = matches!(self.binding, Binding::Unbound { .. });
        let mut changed = self.book.forget_told(after);
        let farewell = self.book.farewell.as_ref().filter(|_| is_free);
        let outcomes: Vec<_> = self
            .book
            .outcomes
            .iter()
            .chain(farewell)
            .filter(|told| told.sequence > after)
            .map(|told| told.bytes.clone())
            .collect();
        if farewell.is_some_and(|told| told.sequence <= after) {
            self.book.farewell = None;
            changed = true;
        }
        let mut effects = self.begin_wipe_once_told(after)?;
        changed |= !effects.is_empty();
        if changed {
            effects.push(self.keep(at));
        }
        effects.push(Effect::Answer(Answer::Outcomes(outcomes)));
        Ok(effects)
    }
}

impl Lock {
    /// The text in an outcome and of the property `LockState`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unlocked => "unlocked",
            Self::Lost { .. } => "lost",
            Self::Wiping(_) => "wiping",
        }
    }
}

/// A reason is a code: what else comes from belayd or a tool is cut down to one.
fn as_code(reason: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let lower = reason.chars().map(|c| c.to_ascii_lowercase());
    lower
        .map(|c| if allowed(c) { c } else { '-' })
        .take(LONGEST_REASON)
        .collect()
}
