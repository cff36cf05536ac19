//! Passwords that come in: presented for a ticket, or to unlock.

use std::sync::Arc;

use belay_proto::identifier::Identifier;
use belay_proto::keys::nfkc;
use belay_proto::steps::Purpose;
use belay_proto::{Secret, TicketId};
use ring::hmac;

use super::Warden;
use crate::ceremony::{self, Session};
use crate::core::check::Check;
use crate::core::password;
use crate::core::refusal::Refusal;
use crate::core::state::{Answer, Binding, What};
use crate::core::throttle::Presenter;

impl Warden {
    pub(super) fn present(
        &mut self,
        purpose: Purpose,
        subject: &str,
        presenter: Presenter,
        password: Secret<String>,
    ) -> Result<TicketId, Refusal> {
        self.not_empty(&password)?;
        self.not_leaving()?;
        let subject = match purpose {
            Purpose::Register | Purpose::SignIn => Identifier::parse(subject)
                .map_err(|error| Refusal::InvalidArgument(error.to_string()))?
                .as_str()
                .to_owned(),
            Purpose::Reauthenticate
            | Purpose::SignOut
            | Purpose::Reset
            | Purpose::Find
            | Purpose::Policies
            | Purpose::Unpair
            | Purpose::Command => subject.to_owned(),
        };
        // Time first, so that an expired wait or ticket doesn't count.
        self.apply(What::Woke)?;
        self.state.admits(purpose, presenter, &self.now())?;
        if purpose == Purpose::Register {
            if !password::acceptable(&password, &subject) {
                return Err(Refusal::WeakPassword);
            }
        } else if !password::long_enough(password.expose()) {
            return Err(Refusal::WrongPassword);
        }
        let id = TicketId::random();
        self.apply(What::Presented {
            id,
            purpose,
            subject,
            presenter,
        })?;
        self.sessions.insert(id, Session::new(Arc::new(password)));
        Ok(id)
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
        let master = ceremony::derive(password, salt, parameters).await?;
        self.apply(What::CheckEnded {
            verify_digest: master.verify_digest(),
        })?;
        if let Some(session) = ticket.and_then(|id| self.sessions.get_mut(&id)) {
            session.keep(salt, parameters, master);
        }
        Ok(())
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
