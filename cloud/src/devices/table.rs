//! The devices in the database. The hardware id stands there as an HMAC, the certificate sealed.

use belay_proto::keys::PublicKey;
use belay_proto::signed::DeviceCertificate;
use belay_proto::wire::DeviceKind;
use belay_proto::{AccountId, DeviceId, Epoch, wire};
use rusqlite::{OptionalExtension, Transaction, params};

use super::Told;
use super::standing::Standing;
use crate::clock::{MINUTE, Millis, SECOND};
use crate::store::Failure;
use crate::vault::Vault;
use crate::verifications::table::open_text;

/// Who holds a piece of hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub account: AccountId,
    /// Its device.
    pub device: DeviceId,
}

/// A device id that is known.
#[derive(Debug)]
pub struct Known {
    /// Whose it is.
    pub account: AccountId,
    /// Whether the binding is in force.
    pub active: bool,
    /// Its certificate.
    pub certificate: Vec<u8>,
}

/// What a release is checked against.
#[derive(Debug)]
pub struct Binding {
    /// Whose it is.
    pub account: AccountId,
    /// The device key's thumbprint.
    pub thumbprint: [u8; 32],
    /// The warden's key.
    pub warden: PublicKey,
    /// The binding.
    pub epoch: Epoch,
    /// The hardware id's HMAC.
    pub hardware: [u8; 32],
    /// How it stands.
    pub standing: Standing,
    /// Whether the owner removed it.
    pub removed: bool,
}

/// A binding of a device key.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// The device.
    pub device: DeviceId,
    /// Whose it is.
    pub account: AccountId,
    /// The binding.
    pub epoch: Epoch,
    /// The warden's key.
    pub warden: PublicKey,
    /// Whether it is in force; else the device let itself go.
    pub active: bool,
    /// Whether the owner removed it.
    pub removed: bool,
}

/// The HMAC of a hardware id.
#[must_use]
pub fn hardware_mac(vault: &Vault, hardware: &[u8; 32]) -> [u8; 32] {
    vault.mac("hardware", &[hardware])
}

/// Notes that a key was heard of, at most once a minute.
///
/// # Errors
/// A broken database.
pub fn seen(tx: &Transaction<'_>, thumbprint: &[u8; 32], now: Millis) -> Result<(), Failure> {
    tx.prepare_cached(
        "UPDATE devices SET last_seen = ?2 WHERE thumbprint = ?1 AND state = 'active' AND last_seen <= ?3",
    )?
    .execute(params![thumbprint, now, now.saturating_sub(MINUTE)])?;
    Ok(())
}

