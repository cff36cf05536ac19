//! Records in the database.

use belay_proto::AccountId;
use belay_proto::sync::{ChunkId, CollectionId, RecordId, Revision};
use belay_proto::wire::{CHANGES_BYTES, Quota, SyncRecord};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::clock::{DAY, Millis};
use crate::store::{Failure, StoreError};

/// How long a removal is told.
const REMOVAL_LIFE: Millis = 180 * DAY;
/// Notes what is forgotten with the removals that are over. Without its index named, SQLite reads the records of all accounts.
const NOTE_FORGOTTEN: &str = "
    UPDATE sync_accounts SET
        forgotten = max(forgotten, over.newest), used = max(0, used - over.bytes)
    FROM (SELECT account, max(sequence) AS newest, sum(length(sealed) + length(chunks) + 128) AS bytes
          FROM records INDEXED BY records_until WHERE until <= ?1 GROUP BY account) AS over
    WHERE sync_accounts.account = over.account";
/// Forgets them.
const FORGET: &str = "DELETE FROM records WHERE until <= ?1";
/// The columns of [`record`], in their order.
const COLUMNS: &str = "collection, id, revision, key_epoch, removed, chunks, sealed, sequence";

/// What is counted of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The number of the newest change.
    pub sequence: u64,
    /// The newest removal that was forgotten.
    pub forgotten: u64,
    /// The newest key epoch that was pushed in.
    pub key_epoch: u64,
    /// Bytes.
    pub used: u64,
    /// Its own quota, bytes.
    pub quota: Option<u64>,
}

impl Counted {
    /// As clients are told, with what the configuration allows.
    #[must_use]
    pub fn quota(&self, default: u64) -> Quota {
        Quota {
            used: self.used,
            total: self.quota.unwrap_or(default),
        }
    }
}

