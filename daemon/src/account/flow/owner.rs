//! What the owner does to the account with the password: the walk that all of it begins with, and orders.

use belay_proto::id::{AccountId, DeviceId};
use belay_proto::keys::sha256;
use belay_proto::signed::DeviceCertificate;
use belay_proto::steps::{self, Done, OrderOutput, Purpose, RemoveDeviceInput, RemoveDeviceOutput};
use belay_proto::text::with_causes;
use belay_proto::wire::{Grant, RemoveDeviceRequest};

use super::{Flow, Leaving};
use crate::account::error::AccountError;
use crate::account::evidence::certificate;
use crate::account::model::Session;
use crate::account::state::{Event, Refusal};
use crate::cloud::{CloudError, ProblemKind, Tokens, idempotency_key};

/// So often a call is made whose answer may have been lost.
const TRIES: usize = 3;

/// The owner at this device: the account's root is open at the warden, for one ticket.
pub(super) struct Owner {
    pub(super) account: AccountId,
    pub(super) session: Session,
    /// The account's devices that the owner has certified: signed bytes, and what they say.
    pub(super) devices: Vec<(Vec<u8>, DeviceCertificate)>,
    /// SHA-256 of the account's keyring as the login gave it: what a new one takes the place of.
    pub(super) keyring: [u8; 32],
    /// The session that the login began.
    pub(super) tokens: Tokens,
}

impl Owner {
    /// The certificates as a step takes them.
    pub(super) fn certificates(&self) -> Vec<Vec<u8>> {
        self.devices.iter().map(|(signed, _)| signed.clone()).collect()
    }
}

impl Flow {
    /// Proves the password here and to the cloud, and has the warden open the root with what the cloud keeps.
    pub(super) async fn owner(&self, ticket: &str, purpose: Purpose) -> Result<Owner, AccountError> {
        let identity = self.parts.warden.view().identity;
        let (Some(key), Some(account)) = (identity.owner, identity.account) else {
            return Err(Refusal::NotBound.into());
        };
        let session = self.session().await?.filter(|session| session.account == account);
        let session = session.ok_or(Refusal::ReauthenticationRequired)?;
        // The account's id, so that no address has to be known: the warden fills in its own.
        let login = self.log_in(&account.to_string(), ticket, purpose).await?;
        let opened = match self.open(&login, ticket, &session.login).await {
            Ok(opened) if opened.account == account => Ok(()),
            Ok(_) => Err(CloudError::Nonsense("the session is of another account".into()).into()),
            Err(error) => Err(error),
        };
        if let Err(error) = opened {
            self.end_login(login.tokens).await;
            return Err(error);
        }
        let read = |signed: Vec<u8>| {
            let read = certificate(&signed, &key, &account).ok()?;
            Some((signed, read))
        };
        Ok(Owner {
            keyring: sha256(&login.keyring),
            account,
            session,
            devices: login.certificates.into_iter().filter_map(read).collect(),
            tokens: login.tokens,
        })
    }

    /// The owner's order that the ticket was given for.
    pub(super) async fn order_of(
        &self,
        ticket: &str,
        purpose: Purpose,
    ) -> Result<(Owner, Vec<u8>), AccountError> {
        let owner = self.owner(ticket, purpose).await?;
        let signed = self
            .stay(self.step(ticket, steps::ORDER, Done {}.encode(), OrderOutput::decode))
            .await;
        match signed {
            Ok(signed) => Ok((owner, signed.order)),
            Err(error) => {
                self.end_login(owner.tokens).await;
                Err(error)
            }
        }
    }

    /// Makes a call that does its work once, however often it arrives, until its answer arrives too.
    pub(super) async fn surely<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, CloudError>>,
    {
        let mut tries = 1;
        loop {
            match call().await {
                Err(error @ CloudError::Offline { .. }) if tries < TRIES && !error.is_unsent() => tries += 1,
                outcome => {
                    if matches!(outcome, Err(CloudError::SessionEnded)) {
                        self.session_is_over().await;
                    }
                    return outcome;
                }
            }
        }
    }

