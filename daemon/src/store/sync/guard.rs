//! What the owner is asked before, counted: the triggers keep the numbers, so that a look at them costs the same however many
//! removals wait.

use belay_proto::Secret;
use belay_proto::sync::{Content, RecordId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{MALFORMED, place};
use crate::store::{Sealer, StoreError};

/// The column of what the owner last had, as it is sealed for.
const LAST: &str = "last";

/// Removals of one side that wait, and of which the owner wasn't asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub removals: u64,
    /// Another number for other ones; drawn at random.
    pub set: i64,
    /// The owner is asked about them, since so many more had gone unasked.
    pub asked: Option<u64>,
}

/// Where records were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// On this device.
    Here,
    /// On others.
    Cloud,
}

/// What the guard looks at in a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    /// Records that are there.
    pub records: u64,
    /// What was removed here, and the cloud has.
    pub here: Waiting,
    /// What was removed on other devices, and is there.
    pub cloud: Waiting,
}

/// What the guard looks at; nothing of a collection that isn't there.
///
/// # Errors
/// [`StoreError`].
pub fn guarded(connection: &Connection, collection: &str) -> Result<Guarded, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT records, unasked, unasked_set, asked_here, arrived, arrived_set, asked_cloud
         FROM collection WHERE name = ?1",
    )?;
    let guarded = statement.query_row([collection], |row| {
        let waiting = |first: usize| {
            Ok::<_, rusqlite::Error>(Waiting {
                removals: row.get(first)?,
                set: row.get(first + 1)?,
                asked: row.get(first + 2)?,
            })
        };
        Ok(Guarded {
            records: row.get(0)?,
            here: waiting(1)?,
            cloud: waiting(4)?,
        })
    });
    Ok(guarded.optional()?.unwrap_or_default())
}

/// Notes that a question stands, since when `went` more had gone unasked, or that none does.
///
/// # Errors
/// [`StoreError`].
pub fn stand(
    connection: &Connection,
    collection: &str,
    side: Side,
    went: Option<u64>,
) -> Result<(), StoreError> {
    let sql = match side {
        Side::Here => "UPDATE collection SET asked_here = ?2 WHERE name = ?1",
        Side::Cloud => "UPDATE collection SET asked_cloud = ?2 WHERE name = ?1",
    };
    connection
        .prepare_cached(sql)?
        .execute(params![collection, went])?;
    Ok(())
}

/// A removal that waits is none of the owner's, who isn't asked about it.
///
/// # Errors
/// [`StoreError`].
pub fn needs_no_answer(
    transaction: &Transaction<'_>,
    collection: &str,
    id: &RecordId,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "UPDATE record SET agreed = 1 WHERE collection = ?1 AND id = ?2 AND pending = 1 AND removed = 1",
        )?
        .execute(params![collection, id.as_bytes()])?;
    Ok(())
}

/// Keeps what the owner had of a record that was removed before the cloud had it, as [`Content::encode`] writes it, until the
/// removal is there.
///
/// # Errors
/// [`StoreError`].
pub fn keep_last(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    collection: &str,
    id: &RecordId,
    last: &Secret<Vec<u8>>,
) -> Result<(), StoreError> {
    let sealed = sealer.seal(&place(collection, id, LAST), last.expose());
    transaction
        .prepare_cached("UPDATE record SET last = ?3 WHERE collection = ?1 AND id = ?2")?
        .execute(params![collection, id.as_bytes(), sealed])?;
    Ok(())
}

/// What the owner had of a record that was removed, where that isn't what the cloud has.
///
/// # Errors
/// [`StoreError`].
pub fn last(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    id: &RecordId,
) -> Result<Option<Content>, StoreError> {
    let sealed: Option<Option<Vec<u8>>> = connection
        .prepare_cached("SELECT last FROM record WHERE collection = ?1 AND id = ?2")?
        .query_row(params![collection, id.as_bytes()], |row| row.get(0))
        .optional()?;
    let Some(sealed) = sealed.flatten() else {
        return Ok(None);
    };
    let bytes = sealer.open(&place(collection, id, LAST), &sealed)?;
    Content::decode(bytes.expose()).map(Some).map_err(|_| MALFORMED)
}
