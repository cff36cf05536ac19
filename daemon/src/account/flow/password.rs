//! ChangePassword, CreateRecoveryCode, and what became of either elsewhere.

use belay_proto::dbus::Error as BusError;
use belay_proto::failpoint;
use belay_proto::id::PendingId;
use belay_proto::keys::RecoveryClaim;
use belay_proto::signed::{DeviceCertificate, Signed};
use belay_proto::steps::{
    self, Done, NewCredentialsSet, NewPasswordInput, NewRecoveryCodeInput, NewRecoveryCodeOutput,
    PendingBindOutput, Purpose,
};
use belay_proto::text::with_causes;
use belay_proto::wire::{Grant, NewCredentialsRequest};

use super::Flow;
use super::confirm::is_forgotten;
use super::owner::{Owner, tells_of_removed};
use crate::account::error::AccountError;
use crate::account::keep_up;
use crate::account::model::Session;
use crate::account::new_code::{CodeKept, NewCode};
use crate::account::state::{Event, Refusal};
use crate::cloud::{CloudError, idempotency_key};
use crate::warden::WardenError;

impl Flow {
    /// Another password, and with the ticket's subject a new root. The old one stops here once the cloud has taken the new.
    pub(crate) async fn change_password(self, ticket: String, new_root: bool) -> Result<(), AccountError> {
        let owner = self.owner(&ticket, Purpose::ChangePassword).await?;
        let lost = self.lost(&owner).await;
        let input = NewPasswordInput {
            devices: owner.certificates(),
            new_epoch: lost.is_any(),
            key_epoch: Some(owner.key_epoch),
            lost: Some(lost.devices),
        };
        let made = self
            .stay(self.step(
                &ticket,
                steps::NEW_PASSWORD,
                input.encode(),
                NewCredentialsSet::decode,
            ))
            .await;
        let changed = match made {
            // The warden goes by the ticket's subject.
            Ok(made) if made.succession.is_some() != new_root => Err(WardenError::Refused(
                BusError::BadTicket("the ticket says another thing of the root".into()),
            )
            .into()),
            Ok(made) => self.bring_credentials(&owner, made).await,
            Err(error) => Err(error),
        };
        if let Err(error) = changed {
            self.end_login(owner.tokens).await;
            return Err(error);
        }
        // The sessions of the password before end, this device's among them: the login's takes its place.
        self.parts.rows.put_tokens(owner.tokens).await?;
        failpoint!("belayd.change-password.tokens-kept");
        let session = Box::new(Session {
            ended: false,
            departure: None,
            // A new root leaves none: the code was never known but to the owner.
            recovery_code_set: owner.session.recovery_code_set && !new_root,
            new_code: owner.session.new_code.filter(|_| !new_root),
            ..owner.session
        });
        self.report(Event::Reauthenticated(session)).await?;
        failpoint!("belayd.change-password.kept");
        Ok(())
    }

    /// Another recovery code; answers the claim to it. One that was made before and that nobody says to have seen is the answer
    /// still.
    pub(crate) async fn create_recovery_code(self, ticket: String) -> Result<RecoveryClaim, AccountError> {
        let owner = self.owner(&ticket, Purpose::RecoveryCode).await?;
        let created = match self.unseen_code(&owner).await {
            Ok(Some(claim)) => Ok(claim),
            Ok(None) => self.recovery_code(&owner, &ticket).await,
            Err(error) => Err(error),
        };
        self.end_login(owner.tokens).await;
        created
    }

