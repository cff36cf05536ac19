//! A registration between the moment its keys are made and the moment the owner has written the
//! recovery code down; or a recovery code alone, made anew.

use std::time::Duration;

use belay_proto::keys::{RecoveryClaim, sha256};
use belay_proto::signed::CredentialsRecord;
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
    /// SHA-256 of the root under the code, as credentials records carry it from one to the next.
    pub wrap: [u8; 32],
    /// The generation of the first record with the code, until a record with it holds.
    pub awaits: Option<u64>,
    /// Of a code that was made anew.
    pub anew: Option<Anew>,
    /// How many wrong claims were brought since the warden started.
    pub wrong_claims: u32,
}

/// What there is to a recovery code that takes the place of another, besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anew {
    /// When it was told. Nobody has to acknowledge it: a day later, or with the boot, it is gone all the same.
    pub told: Option<Moment>,
    /// The code before, where nobody has acknowledged it, until this one holds: if it never does, that one goes on.
    pub before: Option<Box<Pending>>,
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

    /// The one of the two that is settled.
    fn settled(&mut self) -> Option<&mut Self> {
        match self.is_settled() {
            true => Some(self),
            false => self.before_mut(),
        }
    }

    fn before_mut(&mut self) -> Option<&mut Self> {
        self.anew.as_mut()?.before.as_deref_mut()
    }

    /// What is left when this one is given up, or never holds.
    fn left(self) -> Option<Self> {
        self.anew?.before.map(|before| *before)
    }

    /// What is left of it once a record holds that carries the root under a code so: the code is the account's as long as it is
    /// in there.
    fn under(mut self, wrap: &[u8; 32], generation: u64) -> Option<Self> {
        if self.wrap == *wrap {
            if self.awaits.take().is_some() {
                self.anew = Some(Anew::default());
            }
            return Some(self);
        }
        if self.awaits.is_some_and(|first| generation < first) {
            // Its own record may come yet.
            if let Some(anew) = &mut self.anew {
                let before = anew.before.take();
                anew.before = before
                    .and_then(|before| before.under(wrap, generation))
                    .map(Box::new);
            }
            return Some(self);
        }
        self.left()?.under(wrap, generation)
    }

    /// What is left of it once another code is made: it goes on only as the account's.
    pub(super) fn replaced(self) -> Option<Box<Self>> {
        match self.is_settled() {
            true => Some(Box::new(self)),
            false => self.left().map(Box::new),
        }
    }

    /// Whether it is over: a code that was told has been seen.
    fn is_over(&self, at: &Moment) -> bool {
        let since = match &self.anew {
            Some(anew) if self.is_settled() => anew.told.as_ref(),
            _ if self.is_settled() => None,
            _ => return self.started.left_of(LIFE, at).is_zero(),
        };
        since.is_some_and(|told| told.boot_id != at.boot_id || told.left_of(LIFE, at).is_zero())
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
        self.pending = self.pending.take().and_then(Pending::left);
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
        match self.pending.as_mut().filter(|pending| pending.id != *id) {
            Some(newer) => newer.anew = Some(Anew::default()),
            None => self.pending = None,
        }
        done(vec![
            note("recovery-code-acknowledged", "belayd", ""),
            Effect::Persist(Concern::Pending),
        ])
    }

    /// The sealed recovery code, from binding until it is acknowledged, for its claim.
    pub(super) fn show_code(&mut self, request: &CodeRequest, at: &Moment) -> Transition {
        self.not_lost()?;
        if matches!(self.binding, Binding::Tampered(_)) {
            return Err(Refusal::Tampered);
        }
        let pending = self.pending.as_mut().ok_or(Refusal::NotFound)?;
        if !pending.is_settled() && self.key.recovery_claim(&pending.id).is(&request.claim) {
            return Err(Refusal::NotFound);
        }
        let pending = pending.settled().ok_or(Refusal::NotFound)?;
        if self.key.recovery_claim(&pending.id).is(&request.claim) {
            let mut effects = Vec::new();
            if let Some(anew) = &mut pending.anew
                && anew.told.is_none()
            {
                anew.told = Some(at.clone());
                effects.push(Effect::Persist(Concern::Pending));
            }
            effects.push(Effect::Answer(Answer::RecoveryCode(pending.code.clone())));
            return Ok(effects);
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
            if let Some(anew) = &mut pending.anew
                && anew.before.as_ref().is_some_and(|before| before.is_over(at))
            {
                anew.before = None;
            }
        }
        if self.pending.as_ref().is_some_and(|pending| pending.is_over(at)) {
            self.pending = self
                .pending
                .take()
                .filter(|pending| !pending.is_settled())
                .and_then(Pending::left);
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

    /// Credentials came, which may carry a code on that is kept here, or void it.
    pub(super) fn settle_code(&mut self, record: &CredentialsRecord) -> Option<Effect> {
        let (before, wrap) = (self.pending.clone(), sha256(&record.recovery_wrap));
        let pending = self.pending.take();
        self.pending = pending.and_then(|pending| pending.under(&wrap, record.generation));
        (before != self.pending).then_some(Effect::Persist(Concern::Pending))
    }

    fn named_pending(&self, id: &PendingId) -> Result<&Pending, Refusal> {
        if matches!(self.binding, Binding::Tampered(_)) {
            return Err(Refusal::Tampered);
        }
        let newest = self.pending.as_ref();
        let before = newest.and_then(|pending| pending.anew.as_ref()?.before.as_deref());
        [newest, before]
            .into_iter()
            .flatten()
            .find(|pending| pending.id == *id)
            .ok_or(Refusal::NotFound)
    }
}
