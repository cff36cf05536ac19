//! ChangePassword, CreateRecoveryCode, and what became of either elsewhere.

use belay_proto::dbus::Error as BusError;
use belay_proto::id::PendingId;
use belay_proto::keys::RecoveryClaim;
use belay_proto::signed::DeviceCertificate;
use belay_proto::steps::{
    self, Done, NewCredentialsSet, NewPasswordInput, NewRecoveryCodeInput, NewRecoveryCodeOutput,
    PendingInput, Purpose,
};
use belay_proto::text::with_causes;
use belay_proto::wire::{Grant, NewCredentialsRequest};

use super::Flow;
use super::owner::Owner;
use crate::account::error::AccountError;
use crate::account::keep_up::{self, Told};
use crate::account::model::Session;
use crate::account::state::Event;
use crate::cloud::{CloudError, ProblemKind, idempotency_key};
use crate::warden::WardenError;

impl Flow {
    /// Another password, and with the ticket's subject a new root. The old one stops here once the cloud has taken the new.
    pub(crate) async fn change_password(self, ticket: String, new_root: bool) -> Result<(), AccountError> {
        let owner = self.owner(&ticket, Purpose::ChangePassword).await?;
        let input = NewPasswordInput {
            devices: owner.certificates(),
            new_epoch: self.is_any_lost(&owner).await,
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
        let session = Box::new(Session {
            ended: false,
            // A new root leaves none: the code was never known but to the owner.
            recovery_code_set: owner.session.recovery_code_set && !new_root,
            ..owner.session
        });
        self.report(Event::Reauthenticated(session)).await
    }

    /// Another recovery code; answers the claim to it.
    pub(crate) async fn create_recovery_code(self, ticket: String) -> Result<RecoveryClaim, AccountError> {
        let owner = self.owner(&ticket, Purpose::RecoveryCode).await?;
        let created = self.recovery_code(&owner, &ticket).await;
        self.end_login(owner.tokens).await;
        created
    }

    async fn recovery_code(&self, owner: &Owner, ticket: &str) -> Result<RecoveryClaim, AccountError> {
        let input = NewRecoveryCodeInput {
            devices: owner.certificates(),
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
        if let Err(error) = self.bring_credentials(owner, set).await {
            // Where nobody knows whether the cloud took it, the code may be the account's, and the one before void.
            if matches!(&error, AccountError::Cloud(refused) if refused.is_decided()) {
                self.discard_code(made.pending).await;
            }
            return Err(error);
        }
        self.report(Event::RecoveryCodeMade {
            account: owner.account,
        })
        .await?;
        Ok(made.claim)
    }

    async fn discard_code(&self, pending: PendingId) {
        let input = PendingInput { pending }.encode();
        let discarded = self
            .step(&pending.to_string(), steps::DISCARD, input, Done::decode)
            .await;
        if let Err(error) = discarded {
            tracing::debug!(error = %with_causes(&error), "the warden will drop the code by itself");
        }
    }

    /// Brings new credentials to the cloud, and what it took to the warden.
    async fn bring_credentials(&self, owner: &Owner, made: NewCredentialsSet) -> Result<(), AccountError> {
        let asked = request(&owner.devices, made, owner.keyring, None)?;
        let key = idempotency_key();
        // From here on the caller may leave: the cloud may have taken them.
        let put = self
            .surely(|| self.parts.cloud.put_credentials(&asked, &key))
            .await;
        match put {
            Ok(()) => {}
            Err(CloudError::Problem(problem)) if problem.kind == ProblemKind::GenerationConflict => {
                // Another device was first; its record is the one that counts.
                self.keep_up().await;
                return Err(CloudError::Problem(problem).into());
            }
            Err(error) => {
                // Nobody knows whether it arrived: what the cloud keeps is what counts.
                self.keep_up().await;
                return Err(error.into());
            }
        }
        match self.keep_up().await {
            true => Ok(()),
            // The record proves itself: the warden takes it whether the cloud can be asked or not.
            false => {
                self.parts.warden.credentials(&asked.credentials).await?;
                Ok(())
            }
        }
    }

    /// Brings what the cloud keeps of the owner's credentials to the warden; whether it told.
    pub(super) async fn keep_up(&self) -> bool {
        keep_up::keep_up(&self.parts.cloud, &self.parts.warden).await == Told::All
    }

    /// Whether the cloud last heard that a device of the account is lost: then what is written from now on gets other keys.
    async fn is_any_lost(&self, owner: &Owner) -> bool {
        match self.in_session(owner.account, self.parts.cloud.devices()).await {
            Ok(devices) => devices.iter().any(|device| device.lost),
            // A key epoch too many does no harm.
            Err(_) => true,
        }
    }
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
    let grants = devices.iter().enumerate().map(|(place, (_, certificate))| Grant {
        device: certificate.device,
        keyring: made.boxes.get(place).cloned().map(Into::into),
        delegate: made.delegates.get(place).cloned().map(Into::into),
        certificate: made.certificates.get(place).cloned().map(Into::into),
    });
    Ok(NewCredentialsRequest {
        ticket: ticket.map(|ticket| ticket.to_owned().into()),
        grants: grants.collect(),
        credentials: made.credentials.into(),
        keyring: made.keyring.into(),
        replaces: replaces.to_vec().into(),
        share: made.share.into(),
        succession: made.succession.map(Into::into),
    })
}
