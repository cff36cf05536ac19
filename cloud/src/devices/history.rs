//! What a piece of hardware was bound to.

use belay_proto::{AccountId, DeviceId, HardwareId};
use rusqlite::{OptionalExtension, Transaction, params};

use super::standing::Standing;
use super::table::hardware_mac;
use crate::clock::Millis;
use crate::store::Failure;
use crate::vault::Vault;

/// What an operator sees of a piece of hardware.
#[derive(Debug)]
pub struct History {
    /// The device.
    pub device: DeviceId,
    /// The account.
    pub account: AccountId,
    /// How the binding stands.
    pub standing: Standing,
    /// Whether activation lock applies.
    pub locked: bool,
    /// Whether its owner removed it; it stays bound until its release.
    pub removed: bool,
    /// When it was bound.
    pub bound_at: Millis,
}

/// All bindings that a piece of hardware has and had.
///
/// # Errors
/// A broken database.
pub fn history(vault: &Vault, tx: &Transaction<'_>, hardware: &HardwareId) -> Result<Vec<History>, Failure> {
    of(tx, hardware_mac(vault, hardware.as_bytes()))
}

/// The same of the hardware that was bound as a device; none where nothing ever was.
///
/// # Errors
/// A broken database.
pub fn of_device(tx: &Transaction<'_>, device: &DeviceId) -> Result<Vec<History>, Failure> {
    let mut statement = tx.prepare_cached("SELECT hardware FROM devices WHERE id = ?1")?;
    let mac = statement.query_row(params![device.as_bytes()], |row| row.get(0));
    match mac.optional()? {
        Some(mac) => of(tx, mac),
        None => Ok(Vec::new()),
    }
}

fn of(tx: &Transaction<'_>, mac: [u8; 32]) -> Result<Vec<History>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT id, account, state, locked, bound_at, removed_at IS NOT NULL FROM devices WHERE hardware = ?1 ORDER BY bound_at, id",
    )?;
    let rows = statement.query_map(params![mac], |row| {
        Ok(History {
            device: DeviceId::from_bytes(row.get(0)?),
            account: AccountId::from_bytes(row.get(1)?),
            standing: row.get(2)?,
            locked: row.get(3)?,
            bound_at: row.get(4)?,
            removed: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
