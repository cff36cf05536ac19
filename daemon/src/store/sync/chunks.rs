//! The rows of asking whether the cloud still has the chunks of what is here.

use belay_proto::sync::{ChunkId, RecordId};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{COLUMNS, LACKS, listed, unreadable};
use crate::store::{Sealer, StoreError};

/// Records that may have chunks, of which the cloud is to have all. Which index it is has to be said: another one has them too,
/// among all those that are short.
pub(super) const LONG: &str =
    "record INDEXED BY record_long WHERE removed = 0 AND bytes > 262144 AND (pending = 0 OR stuck = 1)";
/// Records of which the cloud lacks chunks, likewise.
pub(super) const LACKING: &str = "record INDEXED BY record_lacking WHERE removed = 0 AND stuck = 1";
/// Chunks of one page are more than asked for only where one record has them.
const ROWS: usize = 4096;

/// A record with the chunks that its content is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunked {
    /// Where to go on.
    pub position: u64,
    /// Its id.
    pub id: RecordId,
    /// The state of it that has these chunks.
    pub revision: u64,
    /// Whether the cloud was known to lack some.
    pub lacks: bool,
    /// Each once.
    pub chunks: Vec<ChunkId>,
}

/// All chunks of a collection are to be asked after, whenever they last were.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn check_anew(transaction: &Transaction<'_>, collection: &str) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE collection SET checking = 0 WHERE name = ?1")?
        .execute([collection])?;
    Ok(())
}

/// After which position chunks are to be asked after; none: it was done less than `each` seconds ago. `now`, seconds since
/// the epoch. What was never asked after counts as asked after now: it was brought or fetched a moment ago.
///
/// # Errors
/// [`StoreError`].
pub fn checking(
    connection: &Connection,
    collection: &str,
    each: u64,
    now: u64,
) -> Result<Option<u64>, StoreError> {
    let found: Option<(u64, Option<u64>)> = connection
        .prepare_cached("SELECT checked, checking FROM collection WHERE name = ?1")?
        .query_row([collection], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        None => None,
        Some((_, Some(after))) => Some(after),
        // A clock that was ahead would keep it from being done for as long.
        Some((checked, None)) if checked == 0 || checked > now => {
            self::checked(connection, collection, None, now)?;
            None
        }
        Some((checked, None)) => (now - checked >= each).then_some(0),
    })
}

/// Notes that all chunks before a position were asked after; none: all there are, at `now`.
///
/// # Errors
/// [`StoreError`].
pub fn checked(
    connection: &Connection,
    collection: &str,
    position: Option<u64>,
    now: u64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE collection SET checking = ?2, checked = CASE WHEN ?2 IS NULL THEN ?3 ELSE checked END
             WHERE name = ?1",
        )?
        .execute(params![collection, position, now])?;
    Ok(())
}

/// The next records with chunks after a position, of which the cloud is to have all: so many that they have about `most`
/// chunks. None are left where it answers none.
///
/// # Errors
/// [`StoreError`].
pub fn chunked(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    after: u64,
    most: usize,
) -> Result<Vec<Chunked>, StoreError> {
    page(connection, sealer, LONG, (collection, after), most)
}

/// The next records of which the cloud lacks chunks, likewise.
///
/// # Errors
/// [`StoreError`].
pub fn lacking_chunks(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    after: u64,
    most: usize,
) -> Result<Vec<Chunked>, StoreError> {
    page(connection, sealer, LACKING, (collection, after), most)
}

/// Notes that the cloud lacks chunks of a record, unless it was changed meanwhile; whether that is news.
///
/// # Errors
/// [`StoreError`].
pub fn lacks_chunks(
    transaction: &Transaction<'_>,
    collection: &str,
    id: &RecordId,
    here: u64,
) -> Result<bool, StoreError> {
    became(transaction, collection, id, here, [0, LACKS])
}

/// Notes that it has all of them again; whether that is news.
///
/// # Errors
/// [`StoreError`].
pub fn has_all_chunks(
    transaction: &Transaction<'_>,
    collection: &str,
    id: &RecordId,
    here: u64,
) -> Result<bool, StoreError> {
    became(transaction, collection, id, here, [LACKS, 0])
}

fn became(
    transaction: &Transaction<'_>,
    collection: &str,
    id: &RecordId,
    here: u64,
    [before, after]: [i64; 2],
) -> Result<bool, StoreError> {
    let changed = transaction
        .prepare_cached(
            "UPDATE record SET stuck = ?5
             WHERE collection = ?1 AND id = ?2 AND revision = ?3 AND stuck = ?4 AND removed = 0",
        )?
        .execute(params![collection, id.as_bytes(), here, before, after])?;
    Ok(changed > 0)
}

pub(super) fn select(which: &str) -> String {
    format!("SELECT {COLUMNS} FROM {which} AND collection = ?1 AND position > ?2 ORDER BY position")
}

fn page(
    connection: &Connection,
    sealer: &Sealer,
    which: &str,
    (collection, after): (&str, u64),
    most: usize,
) -> Result<Vec<Chunked>, StoreError> {
    let mut statement = connection.prepare_cached(&select(which))?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![collection, after])?;
    let (mut all, mut chunks) = (Vec::new(), 0);
    while all.len() < ROWS
        && chunks < most
        && let Some(row) = rows.next()?
    {
        match read(row, sealer, collection) {
            Ok(found) => {
                chunks += found.chunks.len();
                all.push(found);
            }
            Err(error) if error.is_of_a_value() => unreadable(&error),
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn read(row: &Row<'_>, sealer: &Sealer, collection: &str) -> Result<Chunked, StoreError> {
    let found = listed(row, sealer, collection)?;
    let mut chunks: Vec<ChunkId> = found.held.content.chunks.0.iter().map(|chunk| chunk.id).collect();
    chunks.sort_unstable_by_key(|id| *id.as_bytes());
    chunks.dedup();
    Ok(Chunked {
        position: found.position,
        id: found.id,
        revision: found.held.revision,
        lacks: found.lacks,
        chunks,
    })
}
