//! The warden's state and the one function that changes it.
//!
//! [`step`] decides; it reads no file, no bus and no clock. The actor performs the effects in their
//! order and takes the new state over only when each of them worked, so what is answered is on disk.

use std::collections::VecDeque;

use belay_proto::keys::PublicKey;
use belay_proto::steps::Purpose;

use super::check::Check;
use super::command::book::Book;
use super::command::lost::Standing;
use super::command::wipe::Wipe;
pub use super::event::{Answer, Effect, Event, What};
use super::password::Chosen;
use super::records::Bound;
use super::refusal::Refusal;
use super::registration::Pending;
use super::throttle::{Presenter, Throttle};
use super::tickets::{Proof, Ticket, Tickets, needs_owner};
use crate::disk::copies::Concern;
use crate::disk::sealing::SealingKey;
use crate::moment::Moment;

/// Everything the warden knows, except the passwords of live tickets.
#[derive(Clone, Debug)]
pub struct State {
    /// What it keeps is sealed and judged with this key.
    pub key: SealingKey,
    /// Whose device this is.
    pub binding: Binding,
    /// Lost or not.
    pub lock: Lock,
    /// Wrong passwords.
    pub throttle: Throttle,
    /// A registration that waits for its confirmation, or a recovery code that waits to be written down.
    pub pending: Option<Pending>,
    /// Live tickets.
    pub tickets: Tickets,
    /// The password check under way: a verdict counts for this one only.
    pub checking: Option<Check>,
    /// Keyed hashes of the last wrong passwords: repeating one costs nothing.
    pub wrong: VecDeque<[u8; 32]>,
    /// The password that was chosen here last, until its credentials hold; in memory alone.
    pub chosen: Option<Chosen>,
    /// The owner's commands.
    pub book: Book,
    /// What the operating system is owed.
    pub standing: Standing,
    /// What can be done here at all.
    pub abilities: Abilities,
    /// The wipe that the lock speaks of is over, as its tombstone says: nothing is left to be kept from its owner.
    pub wiped: bool,
}

/// What can be done here at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// There is a wipe plan.
    pub wipe: bool,
}

/// Whose device this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `belay-warden init` never ran: nothing works.
    Uninitialised,
    /// Nobody's. The last owner's release is kept until the next binding.
    Unbound {
        /// The encoded release, if there is one.
        release: Option<Vec<u8>>,
    },
    /// Somebody's.
    Bound(Box<Bound>),
    /// Missing or wrong state: treated as lost, never as free.
    Tampered(Door),
}

/// Who may open a tampered device again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Door {
    /// The owner named by the newest surviving copy; without one the cloud's certificate decides.
    pub owner: Option<PublicKey>,
}

/// Lost or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// In its owner's hands.
    Unlocked,
    /// Lost.
    Lost {
        /// Why it was locked.
        reason: String,
        /// What the lost screen says; may be empty.
        message: String,
        /// Whom it calls, E.164; may be empty.
        phone: String,
        /// Which time this is, in this epoch.
        episode: u64,
    },
    /// To be erased.
    Wiping(Box<Wipe>),
}

/// A transition: effects in order, the last one the answer; or a refusal that changes nothing.
pub type Transition = Result<Vec<Effect>, Refusal>;

/// Decides what `event` does to `state`.
#[must_use]
pub fn step(state: &State, event: Event) -> (State, Vec<Effect>) {
    let mut aged = state.clone();
    let mut effects = aged.grow_older(&event.at);
    let mut next = aged.clone();
    let at = event.at.clone();
    match next.take(event) {
        Ok(more) => {
            effects.extend(more);
            next.own_book(&at);
            next.restand(&at);
            (next, effects)
        }
        Err(refusal) => {
            effects.push(Effect::Refuse(refusal));
            (aged, effects)
        }
    }
}

impl State {
    /// A state as loaded: no ticket, no check.
    #[must_use]
    pub fn new(key: SealingKey, binding: Binding) -> Self {
        Self {
            key,
            binding,
            lock: Lock::Unlocked,
            throttle: Throttle::default(),
            pending: None,
            tickets: Tickets::default(),
            checking: None,
            wrong: VecDeque::new(),
            chosen: None,
            book: Book::default(),
            standing: Standing::default(),
            abilities: Abilities::default(),
            wiped: false,
        }
    }

    /// Whether a wipe has begun and isn't over: nothing calls it off, whoever asks.
    #[must_use]
    pub fn is_being_wiped(&self) -> bool {
        self.lock.begun_wipe().is_some() && !self.wiped
    }

    /// The binding, on a device that is somebody's.
    ///
    /// # Errors
    /// [`Refusal::NotBound`], [`Refusal::Tampered`] or [`Refusal::Storage`].
    pub fn bound(&self) -> Result<&Bound, Refusal> {
        match &self.binding {
            Binding::Bound(bound) => Ok(bound),
            Binding::Unbound { .. } => Err(Refusal::NotBound),
            Binding::Tampered(_) => Err(Refusal::Tampered),
            Binding::Uninitialised => Err(Refusal::Storage("this warden was never initialised".to_owned())),
        }
    }

