//! What may take the place of an account's credentials and keyring: the decision, without database and HTTP.

use std::collections::HashSet;

use belay_proto::keys::{PublicKey, sha256};
use belay_proto::signed::{
    CredentialsRecord, DelegateCertificate, DeviceCertificate, Object, Signed, Succession,
};
use belay_proto::{AccountId, DeviceId, wire};

use crate::clock::Millis;
use crate::commands::check::is_over;
use crate::problem::{Kind, Problem};

/// The largest keyring, bytes.
pub const LARGEST_KEYRING: usize = 64 * 1024;
/// The largest signed object of a change, and the largest certificate, bytes.
pub const LARGEST_OBJECT: usize = 8 * 1024;
/// What sealing to a box adds to a keyring at most, bytes.
const BOX: usize = 1024;

/// What the account has.
#[derive(Debug)]
pub struct Present<'a> {
    /// The account.
    pub account: AccountId,
    /// Its owner key.
    pub owner: PublicKey,
    /// Its credentials.
    pub record: CredentialsRecord,
    /// Its keyring.
    pub keyring: &'a [u8],
    /// Its devices that get keys.
    pub devices: Vec<DeviceCertificate>,
}

/// Credentials that may take the place of the present ones.
#[derive(Debug)]
pub struct Change {
    /// The record.
    pub record: CredentialsRecord,
    /// The owner key from now on.
    pub owner: PublicKey,
    /// What the devices get.
    pub grants: Vec<wire::Grant>,
}

/// Whether another root may come along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots {
    /// With the old one's succession.
    May,
    /// Not with a recovery, which has the old root and no proof of the old password.
    MayNot,
}

/// Judges other credentials.
///
/// # Errors
/// `too-large`, `malformed`, `bad-credentials`, `bad-certificate`, `no-such-delegate`, `generation-conflict`.
pub fn judge(
    present: &Present<'_>,
    body: &wire::NewCredentialsRequest,
    roots: Roots,
    now: Millis,
) -> Result<Change, Problem> {
    let bad = |why: &str| Problem::new(Kind::BadCredentials).because(why);
    keyring(&body.keyring)?;
    if body.owner.is_some() {
        return Err(bad("another root waits out a recovery"));
    }
    let (signed, claim) =
        read::<CredentialsRecord>(&body.credentials).map_err(|_| bad("not a credentials record"))?;
    if claim.account != present.account {
        return Err(bad("another account"));
    }
    // Before the signature: under a new root the owner key is another one too, and the client has to fetch.
    if Some(claim.generation) != present.record.generation.checked_add(1) {
        return Err(Problem::new(Kind::GenerationConflict).because("not the next generation"));
    }
    follows(present, &body.replaces)?;
    let owner = match (&body.succession, roots) {
        (None, _) => present.owner,
        (Some(bytes), Roots::May) => successor(present, &claim, &body.credentials, bytes)?,
        (Some(_), Roots::MayNot) => return Err(bad("a recovery brings no new root")),
    };
    let record: CredentialsRecord = signed
        .open(&owner)
        .map_err(|_| bad("not a record under the owner key"))?;
    record
        .parameters
        .check(Some(&present.record.parameters))
        .map_err(|_| bad("parameters out of range, or weaker than before"))?;
    let rules = Rules {
        owner,
        generation: record.generation,
        succeeds: body.succession.is_some(),
        now,
    };
    let grants = grants(present, &body.grants, &rules)?;
    Ok(Change {
        record,
        owner,
        grants,
    })
}

/// Credentials of another root, that may wait.
#[derive(Debug)]
pub struct Other {
    /// The record.
    pub record: CredentialsRecord,
    /// The owner key that it would bring.
    pub owner: PublicKey,
    /// What the device gets that recovers.
    pub grant: Option<wire::Grant>,
}

