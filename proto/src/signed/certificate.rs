//! The device certificate: the owner's word that a device is theirs.

use super::object;
use crate::id::{AccountId, DeviceId, Epoch, HardwareId, device_id};
use crate::keys::{BoxPublicKey, PublicKey};

crate::cbor_map! {
    /// Signed by the owner key at binding. Nobody believes a device, epoch or outcome without one.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct DeviceCertificate {
        /// The account.
        pub account: AccountId,
        /// The device; must be [`device_id`] of the warden key and the epoch.
        pub device: DeviceId,
        /// The binding.
        pub epoch: Epoch,
        /// belayd's key: DPoP proofs, nothing else.
        pub device_key: PublicKey,
        /// The warden's key: outcomes, reports, releases.
        pub warden_key: PublicKey,
        /// The warden's box.
        pub box_key: BoxPublicKey,
        /// The hardware.
        pub hardware: HardwareId,
        /// Whether the hardware id has a part that no box or radio tells, so that the cloud holds the
        /// hardware for its owner (activation lock).
        pub hardware_locked: bool,
        /// The model's name, for the owner's list.
        pub model: String,
        /// What a wipe would be worth here: `none`, `files`, `overwrite`, `discard`, `crypto`.
        pub wipe_class: String,
        /// The account's key epoch at binding.
        pub key_epoch: u64,
    }
}

object!(DeviceCertificate, b"belay-certificate/1\0");

impl DeviceCertificate {
    /// Whether the device id is the one that warden key and epoch give. A verifier asks this besides
    /// the signature.
    pub fn names_itself(&self) -> bool {
        self.device == device_id(&self.warden_key, &self.epoch)
    }
}
