//! AddIdentifier, ConfirmIdentifier, RemoveIdentifier, SetLogin, BeginRecovery, CompleteRecovery.

use belay_proto::identifier::Identifier;
use belay_proto::keys::{random, sha256};
use belay_proto::secret::Secret;
use belay_proto::steps::{self, NewCredentialsSet, Purpose, RecoverInput};
use belay_proto::wire::{Bytes, RecoveryAnswer};

use super::Flow;
use super::password::request;
use super::register::channel;
use super::verifying::too_many_are_too_soon;
use crate::account::error::AccountError;
use crate::account::evidence::certificate;
use crate::account::model::{Attempt, Verification};
use crate::account::ports::{NewVerification, OpenedVerification};
use crate::account::proving::{Aim, Proving};
use crate::account::state::{Event, Refusal};
use crate::cloud::{CloudError, Problem, ProblemKind, idempotency_key};

impl Flow {
    /// Sends a code to one more address; the owner's order that adds it waits with it.
    pub(crate) async fn add_address(
        self,
        identifier: Identifier,
        ticket: String,
    ) -> Result<String, AccountError> {
        let work = self.stay(self.parts.cloud.work()).await?;
        let (owner, order) = self.order_of(&ticket, Purpose::Identifier).await?;
        self.end_login(owner.tokens).await;
        let asked = self.asked(&identifier, owner.session.profile.language).await?;
        let opened = self
            .in_session(owner.account, self.parts.cloud.open_address(asked, work))
            .await
            .map_err(too_many_are_too_soon)?;
        self.opened(Aim::Identifier, &identifier, opened, Some(order.into()))
            .await
    }

    /// Sends a code to an address of the account whose password is forgotten.
    pub(crate) async fn begin_recovery(self, identifier: Identifier) -> Result<String, AccountError> {
        let work = self.stay(self.parts.cloud.work()).await?;
        let language = self.session().await?.and_then(|session| session.profile.language);
        let asked = self.asked(&identifier, language).await?;
        let opened = self
            .stay(self.parts.cloud.open_recovery(asked, work))
            .await
            .map_err(too_many_are_too_soon)?;
        self.opened(Aim::Recovery, &identifier, opened, None).await
    }

    async fn asked(
        &self,
        identifier: &Identifier,
        language: Option<String>,
    ) -> Result<NewVerification, AccountError> {
        Ok(NewVerification {
            channel: channel(identifier),
            address: identifier.as_str().to_owned(),
            device_name: self.device_name().await?,
            language,
        })
    }

    async fn opened(
        &self,
        aim: Aim,
        identifier: &Identifier,
        opened: OpenedVerification,
        order: Option<Bytes>,
    ) -> Result<String, AccountError> {
        let (resend, expires) = self.deadlines(opened.waits);
        let proving = Proving {
            id: opened.id.clone(),
            aim,
            channel: channel(identifier),
            address: identifier.as_str().to_owned(),
            verification: Verification::Pending,
            resend,
            expires,
            attempt: None,
            order,
            ticket: None,
            salt: random(),
        };
        self.report(Event::ProvingOpened(Box::new(proving))).await?;
        Ok(opened.id)
    }

    /// Adds the address whose code this is. Asked again after a lost reply or a kill, it goes on from there.
    pub(crate) async fn confirm_address(self, id: String, code: Secret<String>) -> Result<(), AccountError> {
        let mut proving = self.address(&id, Aim::Identifier).await?;
        if proving.ticket.is_none() {
            let key = self.trying(&proving, &code).await?;
            let ticket = match self.stay(self.parts.cloud.prove(&id, code.expose(), &key)).await {
                Ok(ticket) => ticket,
                Err(error) => return Err(self.unproved(&proving, error).await),
            };
            let event = Event::AddressProved {
                id: id.clone(),
                ticket,
                key: idempotency_key(),
            };
            self.report(event).await?;
            proving = self.address(&id, Aim::Identifier).await?;
        }
        let (Some((ticket, key)), Some(order)) = (&proving.ticket, &proving.order) else {
            return Err(AccountError::Internal("an address without its order"));
        };
        let added = self
            .surely(|| self.parts.cloud.add_address(ticket, order, key))
            .await;
        match added {
            Ok(_) => {}
            Err(error) => {
                if matches!(&error, CloudError::Problem(_)) && error.is_decided() {
                    self.report(Event::ProvingOver { id }).await?;
                }
                return Err(error.into());
            }
        }
        self.report(Event::ProvingOver { id }).await?;
        self.details_changed().await;
        Ok(())
    }

    /// Removes an address; the last one and the login stay.
    pub(crate) async fn remove_address(self, id: String, ticket: String) -> Result<(), AccountError> {
        let (owner, order) = self.order_of(&ticket, Purpose::Identifier).await?;
        let key = idempotency_key();
        let removed = self
            .surely(|| self.parts.cloud.remove_address(&id, &order, &key))
            .await;
        self.end_login(owner.tokens).await;
        removed.map_err(AccountError::from)?;
        self.details_changed().await;
        Ok(())
    }

