//! What happens to an account: a pure step from one state and an event to the next state and its effects.
//!
//! Binding is the warden's. Nothing here makes a device unbound: [`Event::Warden`] repeats what the warden
//! says, and [`Event::Released`] carries the release that only the warden can make, and makes only for the
//! right password. Everything else moves what belayd knows besides.

mod admission;
mod commands;
mod ending;
mod event;
mod proving;
mod recovery_code;
mod registration;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use belay_proto::dbus::{AccountState, BootloaderUnlock, Membership};
use belay_proto::id::AccountId;

use crate::account::command::SentCommand;
use crate::account::model::{Departure, Locked, Registration, ReleaseKey, Saved, Session, Stage};
use crate::account::proving::{Aim, Proving};
use crate::warden::HoldView;

pub use admission::{Job, Refusal, Request};
pub use event::{Change, Effect, Event};

/// What the warden says about the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Whether and how the device is bound.
    pub binding: Binding,
    /// To which account, while bound.
    pub account: Option<AccountId>,
    /// Whether the device is lost, wiping or wiped.
    pub lost: bool,
    /// How a recovery without the code stands here.
    pub hold: HoldView,
}

/// The warden's state of binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Nothing has been heard from the warden.
    #[default]
    Unknown,
    /// The device is nobody's.
    Unbound,
    /// The device is somebody's.
    Bound,
    /// What should say so is missing or wrong.
    Tampered,
}

/// Everything the decisions depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What the warden says.
    pub word: Word,
    /// The account.
    pub session: Option<Session>,
    /// The registration under way.
    pub registration: Option<Registration>,
    /// The address under proof.
    pub proving: Option<Proving>,
    /// How the request to unlock the bootloader stands, as the cloud last told.
    pub unlock: BootloaderUnlock,
    /// That the hardware is another account's.
    pub locked: Option<Locked>,
    /// The releases that wait for the cloud.
    pub releases: BTreeSet<ReleaseKey>,
    /// The commands that were sent from here, newest first.
    pub commands: Vec<SentCommand>,
    /// What is being worked on.
    pub running: BTreeSet<Job>,
}

impl State {
    /// The state as clients see it.
    #[must_use]
    pub fn shown(&self) -> AccountState {
        match self.word.binding {
            Binding::Unknown => AccountState::Unknown,
            Binding::Tampered => AccountState::ActivationLocked,
            Binding::Bound if self.word.hold == HoldView::Running => AccountState::RecoveryHold,
            Binding::Bound if self.session.as_ref().is_some_and(|session| !session.ended) => {
                AccountState::Bound
            }
            Binding::Bound => AccountState::ReauthenticationRequired,
            Binding::Unbound if self.locked.is_some() => AccountState::ActivationLocked,
            Binding::Unbound if self.registration.is_some() => AccountState::Registering,
            Binding::Unbound => AccountState::Unbound,
        }
    }
}

impl State {
    /// Whether the device is one of the account's, as clients see it.
    #[must_use]
    pub fn membership(&self) -> Membership {
        let departure = self.session.as_ref().and_then(|session| session.departure);
        match (self.word.binding, departure) {
            (Binding::Unknown | Binding::Tampered, _) => Membership::Unknown,
            (Binding::Unbound, _) => Membership::None,
            (Binding::Bound, None) => Membership::Member,
            (Binding::Bound, Some(Departure::Removed)) => Membership::Removed,
            (Binding::Bound, Some(Departure::AccountDeleted)) => Membership::AccountDeleted,
        }
    }
}

/// The next state, and what is to be done. Events that don't fit are refused or pass without a trace.
#[must_use]
pub fn step(state: &State, event: Event) -> (State, Vec<Effect>) {
    let mut turn = Turn {
        next: state.clone(),
        effects: Vec::new(),
    };
    turn.take(event);
    (turn.next, turn.effects)
}

struct Turn {
    next: State,
    effects: Vec<Effect>,
}

