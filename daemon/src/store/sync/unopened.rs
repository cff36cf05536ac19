//! Records as the cloud shows them that don't open here: it passes for one that keeps something back until they do. The cursor
//! lies behind them, so that nothing else remembers them.

use belay_proto::sync::RecordId;
use rusqlite::{Connection, Transaction, params};

use super::REFUSED;
use crate::store::StoreError;

/// So many of a collection that aren't here are noted at most, however many a cloud makes up.
const MOST: usize = 10_000;

/// Records of this device that what doesn't open is in the way of: the cloud won't have them until it does.
const IN_THE_WAY: &str = "collection = ?1 AND stuck > 0 AND stuck = ?2
     AND EXISTS (SELECT 1 FROM unopened WHERE unopened.collection = ?1 AND unopened.id = record.id)";

/// Notes that these don't open. Of those that there are records of here all are noted: there are no more of them than those.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn note_unopened(
    transaction: &Transaction<'_>,
    collection: &str,
    ids: &[RecordId],
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut noted: usize = transaction
        .prepare_cached("SELECT count(*) FROM unopened WHERE collection = ?1")?
        .query_row([collection], |row| row.get(0))?;
    let mut note = transaction.prepare_cached(
        "INSERT OR IGNORE INTO unopened (collection, id)
         SELECT ?1, ?2 WHERE ?3 OR EXISTS (SELECT 1 FROM record WHERE collection = ?1 AND id = ?2)",
    )?;
    for id in ids {
        noted += note.execute(params![collection, id.as_bytes(), noted < MOST])?;
    }
    Ok(())
}

/// Whether the cloud has shown a record that didn't open.
///
/// # Errors
/// [`StoreError`].
pub fn is_unopened(connection: &Connection, collection: &str, id: &RecordId) -> Result<bool, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM unopened WHERE collection = ?1 AND id = ?2")?;
    Ok(statement.exists(params![collection, id.as_bytes()])?)
}

/// What the cloud has of a record opens, or it has nothing of it. What that was in the way of goes again.
///
/// # Errors
/// [`StoreError`].
pub fn opened(transaction: &Transaction<'_>, collection: &str, id: &RecordId) -> Result<(), StoreError> {
    let gone = transaction
        .prepare_cached("DELETE FROM unopened WHERE collection = ?1 AND id = ?2")?
        .execute(params![collection, id.as_bytes()])?;
    if gone > 0 {
        transaction
            .prepare_cached("UPDATE record SET stuck = 0 WHERE collection = ?1 AND id = ?2 AND stuck = ?3")?
            .execute(params![collection, id.as_bytes(), REFUSED])?;
    }
    Ok(())
}

/// Whether any doesn't open.
///
/// # Errors
/// [`StoreError`].
pub fn are_unopened(connection: &Connection, collection: &str) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM unopened WHERE collection = ?1")?;
    Ok(statement.exists([collection])?)
}

/// How many records of this device wait since what doesn't open is in their way.
///
/// # Errors
/// [`StoreError`].
pub(super) fn count_in_the_way(connection: &Connection, collection: &str) -> Result<u64, StoreError> {
    let sql = format!("SELECT count(*) FROM record WHERE {IN_THE_WAY}");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row(params![collection, REFUSED], |row| row.get(0))?)
}

/// They are tried again: the cloud may show something else by now.
///
/// # Errors
/// [`StoreError`].
pub fn try_in_the_way(transaction: &Transaction<'_>, collection: &str) -> Result<(), StoreError> {
    let sql = format!("UPDATE record SET stuck = 0 WHERE {IN_THE_WAY}");
    transaction
        .prepare_cached(&sql)?
        .execute(params![collection, REFUSED])?;
    Ok(())
}

/// A listing from the start shows all of them again, or the cloud has them no more; what they were in the way of finds out.
///
/// # Errors
/// [`StoreError`].
pub(super) fn forget_unopened(transaction: &Transaction<'_>, collection: &str) -> Result<(), StoreError> {
    try_in_the_way(transaction, collection)?;
    transaction
        .prepare_cached("DELETE FROM unopened WHERE collection = ?1")?
        .execute([collection])?;
    Ok(())
}
