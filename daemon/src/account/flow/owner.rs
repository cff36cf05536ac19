//! What the owner does to the account with the password: the walk that all of it begins with, and orders.

use belay_proto::dbus::Error as BusError;
use belay_proto::failpoint;
use belay_proto::id::{AccountId, DeviceId};
use belay_proto::keys::sha256;
use belay_proto::signed::{AccountOrder, Deed, DeviceCertificate, Signed};
use belay_proto::steps::{self, Done, OrderOutput, Purpose, RemoveDeviceInput, RemoveDeviceOutput};
use belay_proto::text::with_causes;
use belay_proto::wire::{Grant, RemoveDeviceRequest};

use super::Flow;
use crate::account::error::AccountError;
use crate::account::evidence::certificate;
use crate::account::keep_up;
use crate::account::model::Session;
use crate::account::state::{Event, Refusal};
use crate::cloud::{CloudError, ProblemKind, Tokens, idempotency_key};
use crate::warden::WardenError;

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
    /// The credentials record that the login gave, signed bytes: the warden has opened the root with it.
    pub(super) credentials: Vec<u8>,
    /// The session that the login began.
    pub(super) tokens: Tokens,
    /// The highest key epoch of the account's records, as the cloud counts it: the warden begins new ones above it.
    pub(super) key_epoch: u64,
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
        let login = self.log_in(&account.to_string(), ticket, purpose).await?;
        let opened = match self.open(&login, ticket).await {
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
            credentials: login.credentials,
            key_epoch: login.key_epoch,
            account,
            session,
            devices: login.certificates.into_iter().filter_map(read).collect(),
            tokens: login.tokens,
        })
    }

    /// The owner's order for this deed, which the ticket has to have been given for. One to delete the account is noted before it
    /// leaves.
    pub(super) async fn order_of(&self, ticket: &str, deed: &Deed) -> Result<(Owner, Vec<u8>), AccountError> {
        let owner = self.owner(ticket, steps::purpose_of(deed)).await?;
        let order = match deed {
            Deed::DeleteAccount => self.deletion_order(owner.account, ticket).await,
            _ => self.signed_order(ticket, deed).await,
        };
        match order {
            Ok(order) => Ok((owner, order)),
            Err(error) => {
                self.end_login(owner.tokens).await;
                Err(error)
            }
        }
    }

    pub(super) async fn signed_order(&self, ticket: &str, deed: &Deed) -> Result<Vec<u8>, AccountError> {
        let signed = self
            .stay(self.step(ticket, steps::ORDER, Done {}.encode(), OrderOutput::decode))
            .await?;
        // The warden signs what the ticket's subject says; what the caller says has to be the same.
        if !orders(&signed.order, deed) {
            let other = BusError::BadTicket("the ticket is for something else".into());
            return Err(WardenError::Refused(other).into());
        }
        failpoint!("belayd.order.signed");
        Ok(signed.order)
    }

    /// Makes a call that does its work once, however often it arrives, until its answer arrives too.
    pub(super) async fn surely<T, F>(&self, call: impl FnMut() -> F) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, CloudError>>,
    {
        self.tried(call).await.0
    }

    /// As [`Flow::surely`]; and what of it may have arrived, where the outcome is an error.
    pub(super) async fn tried<T, F>(&self, mut call: impl FnMut() -> F) -> (Result<T, CloudError>, Sent)
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
                    // That there is no session may be the answer to the same call, made before.
                    let before = tries > 1;
                    let is_sent = |error: &CloudError| {
                        !error.is_unsent() || matches!(error, CloudError::SessionEnded) || before
                    };
                    let any = outcome.as_ref().err().is_none_or(is_sent);
                    return (outcome, Sent { any, before });
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
        let lost = self.lost(owner).await;
        let input = RemoveDeviceInput {
            devices: stay.iter().map(|(signed, _)| signed.clone()).collect(),
            key_epoch: Some(owner.key_epoch),
            lost: Some(lost.devices.clone()),
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
        let mut grants = Vec::with_capacity(stay.len());
        for ((_, certificate), keyring) in stay.iter().zip(&made.boxes) {
            if keyring.is_empty() {
                if !lost.contains(certificate.device) {
                    tells_of_removed(certificate.device);
                }
                continue;
            }
            grants.push(Grant {
                device: certificate.device,
                keyring: Some(keyring.clone().into()),
                delegate: None,
                certificate: None,
            });
        }
        let asked = RemoveDeviceRequest {
            order: made.order.into(),
            keyring: made.keyring.into(),
            replaces: owner.keyring.to_vec().into(),
            grants,
        };
        let key = idempotency_key();
        failpoint!("belayd.remove.made");
        // From here on the caller may leave: the device may be removed.
        let done = self
            .surely(|| self.parts.cloud.remove_device(device, &asked, &key))
            .await;
        if matches!(&done, Err(CloudError::Problem(problem)) if problem.kind == ProblemKind::NotFound) {
            return Err(AccountError::NoSuchDevice);
        }
        if done.is_ok() {
            failpoint!("belayd.remove.removed");
        }
        self.keys_settled(done, device, asked.grants, made.key_epoch)
            .await
    }

    /// Whether the keys that were made for a removal are the account's now. What the cloud refused isn't done, whatever keys the
    /// owner made elsewhere meanwhile. That it says so says nothing, nor does a lost answer: it gives this device those keys, or ones
    /// that followed them, and they name the device. Where it can't be asked, what it took comes to the warden from here.
    async fn keys_settled(
        &self,
        done: Result<(), CloudError>,
        device: DeviceId,
        granted: Vec<Grant>,
        key_epoch: u64,
    ) -> Result<(), AccountError> {
        let warden = &self.parts.warden;
        let told = self.keep_up().await;
        if done.as_ref().is_err_and(CloudError::is_decided) {
            return Ok(done?);
        }
        if let Some(told) = told.filter(|told| told.judged) {
            // What the device syncs from now on is under them: the view says so before the caller is answered.
            let known = warden.refresh().await?.identity;
            let follow = known.key_epoch >= key_epoch && known.removed.contains(&device);
            return match done {
                _ if told.departure.is_none() && follow => Ok(()),
                Ok(()) => Err(CloudError::Nonsense("it keeps other keys than those it took".into()).into()),
                Err(error) => Err(error.into()),
            };
        }
        done.inspect_err(|error| self.may_have_changed(error))?;
        let own = warden.view().identity.device;
        let own = granted.into_iter().find(|grant| Some(grant.device) == own);
        keep_up::take_keys(warden, own.and_then(|grant| grant.keyring)).await?;
        warden.refresh().await?;
        Ok(())
    }

    /// Asks that this device's bootloader may be unlocked.
    pub(crate) async fn request_unlock(self, ticket: String, reason: String) -> Result<(), AccountError> {
        let device = self.parts.warden.view().identity.device;
        let deed = Deed::UnlockBootloader(device.ok_or(Refusal::NotBound)?);
        let (owner, order) = self.order_of(&ticket, &deed).await?;
        let key = idempotency_key();
        let asked = self
            .surely(|| self.parts.cloud.ask_for_unlock(&order, &reason, &key))
            .await;
        self.end_login(owner.tokens).await;
        let asked = asked.inspect_err(|error| self.may_have_changed(error))?;
        let told = self
            .report(Event::Unlock {
                account: owner.account,
                unlock: asked.state.parse().unwrap_or_default(),
            })
            .await;
        // A look that was under way may have told since what was so before, and nobody hints at what this device did itself.
        self.parts.stale.notify_one();
        told
    }
}

/// What of a call may have arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Any copy of it.
    pub(super) any: bool,
    /// One before that which was answered.
    pub(super) before: bool,
}

/// The warden gives nothing to a device whose removal was signed, though the cloud lists it.
pub(super) fn tells_of_removed(device: DeviceId) {
    tracing::warn!(%device, "the cloud lists a device that was removed: it gets no keys");
}

/// Whether an order, as the warden signed it, is for this deed.
fn orders(order: &[u8], deed: &Deed) -> bool {
    Signed::decode(order)
        .and_then(|order| order.peek_unverified::<AccountOrder>())
        .is_ok_and(|order| order.deed == *deed)
}
