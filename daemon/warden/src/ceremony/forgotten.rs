//! A new root for an account whose password and recovery code are forgotten. The old one vouches for nothing here: whether the new
//! one ever holds is for the hold at a bound device, and for the cloud, to say.

use belay_proto::AccountId;
use belay_proto::keys::{KdfParameters, Root, sha256};
use belay_proto::signed::{COUNTED_END, CredentialsRecord, DeviceCertificate, Keyring, Signed};
use belay_proto::steps::{NewCredentialsSet, RecoverInput};

use super::credentials::{Next, boxes, certified_again};
use super::orders::Listed;
use super::{Derived, Opened};
use crate::core::hold::Renewal;
use crate::core::keyring;
use crate::core::password::Strength;
use crate::core::records::Bound;
use crate::core::refusal::Refusal;
use crate::disk::sealing::SealingKey;

/// The highest generation that a cloud's word is believed: beyond, none would be left for later.
const HIGHEST_GENERATION: u64 = 1 << 32;

/// What a new root needs to know of the account that it is for.
#[derive(Debug)]
pub struct Account {
    id: AccountId,
    /// The generation that holds.
    generation: u64,
    /// Kept for the new password: a challenge tells one salt, whichever of the two is typed.
    pub salt: [u8; 16],
    /// As the salt.
    pub parameters: KdfParameters,
    key_epoch: u64,
}

/// The account of a bound device, as its own warden knows it: of the cloud it is only asked whether that is the newest.
///
/// # Errors
/// [`Refusal::CloudRefused`]: the cloud's record isn't the pinned owner's, or not the one that holds here.
pub fn own_account(bound: &Bound, input: &RecoverInput) -> Result<Account, Refusal> {
    let refused = |why: &str| Refusal::CloudRefused(why.to_owned());
    let record = Signed::decode(&input.credentials)
        .ok()
        .and_then(|signed| signed.open::<CredentialsRecord>(&bound.owner).ok())
        .ok_or_else(|| refused("the credentials aren't the owner's"))?;
    let names = (record.account, record.generation, record.salt, record.parameters);
    match names == (bound.account, bound.generation, bound.salt, bound.parameters) {
        true => account(&record, input),
        false => Err(refused("not the credentials that hold here")),
    }
}

/// The account as the cloud tells it: on a device that is nobody's there is no one else to ask, and nothing to lose.
///
/// # Errors
/// [`Refusal::CloudRefused`]: malformed, or parameters that are too weak or too heavy.
pub fn strange_account(input: &RecoverInput) -> Result<Account, Refusal> {
    let record = Signed::decode(&input.credentials)
        .and_then(|signed| signed.peek_unverified::<CredentialsRecord>())
        .map_err(|_| Refusal::CloudRefused("malformed credentials".to_owned()))?;
    let checked = record.parameters.check(None);
    checked.map_err(|refused| Refusal::CloudRefused(refused.to_string()))?;
    account(&record, input)
}

fn account(record: &CredentialsRecord, input: &RecoverInput) -> Result<Account, Refusal> {
    // A number that leaves too few for later is no reason to keep the owner out.
    let key_epoch = input.key_epoch.filter(|epoch| *epoch < COUNTED_END);
    if record.generation >= HIGHEST_GENERATION {
        return Err(Refusal::CloudRefused("numbers without an end".to_owned()));
    }
    Ok(Account {
        id: record.account,
        generation: record.generation,
        salt: record.salt,
        parameters: record.parameters,
        key_epoch: key_epoch.unwrap_or_default(),
    })
}

