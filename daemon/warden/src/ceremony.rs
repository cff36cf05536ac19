//! What is made and opened with a password: a new account, an account's root, a certificate.
//!
//! Draws random bytes, touches no file and no bus. Passwords and roots live in a [`Session`] only,
//! which ends with its ticket.

mod bound;
mod credentials;
mod forgotten;
mod orders;
mod session;

use std::sync::Arc;

use belay_proto::keys::{
    KdfParameters, KeyError, Master, PublicKey, RecoveryCode, Root, SigningKey, random, sha256,
};
use belay_proto::signed::{COUNTED_END, CredentialsRecord, Keyring, LoginStatement, Signed};
use belay_proto::steps::{LoginSignatureInput, NewCredentialsOutput, OpenRootInput};
use belay_proto::{AccountId, DeviceId, HardwareId, PendingId, Secret};

use self::bound::{Owner, bind_to, delegation};
pub use self::credentials::{NewCode, NewKeys, change_password, change_recovery_code, recovered};
pub use self::forgotten::{Account, join, own_account, renew, strange_account};
pub use self::orders::{Known, Listed, certificates, has, order, removal};
pub use self::session::{Derived, Secrets, Session};
use crate::core::records::Bound;
use crate::core::refusal::Refusal;
use crate::core::registration::Pending;
use crate::disk::sealing::SealingKey;
use crate::moment::Moment;

/// How the recovery code is labelled where it is sealed.
const RECOVERY_CODE: &str = "recovery-code";
const FIRST_GENERATION: u64 = 1;

/// What this device says of itself in a certificate.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// SHA-256 over its serial numbers.
    pub id: HardwareId,
    /// Whether one of them is printed nowhere, so that the cloud may lock by it.
    pub locked: bool,
    /// The model's name.
    pub model: String,
    /// What a wipe could do here: `none` without a wipe plan.
    pub wipe_class: String,
}

/// An account's root, and the record that it came in.
#[derive(Debug)]
pub struct Opened {
    root: Root,
    /// The record.
    pub record: CredentialsRecord,
    /// Its signed bytes.
    pub bytes: Vec<u8>,
    /// The keyring that came with it, or the one that takes its place.
    pub keyring: Keyring,
    /// The keyring isn't the one that came: the account's other devices may have none as new, or lack older keys.
    is_ahead: bool,
    /// The one that came has other keys under the newest number: the next ones get a number of their own.
    is_split: bool,
    /// The keyring that came, where it is split from the one from here and knows all removals that are known here, and more: a device
    /// that was removed then may have the key from here, and hasn't that one.
    safer: Option<Keyring>,
    /// The highest key epoch of what was written, as the cloud counts it; 0: it doesn't say.
    counted: u64,
}

impl Opened {
    /// The owner's public key, from the root itself.
    #[must_use]
    pub fn owner(&self) -> PublicKey {
        self.root.owner_key().public()
    }

    /// The owner's key, for the one signature that needs it.
    #[must_use]
    pub fn owner_key(&self) -> SigningKey {
        self.root.owner_key()
    }

    /// Goes on from the keyring that is kept here where the one that came isn't as new: a cloud that was restored, or shows what was,
    /// puts no keys in force again that a removed device has. What either alone has of older keys stays, and so do the devices that
    /// either names as removed, and these; but for the `own` one, at which whoever is the owner stands. A step that is tried again goes on
    /// from what the first try has made of it.
    pub fn go_on_from(&mut self, kept: Option<&Keyring>, removed: &[DeviceId], own: DeviceId) {
        let came = self.keyring.for_generation(self.record.generation);
        let next = match kept {
            Some(kept) if came.gives_way_to(kept) => {
                (self.is_ahead, self.is_split) = (true, came.is_split_from(kept));
                let next = kept
                    .for_generation(self.record.generation)
                    .with_roots_of(&came)
                    .remembering(came.removed());
                self.safer = (self.is_split && knows_more_removals(&came, kept, removed, own))
                    .then(|| came.with_roots_of(kept).with_device(own));
                next
            }
            Some(kept) => {
                // Who made newer ones may have known as little of another device as of this one.
                let is_behind = kept.gives_way_to(&came);
                let next = came.with_roots_of(kept).remembering(kept.removed());
                self.is_ahead |= is_behind || self.keyring.lacks_roots_of(&next);
                next
            }
            None => came,
        };
        self.keyring = next.remembering(removed).with_device(own);
    }

