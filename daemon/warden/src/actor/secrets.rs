//! Passwords that come in: presented for a ticket, or to unlock.

use std::sync::Arc;

use belay_proto::clock::unix_seconds;
use belay_proto::identifier::Identifier;
use belay_proto::keys::nfkc;
use belay_proto::signed::Deed;
use belay_proto::steps::{NEW_ROOT, Purpose, purpose_of, remove_device_subject};
use belay_proto::{Secret, TicketId};
use ring::hmac;

use super::Warden;
use crate::ceremony::{self, Secrets, Session};
use crate::core::check::Check;
use crate::core::password::{self, Strength};
use crate::core::refusal::Refusal;
use crate::core::state::{Answer, Binding, What};
use crate::core::throttle::Presenter;

impl Warden {
    pub(super) fn present(
        &mut self,
        purpose: Purpose,
        subject: &str,
        presenter: Presenter,
        secrets: Secrets,
    ) -> Result<TicketId, Refusal> {
        secrets.each().try_for_each(|secret| self.not_empty(secret))?;
        self.not_leaving()?;
        let subject = subject_of(purpose, subject)?;
        // Time first, so that an expired wait or ticket doesn't count.
        self.apply(What::Woke)?;
        self.state.admits(purpose, presenter, &self.now())?;
        self.not_itself(&subject)?;
        self.acceptable(purpose, &subject, &secrets)?;
        let session = Session::new(secrets)?;
        let id = TicketId::random();
        self.apply(What::Presented {
            id,
            purpose,
            subject,
            presenter,
        })?;
        self.sessions.insert(id, session);
        Ok(id)
    }

    /// What can be said of the secrets of a purpose before a ticket is made: that they are the ones, that a new password may be
    /// used, and that the old one could be right.
    fn acceptable(&self, purpose: Purpose, subject: &str, secrets: &Secrets) -> Result<(), Refusal> {
        let known = |password: &Secret<String>| match password::long_enough(password.expose()) {
            true => Ok(()),
            false => Err(Refusal::WrongPassword),
        };
        let new = |password: &Secret<String>, login: &str| match password::acceptable(password, login) {
            true => Ok(()),
            false => Err(Refusal::WeakPassword),
        };
        match (purpose, secrets) {
            (Purpose::Register, Secrets::Password(password)) => new(password, subject),
            (Purpose::ChangePassword, Secrets::Change { old, new: chosen }) => {
                known(old)?;
                new(chosen, &self.state.bound()?.login)?;
                match nfkc(old).expose() == nfkc(chosen).expose() {
                    true => Err(Refusal::WeakPassword),
                    false => Ok(()),
                }
            }
            (Purpose::Recover, Secrets::Recovery { new: chosen, .. }) => new(chosen, subject),
            (Purpose::Recover, Secrets::Forgotten(chosen)) => {
                self.state.may_recover_without_code(&self.now())?;
                new(chosen, subject)
            }
            (Purpose::ChangePassword | Purpose::Recover, _)
            | (_, Secrets::Change { .. } | Secrets::Recovery { .. } | Secrets::Forgotten(_)) => {
                Err(Refusal::InvalidArgument("another purpose's secrets".to_owned()))
            }
            (_, Secrets::Password(password)) => known(password),
        }
    }

    /// A device isn't removed by itself: signing out leaves a release behind.
    fn not_itself(&self, subject: &str) -> Result<(), Refusal> {
        match &self.state.binding {
            Binding::Bound(bound) if subject == remove_device_subject(bound.device) => Err(
                Refusal::InvalidArgument("this device signs out instead".to_owned()),
            ),
            _ => Ok(()),
        }
    }

    pub(super) async fn unlock(
        &mut self,
        presenter: Presenter,
        password: Secret<String>,
    ) -> Result<(), Refusal> {
        self.not_empty(&password)?;
        self.state.bound()?;
        // A wipe that has begun isn't called off, whoever asks.
        if self.state.is_being_wiped() {
            return Err(Refusal::DeviceLost);
        }
        if !password::long_enough(password.expose()) {
            return Err(Refusal::WrongPassword);
        }
        self.check(presenter, None, Arc::new(password)).await.map(|_| ())
    }

