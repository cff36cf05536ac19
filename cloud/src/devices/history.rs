//! What a piece of hardware was bound to.

use belay_proto::{AccountId, DeviceId, HardwareId};
use rusqlite::{Transaction, params};

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
    let mac = hardware_mac(vault, hardware.as_bytes());
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
