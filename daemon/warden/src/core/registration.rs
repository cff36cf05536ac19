//! A registration between the moment its keys are made and the moment the owner has written the
//! recovery code down; or a recovery code alone, made anew.

use std::time::Duration;

use belay_proto::keys::{RecoveryClaim, sha256};
use belay_proto::steps::Purpose;
use belay_proto::{DeviceId, PendingId, TicketId};

use super::records::Bound;
use super::refusal::Refusal;
use super::state::{Answer, Binding, Effect, State, Transition, done, note};
use super::throttle::{Presenter, Throttle};
use crate::disk::copies::Concern;
use crate::moment::Moment;

const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is kept of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its name towards belayd.
    pub id: PendingId,
    /// The device it is about to make.
    pub device: DeviceId,
    /// When its 24 h began; a reboot begins them again.
    pub started: Moment,
    /// The recovery code, sealed.
    pub code: Vec<u8>,
    /// What binding commits; `None` once bound.
    pub draft: Option<Box<Bound>>,
    /// SHA-256 of the credentials record that the code is in, signed bytes, until that record holds.
    pub awaits: Option<[u8; 32]>,
    /// How many wrong claims were brought since the warden started.
    pub wrong_claims: u32,
}

/// Somebody at the device wants to be told the recovery code.
#[derive(Clone, Debug)]
pub struct CodeRequest {
    /// What belayd answered to whoever confirmed.
    pub claim: RecoveryClaim,
    /// Who brings it.
    pub presenter: Presenter,
}

impl Pending {
    /// Whether the code is the account's: the registration is bound, the record that it is in holds.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.draft.is_none() && self.awaits.is_none()
    }
}

impl State {
    pub(super) fn account_founded(&mut self, ticket: &TicketId, pending: Pending) -> Transition {
        self.tickets.get(ticket, &[Purpose::Register])?;
        if !matches!(self.binding, Binding::Unbound { .. }) {
            return Err(Refusal::AlreadyBound);
        }
        self.tickets.consume(ticket);
        self.pending = Some(pending);
        done(vec![Effect::Persist(Concern::Pending)])
    }

    /// Binds; asked again after a lost reply it is done already.
    pub(super) fn bind_pending(&mut self, id: &PendingId) -> Transition {
        let pending = self.named_pending(id)?;
        let device = pending.device;
        match (&self.binding, pending.draft.clone()) {
            (Binding::Bound(bound), _) if bound.device == device => done(Vec::new()),
            (Binding::Unbound { .. }, Some(draft)) => {
                let login = draft.login.clone();
                self.adopt(draft);
                self.trim_bound_pending();
                done(vec![
                    Effect::Persist(Concern::Throttle),
                    note("bound", "belayd", format!("registered as {login}")),
                    Effect::Persist(Concern::Binding),
                    Effect::Persist(Concern::Pending),
                ])
            }
            (Binding::Bound(_), _) => Err(Refusal::AlreadyBound),
            _ => Err(Refusal::NotFound),
        }
    }

    /// Gives a registration up, or a recovery code that never held; never a binding.
    pub(super) fn discard_pending(&mut self, id: &PendingId) -> Transition {
        if self.named_pending(id)?.is_settled() {
            return Err(Refusal::AlreadyBound);
        }
        self.pending = None;
        done(vec![Effect::Persist(Concern::Pending)])
    }

    pub(super) fn acknowledge_code(&mut self, id: &PendingId) -> Transition {
        let pending = self.named_pending(id)?;
        if pending.draft.is_some() {
            return Err(Refusal::NotBound);
        }
        if !pending.is_settled() {
            return Err(Refusal::NotFound);
        }
        self.pending = None;
        done(vec![
            note("recovery-code-acknowledged", "belayd", ""),
            Effect::Persist(Concern::Pending),
        ])
    }

    /// The sealed recovery code, from binding until it is acknowledged, for its claim.
    pub(super) fn show_code(&mut self, request: &CodeRequest) -> Transition {
        self.not_lost()?;
        if matches!(self.binding, Binding::Tampered(_)) {
            return Err(Refusal::Tampered);
        }
        let pending = self.pending.as_mut().filter(|pending| pending.is_settled());
        let pending = pending.ok_or(Refusal::NotFound)?;
        if self.key.recovery_claim(&pending.id).is(&request.claim) {
            return Ok(vec![Effect::Answer(Answer::RecoveryCode(pending.code.clone()))]);
        }
        pending.wrong_claims = pending.wrong_claims.saturating_add(1);
        let (tries, mut effects) = (pending.wrong_claims, Vec::new());
        // 128 bits aren't guessed, and whoever tries all the same mustn't fill the disk: the 1st, 2nd, 4th, 8th.
        if tries.is_power_of_two() {
            let actor = request.presenter.name();
            effects.push(note("recovery-claim-refused", actor, format!("try {tries}")));
        }
        effects.push(Effect::Refuse(Refusal::BadTicket));
        Ok(effects)
    }

    /// Takes a binding over, whoever's throttle and wrong passwords there were before.
    pub(super) fn adopt(&mut self, bound: Box<Bound>) {
        self.binding = Binding::Bound(bound);
        self.throttle = Throttle::default();
        self.wrong.clear();
        self.tickets.clear();
    }

    pub(super) fn age_pending(&mut self, at: &Moment) -> Option<Effect> {
        let before = self.pending.clone();
        self.trim_bound_pending();
        if let Some(pending) = &mut self.pending {
            if pending.started.boot_id != at.boot_id {
                pending.started = at.clone();
            }
            let over = !pending.is_settled() && pending.started.left_of(LIFE, at).is_zero();
            if over {
                self.pending = None;
            }
        }
        (before != self.pending).then_some(Effect::Persist(Concern::Pending))
    }

    /// Binding and pending are two files: a power cut between them leaves a draft behind that is
    /// bound already, or the code of a binding that has ended.
    fn trim_bound_pending(&mut self) {
        let bound_device = match &self.binding {
            Binding::Bound(bound) => Some(bound.device),
            _ => None,
        };
        if let Some(pending) = &mut self.pending {
            if bound_device == Some(pending.device) {
                pending.draft = None;
            } else if bound_device.is_some() || pending.draft.is_none() {
                self.pending = None;
            }
        }
    }

    /// Credentials came: the code that is in them holds now, one that is in others never does.
    pub(super) fn settle_code(&mut self, record: &[u8]) -> Option<Effect> {
        let pending = self.pending.as_mut()?;
        let awaited = pending.awaits.take()?;
        if awaited != sha256(record) {
            self.pending = None;
        }
        Some(Effect::Persist(Concern::Pending))
    }

    fn named_pending(&self, id: &PendingId) -> Result<&Pending, Refusal> {
        if matches!(self.binding, Binding::Tampered(_)) {
            return Err(Refusal::Tampered);
        }
        self.pending
            .as_ref()
            .filter(|pending| pending.id == *id)
            .ok_or(Refusal::NotFound)
    }
}
