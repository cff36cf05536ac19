//! Chunks in the database.

use std::collections::{BTreeSet, HashSet};

use belay_proto::AccountId;
use belay_proto::sync::ChunkId;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::copies::Wanted;
use super::files::{FileName, Files};
use crate::clock::{DAY, HOUR, Millis};
use crate::store::{Failure, StoreError};
use crate::sync;

/// How long a chunk stays that no record needs, from when it was last brought, needed, named or asked after. Long enough for a
/// device that is switched off or paused with the record still to be pushed, and for an owner who is asked whether what another
/// device removed may go: the bytes may be nowhere else.
pub const LIFE: Millis = 30 * DAY;
/// How long it stays even where its account has no room left for another one: nobody is between bringing a chunk and pushing its
/// record for as long.
pub const CERTAIN: Millis = DAY;
/// A chunk that is asked after again and again is noted once in this time.
const NOTED: Millis = HOUR;
/// Chunks that one sweep deletes; the next one goes on.
const SWEPT: usize = 1000;

/// A chunk as its row has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The file with its bytes.
    pub file: FileName,
    /// Its sealed length, bytes.
    pub length: u64,
    /// SHA-256 of the sealed bytes.
    pub digest: [u8; 32],
    /// Whether all of it is there.
    pub whole: bool,
}