    /// Whether a password for `purpose` may be presented now: judged before the password is.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self, purpose: Purpose, presenter: Presenter, at: &Moment) -> Result<(), Refusal> {
        self.not_lost()?;
        if purpose == Purpose::Recover && matches!(self.binding, Binding::Unbound { .. } | Binding::Bound(_))
        {
            // No password is compared: who forgot theirs waits for nothing.
            return Ok(());
        }
        match (&self.binding, needs_owner(purpose)) {
            (Binding::Unbound { .. }, false) => return Ok(()),
            (Binding::Bound(_), false) => return Err(Refusal::AlreadyBound),
            // The door is opened on the lost screen.
            (Binding::Tampered(_), false) if purpose == Purpose::SignIn && presenter == Presenter::Screen => {
                return Ok(());
            }
            _ => {}
        }
        self.bound()?;
        self.may_try(presenter, at)
    }

    /// While lost only unlocking is possible.
    ///
    /// # Errors
    /// [`Refusal::DeviceLost`].
    pub fn not_lost(&self) -> Result<(), Refusal> {
        if self.lock == Lock::Unlocked {
            Ok(())
        } else {
            Err(Refusal::DeviceLost)
        }
    }

    fn take(&mut self, event: Event) -> Transition {
        if self.binding == Binding::Uninitialised {
            return self.bound().map(|_| Vec::new());
        }
        let Event { at, what } = event;
        match what {
            What::Woke => done(Vec::new()),
            What::Presented {
                id,
                purpose,
                subject,
                presenter,
            } => {
                self.admits(purpose, presenter, &at)?;
                self.tickets.issue(
                    id,
                    Ticket {
                        purpose,
                        subject,
                        presenter,
                        issued: at,
                        proof: Proof::Unchecked,
                    },
                )?;
                done(Vec::new())
            }
            What::CheckBegan(check) => self.begin_check(check, &at),
            What::CheckEnded {
                verify_digest,
                ahead,
                strength,
            } => self.end_check(&verify_digest, ahead, strength, &at),
            What::AccountFounded { ticket, pending } => self.account_founded(&ticket, *pending),
            What::PendingBound(id) => self.bind_pending(&id),
            What::PendingDiscarded(id) => self.discard_pending(&id),
            What::CodeAsked(request) => self.show_code(&request, &at),
            What::CodeAcknowledged(id) => self.acknowledge_code(&id),
            What::SignedIn {
                ticket,
                bound,
                existing,
            } => self.sign_in(&ticket, bound, existing.as_deref()),
            What::Reauthenticated {
                ticket,
                record,
                delegate,
                keyring,
            } => self.reauthenticate(&ticket, &record, delegate, keyring),
            What::CredentialsBrought(record) => self.credentials_brought(&record, &at),
            What::SignedOut { ticket } => self.sign_out(&ticket),
            What::ResetAllowed { ticket, release } => self.allow_reset(&ticket, release, &at),
            What::CommandSigned { ticket } => self.command_signed(&ticket),
            What::Tightened { reason } => self.tighten(&reason, &at),
            What::Commanded(envelope) => self.commanded(&envelope, &at),
            What::Texted(text) => self.texted(&text, &at),
            What::Beat => self.beat(&at),
            What::Ticked => self.tick(&at),
            What::Stopping => self.stop(&at),
            What::OutcomesAsked(after) => self.outcomes_after(after, &at),
            What::ReportAsked => self.report(&at),
            What::Begun(command) => self.begin_deed(&command, &at),
            What::Ended {
                command,
                done,
                reason,
            } => self.end_deed(&command, done, &reason, &at),
            What::Unpaired { ticket, accessory } => self.unpaired(&ticket, accessory),
            What::FindSet { ticket, enabled } => self.set_find(&ticket, enabled, &at),
            What::PoliciesSet { ticket, changes } => self.set_policies(&ticket, &changes, &at),
            What::PasswordChosen {
                ticket,
                generation,
                chosen,
            } => self.password_chosen(&ticket, generation, chosen),
            What::CodeMade { ticket, pending } => self.code_made(&ticket, *pending),
            What::Recovered {
                ticket,
                generation,
                chosen,
            } => self.recovered(&ticket, generation, chosen),
            What::RecoveryOver { ticket } => self.recovery_over(&ticket),
            What::HoldBegan { ticket, renewal } => self.begin_hold(&ticket, renewal, &at),
            What::HoldAsked { told, end } => self.hold_asked(told, end, &at),
            What::OrderSigned { ticket, deed } => self.order_signed(&ticket, &deed, &at),
            What::AccountGone => self.leave(),
            What::AccountStays => self.stay(),
            What::KeyringBrought(sealed) => self.keyring_brought(&sealed),
            What::DelegateBrought(delegate) => self.delegate_brought(delegate),
            What::SuccessionBrought(brought) => self.succession_brought(&brought),
            What::Enforced { stand, result } => self.enforced(stand, result, &at),
        }
    }

    /// What time alone does: waits start again after a reboot, tickets and registrations end.
    fn grow_older(&mut self, at: &Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !matches!(self.binding, Binding::Bound(_) | Binding::Unbound { .. }) {
            self.tickets.expire(at);
            self.restand(at);
            return effects;
        }
        let rearmed = self.throttle.rearmed(at);
        if rearmed != self.throttle {
            self.throttle = rearmed;
            effects.push(Effect::Persist(Concern::Throttle));
        }
        self.tickets.expire(at);
        effects.extend(self.age_pending(at));
        effects.extend(self.age_leaving(at));
        // Without the warden key nothing can be told, and so nothing is done.
        effects.extend(self.age_commands(at).unwrap_or_default());
        self.restand(at);
        effects
    }
}

impl Binding {
    /// The value of the property `BindingState`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Uninitialised => "unknown",
            Self::Unbound { .. } => "unbound",
            Self::Bound(_) => "bound",
            Self::Tampered(_) => "tampered",
        }
    }
}

/// These effects, and that's it.
pub(super) fn done(mut effects: Vec<Effect>) -> Transition {
    effects.push(Effect::Answer(Answer::Done));
    Ok(effects)
}

/// An audit entry.
pub(super) fn note(event: &'static str, actor: &'static str, detail: impl Into<String>) -> Effect {
    Effect::Note {
        event,
        actor,
        detail: detail.into(),
    }
}