    /// Whether the cloud counts a higher key epoch than there are keys for, so that it takes nothing under the newest of them.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.counted > self.keyring.key_epoch()
    }

    /// New keys begin above this key epoch, which the cloud counts: others may have written under keys that it has lost, and that aren't
    /// known here. A number that would leave too few for later is left aside: a removal and a new root need one each, and no cloud
    /// uses them up.
    pub fn begin_after(&mut self, key_epoch: Option<u64>) {
        self.counted = key_epoch.filter(|epoch| *epoch < COUNTED_END).unwrap_or_default();
    }

    /// The owner's word that this warden's key may have other devices ring.
    #[must_use]
    pub fn delegation(&self, warden: PublicKey) -> Vec<u8> {
        delegation(
            &self.root.owner_key(),
            self.record.account,
            self.record.generation,
            warden,
        )
    }
}

/// Whether the keyring that came knows each removal that is known here, but for the `own` device's, and others besides.
fn knows_more_removals(came: &Keyring, kept: &Keyring, removed: &[DeviceId], own: DeviceId) -> bool {
    let is_known = |device: &DeviceId| kept.removed().contains(device) || removed.contains(device);
    let mut here = kept.removed().iter().chain(removed);
    here.all(|device| *device == own || came.removed().contains(device))
        && came
            .removed()
            .iter()
            .any(|device| *device != own && !is_known(device))
}

/// Argon2id on a thread of its own, so that the bus stays responsive.
///
/// # Errors
/// [`Refusal::CloudRefused`] for parameters out of bounds; [`Refusal::Internal`] without memory.
pub async fn derive(
    password: Arc<Secret<String>>,
    salt: [u8; 16],
    parameters: KdfParameters,
) -> Result<Master, Refusal> {
    let work = tokio::task::spawn_blocking(move || Master::derive(&password, &salt, &parameters));
    match work.await {
        Ok(Ok(master)) => Ok(master),
        Ok(Err(KeyError::Parameters(refused))) => Err(Refusal::CloudRefused(refused.to_string())),
        Ok(Err(_)) => Err(Refusal::Internal("the key derivation failed")),
        Err(_) => Err(Refusal::Internal("the key derivation stopped")),
    }
}

/// Signs the cloud's challenge. Origin and identifier are the warden's own, so a relaying cloud
/// gets a signature that names itself.
#[must_use]
pub fn login_signature(
    derived: &Derived,
    origin: &str,
    identifier: &str,
    input: LoginSignatureInput,
) -> belay_proto::keys::Signature {
    let statement = LoginStatement {
        origin: origin.to_owned(),
        identifier: identifier.to_owned(),
        nonce: input.nonce,
        action: input.action,
        thumbprint: input.thumbprint,
    };
    statement.sign(&derived.master.login_key())
}

