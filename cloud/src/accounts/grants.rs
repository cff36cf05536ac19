//! What devices get by their keys alone, and what moved the owner key since they were bound.

use belay_proto::signed::DeviceCertificate;
use belay_proto::{AccountId, DeviceId, wire};
use rusqlite::{OptionalExtension, Transaction, params};

use super::change::Present;
use crate::clock::Millis;
use crate::store::{Failure, StoreError, countable};
use crate::tokens;
use crate::vault::Vault;

/// What a device has to fetch.
#[derive(Debug, Default)]
pub struct Granted {
    /// The keyring, sealed to its box.
    pub keyring: Option<wire::Bytes>,
    /// Its warden's delegate certificate.
    pub delegate: Option<wire::Bytes>,
}

/// Keyring and delegate certificate, as they lie in the database.
type Row = (Option<Vec<u8>>, Option<Vec<u8>>);

/// What a device has to fetch.
///
/// # Errors
/// A broken database.
pub fn load(vault: &Vault, tx: &Transaction<'_>, device: &DeviceId) -> Result<Granted, Failure> {
    let id = device.as_bytes();
    let row: Option<Row> = tx
        .prepare_cached("SELECT keyring, delegate FROM grants WHERE device = ?1")?
        .query_row(params![id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (keyring, delegate) = row.unwrap_or_default();
    let delegate = delegate
        .map(|sealed| vault.unseal("grant-delegate", id, &sealed))
        .transpose()?;
    Ok(Granted {
        keyring: keyring.map(Into::into),
        delegate: delegate.map(|bytes| bytes.expose().clone().into()),
    })
}

/// Keeps what a device gets; what isn't in the grant stays as it is.
///
/// # Errors
/// A broken database.
pub fn put(vault: &Vault, tx: &Transaction<'_>, grant: &wire::Grant) -> Result<(), Failure> {
    let id = grant.device.as_bytes();
    let delegate = grant
        .delegate
        .as_ref()
        .map(|bytes| vault.seal("grant-delegate", id, bytes));
    tx.prepare_cached(
        "INSERT INTO grants (device, keyring, delegate) VALUES (?1, ?2, ?3)
         ON CONFLICT (device) DO UPDATE SET
             keyring = ifnull(excluded.keyring, keyring), delegate = ifnull(excluded.delegate, delegate)",
    )?
    .execute(params![
        id,
        grant.keyring.as_ref().map(|bytes| &bytes.0),
        delegate
    ])?;
    Ok(())
}

/// Takes back what a device got.
///
/// # Errors
/// A broken database.
pub fn forget(tx: &Transaction<'_>, device: &DeviceId) -> Result<(), Failure> {
    tx.prepare_cached("DELETE FROM grants WHERE device = ?1")?
        .execute(params![device.as_bytes()])?;
    Ok(())
}

/// Takes back what other credentials make void: the delegates' certificates.
///
/// # Errors
/// A broken database.
pub fn void_delegates(tx: &Transaction<'_>, account: &AccountId) -> Result<(), Failure> {
    tx.prepare_cached(
        "UPDATE grants SET delegate = NULL WHERE device IN (SELECT id FROM devices WHERE account = ?1)",
    )?
    .execute(params![account.as_bytes()])?;
    Ok(())
}

/// Whether these grants bring keyrings, in place of those of before: a device that gets none of them, as one that is lost, is to have
/// none. Without any, each has the newest, or finds it here.
#[must_use]
pub fn bring_keyrings(grants: &[wire::Grant]) -> bool {
    grants.iter().any(|grant| grant.keyring.is_some())
}

/// Takes back the keyrings of before.
///
/// # Errors
/// A broken database.
pub fn void_keyrings(tx: &Transaction<'_>, account: &AccountId) -> Result<(), Failure> {
    tx.prepare_cached(
        "UPDATE grants SET keyring = NULL WHERE device IN (SELECT id FROM devices WHERE account = ?1)",
    )?
    .execute(params![account.as_bytes()])?;
    Ok(())
}

/// Ends the sessions of the devices that get none of the newer keys, since whoever brings them knew of no such device, or takes it for
/// lost: with the password they get a session again, and the keys. The caller's own goes on.
///
/// # Errors
/// A broken database.
pub fn end_sessions_without(
    tx: &Transaction<'_>,
    present: &Present<'_>,
    grants: &[wire::Grant],
    caller: &[u8; 32],
    now: Millis,
) -> Result<(), Failure> {
    let has_keys = |device: &DeviceCertificate| {
        let own = grants.iter().find(|grant| grant.device == device.device);
        own.is_some_and(|grant| grant.keyring.is_some())
    };
    for device in present.devices.iter().filter(|device| !has_keys(device)) {
        let thumbprint = device.device_key.thumbprint();
        if thumbprint != *caller {
            tokens::revoke_key(tx, &present.account, &thumbprint, now)?;
        }
    }
    Ok(())
}

/// Keeps what moved the owner key, with each device's certificate under the new one.
///
/// # Errors
/// A broken database.
pub fn succeed(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
    generation: u64,
    body: &wire::NewCredentialsRequest,
    grants: &[wire::Grant],
) -> Result<(), Failure> {
    let Some(succession) = &body.succession else {
        return Ok(());
    };
    let (id, generation) = (account.as_bytes(), countable(generation)?);
    tx.prepare_cached(
        "INSERT INTO successions (account, generation, succession, credentials) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        id,
        generation,
        succession.0,
        vault.seal("succession-credentials", id, &body.credentials)
    ])?;
    let mut keep = tx.prepare_cached(
        "INSERT INTO succession_certificates (device, generation, certificate) VALUES (?1, ?2, ?3)",
    )?;
    for grant in grants {
        let certificate = grant
            .certificate
            .as_ref()
            .ok_or(StoreError::Unreadable("a certificate"))?;
        let device = grant.device.as_bytes();
        keep.execute(params![
            device,
            generation,
            vault.seal("succession-certificate", device, certificate)
        ])?;
        crate::devices::table::set_certificate(vault, tx, &grant.device, certificate)?;
    }
    Ok(())
}

/// What moved the owner key since a device was bound, oldest first.
///
/// # Errors
/// A broken database.
pub fn successions(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
    device: &DeviceId,
) -> Result<Vec<wire::SuccessionAnswer>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT succession, credentials, certificate FROM successions
         JOIN succession_certificates USING (generation)
         WHERE account = ?1 AND device = ?2 ORDER BY generation",
    )?;
    let mut rows = statement.query(params![account.as_bytes(), device.as_bytes()])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (succession, credentials, certificate): (Vec<u8>, Vec<u8>, Vec<u8>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let credentials = vault.unseal("succession-credentials", account.as_bytes(), &credentials)?;
        let certificate = vault.unseal("succession-certificate", device.as_bytes(), &certificate)?;
        all.push(wire::SuccessionAnswer {
            succession: succession.into(),
            credentials: credentials.expose().clone().into(),
            certificate: certificate.expose().clone().into(),
        });
    }
    Ok(all)
}
