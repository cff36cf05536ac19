//! New credentials for an account whose root is open: another password, another recovery code, another root.

use belay_proto::Secret;
use belay_proto::keys::{RecoveryCode, Root, random, sha256};
use belay_proto::signed::{CredentialsRecord, DeviceCertificate, Keyring, Signed, Succession, epoch_follows};
use belay_proto::steps::{NewCredentialsSet, RecoverInput};

use super::bound::delegation;
use super::orders::Listed;
use super::{Derived, Opened};
use crate::core::refusal::Refusal;

/// What a new password brings besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewKeys {
    /// Nothing, though there be two keys of the newest number: the data's keys stay, those that no removed device is known to have, and
    /// no other device gets any. So the cloud learns of none that is to have none, and another recovery code ends no session then: it
    /// is its owner's spare key, and whoever is in is put out by another password, which ends all other sessions with any keys.
    Same,
    /// Nothing: the data's keys stay, unless there are two of the newest number.
    Kept,
    /// A key epoch alone.
    Epoch,
    /// A root too.
    Root,
}

impl NewKeys {
    /// What is made where there is no room for this. Another root is made with all that belongs to it, or not at all.
    #[must_use]
    pub const fn less(self) -> Option<Self> {
        match self {
            Self::Epoch => Some(Self::Kept),
            Self::Kept => Some(Self::Same),
            Self::Same | Self::Root => None,
        }
    }
}

/// The next credentials, before they are signed; account and generation are the keyring's.
pub(super) struct Next<'a> {
    pub(super) root: &'a Root,
    pub(super) derived: &'a Derived,
    pub(super) recovery_wrap: Vec<u8>,
    pub(super) keyring: Keyring,
}

/// The account under another password. The recovery code goes on, unless the root changes: nobody here knows the code that
/// would have to wrap the new one.
///
/// # Errors
/// [`Refusal::CloudRefused`]: no generation follows; [`Refusal::Storage`]: no key epoch does.
pub fn change_password(
    opened: &Opened,
    chosen: &Derived,
    devices: &[Listed],
    keys: NewKeys,
) -> Result<NewCredentialsSet, Refusal> {
    let generation = next_generation(opened)?;
    let keyring = next_keys(opened, generation, devices, keys)?;
    let fresh = (keys == NewKeys::Root).then(Root::generate);
    let next = Next {
        root: fresh.as_ref().unwrap_or(&opened.root),
        derived: chosen,
        recovery_wrap: match &fresh {
            Some(_) => Vec::new(),
            None => opened.record.recovery_wrap.clone(),
        },
        keyring,
    };
    let mut set = next.issue(devices);
    if is_given(opened, keys) {
        set.boxes = boxes(&next.keyring, next.root, devices);
    }
    if let Some(root) = &fresh {
        set.certificates = certified_again(root, next.keyring.key_epoch(), devices);
        set.succession = Some(succession(opened, root, generation, &set.credentials));
    }
    Ok(set)
}

/// Credentials with another recovery code.
#[derive(Debug)]
pub struct NewCode {
    /// What the cloud gets.
    pub set: NewCredentialsSet,
    /// Their generation.
    pub generation: u64,
    /// SHA-256 of the root under the code.
    pub wrap: [u8; 32],
}

/// The account under the same password, and another recovery code. `keys` are [`NewKeys::Kept`] or less.
///
/// # Errors
/// As [`change_password`].
pub fn change_recovery_code(
    opened: &Opened,
    derived: &Derived,
    devices: &[Listed],
    code: &RecoveryCode,
    keys: NewKeys,
) -> Result<NewCode, Refusal> {
    let generation = next_generation(opened)?;
    let next = Next {
        root: &opened.root,
        derived,
        recovery_wrap: code.wrap(&opened.root, &opened.record.account),
        keyring: next_keys(opened, generation, devices, keys)?,
    };
    let mut set = next.issue(devices);
    if is_given(opened, keys) {
        set.boxes = boxes(&next.keyring, next.root, devices);
    }
    Ok(NewCode {
        wrap: sha256(&next.recovery_wrap),
        set,
        generation,
    })
}

/// Opens the root with the recovery code, and believes record and keyring only if the root's own owner key signed them.
///
/// # Errors
/// [`Refusal::WrongCode`]: it isn't this account's, or the account has none; [`Refusal::CloudRefused`], with the reason.
pub fn recovered(code: &RecoveryCode, input: &RecoverInput) -> Result<Opened, Refusal> {
    let refused = |why: &str| Refusal::CloudRefused(why.to_owned());
    let signed = Signed::decode(&input.credentials).map_err(|_| refused("malformed credentials"))?;
    let claimed = signed
        .peek_unverified::<CredentialsRecord>()
        .map_err(|_| refused("malformed credentials"))?;
    let root = code
        .unwrap(&claimed.account, &claimed.recovery_wrap)
        .map_err(|_| Refusal::WrongCode)?;
    let record = signed
        .open::<CredentialsRecord>(&root.owner_key().public())
        .map_err(|_| refused("the credentials aren't the owner's"))?;
    let keyring = Keyring::open(&root, &record.account, record.generation, &input.keyring)
        .map_err(|_| refused("the keyring doesn't open"))?;
    Ok(Opened {
        root,
        record,
        bytes: input.credentials.clone(),
        keyring,
        is_ahead: false,
        is_split: false,
        safer: None,
        counted: 0,
    })
}