    async fn session_is_over(&self) {
        let Some(account) = self.parts.warden.view().identity.account else {
            return;
        };
        if let Err(error) = self.report(Event::SessionEnded { account }).await {
            tracing::warn!(error = %with_causes(&error), "the session's end was not kept");
        }
    }

    /// Removes a device: it gets no key of what is written from now on.
    pub(crate) async fn remove_device(self, device: DeviceId, ticket: String) -> Result<(), AccountError> {
        if self.parts.warden.view().identity.device == Some(device) {
            return Err(AccountError::InvalidArgument("this device signs out instead"));
        }
        let owner = self.owner(&ticket, Purpose::RemoveDevice).await?;
        let removed = self.removed(&owner, device, &ticket).await;
        self.end_login(owner.tokens).await;
        removed
    }

    async fn removed(&self, owner: &Owner, device: DeviceId, ticket: &str) -> Result<(), AccountError> {
        let (gone, stay): (Vec<_>, Vec<_>) = owner
            .devices
            .iter()
            .partition(|(_, certificate)| certificate.device == device);
        if gone.is_empty() {
            return Err(AccountError::NoSuchDevice);
        }
        let input = RemoveDeviceInput {
            devices: stay.iter().map(|(signed, _)| signed.clone()).collect(),
        };
        let made = self
            .stay(self.step(
                ticket,
                steps::REMOVE_DEVICE,
                input.encode(),
                RemoveDeviceOutput::decode,
            ))
            .await?;
        if made.boxes.len() != stay.len() {
            return Err(AccountError::Internal("the warden's answer isn't understood"));
        }
        let grant = |((_, certificate), keyring): (&&(Vec<u8>, DeviceCertificate), &Vec<u8>)| Grant {
            device: certificate.device,
            keyring: Some(keyring.clone().into()),
            delegate: None,
            certificate: None,
        };
        let asked = RemoveDeviceRequest {
            order: made.order.into(),
            keyring: made.keyring.into(),
            replaces: owner.keyring.to_vec().into(),
            grants: stay.iter().zip(&made.boxes).map(grant).collect(),
        };
        let key = idempotency_key();
        // From here on the caller may leave: the device may be removed.
        let done = self
            .surely(|| self.parts.cloud.remove_device(device, &asked, &key))
            .await;
        match done {
            Ok(()) => {}
            Err(CloudError::Problem(problem)) if problem.kind == ProblemKind::NotFound => {
                return Err(AccountError::NoSuchDevice);
            }
            Err(error) => return Err(error.into()),
        }
        self.keep_up().await;
        Ok(())
    }

    /// Deletes the account, and lets this device go.
    pub(crate) async fn delete_account(self, ticket: String) -> Result<(), AccountError> {
        let (owner, order) = self.order_of(&ticket, Purpose::DeleteAccount).await?;
        let key = idempotency_key();
        let deleted = self
            .surely(|| self.parts.cloud.delete_account(&order, &key))
            .await;
        match deleted {
            Ok(()) => {}
            Err(error) => {
                self.end_login(owner.tokens).await;
                return Err(error.into());
            }
        }
        // There is no account any more: what is left of it here goes, and the cloud gets the release.
        self.sign_out(ticket, Leaving::Nothing).await.map(drop)
    }

    /// Asks that this device's bootloader may be unlocked.
    pub(crate) async fn request_unlock(self, ticket: String, reason: String) -> Result<(), AccountError> {
        let (owner, order) = self.order_of(&ticket, Purpose::Bootloader).await?;
        let key = idempotency_key();
        let asked = self
            .surely(|| self.parts.cloud.ask_for_unlock(&order, &reason, &key))
            .await;
        self.end_login(owner.tokens).await;
        let unlock = asked?.state.parse().unwrap_or_default();
        self.report(Event::Unlock(unlock)).await
    }
}
