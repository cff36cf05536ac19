//! Which of the account's devices are lost: whoever has one of them gets no keys of what is written from now on.

use belay_proto::id::{AccountId, DeviceId};

use super::Flow;
use super::owner::Owner;
use crate::account::command::given_up;
use crate::account::evidence::certificate;

/// The account's lost devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    /// As the cloud last heard of them, or the owner has said from here.
    pub(super) devices: Vec<DeviceId>,
    /// These are all, as far as anybody says.
    pub(super) is_known: bool,
}

impl Lost {
    /// Whether one may be lost: a key epoch too many does no harm.
    pub(super) fn is_any(&self) -> bool {
        !self.is_known || !self.devices.is_empty()
    }

    /// Whether this one is.
    pub(super) fn contains(&self, device: DeviceId) -> bool {
        self.devices.contains(&device)
    }
}

impl Flow {
    /// The lost devices of the account that its owner has opened here.
    pub(super) async fn lost(&self, owner: &Owner) -> Lost {
        let mut lost = self.given_up().await;
        match self.in_session(owner.account, self.parts.cloud.devices()).await {
            Ok(listed) => {
                let told = listed.iter().filter(|device| device.lost);
                lost.devices
                    .extend(told.filter_map(|device| self.device_of(&device.certificate, &owner.account)));
            }
            Err(_) => lost.is_known = false,
        }
        lost
    }

    /// The devices that the owner has given up from here, whether the cloud lists them or not, without those that were removed since.
    pub(super) async fn given_up(&self) -> Lost {
        let Ok(saved) = self.parts.rows.load().await else {
            return Lost::default();
        };
        let removed = self.parts.warden.view().identity.removed;
        let mut devices = given_up(&saved.commands);
        devices.retain(|device| !removed.contains(device));
        Lost {
            devices,
            is_known: true,
        }
    }

    fn device_of(&self, signed: &[u8], account: &AccountId) -> Option<DeviceId> {
        let owner = self.parts.warden.view().identity.owner?;
        certificate(signed, &owner, account)
            .ok()
            .map(|certificate| certificate.device)
    }
}
