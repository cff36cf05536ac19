//! The registries in the database.
//!
//! Changes are numbered by the clock, ms since 1970, and always above the number before, so that a cloud that was
//! restored from a backup goes on above the numbers it has forgotten.

use belay_proto::wire::{self, ACCESSORIES_PAGE};
use belay_proto::{AccessoryId, AccountId};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::clock::{DAY, Millis};
use crate::store::{Failure, storable};

/// Accessories of an account.
pub const MOST: u64 = 64;

/// Removals of an account that are remembered; a further one takes the place of the oldest.
const REMOVALS: u64 = 256;

/// How long a removal is told.
const REMOVAL_LIFE: Millis = 180 * DAY;

/// A record.
#[derive(Debug)]
pub struct Row {
    /// Which revision it is.
    pub revision: u64,
    /// Whether it says that the accessory was unpaired.
    pub removed: bool,
    /// The key epoch it is sealed in.
    pub key_epoch: u64,
    /// As the device sealed it.
    pub sealed: Vec<u8>,
}

/// The present record of an accessory.
///
/// # Errors
/// A broken database.
pub fn find(tx: &Transaction<'_>, account: &AccountId, id: &AccessoryId) -> Result<Option<Row>, Failure> {
    let found = tx
        .prepare_cached(
            "SELECT revision, removed, key_epoch, sealed FROM accessories WHERE account = ?1 AND id = ?2",
        )?
        .query_row(params![account.as_bytes(), id.as_bytes()], |row| {
            Ok(Row {
                revision: row.get(0)?,
                removed: row.get(1)?,
                key_epoch: row.get(2)?,
                sealed: row.get(3)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// How many accessories the account has.
///
/// # Errors
/// A broken database.
pub fn count(tx: &Transaction<'_>, account: &AccountId) -> Result<u64, Failure> {
    Ok(tx
        .prepare_cached("SELECT count(*) FROM accessories WHERE account = ?1 AND removed = 0")?
        .query_row(params![account.as_bytes()], |row| row.get(0))?)
}

/// The accessories that the account has.
///
/// # Errors
/// A broken database.
pub fn present(tx: &Transaction<'_>, account: &AccountId) -> Result<Vec<AccessoryId>, Failure> {
    let mut statement =
        tx.prepare_cached("SELECT id FROM accessories WHERE account = ?1 AND removed = 0 ORDER BY id")?;
    let rows = statement.query_map(params![account.as_bytes()], |row| {
        Ok(AccessoryId::from_bytes(row.get(0)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps a record in place of the one before.
///
/// # Errors
/// A broken database.
pub fn put(
    tx: &Transaction<'_>,
    account: &AccountId,
    id: &AccessoryId,
    body: &wire::AccessoryRequest,
    now: Millis,
) -> Result<(), Failure> {
    let number = last(tx, account)?.saturating_add(1).max(storable(now));
    let until = body.removed.then(|| storable(now.saturating_add(REMOVAL_LIFE)));
    tx.prepare_cached(
        "INSERT INTO accessories (account, id, revision, number, removed, key_epoch, sealed, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (account, id) DO UPDATE SET
             revision = ?3, number = ?4, removed = ?5, key_epoch = ?6, sealed = ?7, until = ?8",
    )?
    .execute(params![
        account.as_bytes(),
        id.as_bytes(),
        body.revision,
        number,
        body.removed,
        body.key_epoch,
        body.sealed.0,
        until
    ])?;
    tx.prepare_cached(
        "DELETE FROM accessories WHERE account = ?1 AND removed = 1 AND number <=
             (SELECT number FROM accessories WHERE account = ?1 AND removed = 1
              ORDER BY number DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![account.as_bytes(), REMOVALS])?;
    Ok(())
}

/// What changed after number `after`, a page of it.
///
/// # Errors
/// A broken database.
pub fn changed(
    tx: &Transaction<'_>,
    account: &AccountId,
    after: u64,
) -> Result<wire::AccessoriesAnswer, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT id, revision, removed, key_epoch, sealed, number FROM accessories
         WHERE account = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
    )?;
    let rows = statement.query_map(params![account.as_bytes(), after, ACCESSORIES_PAGE + 1], |row| {
        let entry = wire::AccessoryEntry {
            id: AccessoryId::from_bytes(row.get(0)?),
            revision: row.get(1)?,
            removed: row.get(2)?,
            key_epoch: row.get(3)?,
            sealed: row.get::<_, Vec<u8>>(4)?.into(),
        };
        Ok((entry, row.get::<_, u64>(5)?))
    })?;
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    let more = rows.len() > ACCESSORIES_PAGE;
    rows.truncate(ACCESSORIES_PAGE);
    let newest = match rows.last() {
        Some((_, number)) => *number,
        None => last(tx, account)?,
    };
    Ok(wire::AccessoriesAnswer {
        accessories: rows.into_iter().map(|(entry, _)| entry).collect(),
        last: newest,
        more,
    })
}

/// The number of the newest change; 0 before the first.
fn last(tx: &Transaction<'_>, account: &AccountId) -> Result<u64, Failure> {
    Ok(tx
        .prepare_cached("SELECT ifnull(max(number), 0) FROM accessories WHERE account = ?1")?
        .query_row(params![account.as_bytes()], |row| row.get(0))?)
}