/// Opens the root with the cloud's share and believes the record only if the root's own owner key
/// signed it and it says what the password was derived with.
///
/// # Errors
/// [`Refusal::CloudRefused`], with the reason.
pub fn open_root(derived: &Derived, input: &OpenRootInput) -> Result<Opened, Refusal> {
    let refused = |why: &str| Refusal::CloudRefused(why.to_owned());
    let signed = Signed::decode(&input.credentials).map_err(|_| refused("malformed credentials"))?;
    let claimed = signed
        .peek_unverified::<CredentialsRecord>()
        .map_err(|_| refused("malformed credentials"))?;
    let wrap_key = derived.master.wrap_key(&input.share);
    let root = Root::unwrap(
        &wrap_key,
        &claimed.account,
        claimed.generation,
        &claimed.wrapped_root,
    )
    .map_err(|_| refused("the root doesn't open"))?;
    let record = signed
        .open::<CredentialsRecord>(&root.owner_key().public())
        .map_err(|_| refused("the credentials aren't the owner's"))?;
    let consistent = record.salt == derived.salt
        && record.parameters == derived.parameters
        && record.login == derived.master.login_key().public()
        && record.verify_digest == derived.master.verify_digest();
    if !consistent {
        return Err(refused("the credentials don't fit the password"));
    }
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

/// This device's certificate under the opened root, and the binding that goes with it.
#[must_use]
pub fn certify(
    opened: &Opened,
    device_key: PublicKey,
    login: String,
    hardware: &Hardware,
    key: &SealingKey,
) -> Box<Bound> {
    let owner = Owner {
        root: &opened.root,
        account: opened.record.account,
        generation: opened.record.generation,
        keyring: &opened.keyring,
        parameters: opened.record.parameters,
        salt: opened.record.salt,
        verify_digest: opened.record.verify_digest,
    };
    bind_to(&owner, device_key, login, hardware, key)
}

/// What founding an account makes: the answer for the cloud, and what stays here, sealed.
#[derive(Debug)]
pub struct Founded {
    /// For belayd and the cloud.
    pub output: NewCredentialsOutput,
    /// For the state.
    pub pending: Box<Pending>,
}

/// Makes root, keys, records and recovery code of a new account.
#[must_use]
pub fn found_account(
    derived: &Derived,
    device_key: PublicKey,
    login: String,
    hardware: &Hardware,
    key: &SealingKey,
    release: Option<Vec<u8>>,
    started: Moment,
) -> Founded {
    let (account, root, code) = (AccountId::random(), Root::generate(), RecoveryCode::generate());
    let share = Secret::new(random());
    let owner_key = root.owner_key();
    let record = CredentialsRecord {
        account,
        generation: FIRST_GENERATION,
        salt: derived.salt,
        parameters: derived.parameters,
        login: derived.master.login_key().public(),
        verify_digest: derived.master.verify_digest(),
        wrapped_root: root.wrap(&derived.master.wrap_key(&share), &account, FIRST_GENERATION),
        recovery_wrap: code.wrap(&root, &account),
    };
    let wrap = sha256(&record.recovery_wrap);
    let keyring = Keyring::generate(account, FIRST_GENERATION);
    let owner = Owner {
        root: &root,
        account,
        generation: FIRST_GENERATION,
        keyring: &keyring,
        parameters: derived.parameters,
        salt: derived.salt,
        verify_digest: derived.master.verify_digest(),
    };
    let draft = bind_to(&owner, device_key, login, hardware, key);
    let pending = Pending {
        id: PendingId::random(),
        device: draft.device,
        started,
        code: seal_code(key, &code),
        draft: Some(draft.clone()),
        wrap,
        awaits: None,
        anew: None,
        wrong_claims: 0,
    };
    let output = NewCredentialsOutput {
        pending: pending.id,
        account,
        generation: FIRST_GENERATION,
        credentials: Signed::seal(&record, &owner_key).encode(),
        owner: owner_key.public(),
        keyring: keyring.seal(&root),
        certificate: draft.certificate,
        share,
        release,
        hardware: hardware.id,
        hardware_locked: hardware.locked,
    };
    Founded {
        output,
        pending: Box::new(pending),
    }
}

/// A recovery code for the disk.
#[must_use]
pub fn seal_code(key: &SealingKey, code: &RecoveryCode) -> Vec<u8> {
    key.seal(RECOVERY_CODE, code.text().expose().as_bytes())
}

/// The recovery code that [`seal_code`] sealed.
///
/// # Errors
/// It was sealed with another key.
pub fn recovery_code(key: &SealingKey, sealed: &[u8]) -> Result<Secret<String>, Refusal> {
    let broken = Refusal::Internal("the recovery code doesn't open");
    let bytes = key.open(RECOVERY_CODE, sealed).map_err(|_| broken.clone())?;
    std::str::from_utf8(bytes.expose())
        .map(Secret::of_text)
        .map_err(|_| broken)
}