    /// The claim to the code that was made last, where it is the account's and the warden has it still.
    async fn unseen_code(&self, owner: &Owner) -> Result<Option<RecoveryClaim>, AccountError> {
        let Some(code) = &owner.session.new_code else {
            return Ok(None);
        };
        if code_in(&owner.credentials) != Some(CodeKept::Wrap(code.wrap)) {
            return Ok(None);
        }
        // The warden tells it once it has the record, whose way here may have been cut.
        self.parts.warden.credentials(&owner.credentials).await?;
        let bound = self
            .pending_step(code.pending, steps::BIND, PendingBindOutput::decode)
            .await;
        match bound {
            Ok(bound) => {
                self.report(Event::RecoveryCodeMade {
                    account: owner.account,
                })
                .await?;
                Ok(Some(bound.claim))
            }
            Err(error) if is_forgotten(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The code that was made last is written down.
    pub(super) async fn acknowledge_new_code(&self) -> Result<(), AccountError> {
        let code = self.session().await?.and_then(|session| session.new_code);
        let code = code.ok_or(Refusal::NotFound)?;
        let told = self
            .pending_step(code.pending, steps::ACKNOWLEDGE, Done::decode)
            .await;
        match told {
            Ok(_) => {}
            // Acknowledged before, by a call whose end was lost, or gone since it was told.
            Err(error) if is_forgotten(&error) && code.holds == Some(true) => {}
            Err(error) => return Err(error),
        }
        failpoint!("belayd.recovery-code.told");
        let pending = code.pending;
        self.report(Event::RecoveryCodeOver { pending }).await?;
        failpoint!("belayd.recovery-code.settled");
        Ok(())
    }

    async fn recovery_code(&self, owner: &Owner, ticket: &str) -> Result<RecoveryClaim, AccountError> {
        let input = NewRecoveryCodeInput {
            devices: owner.certificates(),
            key_epoch: Some(owner.key_epoch),
            lost: Some(self.lost(owner).await.devices),
        };
        let made = self
            .stay(self.step(
                ticket,
                steps::NEW_RECOVERY_CODE,
                input.encode(),
                NewRecoveryCodeOutput::decode,
            ))
            .await?;
        let set = NewCredentialsSet::decode(&made.set)
            .map_err(|_| AccountError::Internal("the warden's answer isn't understood"))?;
        let Some(CodeKept::Wrap(wrap)) = code_in(&set.credentials) else {
            return Err(AccountError::Internal("the warden's answer isn't understood"));
        };
        let (account, pending) = (owner.account, made.pending);
        let holds = None;
        let code = NewCode { pending, wrap, holds };
        self.report(Event::RecoveryCodeMaking { account, code }).await?;
        if let Err(error) = self.bring_credentials(owner, set).await {
            // Where nobody knows whether the cloud took it, the code may be the account's, and the one before void.
            if matches!(&error, AccountError::Cloud(refused) if refused.is_decided()) {
                self.discard_code(pending).await;
                self.report(Event::RecoveryCodeOver { pending }).await?;
            }
            return Err(error);
        }
        self.report(Event::RecoveryCodeMade { account }).await?;
        failpoint!("belayd.recovery-code.kept");
        Ok(made.claim)
    }

    async fn discard_code(&self, pending: PendingId) {
        let discarded = self.pending_step(pending, steps::DISCARD, Done::decode).await;
        if let Err(error) = discarded {
            tracing::debug!(error = %with_causes(&error), "the warden will drop the code by itself");
        }
    }

    /// Brings new credentials to the cloud, and what it took to the warden.
    async fn bring_credentials(&self, owner: &Owner, made: NewCredentialsSet) -> Result<(), AccountError> {
        let asked = request(&owner.devices, made, owner.keyring, None)?;
        let key = idempotency_key();
        failpoint!("belayd.credentials.made");
        // From here on the caller may leave: the cloud may have taken them.
        let put = self
            .surely(|| self.parts.cloud.put_credentials(&asked, &key))
            .await;
        if put.is_ok() {
            failpoint!("belayd.credentials.brought");
        }
        self.settled(put, asked).await?;
        failpoint!("belayd.credentials.taken");
        Ok(())
    }

    /// Whether credentials that were brought to the cloud are the account's now. What it keeps is what counts, whatever became
    /// of its answer; that comes to the warden too.
    pub(super) async fn settled(
        &self,
        put: Result<(), CloudError>,
        asked: NewCredentialsRequest,
    ) -> Result<(), AccountError> {
        match (put, self.keep_up().await) {
            (_, Some(told)) if told.departure.is_none() && told.judged && told.kept == *asked.credentials => {
                Ok(())
            }
            (Ok(()), Some(told)) if told.departure.is_none() && told.kept != *asked.credentials => {
                Err(CloudError::Nonsense("it keeps other credentials than those it took".into()).into())
            }
            (put, _) => {
                // Where it can't be asked now either: else the account has another password than this device.
                put.inspect_err(|error| self.may_have_changed(error))?;
                let warden = &self.parts.warden;
                if warden.view().identity.account.is_some() {
                    keep_up::follow(warden, asked).await?;
                }
                Ok(())
            }
        }
    }

    /// Brings what the cloud keeps of the owner's credentials to the warden; what it told, if it did.
    pub(super) async fn keep_up(&self) -> Option<keep_up::Told> {
        keep_up::keep_up(&self.parts.cloud, &self.parts.warden).await.ok()
    }
}

/// What a record, signed bytes, says of the recovery code.
fn code_in(record: &[u8]) -> Option<CodeKept> {
    let record = Signed::decode(record).ok()?;
    Some(CodeKept::of(&record.peek_unverified().ok()?))
}

/// What the cloud gets; `replaces` is the SHA-256 of the keyring that it had.
///
/// # Errors
/// [`AccountError::Internal`] for a warden that answers other lists than it was asked about.
pub(super) fn request(
    devices: &[(Vec<u8>, DeviceCertificate)],
    made: NewCredentialsSet,
    replaces: [u8; 32],
    ticket: Option<&str>,
) -> Result<NewCredentialsRequest, AccountError> {
    let fits = |list: &[Vec<u8>]| list.is_empty() || list.len() == devices.len();
    if ![&made.certificates, &made.boxes, &made.delegates]
        .into_iter()
        .all(|list| fits(list))
    {
        return Err(AccountError::Internal("the warden's answer isn't understood"));
    }
    let of = |list: &[Vec<u8>], place: usize| {
        let given = list.get(place).filter(|given| !given.is_empty());
        given.cloned().map(Into::into)
    };
    let mut grants = Vec::with_capacity(devices.len());
    for (place, (_, certificate)) in devices.iter().enumerate() {
        let grant = Grant {
            device: certificate.device,
            keyring: of(&made.boxes, place),
            delegate: of(&made.delegates, place),
            certificate: of(&made.certificates, place),
        };
        // One that is lost gets no box, and is the account's all the same.
        let lists = [&made.delegates, &made.certificates];
        match lists
            .into_iter()
            .any(|list| list.get(place).is_some_and(Vec::is_empty))
        {
            true => tells_of_removed(grant.device),
            false => grants.push(grant),
        }
    }
    Ok(NewCredentialsRequest {
        ticket: ticket.map(|ticket| ticket.to_owned().into()),
        grants,
        credentials: made.credentials.into(),
        keyring: made.keyring.into(),
        replaces: replaces.to_vec().into(),
        share: made.share.into(),
        succession: made.succession.map(Into::into),
        owner: made.on_hold.and_then(|waits| waits.then_some(made.owner)),
    })
}
