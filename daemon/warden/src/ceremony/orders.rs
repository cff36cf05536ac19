//! What the owner key signs about the account and its devices.

use std::collections::BTreeSet;

use belay_proto::id::OrderId;
use belay_proto::keys::PublicKey;
use belay_proto::signed::{AccountOrder, Deed, DeviceCertificate, Signed};
use belay_proto::steps::RemoveDeviceOutput;
use belay_proto::{AccountId, DeviceId};

use super::Opened;
use super::credentials::{boxes, new_keys};
use crate::core::refusal::Refusal;

/// A device of a list, in which each keeps its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// It gets whatever there is for it.
    Here(DeviceCertificate),
    /// It is lost: it stays the account's, and whoever has it gets no keys.
    Lost(DeviceCertificate),
    /// It was removed, and gets nothing.
    Removed,
}

impl Listed {
    /// The device, while it is the account's.
    #[must_use]
    pub fn certificate(&self) -> Option<&DeviceCertificate> {
        match self {
            Self::Here(device) | Self::Lost(device) => Some(device),
            Self::Removed => None,
        }
    }

    /// The device, where it may have the account's keys.
    #[must_use]
    pub fn keyholder(&self) -> Option<&DeviceCertificate> {
        match self {
            Self::Here(device) => Some(device),
            Self::Lost(_) | Self::Removed => None,
        }
    }
}

/// What is known of the account's devices, whatever a list of them says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Their removal was signed here, or the keyring names them.
    pub removed: Vec<DeviceId>,
    /// They are lost.
    pub lost: Vec<DeviceId>,
}

/// Reads the certificates of the account's devices. What isn't under its owner's key, is another account's, doesn't name
/// itself or comes twice is refused: keys would be sealed to it. What the owner signed once stays signed, so those that are
/// known to be removed are left out, though a cloud brings them back.
///
/// # Errors
/// [`Refusal::CloudRefused`].
pub fn certificates(
    list: &[Vec<u8>],
    owner: &PublicKey,
    account: &AccountId,
    known: &Known,
) -> Result<Vec<Listed>, Refusal> {
    let refused = |why: &str| Refusal::CloudRefused(why.to_owned());
    let (mut devices, mut seen) = (Vec::with_capacity(list.len()), BTreeSet::new());
    for bytes in list {
        let device = Signed::decode(bytes)
            .ok()
            .and_then(|signed| signed.open::<DeviceCertificate>(owner).ok())
            .filter(|device| device.account == *account && device.names_itself())
            .ok_or_else(|| refused("a certificate that isn't the owner's"))?;
        if !seen.insert(device.device) {
            return Err(refused("the same device twice"));
        }
        let id = device.device;
        devices.push(match (known.removed.contains(&id), known.lost.contains(&id)) {
            (true, _) => Listed::Removed,
            (false, true) => Listed::Lost(device),
            (false, false) => Listed::Here(device),
        });
    }
    Ok(devices)
}

/// Whether a device is among them.
#[must_use]
pub fn has(devices: &[Listed], device: &DeviceId) -> bool {
    let mut all = devices.iter().filter_map(Listed::certificate);
    all.any(|other| other.device == *device)
}

/// The owner's order to do `deed`, under the generation that was opened.
#[must_use]
pub fn order(opened: &Opened, deed: &Deed) -> Vec<u8> {
    let order = AccountOrder {
        account: opened.record.account,
        id: OrderId::random(),
        generation: opened.record.generation,
        deed: deed.clone(),
    };
    Signed::seal(&order, &opened.owner_key()).encode()
}

/// The owner's order to remove a device, and the keyring with one more key epoch, of the same generation, which knows of it: under
/// the root, and sealed to each of the `devices` that stay and aren't lost.
///
/// # Errors
/// [`Refusal::Storage`]: no key epoch follows.
pub fn removal(opened: &Opened, device: DeviceId, devices: &[Listed]) -> Result<RemoveDeviceOutput, Refusal> {
    let keyring = new_keys(opened, opened.record.generation, devices)?.without(device);
    Ok(RemoveDeviceOutput {
        order: order(opened, &Deed::RemoveDevice(device)),
        boxes: boxes(&keyring, &opened.root, devices),
        key_epoch: keyring.key_epoch(),
        keyring: keyring.seal(&opened.root),
    })
}