    /// The local password check: counted on disk, then Argon2id, then judged.
    pub(crate) async fn check(
        &mut self,
        presenter: Presenter,
        ticket: Option<TicketId>,
        password: Arc<Secret<String>>,
    ) -> Result<(), Refusal> {
        let fingerprint = self.fingerprint(&password);
        match self.apply(What::CheckBegan(Check {
            presenter,
            ticket,
            fingerprint,
        }))? {
            Answer::Compare => {}
            _ => return Ok(()),
        }
        let bound = self.state.bound()?;
        let (salt, parameters) = (bound.salt, bound.parameters);
        let strength = self.strength(&password);
        let derived = ceremony::derive(Arc::clone(&password), salt, parameters).await;
        // A comparison that came to nothing is over: a hold waits for it no longer.
        let master = derived.inspect_err(|_| self.state.checking = None)?;
        let verify_digest = master.verify_digest();
        let ahead = match self.state.derives_ahead(ticket.as_ref(), &verify_digest) {
            Some((salt, parameters)) => {
                let derived = ceremony::derive(password, salt, parameters).await;
                Some(
                    derived
                        .inspect_err(|_| self.state.checking = None)?
                        .verify_digest(),
                )
            }
            None => None,
        };
        self.apply(What::CheckEnded {
            verify_digest,
            ahead,
            strength,
        })?;
        if let Some(session) = ticket.and_then(|id| self.sessions.get_mut(&id)) {
            session.keep(salt, parameters, master);
        }
        Ok(())
    }

    /// What may be kept of a password, judged by as much of the login as the binding has.
    pub(crate) fn strength(&self, password: &Secret<String>) -> Strength {
        let login = self.state.bound().map_or("", |bound| bound.login.as_str());
        self.strength_of(password, login)
    }

    /// The same where the whole login is known.
    pub(crate) fn strength_of(&self, password: &Secret<String>, login: &str) -> Strength {
        Strength {
            score: password::score(password, login).into(),
            since: unix_seconds(self.clock.wall()),
        }
    }

    fn not_empty(&self, password: &Secret<String>) -> Result<(), Refusal> {
        if self.state.binding == Binding::Uninitialised {
            self.state.bound()?;
        }
        if password.expose().is_empty() {
            Err(Refusal::InvalidArgument("empty password".to_owned()))
        } else {
            Ok(())
        }
    }

    fn fingerprint(&self, password: &Secret<String>) -> [u8; 32] {
        let normalised = nfkc(password);
        let mut fingerprint = [0; 32];
        fingerprint
            .copy_from_slice(hmac::sign(&self.fingerprint_key, normalised.expose().as_bytes()).as_ref());
        fingerprint
    }
}

/// The subject in its one form.
fn subject_of(purpose: Purpose, subject: &str) -> Result<String, Refusal> {
    let invalid = |why: &str| Refusal::InvalidArgument(why.to_owned());
    match purpose {
        Purpose::Register | Purpose::SignIn | Purpose::Recover => {
            return Identifier::parse(subject)
                .map(|identifier| identifier.as_str().to_owned())
                .map_err(|error| invalid(&error.to_string()));
        }
        Purpose::Identifier | Purpose::RemoveDevice | Purpose::DeleteAccount | Purpose::Bootloader => {
            let deed = Deed::parse(subject).map_err(|error| invalid(&error.to_string()))?;
            if purpose_of(&deed) != purpose {
                return Err(invalid("another purpose's deed"));
            }
        }
        Purpose::ChangePassword if !matches!(subject, "" | NEW_ROOT) => {
            return Err(invalid("neither empty nor a new root"));
        }
        Purpose::RecoveryCode if !subject.is_empty() => return Err(invalid("a subject where there is none")),
        Purpose::ChangePassword
        | Purpose::RecoveryCode
        | Purpose::Reauthenticate
        | Purpose::SignOut
        | Purpose::Reset
        | Purpose::Find
        | Purpose::Policies
        | Purpose::Unpair
        | Purpose::Command => {}
    }
    Ok(subject.to_owned())
}
