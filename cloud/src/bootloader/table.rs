//! The requests in the database.

use belay_proto::{AccountId, DeviceId};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::clock::Millis;
use crate::store::Failure;
use crate::vault::Vault;
use crate::verifications::table::open_text;

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not decided.
    Pending,
    /// It may be unlocked.
    Approved,
    /// It may not.
    Denied,
}

impl State {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
        }
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        [Self::Pending, Self::Approved, Self::Denied]
            .into_iter()
            .find(|state| state.as_str() == name)
            .ok_or(FromSqlError::InvalidType)
    }
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// How it stands.
    pub state: State,
    /// When it was made.
    pub asked_at: Millis,
}

impl Request {
    /// How long until it may be approved, where the operator has it wait for `wait`.
    #[must_use]
    pub fn waits(&self, wait: Millis, now: Millis) -> Millis {
        self.asked_at.saturating_add(wait).saturating_sub(now)
    }
}

/// A request as an operator sees it.
#[derive(Debug)]
pub struct Entry {
    /// The device.
    pub device: DeviceId,
    /// Its account.
    pub account: AccountId,
    /// The request.
    pub request: Request,
    /// Why, in the owner's words.
    pub reason: String,
}

/// The request for a device.
///
/// # Errors
/// A broken database.
pub fn load(tx: &Transaction<'_>, device: &DeviceId) -> Result<Option<Request>, Failure> {
    Ok(tx
        .prepare_cached("SELECT state, asked_at FROM bootloader_unlocks WHERE device = ?1")?
        .query_row(params![device.as_bytes()], |row| {
            Ok(Request {
                state: row.get(0)?,
                asked_at: row.get(1)?,
            })
        })
        .optional()?)
}

/// Makes a request: one that waits keeps its time, one that was approved stays so, one that was denied begins anew.
///
/// # Errors
/// A broken database.
pub fn ask(
    vault: &Vault,
    tx: &Transaction<'_>,
    device: &DeviceId,
    reason: &str,
    now: Millis,
) -> Result<(), Failure> {
    let id = device.as_bytes();
    tx.prepare_cached(
        "INSERT INTO bootloader_unlocks (device, state, reason, asked_at) VALUES (?1, 'pending', ?2, ?3)
         ON CONFLICT (device) DO UPDATE SET reason = excluded.reason,
             asked_at = CASE state WHEN 'denied' THEN excluded.asked_at ELSE asked_at END,
             decided_at = CASE state WHEN 'denied' THEN NULL ELSE decided_at END,
             state = CASE state WHEN 'denied' THEN 'pending' ELSE state END",
    )?
    .execute(params![
        id,
        vault.seal("bootloader-reason", id, reason.as_bytes()),
        now
    ])?;
    Ok(())
}

/// Decides a request.
///
/// # Errors
/// A broken database.
pub fn decide(tx: &Transaction<'_>, device: &DeviceId, state: State, now: Millis) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE bootloader_unlocks SET state = ?2, decided_at = ?3 WHERE device = ?1")?
        .execute(params![device.as_bytes(), state.as_str(), now])?;
    Ok(())
}

/// All requests for devices that are bound, the oldest first.
///
/// # Errors
/// A broken database.
pub fn list(vault: &Vault, tx: &Transaction<'_>) -> Result<Vec<Entry>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT device, account, bootloader_unlocks.state, asked_at, reason FROM bootloader_unlocks
         JOIN devices ON devices.id = device WHERE devices.state = 'active' ORDER BY asked_at, device",
    )?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (device, account, reason): ([u8; 16], [u8; 16], Vec<u8>) =
            (row.get(0)?, row.get(1)?, row.get(4)?);
        all.push(Entry {
            device: DeviceId::from_bytes(device),
            account: AccountId::from_bytes(account),
            request: Request {
                state: row.get(2)?,
                asked_at: row.get(3)?,
            },
            reason: open_text(vault, "bootloader-reason", &device, &reason)?,
        });
    }
    Ok(all)
}
