//! The rows of accessories and their health data, each sealed.

mod heard;
mod history;
mod sharing;

use std::collections::BTreeMap;

use belay_drivers::{ActivityMinute, Reading};
use belay_proto::id::{AccessoryId, AccountId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Sealer, StoreError, pairing, registry};
use crate::accessory::day::{Minutes, Readings, What, day_of};
use crate::accessory::model::Saved;

pub use heard::{forget_heard, heard, unheard};
pub use history::{activity, newest_readings};
pub use sharing::{Unshared, shared, unshared};

const MALFORMED: StoreError = StoreError::Malformed { what: "accessory" };
const MALFORMED_DAY: StoreError = StoreError::Malformed {
    what: "day of health data",
};

/// The accessories of `account`. Those of another account, which a binding that ended left, are none of its business.
/// A row that can't be read is logged and left out: the others are as good as before.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn load(connection: &Connection, sealer: &Sealer, account: AccountId) -> Result<Vec<Saved>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT id, kind, sealed, synced_to, synced_at FROM accessory WHERE account = ?1 ORDER BY id",
    )?;
    let rows = statement.query_map([account.as_bytes()], columns)?;
    let mut all = Vec::new();
    for row in rows {
        let row = row?;
        let id = row.0;
        match read_row(sealer, row) {
            Ok(saved) => all.push(saved),
            Err(error) => {
                tracing::error!(%id, error = &error as &dyn std::error::Error, "reading an accessory")
            }
        }
    }
    Ok(all)
}

/// One accessory of `account`.
///
/// # Errors
/// [`StoreError`].
pub fn find(
    connection: &Connection,
    sealer: &Sealer,
    account: AccountId,
    id: AccessoryId,
) -> Result<Option<Saved>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT id, kind, sealed, synced_to, synced_at FROM accessory WHERE account = ?1 AND id = ?2",
    )?;
    let row = statement.query_row([account.as_bytes(), id.as_bytes()], columns);
    row.optional()?.map(|row| read_row(sealer, row)).transpose()
}

type AccessoryRow = (AccessoryId, String, Vec<u8>, u64, u64);

fn columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<AccessoryRow> {
    Ok((
        AccessoryId::from_bytes(row.get(0)?),
        row.get(1)?,
        row.get(2)?,
        row.get::<_, i64>(3)?.unsigned_abs(),
        row.get::<_, i64>(4)?.unsigned_abs(),
    ))
}

fn read_row(
    sealer: &Sealer,
    (id, kind, sealed, synced_to, synced_at): AccessoryRow,
) -> Result<Saved, StoreError> {
    let secrets = sealer.open(&place(id), &sealed)?;
    Saved::read(id, &kind, secrets.expose(), synced_to, synced_at).map_err(|_| MALFORMED)
}

/// Keeps an accessory of `account`, in place of what was kept of it.
///
/// # Errors
/// [`StoreError`].
pub fn save(
    connection: &Connection,
    sealer: &Sealer,
    account: AccountId,
    saved: &Saved,
) -> Result<(), StoreError> {
    let secrets = saved.secrets().map_err(|_| MALFORMED)?;
    connection.execute(
        "INSERT OR REPLACE INTO accessory (id, account, kind, sealed, synced_to, synced_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            saved.id.as_bytes(),
            account.as_bytes(),
            saved.kind.name(),
            sealer.seal(&place(saved.id), &secrets),
            number(saved.synced_to),
            number(saved.synced_at),
        ],
    )?;
    Ok(())
}

/// Forgets an accessory and its key; its health data stays the owner's.
///
/// # Errors
/// [`StoreError`].
pub fn remove(connection: &Connection, id: AccessoryId) -> Result<(), StoreError> {
    connection.execute("DELETE FROM accessory WHERE id = ?1", [id.as_bytes()])?;
    Ok(())
}

/// Forgets every accessory and key, and what was known of the registry: the binding has ended.
///
/// # Errors
/// [`StoreError`].
pub fn forget_keys(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("DELETE FROM accessory", [])?;
    pairing::forget(connection)?;
    registry::forget(connection)
}

/// Forgets all health data.
///
/// # Errors
/// [`StoreError`].
pub fn forget_data(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("DELETE FROM health_day", [])?;
    Ok(())
}

/// How far the history of an accessory counts as stored, seconds since the epoch.
///
/// # Errors
/// [`StoreError::Forgotten`], as [`must_be_kept`].
fn marked(connection: &Connection, id: AccessoryId) -> Result<u64, StoreError> {
    must_be_kept(connection, id)?;
    let mark = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let of = "SELECT synced_to FROM accessory WHERE id = ?1";
    Ok(connection.query_row(of, [id.as_bytes()], mark)?.unsigned_abs())
}

/// The history of an accessory counts as stored up to `mark`, in seconds since the epoch, and no further: what comes
/// after it is fetched, again where it was dated by a clock that was ahead.
///
/// # Errors
/// [`StoreError`].
pub fn mark(connection: &Connection, id: AccessoryId, mark: u64) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE accessory SET synced_to = ?2 WHERE id = ?1",
        params![id.as_bytes(), number(mark)],
    )?;
    Ok(())
}