/// Judges credentials of another root, for which nobody vouches: they are one generation on, of this account, and under the salt
/// and parameters that hold, since a challenge tells one salt whichever password is typed. `own` is the device of the account
/// that asks; it is certified again, and no other is.
///
/// # Errors
/// As [`judge`].
pub fn judge_other(
    present: &Present<'_>,
    body: &wire::NewCredentialsRequest,
    own: Option<&DeviceId>,
    now: Millis,
) -> Result<Other, Problem> {
    let bad = |why: &str| Problem::new(Kind::BadCredentials).because(why);
    keyring(&body.keyring)?;
    let owner = body.owner.ok_or_else(|| bad("no owner key comes along"))?;
    if body.succession.is_some() || owner == present.owner {
        return Err(bad("the owner key vouches for itself: nothing has to wait"));
    }
    let (signed, _) =
        read::<CredentialsRecord>(&body.credentials).map_err(|_| bad("not a credentials record"))?;
    let record: CredentialsRecord = signed
        .open(&owner)
        .map_err(|_| bad("not a record under its owner key"))?;
    if record.account != present.account {
        return Err(bad("another account"));
    }
    if Some(record.generation) != present.record.generation.checked_add(1) {
        return Err(Problem::new(Kind::GenerationConflict).because("not the next generation"));
    }
    follows(present, &body.replaces)?;
    if (record.salt, record.parameters) != (present.record.salt, present.record.parameters) {
        return Err(bad("another salt, or other parameters"));
    }
    let rules = Rules {
        owner,
        generation: record.generation,
        succeeds: true,
        now,
    };
    let device = own.and_then(|own| present.devices.iter().find(|device| device.device == *own));
    let grant = match (device, body.grants.as_slice()) {
        (None, []) => None,
        (Some(device), [grant]) if grant.device == device.device => {
            check(present, device, grant, &rules)?;
            Some(grant.clone())
        }
        _ => {
            return Err(Problem::new(Kind::BadCertificate)
                .because("the device that recovers is certified, and no other"));
        }
    };
    Ok(Other { record, owner, grant })
}

/// Judges a keyring with another key epoch under the present credentials.
///
/// # Errors
/// As [`judge`].
pub fn judge_keyring(
    present: &Present<'_>,
    body: &wire::RemoveDeviceRequest,
    now: Millis,
) -> Result<Vec<wire::Grant>, Problem> {
    keyring(&body.keyring)?;
    follows(present, &body.replaces)?;
    let rules = Rules {
        owner: present.owner,
        generation: present.record.generation,
        succeeds: false,
        now,
    };
    grants(present, &body.grants, &rules)
}

fn keyring(bytes: &[u8]) -> Result<(), Problem> {
    match bytes.len() {
        0 => Err(Problem::malformed("`keyring` is empty")),
        1..=LARGEST_KEYRING => Ok(()),
        _ => Err(Problem::new(Kind::TooLarge).because("a keyring has at most 64 KiB")),
    }
}

/// Two devices that change the keyring at once must not lose each other's keys.
fn follows(present: &Present<'_>, replaces: &[u8]) -> Result<(), Problem> {
    match sha256(present.keyring) == *replaces {
        true => Ok(()),
        false => Err(Problem::new(Kind::GenerationConflict).because("another keyring is the present one")),
    }
}

/// The owner key that the present one names, with the very credentials that come along.
fn successor(
    present: &Present<'_>,
    claim: &CredentialsRecord,
    credentials: &[u8],
    bytes: &[u8],
) -> Result<PublicKey, Problem> {
    let bad = |why: &str| Problem::new(Kind::BadCredentials).because(why);
    let (signed, _) = read::<Succession>(bytes).map_err(|_| bad("not a succession"))?;
    let succession: Succession = signed
        .open(&present.owner)
        .map_err(|_| bad("not a succession under the owner key"))?;
    let names = (succession.account, succession.generation, succession.credentials);
    match names == (claim.account, claim.generation, sha256(credentials)) {
        true => Ok(succession.owner),
        false => Err(bad("the succession names other credentials")),
    }
}