/// A chunk of an account.
///
/// # Errors
/// A broken database.
pub fn find(tx: &Transaction<'_>, account: &AccountId, id: &ChunkId) -> Result<Option<Row>, Failure> {
    let found = tx
        .prepare_cached("SELECT file, length, digest, whole FROM chunks WHERE account = ?1 AND id = ?2")?
        .query_row(params![account.as_bytes(), id.as_bytes()], |row| {
            Ok(Row {
                file: FileName::from_bytes(row.get(0)?),
                length: row.get(1)?,
                digest: row.get(2)?,
                whole: row.get(3)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// Keeps a chunk that is to come in place of the one before. What it takes is the caller's to count.
///
/// # Errors
/// A broken database.
pub fn put(
    tx: &Transaction<'_>,
    account: &AccountId,
    id: &ChunkId,
    row: &Row,
    now: Millis,
) -> Result<(), Failure> {
    tx.prepare_cached(
        "INSERT INTO chunks (account, id, file, length, digest, whole, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (account, id) DO UPDATE SET
             file = ?3, length = ?4, digest = ?5, whole = ?6, until = CASE WHEN uses = 0 THEN ?7 END",
    )?
    .execute(params![
        account.as_bytes(),
        id.as_bytes(),
        row.file.as_bytes(),
        row.length,
        row.digest,
        row.whole,
        now.saturating_add(LIFE)
    ])?;
    Ok(())
}

/// Has chunks that no record needs stay for a while longer.
///
/// # Errors
/// A broken database.
pub fn keep(
    tx: &Transaction<'_>,
    account: &AccountId,
    chunks: &[ChunkId],
    now: Millis,
) -> Result<(), Failure> {
    let until = now.saturating_add(LIFE);
    let mut keep = tx.prepare_cached(
        "UPDATE chunks SET until = ?3 WHERE account = ?1 AND id = ?2 AND uses = 0 AND until < ?4",
    )?;
    // A record may name the same ones again and again.
    let distinct: HashSet<&ChunkId> = chunks.iter().collect();
    for id in distinct {
        keep.execute(params![
            account.as_bytes(),
            id.as_bytes(),
            until,
            until.saturating_sub(NOTED)
        ])?;
    }
    Ok(())
}

/// Whether [`keep`] would change anything.
///
/// # Errors
/// A broken database.
pub fn is_keeping_due(
    tx: &Transaction<'_>,
    account: &AccountId,
    chunks: &[ChunkId],
    now: Millis,
) -> Result<bool, Failure> {
    let noted = now.saturating_add(LIFE).saturating_sub(NOTED);
    let mut due = tx.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM chunks WHERE account = ?1 AND id = ?2 AND uses = 0 AND until < ?3)",
    )?;
    for id in chunks {
        if due.query_row(params![account.as_bytes(), id.as_bytes(), noted], |row| {
            row.get(0)
        })? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Notes that all of a chunk is there; false when that upload's row has gone.
///
/// # Errors
/// A broken database.
pub fn complete(
    tx: &Transaction<'_>,
    account: &AccountId,
    id: &ChunkId,
    file: FileName,
    now: Millis,
) -> Result<bool, Failure> {
    let done = tx
        .prepare_cached(
            "UPDATE chunks SET whole = 1, until = CASE WHEN uses = 0 THEN ?4 END
             WHERE account = ?1 AND id = ?2 AND file = ?3",
        )?
        .execute(params![
            account.as_bytes(),
            id.as_bytes(),
            file.as_bytes(),
            now.saturating_add(LIFE)
        ])?;
    Ok(done > 0)
}

/// Notes that a chunk's file is lost: it has to come again.
///
/// # Errors
/// A broken database.
pub fn lose(tx: &Transaction<'_>, account: &AccountId, id: &ChunkId, file: FileName) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE chunks SET whole = 0 WHERE account = ?1 AND id = ?2 AND file = ?3")?
        .execute(params![account.as_bytes(), id.as_bytes(), file.as_bytes()])?;
    Ok(())
}

/// Forgets an upload whose bytes were thrown away, and gives back its room. The row stays while records need the chunk.
///
/// # Errors
/// A broken database.
pub fn throw_away(
    tx: &Transaction<'_>,
    account: &AccountId,
    id: &ChunkId,
    file: FileName,
) -> Result<(), Failure> {
    let length: Option<u64> = tx
        .prepare_cached(
            "DELETE FROM chunks WHERE account = ?1 AND id = ?2 AND file = ?3 AND uses = 0 RETURNING length",
        )?
        .query_row(
            params![account.as_bytes(), id.as_bytes(), file.as_bytes()],
            |row| row.get(0),
        )
        .optional()?;
    match length {
        Some(length) => sync::table::give_back(tx, account.as_bytes(), length),
        None => Ok(()),
    }
}

/// Which of a record's chunks aren't there, each once, in their order.
///
/// # Errors
/// A broken database.
pub fn lacking(
    tx: &Transaction<'_>,
    account: &AccountId,
    chunks: &[ChunkId],
) -> Result<Vec<ChunkId>, Failure> {
    let (mut seen, mut lacking) = (HashSet::new(), Vec::new());
    for id in chunks.iter().filter(|id| seen.insert(**id)) {
        if !find(tx, account, id)?.is_some_and(|row| row.whole) {
            lacking.push(*id);
        }
    }
    Ok(lacking)
}

/// Counts what a record needs in place of what it needed before.
///
/// # Errors
/// A broken database.
pub fn need(
    tx: &Transaction<'_>,
    account: &AccountId,
    before: &[ChunkId],
    after: &[ChunkId],
    now: Millis,
) -> Result<(), Failure> {
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), after.iter().collect());
    let mut more =
        tx.prepare_cached("UPDATE chunks SET uses = uses + 1, until = NULL WHERE account = ?1 AND id = ?2")?;
    for id in after.difference(&before) {
        more.execute(params![account.as_bytes(), id.as_bytes()])?;
    }
    let mut fewer = tx.prepare_cached(
        "UPDATE chunks SET uses = uses - 1, until = CASE WHEN uses = 1 THEN ?3 END
         WHERE account = ?1 AND id = ?2",
    )?;
    for id in before.difference(&after) {
        fewer.execute(params![
            account.as_bytes(),
            id.as_bytes(),
            now.saturating_add(LIFE)
        ])?;
    }
    Ok(())
}

/// Deletes chunks that no record has needed for a while; what their files were. None while a backup holds the files.
///
/// # Errors
/// A broken database.
pub fn forget(tx: &Transaction<'_>, files: &Files, now: Millis) -> Result<Vec<FileName>, Failure> {
    if files.are_held() {
        return Ok(Vec::new());
    }
    let over: Vec<([u8; 16], [u8; 16], u64)> = tx
        .prepare_cached(
            "DELETE FROM chunks
             WHERE (account, id) IN (SELECT account, id FROM chunks WHERE until <= ?1 LIMIT ?2)
             RETURNING account, file, length",
        )?
        .query_map(params![now, SWEPT], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut gone = Vec::with_capacity(over.len());
    for (account, file, length) in over {
        sync::table::give_back(tx, &account, length)?;
        gone.push(FileName::from_bytes(file));
    }
    Ok(gone)
}

/// Deletes chunks of an account that no record has needed for longer than [`CERTAIN`], those first that would go first, until
/// `bytes` are free; all or none. How many bytes that gave, which is the caller's to count, and what the files were. None while a
/// backup holds the files.
///
/// # Errors
/// A broken database.
pub fn make_room(
    tx: &Transaction<'_>,
    files: &Files,
    account: &AccountId,
    bytes: u64,
    now: Millis,
) -> Result<(u64, Vec<FileName>), Failure> {
    if files.are_held() {
        return Ok((0, Vec::new()));
    }
    let before = now.saturating_add(LIFE - CERTAIN);
    let there: u64 = tx
        .prepare_cached("SELECT coalesce(sum(length), 0) FROM chunks WHERE account = ?1 AND until <= ?2")?
        .query_row(params![account.as_bytes(), before], |row| row.get(0))?;
    if there < bytes {
        return Ok((0, Vec::new()));
    }
    let mut due = tx.prepare_cached(
        "SELECT id, file, length FROM chunks WHERE account = ?1 AND until <= ?2 ORDER BY until",
    )?;
    let mut due = due.query(params![account.as_bytes(), before])?;
    let (mut free, mut ids, mut gone) = (0_u64, Vec::<[u8; 32]>::new(), Vec::new());
    while free < bytes
        && let Some(row) = due.next()?
    {
        ids.push(row.get(0)?);
        gone.push(FileName::from_bytes(row.get(1)?));
        free = free.saturating_add(row.get(2)?);
    }
    let mut delete = tx.prepare_cached("DELETE FROM chunks WHERE account = ?1 AND id = ?2")?;
    for id in ids {
        delete.execute(params![account.as_bytes(), id])?;
    }
    Ok((free, gone))
}

/// What [`settle`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Files that no row had.
    pub removed: usize,
    /// Chunks without a file.
    pub lost: usize,
}

/// Brings rows and files together when the cloud starts, and beside a running one: removes files that no row has, and notes
/// which chunks are lost, and which of these are there again.
///
/// # Errors
/// A broken database, or the file system's; nothing is noted where it isn't the chunks' disk, see [`Files::expect`].
pub fn settle(connection: &Connection, files: &Files) -> Result<Settled, StoreError> {
    // In this order: a row is there before its file.
    let there: HashSet<FileName> = files.names().map_err(StoreError::Files)?.into_iter().collect();
    let mut rows = HashSet::new();
    let (mut lost, mut found) = (Vec::new(), Vec::new());
    let mut all = connection.prepare("SELECT file, length, digest, whole, uses > 0 FROM chunks")?;
    let mut all = all.query([])?;
    while let Some(row) = all.next()? {
        let (file, whole) = (FileName::from_bytes(row.get(0)?), row.get(3)?);
        let is_there = there.contains(&file) || files.length(file).map_err(StoreError::Files)? > 0;
        match (whole, is_there) {
            (true, false) => {
                files.expect(file).map_err(StoreError::Files)?;
                lost.push(file);
            }
            // A record came after it was whole; of an upload that is under way its device brings the end.
            (false, true) if row.get(4)? => {
                let (length, digest) = (row.get(1)?, row.get(2)?);
                let wanted = Wanted {
                    name: file,
                    length,
                    digest,
                };
                if files.regains(wanted).map_err(StoreError::Files)? {
                    found.push(file);
                }
            }
            _ => {}
        }
        rows.insert(file);
    }
    let mut find = connection.prepare("UPDATE chunks SET whole = 1 WHERE file = ?1")?;
    for file in &found {
        find.execute(params![file.as_bytes()])?;
    }
    if !found.is_empty() {
        tracing::info!(chunks = found.len(), "chunks that had to come again are there");
    }
    let mut lose = connection.prepare("UPDATE chunks SET whole = 0 WHERE file = ?1")?;
    for file in &lost {
        lose.execute(params![file.as_bytes()])?;
    }
    if !lost.is_empty() {
        tracing::warn!(chunks = lost.len(), "chunks are lost, and have to come again");
    }
    // Of a row that has gone since a backup copied the database, the backup still wants the file.
    let nobodys: Vec<_> = match files.are_held() {
        true => Vec::new(),
        false => there.difference(&rows).collect(),
    };
    nobodys.iter().for_each(|file| files.remove_now(**file));
    Ok(Settled {
        removed: nobodys.len(),
        lost: lost.len(),
    })
}
