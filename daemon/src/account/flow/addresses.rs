//! AddIdentifier, ConfirmIdentifier, RemoveIdentifier, SetLogin, BeginRecovery, CompleteRecovery.

use belay_proto::failpoint;
use belay_proto::id::AccountId;
use belay_proto::identifier::Identifier;
use belay_proto::keys::{random, sha256};
use belay_proto::secret::Secret;
use belay_proto::signed::Deed;
use belay_proto::steps::{self, Done, NewCredentialsSet, Purpose, RecoverInput, RecoveredOutput};
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
        let deed = Deed::AddIdentifier(identifier.as_str().to_owned());
        let (owner, order) = self.order_of(&ticket, &deed).await?;
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
            brought: None,
            salt: random(),
        };
        failpoint!("belayd.address.code-sent");
        self.report(Event::ProvingOpened(Box::new(proving))).await?;
        failpoint!("belayd.address.opened");
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
            failpoint!("belayd.address.code-right");
            let event = Event::AddressProved {
                id: id.clone(),
                ticket,
                key: idempotency_key(),
            };
            self.report(event).await?;
            failpoint!("belayd.address.proved");
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
                self.may_have_changed(&error);
                // A line that was too slow, or a cloud that wants a newer version, has judged nothing of the address.
                if matches!(&error, CloudError::Problem(problem) if !problem.is_of_one_copy())
                    && error.is_decided()
                {
                    self.report(Event::ProvingOver { id }).await?;
                }
                return Err(error.into());
            }
        }
        failpoint!("belayd.address.added");
        self.report(Event::ProvingOver { id }).await?;
        failpoint!("belayd.address.kept");
        self.details_changed().await;
        Ok(())
    }

    /// Removes an address; the last one and the login stay.
    pub(crate) async fn remove_address(self, id: String, ticket: String) -> Result<(), AccountError> {
        let deed = Deed::RemoveIdentifier(id.clone());
        let (owner, order) = self.order_of(&ticket, &deed).await?;
        let key = idempotency_key();
        let removed = self
            .surely(|| self.parts.cloud.remove_address(&id, &order, &key))
            .await;
        self.end_login(owner.tokens).await;
        removed
            .inspect_err(|error| self.may_have_changed(error))
            .map_err(AccountError::from)?;
        failpoint!("belayd.address.removed");
        self.details_changed().await;
        Ok(())
    }

    /// Makes an address the login.
    pub(crate) async fn set_login(self, id: String, ticket: String) -> Result<(), AccountError> {
        let (owner, order) = self.order_of(&ticket, &Deed::SetLogin(id)).await?;
        let key = idempotency_key();
        let set = self.surely(|| self.parts.cloud.set_login(&order, &key)).await;
        self.end_login(owner.tokens).await;
        set.inspect_err(|error| self.may_have_changed(error))
            .map_err(AccountError::from)?;
        failpoint!("belayd.address.made-login");
        self.details_changed().await;
        Ok(())
    }

    /// Chooses another password with the code that was sent and the recovery code behind the ticket. Nothing is known of the
    /// account before the code was right. Asked again after a lost reply it ends what was begun: the password of the call that the
    /// cloud has carried out holds, and another one is none.
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
        failpoint!("belayd.recover.code-right");
        let is_done = proving.brought == Some(sha256(&told.credentials));
        let recovered = match is_done {
            true => self.taken_before(told, &ticket).await.map(|()| false),
            false => self.recovered(&id, told, &ticket).await,
        };
        let is_on_hold = match recovered {
            // The ticket is spent, by what has been replaced since, or waits here for nobody: that takes another code.
            Err(AccountError::Cloud(CloudError::Problem(problem)))
                if problem.kind == ProblemKind::BadTicket =>
            {
                self.report(Event::ProvingOver { id }).await?;
                return Err(AccountError::Expired);
            }
            recovered => recovered?,
        };
        failpoint!("belayd.recover.brought");
        self.report(Event::ProvingOver { id }).await?;
        failpoint!("belayd.recover.kept");
        if is_on_hold {
            // What holds goes on until it is over, sessions and all; the view shows that something waits.
            self.refresh_view().await;
            return Ok(());
        }
        // The sessions of the password before are over, this device's among them.
        if let Some(session) = self.session().await?.filter(|session| session.bound) {
            let account = session.account;
            self.report(Event::SessionEnded { account }).await?;
            failpoint!("belayd.recover.session-ended");
        }
        Ok(())
    }

    /// What a call before has brought is the account's, and nobody has heard of it.
    async fn taken_before(&self, told: RecoveryAnswer, ticket: &str) -> Result<(), AccountError> {
        let input = RecoverInput {
            credentials: told.credentials.to_vec(),
            keyring: told.keyring.into(),
            ..RecoverInput::default()
        };
        let asked = self.step(ticket, steps::RECOVERED, input.encode(), RecoveredOutput::decode);
        let is_same = self.stay(asked).await?.holds;
        // With what else this device gets, where the cloud tells that.
        self.keep_up().await;
        if self.parts.warden.view().identity.account == Some(told.account) {
            self.parts.warden.credentials(&told.credentials).await?;
        }
        match is_same {
            true => Ok(()),
            false => Err(AccountError::OtherPassword),
        }
    }

    /// Whether the new credentials wait.
    async fn recovered(&self, id: &str, told: RecoveryAnswer, ticket: &str) -> Result<bool, AccountError> {
        let bound = self.parts.warden.view().identity.account;
        if bound.is_some_and(|account| account != told.account) {
            return Err(AccountError::Refused(Refusal::OtherAccount));
        }
        if self.is_left_behind(&told.credentials) {
            // A succession that nobody has fetched yet would end the wait.
            self.keep_up().await;
            self.parts.warden.refresh().await?;
        }
        if self.is_left_behind(&told.credentials) {
            return self.follow_the_account(told.account, ticket).await.map(|()| true);
        }
        let mut lost = self.given_up().await.devices;
        lost.extend(told.lost);
        let replaces = sha256(&told.keyring);
        let certificates: Vec<Vec<u8>> = told.devices.into_iter().map(Into::into).collect();
        let input = RecoverInput {
            credentials: told.credentials.into(),
            keyring: told.keyring.into(),
            devices: certificates.clone(),
            key_epoch: Some(told.key_epoch),
            lost: Some(lost),
        };
        let made = self
            .stay(self.step(ticket, steps::RECOVER, input.encode(), NewCredentialsSet::decode))
            .await?;
        let owner = made.owner;
        let read = |signed: Vec<u8>| {
            let read = certificate(&signed, &owner, &told.account).ok()?;
            Some((signed, read))
        };
        let is_on_hold = made.on_hold == Some(true);
        // Without the code the warden certifies this device under the new root, and no other.
        let certificates = match is_on_hold {
            true => made.certificates.clone(),
            false => certificates,
        };
        let devices: Vec<_> = certificates.into_iter().filter_map(read).collect();
        let asked = request(&devices, made, replaces, Some(told.ticket.expose()))?;
        let key = idempotency_key();
        self.report(Event::Recovering {
            id: id.to_owned(),
            credentials: sha256(&asked.credentials),
        })
        .await?;
        failpoint!("belayd.recover.made");
        // From here on the caller may leave: the cloud may have taken them.
        if !is_on_hold {
            let put = self.surely(|| self.parts.cloud.recover(id, &asked, &key)).await;
            self.settled(put, asked).await?;
            failpoint!("belayd.recover.taken");
            return Ok(false);
        }
        let put = self
            .surely(|| self.parts.cloud.recover_on_hold(id, &asked, &key))
            .await;
        let waits = put?;
        failpoint!("belayd.hold.taken");
        tracing::info!(
            seconds = waits.as_secs(),
            "the cloud keeps the new credentials, which wait"
        );
        if bound.is_some() {
            // Last, so that no hold runs towards credentials that the cloud never had.
            self.step(ticket, steps::BEGIN_HOLD, Done {}.encode(), Done::decode)
                .await?;
            failpoint!("belayd.hold.begun");
        }
        Ok(true)
    }

    /// Whether the account has [another root](Flow::of_another_root) than this device: one that it has gone on with, or the one that
    /// it has kept where this device has waited for another in vain. Which of them it may follow the warden says, which alone knows
    /// what was left here.
    fn is_left_behind(&self, credentials: &[u8]) -> bool {
        self.of_another_root(credentials).is_some()
    }

    /// Follows the account to that root, which the password that it has by now opens: after a hold of this device's own.
    async fn follow_the_account(&self, account: AccountId, ticket: &str) -> Result<(), AccountError> {
        let login = self
            .log_in(&account.to_string(), ticket, Purpose::Recover)
            .await?;
        let opened = self.open(&login, ticket).await;
        // The login was for the root alone.
        self.end_login(login.tokens).await;
        opened?;
        self.step(ticket, steps::BEGIN_HOLD, Done {}.encode(), Done::decode)
            .await?;
        Ok(())
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
        failpoint!("belayd.address.trying");
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
