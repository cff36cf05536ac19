//! Records as the cloud shows them that don't open here: it passes for one that keeps something back until they do. The cursor
//! lies behind them, so that nothing else remembers them.

use belay_proto::sync::RecordId;
use rusqlite::{Connection, Transaction, params};

use crate::store::StoreError;

/// So many of a collection are noted at most, however many a cloud makes up.
const MOST: usize = 10_000;

/// Notes that these don't open.
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
    let noted: usize = transaction
        .prepare_cached("SELECT count(*) FROM unopened WHERE collection = ?1")?
        .query_row([collection], |row| row.get(0))?;
    let mut note =
        transaction.prepare_cached("INSERT OR IGNORE INTO unopened (collection, id) VALUES (?1, ?2)")?;
    for id in ids.iter().take(MOST.saturating_sub(noted)) {
        note.execute(params![collection, id.as_bytes()])?;
    }
    Ok(())
}

/// What the cloud has of a record opens, or it has nothing of it.
///
/// # Errors
/// [`StoreError`].
pub fn opened(transaction: &Transaction<'_>, collection: &str, id: &RecordId) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM unopened WHERE collection = ?1 AND id = ?2")?
        .execute(params![collection, id.as_bytes()])?;
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

/// A listing from the start shows all of them again.
///
/// # Errors
/// [`StoreError`].
pub(super) fn forget_unopened(transaction: &Transaction<'_>, collection: &str) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM unopened WHERE collection = ?1")?
        .execute([collection])?;
    Ok(())
}