    /// Makes an address the login.
    pub(crate) async fn set_login(self, ticket: String) -> Result<(), AccountError> {
        let (owner, order) = self.order_of(&ticket, Purpose::Identifier).await?;
        let key = idempotency_key();
        let set = self.surely(|| self.parts.cloud.set_login(&order, &key)).await;
        self.end_login(owner.tokens).await;
        set.map_err(AccountError::from)?;
        self.details_changed().await;
        Ok(())
    }

    /// Chooses another password with the code that was sent and the recovery code behind the ticket. Nothing is known of the
    /// account before the code was right.
    pub(crate) async fn complete_recovery(
        self,
        id: String,
        code: Secret<String>,
        ticket: String,
    ) -> Result<(), AccountError> {
        let proving = self.address(&id, Aim::Recovery).await?;
        let key = self.trying(&proving, &code).await?;
        let asked = self.parts.cloud.prove_recovery(&id, code.expose(), &key);
        let told = match self.stay(asked).await {
            Ok(told) => told,
            Err(error) => return Err(self.unproved(&proving, error).await),
        };
        self.recovered(&id, told, &ticket).await?;
        self.report(Event::ProvingOver { id }).await?;
        // The sessions of the password before are over, this device's among them.
        self.keep_up().await;
        if let Some(session) = self.session().await?.filter(|session| session.bound) {
            let account = session.account;
            self.report(Event::SessionEnded { account }).await?;
        }
        Ok(())
    }

    async fn recovered(&self, id: &str, told: RecoveryAnswer, ticket: &str) -> Result<(), AccountError> {
        let bound = self.parts.warden.view().identity.account;
        if bound.is_some_and(|account| account != told.account) {
            return Err(AccountError::Refused(Refusal::OtherAccount));
        }
        let replaces = sha256(&told.keyring);
        let certificates: Vec<Vec<u8>> = told.devices.into_iter().map(Into::into).collect();
        let input = RecoverInput {
            credentials: told.credentials.into(),
            keyring: told.keyring.into(),
            devices: certificates.clone(),
        };
        let made = self
            .stay(self.step(ticket, steps::RECOVER, input.encode(), NewCredentialsSet::decode))
            .await?;
        let read = |signed: Vec<u8>| {
            let read = certificate(&signed, &made.owner, &told.account).ok()?;
            Some((signed, read))
        };
        let devices: Vec<_> = certificates.into_iter().filter_map(read).collect();
        let asked = request(&devices, made, replaces, Some(told.ticket.expose()))?;
        let key = idempotency_key();
        // From here on the caller may leave: the cloud may have taken them.
        let put = self.surely(|| self.parts.cloud.recover(id, &asked, &key)).await;
        Ok(put?)
    }

    async fn address(&self, id: &str, aim: Aim) -> Result<Proving, AccountError> {
        let saved = self.parts.rows.load().await?;
        saved
            .proving
            .filter(|proving| proving.id == id && proving.aim == aim)
            .ok_or(AccountError::Refused(Refusal::Cancelled))
    }

    /// Notes that a code is on its way; its key, the same for the same code, so that it is one try.
    async fn trying(&self, proving: &Proving, code: &Secret<String>) -> Result<String, AccountError> {
        let digest = proving.code_digest(code.expose());
        if let Some(attempt) = proving.attempt.as_ref().filter(|attempt| attempt.code == digest) {
            return Ok(attempt.key.clone());
        }
        let key = idempotency_key();
        self.report(Event::Trying {
            id: proving.id.clone(),
            attempt: Some(Attempt {
                code: digest,
                key: key.clone(),
            }),
        })
        .await?;
        Ok(key)
    }

    /// What a refused code means.
    async fn unproved(&self, proving: &Proving, error: AccountError) -> AccountError {
        let AccountError::Cloud(CloudError::Problem(problem)) = error else {
            return error;
        };
        match self.noted(proving, &problem).await {
            Ok(true) => AccountError::Expired,
            Ok(false) => AccountError::from(CloudError::Problem(problem)).of_tries(),
            Err(error) => error,
        }
    }

    async fn noted(&self, proving: &Proving, problem: &Problem) -> Result<bool, AccountError> {
        let id = proving.id.clone();
        if CloudError::Problem(problem.clone()).is_decided() {
            let attempt = None;
            self.report(Event::Trying {
                id: id.clone(),
                attempt,
            })
            .await?;
        }
        let is_spent = match problem.kind {
            ProblemKind::WrongCode => problem.tries_left == Some(0),
            ProblemKind::CodeExpired if !self.is_over(&id).await => true,
            ProblemKind::CodeExpired | ProblemKind::NotFound => {
                self.report(Event::ProvingOver { id }).await?;
                return Ok(true);
            }
            _ => false,
        };
        if is_spent {
            let resend = self.deadline(std::time::Duration::ZERO);
            self.report(Event::CodeSpent { id, resend }).await?;
        }
        Ok(false)
    }
}
