//! What the owner key signs about the account and its devices.

use belay_proto::id::OrderId;
use belay_proto::keys::PublicKey;
use belay_proto::signed::{AccountOrder, Deed, DeviceCertificate, Signed};
use belay_proto::{AccountId, DeviceId};

use super::Opened;
use super::credentials::boxes;
use crate::core::refusal::Refusal;

/// Reads the certificates of the account's devices. What isn't under its owner's key, is another account's, doesn't name
/// itself or comes twice is refused: keys would be sealed to it.
///
/// # Errors
/// [`Refusal::CloudRefused`].
pub fn certificates(
    list: &[Vec<u8>],
    owner: &PublicKey,
    account: &AccountId,
) -> Result<Vec<DeviceCertificate>, Refusal> {
    let refused = |why: &str| Refusal::CloudRefused(why.to_owned());
    let mut devices: Vec<DeviceCertificate> = Vec::with_capacity(list.len());
    for bytes in list {
        let device = Signed::decode(bytes)
            .ok()
            .and_then(|signed| signed.open::<DeviceCertificate>(owner).ok())
            .filter(|device| device.account == *account && device.names_itself())
            .ok_or_else(|| refused("a certificate that isn't the owner's"))?;
        if devices.iter().any(|other| other.device == device.device) {
            return Err(refused("the same device twice"));
        }
        devices.push(device);
    }
    Ok(devices)
}

/// Whether a device is among them.
#[must_use]
pub fn has(devices: &[DeviceCertificate], device: &DeviceId) -> bool {
    devices.iter().any(|other| other.device == *device)
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

/// The keyring with one more key epoch, of the same generation: under the root, and sealed to each device.
#[must_use]
pub fn with_new_epoch(opened: &Opened, devices: &[DeviceCertificate]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let keyring = opened.keyring.with_new_epoch(opened.record.generation);
    let boxes = boxes(&keyring, &opened.root, devices);
    (keyring.seal(&opened.root), boxes)
}