/// Makes the new root. The keys of the data that is there go on, with one more key epoch, where this device has them; else nobody
/// reads it any more. With a binding, and how good the password is, what that becomes comes along.
///
/// # Errors
/// [`Refusal::Internal`]: the binding's own certificate doesn't read.
pub fn renew(
    account: &Account,
    derived: &Derived,
    bound: Option<(&Bound, Strength)>,
    key: &SealingKey,
) -> Result<(NewCredentialsSet, Option<Renewal>), Refusal> {
    let generation = account.generation.saturating_add(1);
    let kept = bound.and_then(|(bound, _)| keyring::open(key, bound).ok());
    let keyring = match kept {
        Some(kept) => {
            let removed = bound.map_or_else(Vec::new, |(bound, _)| bound.removed.clone().unwrap_or_default());
            // The owner isn't kept out for want of one: what others have is under a root that holds no more.
            let next = match kept.is_full() {
                true => kept.for_generation(generation),
                false => kept.with_epoch_after(generation, account.key_epoch),
            };
            next.remembering(&removed)
        }
        None => Keyring::generate_after(account.id, generation, account.key_epoch),
    };
    let root = Root::generate();
    let next = Next {
        root: &root,
        derived,
        recovery_wrap: Vec::new(),
        keyring,
    };
    let device = bound.map(|(bound, _)| certificate(bound)).transpose()?;
    let devices: Vec<Listed> = device.into_iter().map(Listed::Here).collect();
    let devices = devices.as_slice();
    let mut set = next.issue(devices);
    set.on_hold = Some(true);
    set.certificates = certified_again(&root, next.keyring.key_epoch(), devices);
    set.boxes = boxes(&next.keyring, &root, devices);
    let renewal = bound.map(|(bound, strength)| {
        let mut next = Bound {
            owner: set.owner,
            certificate: set.certificates.first().cloned().unwrap_or_default(),
            verifier: key.verifier(&derived.master.verify_digest()),
            generation,
            report_box: Some(*root.report_box().public().as_bytes()),
            delegate: set.delegates.first().cloned(),
            keyring: Some(keyring::seal(key, &next.keyring)),
            ..bound.clone()
        };
        next.set_strength(Some(strength));
        Renewal {
            bound: Box::new(next),
            credentials: sha256(&set.credentials),
            joins: None,
        }
    });
    Ok((set, renewal))
}

/// The binding under the other root that the account has, which a password typed here has opened: a later one, or the one that was
/// [left in vain](Bound::may_follow). The pinned owner vouches for it as little as for one that is made here.
///
/// # Errors
/// [`Refusal::CloudRefused`]: another account's, the pinned owner's own, or one that may not follow.
pub fn join(
    opened: &Opened,
    bound: &Bound,
    strength: Strength,
    key: &SealingKey,
) -> Result<Renewal, Refusal> {
    let record = &opened.record;
    if record.account != bound.account || opened.owner() == bound.owner {
        return Err(Refusal::CloudRefused("no other root of this account".to_owned()));
    }
    if !bound.may_follow(&opened.owner(), record.generation) {
        let why = "no root of this account that may follow here";
        return Err(Refusal::CloudRefused(why.to_owned()));
    }
    let device = certificate(bound)?;
    let certificates = certified_again(&opened.root, opened.keyring.key_epoch(), &[Listed::Here(device)]);
    let mut next = Bound {
        owner: opened.owner(),
        certificate: certificates.into_iter().next().unwrap_or_default(),
        verifier: key.verifier(&record.verify_digest),
        salt: record.salt,
        parameters: record.parameters,
        generation: record.generation,
        report_box: Some(*opened.root.report_box().public().as_bytes()),
        delegate: Some(opened.delegation(bound.warden_key)),
        keyring: Some(keyring::seal(key, &opened.keyring)),
        ..bound.clone()
    };
    next.set_strength(Some(strength));
    Ok(Renewal {
        bound: Box::new(next),
        credentials: sha256(&opened.bytes),
        joins: Some(bound.generation),
    })
}

fn certificate(bound: &Bound) -> Result<DeviceCertificate, Refusal> {
    Signed::decode(&bound.certificate)
        .ok()
        .and_then(|signed| signed.open(&bound.owner).ok())
        .ok_or(Refusal::Internal("the own certificate doesn't open"))
}
