//! CheckActivation and ListDevices.

use belay_proto::dbus::{Activation, LockState};
use belay_proto::id::{AccountId, DeviceId};
use belay_proto::keys::PublicKey;
use belay_proto::signed::DeviceCertificate;
use belay_proto::text::with_causes;
use belay_proto::wire::DeviceKind;

use super::Flow;
use crate::account::error::AccountError;
use crate::account::evidence::certificate;
use crate::account::model::Locked;
use crate::account::ports::ListedDevice;
use crate::account::state::{Event, Refusal};
use crate::cloud::CloudError;

/// A device of the account, proved by its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// The name its owner gave it.
    pub name: String,
    /// Its model.
    pub model: String,
    /// What sort of device it is, as the cloud has it.
    pub kind: DeviceKind,
    /// What a wipe is worth there, as it was bound.
    pub wipe_class: String,
    /// Whether it is this one.
    pub this: bool,
    /// When the cloud last heard of it, in seconds since the epoch.
    pub last_seen: u64,
    /// Whether it is lost: this device for sure, another one as the cloud last heard.
    pub lost: bool,
}

impl Flow {
    pub(crate) async fn check_activation(self) -> Result<Activation, AccountError> {
        let identity = self.parts.warden.view().identity;
        let Some(hardware) = identity.hardware else {
            return Ok(Activation::Unchecked);
        };
        self.bring_release_first().await;
        let asked = async {
            let work = self.parts.cloud.work().await?;
            self.parts
                .cloud
                .check_hardware(hardware, identity.hardware_locked, work)
                .await
        };
        match self.stay(asked).await {
            Ok(owner) if owner.locked => {
                self.report(Event::HardwareLocked(Locked { login: owner.login }))
                    .await?;
                Ok(Activation::Locked)
            }
            Ok(_) => {
                self.report(Event::HardwareFree).await?;
                Ok(Activation::Free)
            }
            Err(AccountError::Cloud(error)) if !matches!(error, CloudError::Vault(_)) => {
                tracing::info!(error = %with_causes(&error), "nobody says whose the hardware is");
                Ok(Activation::Unchecked)
            }
            Err(error) => Err(error),
        }
    }

    /// A release in hand frees the hardware: it goes first.
    async fn bring_release_first(&self) {
        let Ok(Some(release)) = self.parts.rows.next_release().await else {
            return;
        };
        if self.stay(self.parts.cloud.deliver(&release.signed)).await.is_ok()
            && let Err(error) = self.report(Event::Delivered(release.key)).await
        {
            tracing::warn!(error = %with_causes(&error), "a delivered release stays in the outbox");
        }
    }

    /// Calls in the account's session, whose end is noted.
    pub(super) async fn in_session<T>(
        &self,
        account: AccountId,
        call: impl Future<Output = Result<T, CloudError>>,
    ) -> Result<T, AccountError> {
        match self.stay(call).await {
            Err(AccountError::Cloud(CloudError::SessionEnded)) => {
                self.report(Event::SessionEnded { account }).await?;
                Err(CloudError::SessionEnded.into())
            }
            answer => answer,
        }
    }

    pub(crate) async fn devices(self) -> Result<Vec<Device>, AccountError> {
        let account = self.parts.warden.view().identity.account;
        self.devices_of(account.ok_or(Refusal::NotBound)?).await
    }

    pub(super) async fn devices_of(&self, account: AccountId) -> Result<Vec<Device>, AccountError> {
        let view = self.parts.warden.view();
        let owner = view.identity.owner.ok_or(Refusal::NotBound)?;
        let listed = self.in_session(account, self.parts.cloud.devices()).await?;
        let lost = !matches!(view.lock, LockState::Unlocked);
        let devices = listed.into_iter().filter_map(|device| {
            let certificate = open(&device, &owner, &account)?;
            let this = view.identity.device == Some(certificate.device);
            Some(Device {
                id: certificate.device,
                name: device.name,
                model: certificate.model,
                kind: device.kind,
                wipe_class: certificate.wipe_class,
                this,
                last_seen: device.last_seen,
                lost: if this { lost } else { device.lost },
            })
        });
        Ok(devices.collect())
    }
}

/// A device's certificate, when the owner has signed it. The cloud may list what it likes; only that counts.
fn open(device: &ListedDevice, owner: &PublicKey, account: &AccountId) -> Option<DeviceCertificate> {
    let opened = certificate(&device.certificate, owner, account);
    if opened.is_err() {
        tracing::warn!("the cloud lists a device that the owner hasn't certified");
    }
    opened.ok()
}