/// What is counted of `account`; nothing before its first push.
///
/// # Errors
/// A broken database.
pub fn counted(tx: &Transaction<'_>, account: &AccountId) -> Result<Counted, Failure> {
    let found = tx
        .prepare_cached(
            "SELECT sequence, forgotten, key_epoch, used, quota FROM sync_accounts WHERE account = ?1",
        )?
        .query_row(params![account.as_bytes()], |row| {
            Ok(Counted {
                sequence: row.get(0)?,
                forgotten: row.get(1)?,
                key_epoch: row.get(2)?,
                used: row.get(3)?,
                quota: row.get(4)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Keeps what is counted of `account`, but its quota, which is the operator's.
///
/// # Errors
/// A broken database.
pub fn count(tx: &Transaction<'_>, account: &AccountId, counted: &Counted) -> Result<(), Failure> {
    tx.prepare_cached(
        "INSERT INTO sync_accounts (account, sequence, forgotten, key_epoch, used) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (account) DO UPDATE SET sequence = ?2, forgotten = ?3, key_epoch = ?4, used = ?5",
    )?
    .execute(params![
        account.as_bytes(),
        counted.sequence,
        counted.forgotten,
        counted.key_epoch,
        counted.used
    ])?;
    Ok(())
}

/// Gives an account a quota of its own, bytes, or has it have the configuration's.
///
/// # Errors
/// A broken database.
pub fn set_quota(tx: &Transaction<'_>, account: &AccountId, quota: Option<u64>) -> Result<(), Failure> {
    tx.prepare_cached(
        "INSERT INTO sync_accounts (account, quota) VALUES (?1, ?2) ON CONFLICT (account) DO UPDATE SET quota = ?2",
    )?
    .execute(params![account.as_bytes(), quota])?;
    Ok(())
}

/// Gives bytes back that an account no longer uses.
///
/// # Errors
/// A broken database.
pub fn give_back(tx: &Transaction<'_>, account: &[u8; 16], bytes: u64) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE sync_accounts SET used = max(0, used - ?2) WHERE account = ?1")?
        .execute(params![account, bytes])?;
    Ok(())
}

/// The present record of an id.
///
/// # Errors
/// A broken database.
pub fn find(
    tx: &Transaction<'_>,
    account: &AccountId,
    collection: &CollectionId,
    id: &RecordId,
) -> Result<Option<SyncRecord>, Failure> {
    let found = tx
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM records WHERE account = ?1 AND collection = ?2 AND id = ?3"
        ))?
        .query_row(
            params![account.as_bytes(), collection.as_bytes(), id.as_bytes()],
            |row| Ok(record(row)),
        )
        .optional()?;
    Ok(found.transpose()?.map(|(record, _)| record))
}

/// Keeps a record in place of the one before, as change `sequence`.
///
/// # Errors
/// A broken database.
pub fn put(
    tx: &Transaction<'_>,
    account: &AccountId,
    record: &SyncRecord,
    sequence: u64,
    now: Millis,
) -> Result<(), Failure> {
    let chunks: Vec<u8> = record.chunks.iter().flat_map(|chunk| *chunk.as_bytes()).collect();
    let until = record.removed.then(|| now.saturating_add(REMOVAL_LIFE));
    tx.prepare_cached(
        "INSERT INTO records (account, collection, id, revision, sequence, key_epoch, removed, chunks, sealed, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (account, collection, id) DO UPDATE SET
             revision = ?4, sequence = ?5, key_epoch = ?6, removed = ?7, chunks = ?8, sealed = ?9, until = ?10",
    )?
    .execute(params![
        account.as_bytes(),
        record.collection.as_bytes(),
        record.id.as_bytes(),
        record.revision.as_bytes(),
        sequence,
        record.key_epoch,
        record.removed,
        chunks,
        record.sealed.0,
        until
    ])?;
    Ok(())
}

/// A page of what changed after number `after`, in one collection or in all, and the number that it reaches when there is
/// more.
///
/// # Errors
/// A broken database.
pub fn changed(
    tx: &Transaction<'_>,
    account: &AccountId,
    collection: Option<&CollectionId>,
    after: u64,
    limit: usize,
) -> Result<(Vec<SyncRecord>, Option<u64>), Failure> {
    let mut statement = tx.prepare_cached(&select(collection.is_some()))?;
    let mut rows = match collection {
        Some(collection) => statement.query(params![account.as_bytes(), after, collection.as_bytes()])?,
        None => statement.query(params![account.as_bytes(), after])?,
    };
    let (mut records, mut bytes, mut reached) = (Vec::new(), 0, after);
    while let Some(row) = rows.next()? {
        let (record, sequence) = record(row)?;
        bytes += length(&record);
        if records.len() == limit || !records.is_empty() && bytes > CHANGES_BYTES {
            return Ok((records, Some(reached)));
        }
        reached = sequence;
        records.push(record);
    }
    Ok((records, None))
}

/// How many records changed after number `after`, in one collection or in all.
///
/// # Errors
/// A broken database.
pub fn count_after(
    tx: &Transaction<'_>,
    account: &AccountId,
    collection: Option<&CollectionId>,
    after: u64,
) -> Result<u64, Failure> {
    let mut statement = tx.prepare_cached(&count_sql(collection.is_some()))?;
    Ok(match collection {
        Some(collection) => statement
            .query_row(params![account.as_bytes(), after, collection.as_bytes()], |row| {
                row.get(0)
            }),
        None => statement.query_row(params![account.as_bytes(), after], |row| row.get(0)),
    }?)
}

fn count_sql(of_collection: bool) -> String {
    let of = if of_collection { "AND collection = ?3" } else { "" };
    format!("SELECT count(*) FROM records WHERE account = ?1 AND sequence > ?2 {of}")
}

fn select(of_collection: bool) -> String {
    let of = if of_collection { "AND collection = ?3" } else { "" };
    format!("SELECT {COLUMNS} FROM records WHERE account = ?1 AND sequence > ?2 {of} ORDER BY sequence")
}

/// What a record takes besides what is sealed and the ids of its chunks, bytes; `NOTE_FORGOTTEN` and the schema's v6 have it
/// too.
pub const AROUND: usize = 128;

/// What a record takes of an answer and of its account's quota, bytes. A chunk that it names twice is there twice.
#[must_use]
pub fn length(record: &SyncRecord) -> usize {
    record.sealed.len() + record.chunks.len() * 32 + AROUND
}

/// Forgets removals that are over, and notes which was the newest of them.
///
/// # Errors
/// A broken database.
pub fn forget_removals(tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
    tx.prepare_cached(NOTE_FORGOTTEN)?.execute(params![now])?;
    tx.prepare_cached(FORGET)?.execute(params![now])?;
    Ok(())
}

fn record(row: &Row<'_>) -> Result<(SyncRecord, u64), StoreError> {
    let chunks: Vec<u8> = row.get(5)?;
    let (chunks, _) = chunks.as_chunks::<32>();
    let record = SyncRecord {
        collection: CollectionId::from_bytes(row.get(0)?),
        id: RecordId::from_bytes(row.get(1)?),
        revision: Revision::from_bytes(row.get(2)?),
        key_epoch: row.get(3)?,
        removed: row.get(4)?,
        chunks: chunks.iter().copied().map(ChunkId::from_bytes).collect(),
        sealed: row.get::<_, Vec<u8>>(6)?.into(),
    };
    Ok((record, row.get(7)?))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::store::migrations;

    #[test]
    fn no_call_reads_or_sorts_the_records_of_an_account_but_those_it_answers() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrations::apply(&mut connection).unwrap();
        let counts = [count_sql(false), count_sql(true)];
        for sql in [
            &select(false),
            &select(true),
            &counts[0],
            &counts[1],
            NOTE_FORGOTTEN,
            FORGET,
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            for number in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(number, [0_u8; 16]).unwrap();
            }
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let step: String = row.get(3).unwrap();
                let bad = step.starts_with("SCAN records") || step.contains("ORDER BY");
                assert!(!bad, "{step} in {sql}");
            }
        }
    }
}
