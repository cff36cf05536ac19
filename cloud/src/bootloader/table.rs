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
    /// How long nothing is approved, as it was when it was made.
    pub wait: Millis,
}

impl Request {
    /// How long until it may be approved.
    #[must_use]
    pub fn waits(&self, now: Millis) -> Millis {
        self.asked_at.saturating_add(self.wait).saturating_sub(now)
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
        .prepare_cached("SELECT state, asked_at, wait FROM bootloader_unlocks WHERE device = ?1")?
        .query_row(params![device.as_bytes()], |row| {
            Ok(Request {
                state: row.get(0)?,
                asked_at: row.get(1)?,
                wait: row.get(2)?,
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
    wait: Millis,
    now: Millis,
) -> Result<(), Failure> {
    let id = device.as_bytes();
    tx.prepare_cached(
        "INSERT INTO bootloader_unlocks (device, state, reason, asked_at, wait) VALUES (?1, 'pending', ?2, ?3, ?4)
         ON CONFLICT (device) DO UPDATE SET reason = excluded.reason,
             asked_at = CASE state WHEN 'denied' THEN excluded.asked_at ELSE asked_at END,
             wait = CASE state WHEN 'denied' THEN excluded.wait ELSE wait END,
             decided_at = CASE state WHEN 'denied' THEN NULL ELSE decided_at END,
             state = CASE state WHEN 'denied' THEN 'pending' ELSE state END",
    )?
    .execute(params![
        id,
        vault.seal("bootloader-reason", id, reason.as_bytes()),
        now,
        wait
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

/// Withdraws the requests for an account's devices that aren't decided: whoever made them may know the password no more.
/// Whether there were any.
///
/// # Errors
/// A broken database.
pub fn withdraw(tx: &Transaction<'_>, account: &AccountId) -> Result<bool, Failure> {
    let withdrawn = tx
        .prepare_cached(
            "DELETE FROM bootloader_unlocks WHERE state = 'pending'
         AND device IN (SELECT id FROM devices WHERE account = ?1)",
        )?
        .execute(params![account.as_bytes()])?;
    Ok(withdrawn > 0)
}

/// Withdraws the request for one device that isn't the account's any more.
///
/// # Errors
/// A broken database.
pub fn withdraw_of(tx: &Transaction<'_>, device: &DeviceId) -> Result<(), Failure> {
    tx.prepare_cached("DELETE FROM bootloader_unlocks WHERE state = 'pending' AND device = ?1")?
        .execute(params![device.as_bytes()])?;
    Ok(())
}

/// All requests for devices that are bound and weren't removed, the oldest first.
///
/// # Errors
/// A broken database.
pub fn list(vault: &Vault, tx: &Transaction<'_>) -> Result<Vec<Entry>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT device, account, bootloader_unlocks.state, asked_at, reason, wait FROM bootloader_unlocks
         JOIN devices ON devices.id = device WHERE devices.state = 'active' AND removed_at IS NULL ORDER BY asked_at, device",
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
                wait: row.get(5)?,
            },
            reason: open_text(vault, "bootloader-reason", &device, &reason)?,
        });
    }
    Ok(all)
}
