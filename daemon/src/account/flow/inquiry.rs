//! CheckActivation and ListDevices.

use belay_proto::dbus::{Activation, LockState};
use belay_proto::id::DeviceId;
use belay_proto::keys::PublicKey;
use belay_proto::signed::{DeviceCertificate, Signed};

use super::Flow;
use crate::account::error::{AccountError, chain};
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
    /// Whether it is this one.
    pub this: bool,
    /// When the cloud last heard of it, in seconds since the epoch.
    pub last_seen: u64,
    /// Whether it is lost; nobody can say of another device.
    pub lost: Option<bool>,
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
                tracing::info!(error = %chain(&error), "nobody says whose the hardware is");
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
            tracing::warn!(error = %chain(&error), "a delivered release stays in the outbox");
        }
    }

    pub(crate) async fn devices(self) -> Result<Vec<Device>, AccountError> {
        let view = self.parts.warden.view();
        let (Some(owner), Some(account)) = (view.identity.owner, view.identity.account) else {
            return Err(AccountError::Refused(Refusal::NotBound));
        };
        let listed = match self.stay(self.parts.cloud.devices()).await {
            Err(AccountError::Cloud(CloudError::SessionEnded)) => {
                self.report(Event::SessionEnded { account }).await?;
                return Err(CloudError::SessionEnded.into());
            }
            listed => listed?,
        };
        let lost = !matches!(view.lock, LockState::Unlocked);
        let devices = listed.into_iter().filter_map(|device| {
            let certificate = open(&device, &owner)?;
            let this = view.identity.device == Some(certificate.device);
            Some(Device {
                id: certificate.device,
                name: device.name,
                model: certificate.model,
                this,
                last_seen: device.last_seen,
                lost: this.then_some(lost),
            })
        });
        Ok(devices.collect())
    }
}

/// A device's certificate, when the owner has signed it. The cloud may list what it likes; only that counts.
fn open(device: &ListedDevice, owner: &PublicKey) -> Option<DeviceCertificate> {
    let signed = Signed::decode(&device.certificate).ok()?;
    match signed.open::<DeviceCertificate>(owner) {
        Ok(certificate) if certificate.names_itself() => Some(certificate),
        _ => {
            tracing::warn!("the cloud lists a device that the owner hasn't certified");
            None
        }
    }
}
