//! The channels and the sealed reports in the database.
//!
//! Commands and events are numbered by the clock, ms since 1970, and always above the number before. So a cloud that was
//! restored from a backup goes on above the numbers that it gave out since that backup and has forgotten.

use belay_proto::wire::{self, Hint};
use belay_proto::{AccountId, DeviceId, ReportId};
use rusqlite::{OptionalExtension, Transaction, params};

use super::hub::Marks;
use crate::clock::{DAY, Millis, SECOND};
use crate::store::{Failure, countable, storable};
use crate::vault::Vault;

/// How long a sealed report is kept.
const REPORT_LIFE: Millis = 30 * DAY;

/// Sealed reports that are kept a device.
const REPORTS: u64 = 200;

/// Bytes of sealed reports in one answer; at least one report comes.
const PAGE: usize = 512 * 1024;

/// The newest event of each kind.
///
/// # Errors
/// A broken database.
pub fn marks(tx: &Transaction<'_>, device: &DeviceId) -> Result<Marks, Failure> {
    let found = tx
        .prepare_cached("SELECT commands_at, sync_at, account_at FROM channels WHERE device = ?1")?
        .query_row(params![device.as_bytes()], |row| {
            Ok(Marks {
                commands: row.get(0)?,
                sync: row.get(1)?,
                account: row.get(2)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Numbers an event.
///
/// # Errors
/// A broken database.
pub fn hint(tx: &Transaction<'_>, device: &DeviceId, hint: Hint, now: Millis) -> Result<Marks, Failure> {
    ensure(tx, device)?;
    let column = match hint {
        Hint::Commands => "commands_at",
        Hint::Sync => "sync_at",
        Hint::Account => "account_at",
    };
    tx.prepare_cached(&format!(
        "UPDATE channels SET events = max(events + 1, ?2), {column} = max(events + 1, ?2) WHERE device = ?1"
    ))?
    .execute(params![device.as_bytes(), storable(now)])?;
    marks(tx, device)
}

/// As [`hint`], by a process that has no streams: the running cloud tells them with its next [upkeep](crate::upkeep).
///
/// # Errors
/// A broken database.
pub fn hint_from_outside(
    tx: &Transaction<'_>,
    device: &DeviceId,
    what: Hint,
    now: Millis,
) -> Result<(), Failure> {
    hint(tx, device, what, now)?;
    tx.prepare_cached("INSERT OR IGNORE INTO outside_hints (device) VALUES (?1)")?
        .execute(params![device.as_bytes()])?;
    Ok(())
}

/// The devices that [`hint_from_outside`] was called for since.
///
/// # Errors
/// A broken database.
pub fn from_outside(tx: &Transaction<'_>) -> Result<Vec<DeviceId>, Failure> {
    let mut statement = tx.prepare_cached("DELETE FROM outside_hints RETURNING device")?;
    let rows = statement.query_map([], |row| Ok(DeviceId::from_bytes(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The number for the next command in the device's queue.
///
/// # Errors
/// A broken database.
pub fn next_command(tx: &Transaction<'_>, device: &DeviceId, now: Millis) -> Result<u64, Failure> {
    ensure(tx, device)?;
    Ok(tx
        .prepare_cached(
            "UPDATE channels SET queued = max(queued + 1, ?2) WHERE device = ?1 RETURNING queued",
        )?
        .query_row(params![device.as_bytes(), storable(now)], |row| row.get(0))?)
}

/// The number of the newest command; 0 = there was none.
///
/// # Errors
/// A broken database.
pub fn newest_command(tx: &Transaction<'_>, device: &DeviceId) -> Result<u64, Failure> {
    newest(tx, device, "queued")
}

/// Notes how the device stands, unless something newer said so already.
///
/// # Errors
/// `malformed` for a sequence out of range, or a broken database.
pub fn stands(tx: &Transaction<'_>, device: &DeviceId, sequence: u64, lock: &str) -> Result<(), Failure> {
    let lost = matches!(lock, "lost" | "wiping" | "wiped" | "tampered");
    ensure(tx, device)?;
    tx.prepare_cached("UPDATE channels SET signed = ?2, lost = ?3 WHERE device = ?1 AND signed < ?2")?
        .execute(params![device.as_bytes(), countable(sequence)?, lost])?;
    Ok(())
}

/// Those of the account's devices in force that are lost, as they last said themselves.
///
/// # Errors
/// A broken database.
pub fn lost(tx: &Transaction<'_>, account: &AccountId) -> Result<Vec<DeviceId>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT id FROM devices JOIN channels ON channels.device = devices.id
         WHERE account = ?1 AND devices.state = 'active' AND removed_at IS NULL AND lost ORDER BY id",
    )?;
    let rows = statement.query_map(params![account.as_bytes()], |row| row.get(0))?;
    let mut devices = Vec::new();
    for id in rows {
        devices.push(DeviceId::from_bytes(id?));
    }
    Ok(devices)
}

/// Whether a device's warden has said that it is lost, and nothing else since.
///
/// # Errors
/// A broken database.
pub fn is_lost(tx: &Transaction<'_>, device: &DeviceId) -> Result<bool, Failure> {
    let lost: Option<bool> = tx
        .prepare_cached("SELECT lost FROM channels WHERE device = ?1")?
        .query_row(params![device.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(lost.unwrap_or(false))
}

/// Keeps a state report, unless a newer one is kept already.
///
/// # Errors
/// `malformed` for a sequence out of range, or a broken database.
pub fn keep_state(
    vault: &Vault,
    tx: &Transaction<'_>,
    device: &DeviceId,
    sequence: u64,
    state: &[u8],
) -> Result<(), Failure> {
    ensure(tx, device)?;
    tx.prepare_cached(
        "UPDATE channels SET state_sequence = ?2, state = ?3 WHERE device = ?1 AND state_sequence < ?2",
    )?
    .execute(params![
        device.as_bytes(),
        countable(sequence)?,
        vault.seal("state", device.as_bytes(), state)
    ])?;
    Ok(())
}

/// Keeps a sealed report; one with an id that is known changes nothing.
///
/// # Errors
/// A broken database.
pub fn add_report(
    tx: &Transaction<'_>,
    device: &DeviceId,
    id: &ReportId,
    sealed: &[u8],
    now: Millis,
) -> Result<(), Failure> {
    ensure(tx, device)?;
    let known: Option<i64> = tx
        .prepare_cached("SELECT 1 FROM reports WHERE device = ?1 AND id = ?2")?
        .query_row(params![device.as_bytes(), id.as_bytes()], |row| row.get(0))
        .optional()?;
    if known.is_some() {
        return Ok(());
    }
    let number: u64 = tx
        .prepare_cached("UPDATE channels SET reported = reported + 1 WHERE device = ?1 RETURNING reported")?
        .query_row(params![device.as_bytes()], |row| row.get(0))?;
    tx.prepare_cached(
        "INSERT INTO reports (device, number, id, sealed, received_at, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        device.as_bytes(),
        number,
        id.as_bytes(),
        sealed,
        now,
        now.saturating_add(REPORT_LIFE)
    ])?;
    tx.prepare_cached("DELETE FROM reports WHERE device = ?1 AND number <= ?2")?
        .execute(params![device.as_bytes(), number.saturating_sub(REPORTS)])?;
    Ok(())
}

/// The newest state report, and the sealed reports after number `after`, oldest first, as many as fit into
/// one answer. A number that was never given out, which a cloud that was restored from a backup may meet,
/// counts as 0.
///
/// # Errors
/// A broken database.
pub fn reports(
    vault: &Vault,
    tx: &Transaction<'_>,
    device: &DeviceId,
    after: u64,
    now: Millis,
) -> Result<wire::ReportsAnswer, Failure> {
    let newest = newest(tx, device, "reported")?;
    let after = if after > newest { 0 } else { after };
    let state: Option<Vec<u8>> = tx
        .prepare_cached("SELECT state FROM channels WHERE device = ?1")?
        .query_row(params![device.as_bytes()], |row| row.get(0))
        .optional()?
        .flatten();
    let state = state
        .map(|sealed| vault.unseal("state", device.as_bytes(), &sealed))
        .transpose()?
        .map(|state| state.expose().clone().into());
    let mut answer = wire::ReportsAnswer {
        state,
        reports: Vec::new(),
        last: after,
    };
    let mut statement = tx.prepare_cached(
        "SELECT number, id, sealed, received_at FROM reports
         WHERE device = ?1 AND number > ?2 AND until > ?3 ORDER BY number",
    )?;
    let mut rows = statement.query(params![device.as_bytes(), after, now])?;
    let mut bytes = 0usize;
    while let Some(row) = rows.next()? {
        let sealed: Vec<u8> = row.get(2)?;
        bytes = bytes.saturating_add(sealed.len());
        if bytes > PAGE && !answer.reports.is_empty() {
            break;
        }
        let received_at: Millis = row.get(3)?;
        answer.last = row.get(0)?;
        answer.reports.push(wire::SealedReport {
            id: ReportId::from_bytes(row.get(1)?),
            received_at: received_at / SECOND,
            sealed: sealed.into(),
        });
    }
    Ok(answer)
}

fn newest(tx: &Transaction<'_>, device: &DeviceId, column: &str) -> Result<u64, Failure> {
    let found = tx
        .prepare_cached(&format!("SELECT {column} FROM channels WHERE device = ?1"))?
        .query_row(params![device.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

fn ensure(tx: &Transaction<'_>, device: &DeviceId) -> Result<(), Failure> {
    tx.prepare_cached("INSERT OR IGNORE INTO channels (device) VALUES (?1)")?
        .execute(params![device.as_bytes()])?;
    Ok(())
}
