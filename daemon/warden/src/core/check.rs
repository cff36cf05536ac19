//! The local password check: counted and committed before Argon2id runs, judged after.

use std::time::Duration;

use belay_proto::TicketId;
use belay_proto::keys::KdfParameters;
use belay_proto::steps::Purpose;

use super::password::Strength;
use super::refusal::Refusal;
use super::state::{Answer, Binding, Effect, Lock, State, Transition, note};
use super::throttle::{Counter, Presenter};
use super::tickets::Proof;
use crate::disk::copies::Concern;
use crate::moment::Moment;

/// How many wrong passwords are remembered.
const REMEMBERED: usize = 5;

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Whose counter is charged.
    pub presenter: Presenter,
    /// The ticket that holds the password; `None`: `Unlock` brought it.
    pub ticket: Option<TicketId>,
    /// A hash of the password under a key that lives as long as the process.
    pub fingerprint: [u8; 32],
}

impl State {
    /// Whether `presenter` may try now.
    pub(super) fn may_try(&self, presenter: Presenter, at: &Moment) -> Result<(), Refusal> {
        match self.throttle.of(presenter).wait_left(at) {
            Duration::ZERO => Ok(()),
            wait => Err(Refusal::TooManyAttempts(wait)),
        }
    }

    /// Counts the try. [`Answer::Compare`]: run Argon2id now; [`Answer::Proved`]: no need to.
    pub(super) fn begin_check(&mut self, check: Check, at: &Moment) -> Transition {
        let verifier = self.bound()?.verifier;
        let mut counted = true;
        if let Some(id) = &check.ticket {
            match &self.tickets.any(id).ok_or(Refusal::BadTicket)?.proof {
                Proof::Right => return Ok(vec![Effect::Answer(Answer::Proved)]),
                Proof::Wrong { verifier: old } if *old == verifier => return Err(Refusal::WrongPassword),
                // The password was changed elsewhere and its record arrived: the same try, once more.
                Proof::Wrong { .. } => counted = false,
                Proof::Unchecked => {}
            }
        }
        let mut effects = Vec::new();
        if counted {
            self.may_try(check.presenter, at)?;
            // While a hold runs it may be the password that is to hold, whose owner is told so.
            let may_be_held = self.book.hold.is_some() && self.asks_anew(check.ticket.as_ref());
            if self.wrong.contains(&check.fingerprint) && !may_be_held {
                self.mark(&check, Proof::Wrong { verifier });
                return Ok(vec![Effect::Refuse(Refusal::WrongPassword)]);
            }
            let counter = self.throttle.of_mut(check.presenter);
            counter.charge(at);
            let failures = counter.failures;
            effects.push(Effect::Persist(Concern::Throttle));
            effects.push(note(
                "password-check",
                check.presenter.name(),
                format!("try {failures}"),
            ));
        }
        self.checking = Some(check);
        effects.push(Effect::Answer(Answer::Compare));
        Ok(effects)
    }

    /// The verdict over the check that began last.
    pub(super) fn end_check(
        &mut self,
        verify_digest: &[u8; 32],
        ahead: Option<[u8; 32]>,
        strength: Strength,
        at: &Moment,
    ) -> Transition {
        let check = self
            .checking
            .take()
            .ok_or(Refusal::Internal("no check is under way"))?;
        let verifier = self.bound()?.verifier;
        if self.key.verifies(verify_digest, &verifier) {
            return self.right_password(&check, strength, at);
        }
        self.mark(&check, Proof::Wrong { verifier });
        // The one that is to hold: good for nothing yet, and a try like any other.
        let held = ahead.as_ref().unwrap_or(verify_digest);
        if let Some(hold) = &self.book.hold
            && self.asks_anew(check.ticket.as_ref())
            && self.key.verifies(held, &hold.renewal.bound.verifier)
        {
            return Ok(vec![Effect::Refuse(Refusal::RecoveryOnHold(hold.left(at)))]);
        }
        if !self.wrong.contains(&check.fingerprint) {
            self.wrong.push_back(check.fingerprint);
        }
        if self.wrong.len() > REMEMBERED {
            self.wrong.pop_front();
        }
        Ok(vec![Effect::Refuse(Refusal::WrongPassword)])
    }

    /// With what salt, and at what price, the password behind `ticket` is derived once more: it isn't the owner's, and a hold leads to
    /// credentials under another salt, whose it may be.
    #[must_use]
    pub fn derives_ahead(
        &self,
        ticket: Option<&TicketId>,
        verify_digest: &[u8; 32],
    ) -> Option<([u8; 16], KdfParameters)> {
        let (bound, hold) = (self.bound().ok()?, self.book.hold.as_ref()?);
        let next = (hold.renewal.bound.salt, hold.renewal.bound.parameters);
        let is_apart = next != (bound.salt, bound.parameters) && self.asks_anew(ticket);
        (is_apart && !self.key.verifies(verify_digest, &bound.verifier)).then_some(next)
    }

    /// Whether somebody asks with it for what the password of a hold is for, once that is over.
    fn asks_anew(&self, ticket: Option<&TicketId>) -> bool {
        ticket.is_some_and(|id| self.tickets.get(id, &[Purpose::Reauthenticate]).is_ok())
    }

    fn right_password(&mut self, check: &Check, strength: Strength, at: &Moment) -> Transition {
        *self.throttle.of_mut(check.presenter) = Counter::default();
        self.mark(check, Proof::Right);
        if let Binding::Bound(bound) = &mut self.binding {
            bound.presence = bound.presence.saturating_add(1);
            // One that was chosen elsewhere is seen here for the first time.
            if bound.strength().is_none() {
                bound.set_strength(Some(strength));
            }
        }
        let mut effects = vec![
            Effect::Persist(Concern::Binding),
            Effect::Persist(Concern::Throttle),
        ];
        let unlocks = check.ticket.is_none() && self.lock != Lock::Unlocked;
        if unlocks && !self.is_being_wiped() {
            self.unlocked(at)?;
            effects.push(note("unlocked", check.presenter.name(), "with the password"));
            effects.push(self.keep(at));
        }
        effects.extend(self.end_hold("the password was typed"));
        effects.push(Effect::Answer(Answer::Proved));
        Ok(effects)
    }

    fn mark(&mut self, check: &Check, proof: Proof) {
        if let Some(id) = &check.ticket {
            self.tickets.prove(id, proof);
        }
    }
}