/// The device with this id, whatever became of it.
///
/// # Errors
/// A broken database.
pub fn known(vault: &Vault, tx: &Transaction<'_>, device: &DeviceId) -> Result<Option<Known>, Failure> {
    let row: Option<([u8; 16], bool, Vec<u8>)> = tx
        .prepare_cached("SELECT account, state = 'active', certificate FROM devices WHERE id = ?1")?
        .query_row(params![device.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((account, active, sealed)) = row else {
        return Ok(None);
    };
    let certificate = vault
        .unseal("certificate", device.as_bytes(), &sealed)?
        .expose()
        .clone();
    Ok(Some(Known {
        account: AccountId::from_bytes(account),
        active,
        certificate,
    }))
}

/// Who holds the hardware under activation lock.
///
/// # Errors
/// A broken database.
pub fn lock_holder(tx: &Transaction<'_>, hardware: &[u8; 32]) -> Result<Option<Holder>, Failure> {
    Ok(tx
        .prepare_cached(
            "SELECT account, id FROM devices WHERE hardware = ?1 AND state = 'active' AND locked = 1",
        )?
        .query_row(params![hardware], |row| {
            Ok(Holder {
                account: AccountId::from_bytes(row.get(0)?),
                device: DeviceId::from_bytes(row.get(1)?),
            })
        })
        .optional()?)
}

/// What a release for this device is checked against.
///
/// # Errors
/// A broken database.
pub fn binding(tx: &Transaction<'_>, device: &DeviceId) -> Result<Option<Binding>, Failure> {
    Ok(tx
        .prepare_cached(
            "SELECT account, thumbprint, warden, epoch, hardware, state, removed_at IS NOT NULL FROM devices WHERE id = ?1",
        )?
        .query_row(params![device.as_bytes()], |row| {
            Ok(Binding {
                account: AccountId::from_bytes(row.get(0)?),
                thumbprint: row.get(1)?,
                warden: PublicKey::from_bytes(row.get(2)?),
                epoch: Epoch::from_bytes(row.get(3)?),
                hardware: row.get(4)?,
                standing: row.get(5)?,
                removed: row.get(6)?,
            })
        })
        .optional()?)
}

/// Stores a binding.
///
/// # Errors
/// A broken database.
pub fn insert(
    vault: &Vault,
    tx: &Transaction<'_>,
    certificate: &DeviceCertificate,
    hardware: &[u8; 32],
    bytes: &[u8],
    told: &Told<'_>,
    now: Millis,
) -> Result<(), Failure> {
    let id = certificate.device.as_bytes();
    tx.prepare_cached(
        "INSERT INTO devices (id, account, thumbprint, warden, epoch, hardware, locked, certificate, name, kind,
                              state, bound_at, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'active', ?11, ?11)",
    )?
    .execute(params![
        id,
        certificate.account.as_bytes(),
        certificate.device_key.thumbprint(),
        certificate.warden_key.as_bytes(),
        certificate.epoch.as_bytes(),
        hardware,
        certificate.hardware_locked,
        vault.seal("certificate", id, bytes),
        vault.seal("device-name", id, told.name.as_bytes()),
        told.kind.map(DeviceKind::as_str),
        now,
    ])?;
    Ok(())
}

/// Ends the account's own binding of the hardware: the same owner binds it anew. Answers the devices and their
/// keys.
///
/// Without an unprinted part two boards may have one hardware id; there only the same device key tells
/// that it is the same device.
///
/// # Errors
/// A broken database.
pub fn supersede(
    tx: &Transaction<'_>,
    hardware: &[u8; 32],
    account: &AccountId,
    thumbprint: &[u8; 32],
) -> Result<Vec<(DeviceId, [u8; 32])>, Failure> {
    let mut statement = tx.prepare_cached(
        "UPDATE devices SET state = 'superseded'
         WHERE hardware = ?1 AND account = ?2 AND state = 'active' AND (locked = 1 OR thumbprint = ?3)
         RETURNING id, thumbprint",
    )?;
    let ended = statement.query_map(params![hardware, account.as_bytes(), thumbprint], |row| {
        Ok((DeviceId::from_bytes(row.get(0)?), row.get(1)?))
    })?;
    Ok(ended.collect::<Result<_, _>>()?)
}

/// Ends a binding.
///
/// # Errors
/// A broken database.
pub fn set_released(tx: &Transaction<'_>, device: &DeviceId) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE devices SET state = 'released' WHERE id = ?1")?
        .execute(params![device.as_bytes()])?;
    Ok(())
}

/// Gives one of the account's devices another name; whether there is such a one.
///
/// # Errors
/// A broken database.
pub fn rename(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
    device: &DeviceId,
    name: &str,
) -> Result<bool, Failure> {
    let sealed = vault.seal("device-name", device.as_bytes(), name.as_bytes());
    let changed = tx
        .prepare_cached("UPDATE devices SET name = ?3 WHERE id = ?1 AND account = ?2 AND state = 'active' AND removed_at IS NULL")?
        .execute(params![device.as_bytes(), account.as_bytes(), sealed])?;
    Ok(changed == 1)
}

/// What its owner calls a device that is known.
///
/// # Errors
/// A broken database.
pub fn name(vault: &Vault, tx: &Transaction<'_>, device: &DeviceId) -> Result<String, Failure> {
    let id = device.as_bytes();
    let sealed: Vec<u8> = tx
        .prepare_cached("SELECT name FROM devices WHERE id = ?1")?
        .query_row(params![id], |row| row.get(0))?;
    Ok(open_text(vault, "device-name", id, &sealed)?)
}

/// The bindings of a device key that are in force or were released, newest first.
///
/// # Errors
/// A broken database.
pub fn bound(tx: &Transaction<'_>, thumbprint: &[u8; 32]) -> Result<Vec<Bound>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT id, account, epoch, warden, state = 'active', removed_at IS NOT NULL FROM devices
         WHERE thumbprint = ?1 AND state IN ('active', 'released') ORDER BY bound_at DESC, id",
    )?;
    let rows = statement.query_map(params![thumbprint], |row| {
        Ok(Bound {
            device: DeviceId::from_bytes(row.get(0)?),
            account: AccountId::from_bytes(row.get(1)?),
            epoch: Epoch::from_bytes(row.get(2)?),
            warden: PublicKey::from_bytes(row.get(3)?),
            active: row.get(4)?,
            removed: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The binding of a device, in force or let go.
///
/// # Errors
/// A broken database.
pub fn bound_or_released(tx: &Transaction<'_>, device: &DeviceId) -> Result<Option<Bound>, Failure> {
    let found = binding(tx, device)?.filter(|binding| binding.standing != Standing::Superseded);
    Ok(found.map(|binding| Bound {
        device: *device,
        account: binding.account,
        epoch: binding.epoch,
        warden: binding.warden,
        active: binding.standing == Standing::Active,
        removed: binding.removed,
    }))
}

/// The ids of the account's devices in force, without those that its owner removed.
///
/// # Errors
/// A broken database.
pub fn active(tx: &Transaction<'_>, account: &AccountId) -> Result<Vec<DeviceId>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT id FROM devices WHERE account = ?1 AND state = 'active' AND removed_at IS NULL ORDER BY id",
    )?;
    let rows = statement.query_map(params![account.as_bytes()], |row| {
        Ok(DeviceId::from_bytes(row.get(0)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The ids of all that is bound to the account, what its owner removed among it.
///
/// # Errors
/// A broken database.
pub fn all_bound(tx: &Transaction<'_>, account: &AccountId) -> Result<Vec<DeviceId>, Failure> {
    let mut statement =
        tx.prepare_cached("SELECT id FROM devices WHERE account = ?1 AND state = 'active' ORDER BY id")?;
    let rows = statement.query_map(params![account.as_bytes()], |row| {
        Ok(DeviceId::from_bytes(row.get(0)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes that the owner removed a device.
///
/// # Errors
/// A broken database.
pub fn set_removed(tx: &Transaction<'_>, device: &DeviceId, now: Millis) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE devices SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL")?
        .execute(params![device.as_bytes(), now])?;
    Ok(())
}

/// Whether a key's device was removed from its account, from this one where one is named.
///
/// # Errors
/// A broken database.
pub fn is_removed(
    tx: &Transaction<'_>,
    thumbprint: &[u8; 32],
    account: Option<&AccountId>,
) -> Result<bool, Failure> {
    let bound = bound(tx, thumbprint)?;
    let newest = bound
        .iter()
        .find(|bound| bound.active && account.is_none_or(|account| bound.account == *account));
    Ok(newest.is_some_and(|bound| bound.removed))
}

/// Keeps a device's certificate under another owner key.
///
/// # Errors
/// A broken database.
pub fn set_certificate(
    vault: &Vault,
    tx: &Transaction<'_>,
    device: &DeviceId,
    bytes: &[u8],
) -> Result<(), Failure> {
    let id = device.as_bytes();
    tx.prepare_cached("UPDATE devices SET certificate = ?2 WHERE id = ?1")?
        .execute(params![id, vault.seal("certificate", id, bytes)])?;
    Ok(())
}

/// The account's devices in force, without those that its owner removed, oldest first.
///
/// # Errors
/// A broken database.
pub fn list(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
    thumbprint: &[u8; 32],
) -> Result<Vec<wire::DeviceAnswer>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT id, certificate, name, last_seen, thumbprint = ?2, ifnull(lost, 0), kind FROM devices
         LEFT JOIN channels ON channels.device = devices.id
         WHERE account = ?1 AND devices.state = 'active' AND removed_at IS NULL ORDER BY bound_at, id",
    )?;
    let mut rows = statement.query(params![account.as_bytes(), thumbprint])?;
    let mut devices = Vec::new();
    while let Some(row) = rows.next()? {
        let id: [u8; 16] = row.get(0)?;
        let (certificate, name): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
        let last_seen: Millis = row.get(3)?;
        let kind: Option<String> = row.get(6)?;
        devices.push(wire::DeviceAnswer {
            certificate: vault
                .unseal("certificate", &id, &certificate)?
                .expose()
                .clone()
                .into(),
            name: open_text(vault, "device-name", &id, &name)?,
            kind: kind.as_deref().and_then(DeviceKind::named).unwrap_or_default(),
            last_seen: last_seen / SECOND,
            current: row.get(4)?,
            lost: row.get(5)?,
        });
    }
    Ok(devices)
}