impl Turn {
    fn take(&mut self, event: Event) {
        match event {
            Event::Loaded(saved) => self.loaded(*saved),
            Event::Warden(word) => self.warden(word),
            Event::Asked(request) => match self.next.admits(&request) {
                Ok(job) => {
                    self.next.running.insert(job);
                    self.effects.push(Effect::Start(job));
                }
                Err(refusal) => self.refuse(refusal),
            },
            Event::Ended(job) => {
                self.next.running.remove(&job);
                self.warden(self.next.word);
            }
            Event::SigningIn(session) => self.keep_session(Session {
                bound: false,
                ..*session
            }),
            Event::SignedIn(session) => self.signed_in(*session),
            Event::Reauthenticated(session) => self.reauthenticated(*session),
            Event::SessionEnded { account } => self.session_ended(account),
            Event::KeptUp {
                account,
                departure,
                recovery_code,
            } => self.kept_up(account, departure, recovery_code),
            Event::SigningOut { leaves_data } => self.leaving(leaves_data),
            Event::LeavingWithAccount => self.leaving_with_account(),
            Event::DeletionSent { account, is_sent } => self.deletion_sent(account, is_sent),
            Event::DeletionStands => {
                if !self.next.has_sent_deletion() {
                    self.effects.push(Effect::WithdrawDeletion);
                }
            }
            Event::SignOutLapsed => {
                // One that came to nothing says nothing of the next one.
                if self.next.may_sign_out_lapse() {
                    self.leaving(false);
                }
            }
            Event::Released(release) => self.released(release),
            Event::Waiting(releases) => self.waiting(releases),
            Event::Found(release) => {
                if self.next.releases.insert(release.key) {
                    self.keep(Change::AddRelease(release));
                    self.effects.push(Effect::Deliver);
                }
            }
            Event::Delivered(key) => {
                if self.next.releases.remove(&key) {
                    self.keep(Change::DropRelease(key));
                }
            }
            Event::Sending(sent) => self.sending(*sent),
            Event::Heard { id, fate } => self.heard(id, &fate),
            Event::Unheard { id } => self.unheard(id),
            Event::HardwareLocked(locked) => self.lock(Some(locked)),
            Event::HardwareFree => self.lock(None),
            Event::Refreshed {
                account,
                identifiers,
                profile,
            } => {
                if let Some(session) = self
                    .next
                    .session
                    .clone()
                    .filter(|session| session.account == account)
                {
                    self.keep_session(Session {
                        identifiers,
                        profile,
                        ..session
                    });
                }
            }
            Event::RecoveryCodeMaking { account, code } => self.recovery_code_making(account, code),
            Event::RecoveryCodeMade { account } => self.recovery_code_made(account),
            Event::RecoveryCodeOver { pending } => self.recovery_code_over(pending),
            Event::Unlock { account, unlock } => {
                // An answer that comes after a sign-out says nothing of whoever comes next.
                if self
                    .next
                    .session
                    .as_ref()
                    .is_some_and(|session| session.account == account)
                {
                    self.next.unlock = unlock;
                }
            }
            event if self.proving(&event) => {}
            event => self.registration(event),
        }
    }

    fn loaded(&mut self, saved: Saved) {
        self.next.session = saved.session;
        self.next.registration = saved.registration;
        self.next.proving = saved.proving;
        self.next.locked = saved.locked;
        self.next.commands = saved.commands;
        self.drop_unopened();
        self.waiting(saved.releases);
    }

    fn waiting(&mut self, releases: Vec<ReleaseKey>) {
        self.next.releases = releases.into_iter().collect();
        if !self.next.releases.is_empty() {
            self.effects.push(Effect::Deliver);
        }
    }

