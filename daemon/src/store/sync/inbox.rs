//! The rows of a pull.

use belay_proto::Secret;
use belay_proto::sync::{Content, RecordId, Revision};
use belay_sync::record::is_let_go;
use rusqlite::{Connection, Row, Transaction, params};

use super::unopened::forget_unopened;
use super::{MALFORMED, place, unreadable};
use crate::store::{Sealer, StoreError};

/// The column of `arrived` that is sealed.
const ARRIVED: &str = "arrived";
/// All removals that wait.
const ALL: &str = "arrived WHERE collection = ?1";
/// Those of versions that were let go. Unless it is told the database goes through all.
pub(super) const LET_GO: &str = "arrived INDEXED BY arrived_let_go WHERE collection = ?1 AND let_go = 1";
/// Records that a listing hasn't shown.
pub(super) const UNSEEN: &str =
    "SELECT id FROM record WHERE collection = ?1 AND unseen = 1 ORDER BY position LIMIT ?2";

/// A removal from the cloud that waits.
#[derive(Debug)]
pub struct Arrived {
    /// The record's id.
    pub id: RecordId,
    /// The cloud's.
    pub revision: Revision,
    /// The removal.
    pub content: Content,
}

/// Begins a listing anew: whatever the cloud was once seen with has to show.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn list_anew(transaction: &Transaction<'_>, collection: &str) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE collection SET cursor = NULL, unread = 0 WHERE name = ?1")?
        .execute([collection])?;
    forget_unopened(transaction, collection)?;
    transaction
        .prepare_cached("UPDATE record SET unseen = 1 WHERE collection = ?1 AND base IS NOT NULL")?
        .execute([collection])?;
    Ok(())
}

/// The cloud has shown a record; whether a listing was waiting for it.
///
/// # Errors
/// [`StoreError`].
pub fn seen(transaction: &Transaction<'_>, collection: &str, id: &RecordId) -> Result<bool, StoreError> {
    let changed = transaction
        .prepare_cached("UPDATE record SET unseen = 0 WHERE collection = ?1 AND id = ?2 AND unseen = 1")?
        .execute(params![collection, id.as_bytes()])?;
    Ok(changed > 0)
}

/// How many records there are, removals among them.
///
/// # Errors
/// [`StoreError`].
pub fn count(connection: &Connection, collection: &str) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM record WHERE collection = ?1")?;
    Ok(statement.query_row([collection], |row| row.get(0))?)
}

/// Whether a record is known to have been removed. One that can't be read wasn't.
///
/// # Errors
/// [`StoreError`].
pub fn is_removed(connection: &Connection, collection: &str, id: &RecordId) -> Result<bool, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM record WHERE collection = ?1 AND id = ?2 AND removed = 1")?;
    Ok(statement.exists(params![collection, id.as_bytes()])?)
}

/// The first records that a listing hasn't shown, at most so many.
///
/// # Errors
/// [`StoreError`].
pub fn unseen(connection: &Connection, collection: &str, most: usize) -> Result<Vec<RecordId>, StoreError> {
    let mut statement = connection.prepare_cached(UNSEEN)?;
    let ids = statement.query_map(params![collection, most], |row| {
        Ok(RecordId::from_bytes(row.get(0)?))
    })?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Notes that something didn't open with the keys of this mark, and may with others; 0: all of it did.
///
/// # Errors
/// [`StoreError`].
pub fn unread(transaction: &Transaction<'_>, collection: &str, mark: u64) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE collection SET unread = ?2 WHERE name = ?1")?
        .execute(params![collection, mark])?;
    Ok(())
}

/// Has a removal wait, in place of one that waited.
///
/// # Errors
/// [`StoreError`].
pub fn stage(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    collection: &str,
    arrived: &Arrived,
) -> Result<(), StoreError> {
    let content = Secret::new(arrived.content.encode());
    let sealed = sealer.seal(&place(collection, &arrived.id, ARRIVED), content.expose());
    transaction
        .prepare_cached(
            "INSERT INTO arrived (collection, id, revision, content, let_go) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (collection, id) DO UPDATE SET revision = ?3, content = ?4, let_go = ?5",
        )?
        .execute(params![
            collection,
            arrived.id.as_bytes(),
            arrived.revision.as_bytes(),
            sealed,
            is_let_go(&arrived.content)
        ])?;
    Ok(())
}

/// A removal waits no more; whether it did.
///
/// # Errors
/// [`StoreError`].
pub fn unstage(transaction: &Transaction<'_>, collection: &str, id: &RecordId) -> Result<bool, StoreError> {
    let changed = transaction
        .prepare_cached("DELETE FROM arrived WHERE collection = ?1 AND id = ?2")?
        .execute(params![collection, id.as_bytes()])?;
    Ok(changed > 0)
}

/// The first removals that wait, at most so many; none where none does. One that can't be read is fetched again. Where a version
/// was let go, and its record then removed as well, both were meant: versions go first, while they aren't alone yet.
///
/// # Errors
/// [`StoreError`].
pub fn arrived(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    collection: &str,
    most: usize,
) -> Result<Vec<Arrived>, StoreError> {
    loop {
        let (mut readable, mut spoilt) = first_arrived(transaction, sealer, collection, LET_GO, most)?;
        if readable.is_empty() && spoilt.is_empty() {
            (readable, spoilt) = first_arrived(transaction, sealer, collection, ALL, most)?;
        }
        for id in &spoilt {
            unstage(transaction, collection, id)?;
        }
        if !spoilt.is_empty() {
            list_anew(transaction, collection)?;
        }
        if !readable.is_empty() || spoilt.is_empty() {
            return Ok(readable);
        }
    }
}

/// The first ones of these, and those among them that can't be read.
fn first_arrived(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    collection: &str,
    which: &str,
    most: usize,
) -> Result<(Vec<Arrived>, Vec<RecordId>), StoreError> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT id, revision, content FROM {which} ORDER BY id LIMIT ?2"
    ))?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![collection, most])?;
    let (mut readable, mut spoilt) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let id = RecordId::from_bytes(row.get(0)?);
        match waits(row, sealer, collection, id) {
            Ok(arrived) => readable.push(arrived),
            Err(error) if error.is_of_a_value() => {
                unreadable(&error);
                spoilt.push(id);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((readable, spoilt))
}

fn waits(row: &Row<'_>, sealer: &Sealer, collection: &str, id: RecordId) -> Result<Arrived, StoreError> {
    let sealed: Vec<u8> = row.get(2)?;
    let bytes = sealer.open(&place(collection, &id, ARRIVED), &sealed)?;
    Ok(Arrived {
        id,
        revision: Revision::from_bytes(row.get(1)?),
        content: Content::decode(bytes.expose()).map_err(|_| MALFORMED)?,
    })
}