/// What grants are held against.
struct Rules {
    owner: PublicKey,
    generation: u64,
    /// Whether the owner key changes.
    succeeds: bool,
    now: Millis,
}

/// The grants for devices that the account has; one that was released or removed meanwhile gets nothing.
fn grants(present: &Present<'_>, grants: &[wire::Grant], rules: &Rules) -> Result<Vec<wire::Grant>, Problem> {
    let mut seen = HashSet::new();
    if !grants.iter().all(|grant| seen.insert(grant.device)) {
        return Err(Problem::malformed("two grants for one device"));
    }
    let device = |id: &DeviceId| present.devices.iter().find(|device| device.device == *id);
    let mut taken = Vec::new();
    for grant in grants {
        if let Some(certificate) = device(&grant.device) {
            check(present, certificate, grant, rules)?;
            taken.push(grant.clone());
        }
    }
    if rules.succeeds && taken.len() < present.devices.len() {
        return Err(
            Problem::new(Kind::BadCertificate).because("with a new root each device gets a certificate")
        );
    }
    Ok(taken)
}

fn check(
    present: &Present<'_>,
    device: &DeviceCertificate,
    grant: &wire::Grant,
    rules: &Rules,
) -> Result<(), Problem> {
    if let Some(keyring) = &grant.keyring
        && !(1..=LARGEST_KEYRING + BOX).contains(&keyring.len())
    {
        return Err(Problem::new(Kind::TooLarge).because("a keyring has at most 64 KiB"));
    }
    if let Some(bytes) = &grant.delegate {
        let bad = |why: &str| Problem::new(Kind::NoSuchDelegate).because(why);
        let (signed, _) =
            read::<DelegateCertificate>(bytes).map_err(|_| bad("not a delegate's certificate"))?;
        let delegate: DelegateCertificate = signed
            .open(&rules.owner)
            .map_err(|_| bad("not a delegate's certificate under the owner key"))?;
        let meant = (delegate.account, delegate.key, delegate.generation);
        if meant != (present.account, device.warden_key, rules.generation) {
            return Err(bad("for another account, warden or generation"));
        }
        if is_over(delegate.expires_at, rules.now) {
            return Err(bad("the certificate is over"));
        }
    }
    match (&grant.certificate, rules.succeeds) {
        (None, false) => Ok(()),
        (Some(bytes), true) => recertifies(device, bytes, &rules.owner),
        (None, true) => {
            Err(Problem::new(Kind::BadCertificate).because("with a new root each device gets a certificate"))
        }
        (Some(_), false) => Err(Problem::new(Kind::BadCertificate).because("no new root came along")),
    }
}

/// The same device under the new owner key: only the key epoch may be a newer one.
fn recertifies(device: &DeviceCertificate, bytes: &[u8], owner: &PublicKey) -> Result<(), Problem> {
    let bad = |why: &str| Problem::new(Kind::BadCertificate).because(why);
    let (signed, _) = read::<DeviceCertificate>(bytes).map_err(|_| bad("not a certificate"))?;
    let certificate: DeviceCertificate = signed
        .open(owner)
        .map_err(|_| bad("not a certificate under the new owner key"))?;
    let same = DeviceCertificate {
        key_epoch: device.key_epoch,
        ..certificate.clone()
    };
    match same == *device && certificate.key_epoch >= device.key_epoch {
        true => Ok(()),
        false => Err(bad("it says something else of the device")),
    }
}

fn read<T: Object>(bytes: &[u8]) -> Result<(Signed, T), ()> {
    if bytes.len() > LARGEST_OBJECT {
        return Err(());
    }
    let signed = Signed::decode(bytes).map_err(drop)?;
    let claim = signed.peek_unverified().map_err(drop)?;
    Ok((signed, claim))
}