    /// Lets the rest follow what the warden says about the binding. Work that is under way on a session that
    /// isn't bound yet settles it by itself; otherwise a process that stood here was killed.
    fn warden(&mut self, word: Word) {
        let freed = word.binding == Binding::Unbound && self.next.word.binding != Binding::Unbound;
        let usable = |word: &Word| word.binding == Binding::Bound && !word.lost;
        let was_known = self.next.word.binding != Binding::Unknown && !self.next.word.lost;
        let begins = usable(&word) && !was_known;
        let ended = word.hold != self.next.word.hold && matches!(word.hold, HoldView::Over | HoldView::Ended);
        self.next.word = word;
        if ended {
            self.effects.push(Effect::TellHold);
        }
        // The pin has moved: what the old password opened is over, whatever the cloud still makes of it.
        if ended
            && word.hold == HoldView::Over
            && let Some(account) = word.account
        {
            self.keep(Change::PushAgain);
            self.session_ended(account);
        }
        if freed {
            self.effects.push(Effect::Recover);
        }
        let settling = self.next.running.contains(&Job::SignIn) || self.next.running.contains(&Job::Confirm);
        match (word.binding, self.next.session.clone()) {
            (Binding::Bound, Some(session))
                if word.account.is_some_and(|account| account != session.account) =>
            {
                self.forget_account();
                self.drop_registration_of(session.account);
            }
            (Binding::Bound, Some(session)) if !session.bound && !settling => self.bound(session),
            (Binding::Unbound, Some(session)) if session.bound => {
                self.binding_ended();
                self.drop_registration_of(session.account);
            }
            (Binding::Unbound | Binding::Tampered, Some(session))
                if !session.bound && !settling && !self.awaits_binding(&session) =>
            {
                self.forget_account();
            }
            // A sign-out was cut short after the account was forgotten: what belonged to the binding goes too.
            (Binding::Unbound, None) => self.forget_remains(),
            _ => {}
        }
        // Nothing of an order is here but what is on disk: one that isn't ended with the process that had it signed.
        if begins && !self.next.has_sent_deletion() {
            self.effects.push(Effect::WithdrawDeletion);
        }
    }

    /// Forgets what only a bound device has.
    fn forget_remains(&mut self) {
        let is_bound = |registration: &Registration| matches!(registration.stage, Stage::Bound { .. });
        if self.next.registration.as_ref().is_some_and(is_bound) {
            self.forget_registration();
        }
        let adds = |proving: &Proving| proving.aim == Aim::Identifier;
        if self.next.proving.as_ref().is_some_and(adds) {
            self.forget_proving();
        }
    }

    /// Marks the account bound, with what belongs to that.
    fn bound(&mut self, session: Session) {
        self.next.word = Word {
            binding: Binding::Bound,
            account: Some(session.account),
            ..self.next.word
        };
        self.finish_registration(session.account);
        self.keep_session(Session {
            bound: true,
            ..session
        });
        self.lock(None);
        self.effects.push(Effect::Refresh);
    }

    /// `session` counts where that which was kept was given up meanwhile: the warden has bound the device to its account.
    fn signed_in(&mut self, session: Session) {
        let kept = self.next.session.clone();
        let kept = kept.filter(|kept| kept.account == session.account);
        self.bound(kept.unwrap_or(session));
    }

    /// Why nothing more can be done for an account that was there when this began. Nobody has cancelled anything.
    fn is_gone(&self) -> Refusal {
        match self.next.word.binding {
            Binding::Bound => Refusal::ReauthenticationRequired,
            _ => Refusal::NotBound,
        }
    }

    fn reauthenticated(&mut self, session: Session) {
        if self.next.word.binding != Binding::Bound
            || self.next.word.account.is_some_and(|a| a != session.account)
        {
            return self.refuse(Refusal::NotBound);
        }
        self.keep_session(Session {
            bound: true,
            ended: false,
            departure: None,
            // The warden has opened the account's root: what was ordered is void there too.
            deletion_sent: false,
            ..session
        });
    }

    fn session_ended(&mut self, account: AccountId) {
        if let Some(session) = self
            .next
            .session
            .clone()
            .filter(|s| s.account == account && s.bound && !s.ended)
        {
            self.keep_session(Session {
                ended: true,
                ..session
            });
        }
    }

    fn lock(&mut self, locked: Option<Locked>) {
        if self.next.locked != locked {
            self.next.locked.clone_from(&locked);
            self.keep(Change::Locked(locked));
        }
    }

    fn keep_session(&mut self, session: Session) {
        if self.next.session.as_ref() != Some(&session) {
            self.keep(Change::Session(Box::new(session.clone())));
            self.next.session = Some(session);
        }
    }

    fn keep(&mut self, change: Change) {
        self.effects.push(Effect::Keep(change));
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.effects.push(Effect::Refuse(refusal));
    }
}