/// Nothing is kept of an accessory that isn't the account's any more: a transfer that was under way when it was unpaired,
/// or its owner signed out, would leave behind what was just deleted.
fn must_be_kept(connection: &Connection, id: AccessoryId) -> Result<(), StoreError> {
    let found = connection
        .query_row("SELECT 1 FROM accessory WHERE id = ?1", [id.as_bytes()], |_| {
            Ok(())
        })
        .optional()?;
    found.ok_or(StoreError::Forgotten { what: "accessory" })
}

/// Stores a transfer of history and how far it goes, all of it or nothing. Minutes that are there stay as they are, but
/// those that lie after the mark: a clock that was ahead has dated them so ([`mark`]). Answers how many were new.
///
/// # Errors
/// [`StoreError::Forgotten`] for an accessory that isn't there any more, and the others.
pub fn commit_minutes(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    id: AccessoryId,
    minutes: &[ActivityMinute],
) -> Result<u64, StoreError> {
    let mark = marked(transaction, id)?;
    let mut days: BTreeMap<u64, Vec<&ActivityMinute>> = BTreeMap::new();
    for minute in minutes {
        days.entry(day_of(minute.start)).or_default().push(minute);
    }
    let mut new = 0;
    for (day, minutes) in days {
        let mut record = minutes_of(transaction, sealer, id, day)?;
        let mut replaced = false;
        let mut put = |minute: &&ActivityMinute| {
            let new = record.put(minute);
            replaced |= !new && minute.start > mark && record.replace(minute);
            new
        };
        let added = minutes.into_iter().filter(&mut put).count();
        if added > 0 || replaced {
            write(transaction, sealer, id, day, What::Minutes, &record.encode())?;
        }
        new += added as u64;
    }
    if let Some(last) = minutes.iter().map(|minute| minute.start).max() {
        transaction.execute(
            "UPDATE accessory SET synced_to = max(synced_to, ?2) WHERE id = ?1",
            params![id.as_bytes(), number(last)],
        )?;
    }
    Ok(new)
}

/// Stores readings with their times in seconds since the epoch. Answers how many were new.
///
/// # Errors
/// [`StoreError::Forgotten`] for an accessory that isn't there any more, and the others.
pub fn commit_readings(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    id: AccessoryId,
    readings: &[(u64, Reading)],
) -> Result<u64, StoreError> {
    must_be_kept(transaction, id)?;
    let mut days: BTreeMap<u64, Vec<(u64, Reading)>> = BTreeMap::new();
    for (second, reading) in readings {
        days.entry(day_of(*second)).or_default().push((*second, *reading));
    }
    let mut new = 0;
    for (day, readings) in days {
        let mut record = readings_of(transaction, sealer, id, day)?;
        let added = readings
            .into_iter()
            .filter(|(second, reading)| record.put(*second, *reading))
            .count();
        if added > 0 {
            write(transaction, sealer, id, day, What::Readings, &record.encode())?;
        }
        new += added as u64;
    }
    Ok(new)
}

/// A sync has ended at `now`, in seconds since the epoch.
///
/// # Errors
/// [`StoreError`].
pub fn synced(connection: &Connection, id: AccessoryId, now: u64) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE accessory SET synced_at = ?2 WHERE id = ?1",
        params![id.as_bytes(), number(now)],
    )?;
    Ok(())
}

fn minutes_of(
    connection: &Connection,
    sealer: &Sealer,
    id: AccessoryId,
    day: u64,
) -> Result<Minutes, StoreError> {
    match read(connection, sealer, id, day, What::Minutes)? {
        Some(bytes) => Minutes::decode(&bytes).map_err(|_| MALFORMED_DAY),
        None => Ok(Minutes::default()),
    }
}

fn readings_of(
    connection: &Connection,
    sealer: &Sealer,
    id: AccessoryId,
    day: u64,
) -> Result<Readings, StoreError> {
    match read(connection, sealer, id, day, What::Readings)? {
        Some(bytes) => Readings::decode(&bytes).map_err(|_| MALFORMED_DAY),
        None => Ok(Readings::default()),
    }
}

fn read(
    connection: &Connection,
    sealer: &Sealer,
    id: AccessoryId,
    day: u64,
    what: What,
) -> Result<Option<Vec<u8>>, StoreError> {
    let sealed: Option<Vec<u8>> = connection
        .prepare_cached("SELECT sealed FROM health_day WHERE accessory = ?1 AND day = ?2 AND what = ?3")?
        .query_row(params![id.as_bytes(), number(day), what.as_str()], |row| {
            row.get(0)
        })
        .optional()?;
    let open = |sealed: Vec<u8>| sealer.open(&day_place(id, day, what), &sealed);
    Ok(sealed.map(open).transpose()?.map(|bytes| bytes.expose().clone()))
}

fn write(
    connection: &Connection,
    sealer: &Sealer,
    id: AccessoryId,
    day: u64,
    what: What,
    bytes: &[u8],
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO health_day (accessory, day, what, sealed, revision) VALUES (?1, ?2, ?3, ?4, 1)
         ON CONFLICT DO UPDATE SET sealed = ?4, revision = revision + 1",
        params![
            id.as_bytes(),
            number(day),
            what.as_str(),
            sealer.seal(&day_place(id, day, what), bytes)
        ],
    )?;
    Ok(())
}

fn place(id: AccessoryId) -> String {
    format!("accessory/sealed/{id}")
}

fn day_place(id: AccessoryId, day: u64, what: What) -> String {
    format!("health_day/sealed/{id}/{day}/{}", what.as_str())
}

/// SQLite's integers are signed; what doesn't fit is later than any time that is met.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
