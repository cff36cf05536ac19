//! This device under the owner's key: certificate, keys, and the word that lets it ring others.

use belay_proto::keys::{BoxKey, KdfParameters, PublicKey, Root, SigningKey};
use belay_proto::signed::{DelegateCertificate, DelegatedVerbs, DeviceCertificate, Keyring, Signed, Verb};
use belay_proto::{AccountId, Epoch};

use super::Hardware;
use crate::core::binding::{BOX_SECRET, WARDEN_SEED};
use crate::core::keyring;
use crate::core::records::Bound;
use crate::disk::sealing::SealingKey;

/// What binding needs to know of the owner.
pub(super) struct Owner<'a> {
    pub(super) root: &'a Root,
    pub(super) account: AccountId,
    pub(super) generation: u64,
    pub(super) keyring: &'a Keyring,
    pub(super) parameters: KdfParameters,
    pub(super) salt: [u8; 16],
    pub(super) verify_digest: [u8; 32],
}

/// Draws this binding's epoch, warden key and box key, and has the owner key certify them.
pub(super) fn bind_to(
    owner: &Owner<'_>,
    device_key: PublicKey,
    login: String,
    hardware: &Hardware,
    key: &SealingKey,
) -> Box<Bound> {
    let (warden_key, box_key, epoch) = (SigningKey::generate(), BoxKey::generate(), Epoch::random());
    let device = belay_proto::id::device_id(&warden_key.public(), &epoch);
    let owner_key = owner.root.owner_key();
    let certificate = DeviceCertificate {
        account: owner.account,
        device,
        epoch,
        device_key,
        warden_key: warden_key.public(),
        box_key: box_key.public(),
        hardware: hardware.id,
        hardware_locked: hardware.locked,
        model: hardware.model.clone(),
        wipe_class: hardware.wipe_class.clone(),
        key_epoch: owner.keyring.key_epoch(),
    };
    Box::new(Bound {
        account: owner.account,
        owner: owner_key.public(),
        epoch,
        device,
        hardware: hardware.id,
        certificate: Signed::seal(&certificate, &owner_key).encode(),
        warden_key: warden_key.public(),
        warden_seed: key.seal(WARDEN_SEED, warden_key.seed().expose()),
        box_secret: key.seal(BOX_SECRET, box_key.secret().expose()),
        verifier: key.verifier(&owner.verify_digest),
        salt: owner.salt,
        parameters: owner.parameters,
        generation: owner.generation,
        presence: 0,
        login,
        report_box: Some(*owner.root.report_box().public().as_bytes()),
        delegate: Some(delegation(
            &owner_key,
            owner.account,
            owner.generation,
            warden_key.public(),
        )),
        keyring: Some(keyring::seal(key, owner.keyring)),
        password_score: None,
        password_since: None,
        removed: None,
        left_owner: None,
        left_generation: None,
    })
}

/// The owner's word that a warden key may have other devices of the account ring and stop ringing, for as long
/// as the credentials' generation holds. It doesn't say when it was made: this device's wall clock is nothing
/// that another warden should believe.
pub(super) fn delegation(owner: &SigningKey, account: AccountId, generation: u64, key: PublicKey) -> Vec<u8> {
    let Ok(actions) = DelegatedVerbs::new(vec![Verb::Ring, Verb::StopRing]) else {
        return Vec::new();
    };
    let certificate = DelegateCertificate {
        account,
        key,
        actions,
        generation,
        issued_at: 0,
        expires_at: 0,
    };
    Signed::seal(&certificate, owner).encode()
}