/// Each device's box with the keyring in it, signed by the root's owner key; nothing for one that was removed, or is lost.
pub(super) fn boxes(keyring: &Keyring, root: &Root, devices: &[Listed]) -> Vec<Vec<u8>> {
    let owner = root.owner_key();
    let sealed = |device: &DeviceCertificate| keyring.seal_to(&owner, &device.box_key);
    let of = |device: &Listed| device.keyholder().map_or_else(Vec::new, sealed);
    devices.iter().map(of).collect()
}

/// What each device gets: nothing for one that was removed.
fn each(devices: &[Listed], made: impl Fn(&DeviceCertificate) -> Vec<u8>) -> Vec<Vec<u8>> {
    let made = |device: &Listed| device.certificate().map_or_else(Vec::new, &made);
    devices.iter().map(made).collect()
}

/// The keys for the next generation. Of two with the newest number both are followed, where any do: none of the devices would take
/// another key of a number that it has.
fn next_keys(
    opened: &Opened,
    generation: u64,
    devices: &[Listed],
    keys: NewKeys,
) -> Result<Keyring, Refusal> {
    match keys {
        NewKeys::Epoch | NewKeys::Root => new_keys(opened, generation, devices),
        NewKeys::Kept if opened.is_split => new_keys(opened, generation, devices),
        NewKeys::Kept => Ok(opened.keyring.for_generation(generation)),
        NewKeys::Same => Ok(opened
            .safer
            .as_ref()
            .unwrap_or(&opened.keyring)
            .for_generation(generation)),
    }
}

/// Whether the other devices get the keys at once: they lack some. Otherwise they have them, or get them with the password.
const fn is_given(opened: &Opened, keys: NewKeys) -> bool {
    match keys {
        NewKeys::Epoch | NewKeys::Root => true,
        NewKeys::Kept => opened.is_ahead,
        NewKeys::Same => false,
    }
}

/// The keys with one more key epoch, for that generation: above all that is known to be in use, here, at the cloud, and by what the owner
/// has certified since, so that no two devices ever make different keys of one number. At the end of the numbers the same keys: a
/// removal or another root that waited for one would never be.
///
/// # Errors
/// [`Refusal::Storage`]: there have been too many.
pub(super) fn new_keys(opened: &Opened, generation: u64, devices: &[Listed]) -> Result<Keyring, Refusal> {
    let certified = devices
        .iter()
        .filter_map(Listed::certificate)
        .map(|device| device.key_epoch)
        .max();
    let known = opened.counted.max(certified.unwrap_or_default());
    let known = known.max(opened.keyring.key_epoch());
    if !epoch_follows(known) {
        tracing::warn!("the account's keys have the last number there is, and stay the same");
        return Ok(opened.keyring.for_generation(generation));
    }
    if opened.keyring.is_full() {
        let full = "the account's keys were changed as often as its devices can keep, and aren't once more";
        return Err(Refusal::Storage(full.to_owned()));
    }
    Ok(opened.keyring.with_epoch_after(generation, known))
}

fn next_generation(opened: &Opened) -> Result<u64, Refusal> {
    let next = opened.record.generation.checked_add(1);
    next.ok_or_else(|| Refusal::CloudRefused("no generation follows".to_owned()))
}

pub(super) fn certified_again(root: &Root, key_epoch: u64, devices: &[Listed]) -> Vec<Vec<u8>> {
    let owner = root.owner_key();
    let again = |device: &DeviceCertificate| DeviceCertificate {
        key_epoch,
        ..device.clone()
    };
    each(devices, |device| Signed::seal(&again(device), &owner).encode())
}

fn succession(opened: &Opened, root: &Root, generation: u64, credentials: &[u8]) -> Vec<u8> {
    let succession = Succession {
        account: opened.record.account,
        generation,
        owner: root.owner_key().public(),
        report_box: *root.report_box().public().as_bytes(),
        credentials: sha256(credentials),
    };
    Signed::seal(&succession, &opened.owner_key()).encode()
}

impl Next<'_> {
    pub(super) fn issue(&self, devices: &[Listed]) -> NewCredentialsSet {
        let (owner, share) = (self.root.owner_key(), Secret::new(random()));
        let (account, generation) = (self.keyring.account, self.keyring.generation);
        let master = &self.derived.master;
        let record = CredentialsRecord {
            account,
            generation,
            salt: self.derived.salt,
            parameters: self.derived.parameters,
            login: master.login_key().public(),
            verify_digest: master.verify_digest(),
            wrapped_root: self.root.wrap(&master.wrap_key(&share), &account, generation),
            recovery_wrap: self.recovery_wrap.clone(),
        };
        let delegate =
            |device: &DeviceCertificate| delegation(&owner, account, generation, device.warden_key);
        NewCredentialsSet {
            credentials: Signed::seal(&record, &owner).encode(),
            owner: owner.public(),
            keyring: self.keyring.seal(self.root),
            share,
            succession: None,
            certificates: Vec::new(),
            boxes: Vec::new(),
            delegates: each(devices, delegate),
            on_hold: None,
        }
    }
}
