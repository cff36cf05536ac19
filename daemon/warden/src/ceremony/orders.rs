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

/// A device of a list, `None` where it was removed: it keeps its place, and gets nothing.
pub type Listed = Option<DeviceCertificate>;

/// Reads the certificates of the account's devices. What isn't under its owner's key, is another account's, doesn't name
/// itself or comes twice is refused: keys would be sealed to it. What the owner signed once stays signed, so those that are
/// known to be `removed` are left out, though a cloud brings them back.
///
/// # Errors
/// [`Refusal::CloudRefused`].
pub fn certificates(
    list: &[Vec<u8>],
    owner: &PublicKey,
    account: &AccountId,
    removed: &[DeviceId],
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
        let stays = !removed.contains(&device.device);
        devices.push(stays.then_some(device));
    }
    Ok(devices)
}

/// Whether a device is among them.
#[must_use]
pub fn has(devices: &[Listed], device: &DeviceId) -> bool {
    devices.iter().flatten().any(|other| other.device == *device)
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
/// the root, and sealed to each of the `devices` that stay.
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
