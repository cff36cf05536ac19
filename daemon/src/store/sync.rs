//! The rows of synced collections and their records. A pending row is the outbox: an edit and what it owes the cloud are one
//! write.

mod chunks;
mod endings;
mod guard;
mod inbox;
mod naming;
mod outbox;
mod owner;
mod settings;
mod unopened;

use belay_proto::Secret;
use belay_proto::sync::{Content, RecordId, Revision};
use belay_sync::record::{Base, Common, Held, is_let_go};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{Sealer, StoreError, accessory};
use crate::sync::HEALTH;

pub use chunks::{
    Chunked, check_anew, checked, checking, chunked, has_all_chunks, lacking_chunks, lacks_chunks,
};
pub use endings::{let_go, list_removed, note_ended};
pub use guard::{Guarded, Side, Waiting, guarded, keep_last, last, needs_no_answer, stand};
pub use inbox::{Arrived, arrived, count, is_removed, list_anew, seen, stage, unread, unseen, unstage};
pub use naming::{Called, Naming, call, naming};
pub use outbox::{
    Ready, Stuck, Troubles, above_sent, accepted, agree, answered, count_gone, forgive, is_unanswered,
    outgoing, renew, sending, sent, stick, troubles, try_again, unasked, waiting, went,
};
pub use owner::{adopt, forget, is_of};
pub use settings::{Settings, pause, set_policy, settings, synced};
pub use unopened::{are_unopened, is_unopened, note_unopened, opened, try_in_the_way};

const MALFORMED: StoreError = StoreError::Malformed { what: "record" };
/// The columns of [`held`], in their order.
const COLUMNS: &str = "id, revision, pending, base, base_number, content, common, position, stuck, known, origin, offered, offer";

/// What `stuck` says: the cloud lacks chunks of it.
const LACKS: i64 = 1;
/// What `stuck` says: the cloud won't have it as it is.
const REFUSED: i64 = 2;
/// What `stuck` says: it can't be read here.
const SPOILT: i64 = 3;

/// Records that are there; an index has these words too.
const THERE: &str = "removed = 0";
/// Removals, likewise.
const REMOVED: &str = "removed = 1 AND sibling = 0";
/// Records that the cloud has yet to get, likewise.
const PENDING: &str = "pending = 1";

/// What is kept of a collection, and counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// Whether it is synced.
    pub enabled: bool,
    /// How far it was fetched; opaque, from the cloud.
    pub cursor: Option<String>,
    /// Something didn't open with the keys of this mark, and may with others; 0: all of it did.
    pub unread: u64,
    /// Records that are there.
    pub records: u64,
    /// Their contents, bytes.
    pub bytes: u64,
    /// Records that the cloud has yet to get.
    pub pending: u64,
    /// Records that wait for the owner's choice.
    pub conflicts: u64,
    /// Records of the cloud that don't open here.
    pub unopened: u64,
}

/// A record of a page.
#[derive(Debug)]
pub struct Listed {
    /// Where to go on.
    pub position: u64,
    /// Its id.
    pub id: RecordId,
    /// The record.
    pub held: Held,
    /// The cloud lacks chunks of it, which only its source has.
    pub lacks: bool,
}

/// Every collection that was ever switched on.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn collections(connection: &Connection) -> Result<Vec<Collection>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, enabled, cursor, unread, records, bytes, pending, conflicts,
                (SELECT count(*) FROM unopened WHERE unopened.collection = name)
         FROM collection ORDER BY name",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Collection {
            name: row.get(0)?,
            enabled: row.get(1)?,
            cursor: row.get(2)?,
            unread: row.get(3)?,
            records: row.get(4)?,
            bytes: row.get(5)?,
            pending: row.get(6)?,
            conflicts: row.get(7)?,
            unopened: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Switches a collection on or off. Its records stay.
///
/// # Errors
/// [`StoreError`].
pub fn enable(connection: &Connection, name: &str, enabled: bool) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO collection (name, enabled) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET enabled = ?2",
        )?
        .execute(params![name, enabled])?;
    Ok(())
}

/// Notes how far a collection was fetched; `None`: from the start again.
///
/// # Errors
/// [`StoreError`].
pub fn reach(transaction: &Transaction<'_>, name: &str, cursor: Option<&str>) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE collection SET cursor = ?2 WHERE name = ?1 AND cursor IS NOT ?2")?
        .execute(params![name, cursor])?;
    Ok(())
}

/// A record, removed ones too.
///
/// # Errors
/// [`StoreError`].
pub fn find(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    id: &RecordId,
) -> Result<Option<Held>, StoreError> {
    Ok(find_listed(connection, sealer, collection, id)?.map(|listed| listed.held))
}

/// A record as it is listed, removed ones too.
///
/// # Errors
/// [`StoreError`].
pub fn find_listed(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    id: &RecordId,
) -> Result<Option<Listed>, StoreError> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM record WHERE collection = ?1 AND id = ?2"
        ))?
        .query_row(params![collection, id.as_bytes()], |row| {
            Ok(listed(row, sealer, collection))
        })
        .optional()?;
    found.transpose()
}

/// A record, removed ones too. One that can't be read is as none: whatever comes stands in its place.
///
/// # Errors
/// [`StoreError`].
pub fn find_readable(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    id: &RecordId,
) -> Result<Option<Held>, StoreError> {
    match find(connection, sealer, collection, id) {
        Err(error) if error.is_of_a_value() => {
            unreadable(&error);
            Ok(None)
        }
        found => found,
    }
}

fn unreadable(error: &StoreError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "a record of this device can't be read"
    );
}

/// Keeps a record in place of what was kept of it. Its collection has to be there.
///
/// # Errors
/// [`StoreError`].
pub fn put(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    collection: &str,
    id: &RecordId,
    held: &Held,
) -> Result<(), StoreError> {
    let seal = |content: &Content, column: &str| {
        let bytes = Secret::new(content.encode());
        sealer.seal(&place(collection, id, column), bytes.expose())
    };
    let shared = |shared: &Option<Common>, column: &str| shared.as_ref().map(|it| seal(&it.content, column));
    let revision = |shared: &Option<Common>| shared.as_ref().map(|it| *it.revision.as_bytes());
    transaction
        .prepare_cached(
            "INSERT INTO record
                 (collection, id, revision, pending, removed, sibling, bytes, base, base_number, content, common, known,
                  origin, offered, offer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?15, ?16)
             ON CONFLICT (collection, id) DO UPDATE SET
                 revision = ?3, pending = ?4, removed = ?5, sibling = ?6, bytes = ?7, base = ?8, base_number = ?9,
                 content = ?10, common = ?11, known = ?12, origin = ?13, offered = ?15, offer = ?16, stuck = 0,
                 agreed = ?17 OR ?14 AND removed = 1 AND (agreed = 1 OR pending = 0),
                 gone = 0,
                 ended = CASE WHEN removed = 1 AND ?5 = 1 AND ?4 = 0 THEN ended ELSE 0 END,
                 last = CASE WHEN removed = 1 AND ?5 = 1 THEN last END,
                 sent = CASE ?4 WHEN 1 THEN sent END",
        )?
        .execute(params![
            collection,
            id.as_bytes(),
            held.revision,
            held.pending,
            held.content.removed,
            held.is_sibling(),
            held.content.length,
            held.base.map(|base| *base.revision.as_bytes()),
            held.base.map_or(0, |base| base.number),
            seal(&held.content, "content"),
            shared(&held.common, "common"),
            held.known.map(|known| *known.as_bytes()),
            revision(&held.common),
            // A removal that the cloud is to get again was asked about when it got it first, or needn't have been; one that no
            // answer came to yet counts on.
            held.pending && held.content.removed && held.known.is_some(),
            shared(&held.offered, "offered"),
            revision(&held.offered),
            // A version that goes since its record says the same is none of its owner's removals, however many go at once.
            held.pending && is_let_go(&held.content),
        ])?;
    match collection {
        HEALTH => accessory::heard(transaction, id, &held.content),
        _ => Ok(()),
    }
}

/// A page of the records that are there, after a position, at most `limit`.
///
/// # Errors
/// [`StoreError`].
pub fn list(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<Listed>, StoreError> {
    page(connection, sealer, collection, THERE, after, limit)
}

/// A page of the records that the cloud has yet to get, removals among them.
///
/// # Errors
/// [`StoreError`].
pub fn pending(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<Listed>, StoreError> {
    page(connection, sealer, collection, PENDING, after, limit)
}

/// Has every record that the cloud has pushed once more, as if it had been put again. What was removed there is sealed as it was.
///
/// # Errors
/// [`StoreError`].
pub fn push_again(connection: &Connection) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE record SET pending = 1 WHERE pending = 0 AND removed = 0 AND base IS NOT NULL",
        [],
    )?;
    Ok(())
}

/// Has a collection be there; off, when it is new.
///
/// # Errors
/// [`StoreError`].
pub fn ensure(transaction: &Transaction<'_>, name: &str) -> Result<(), StoreError> {
    transaction
        .prepare_cached("INSERT OR IGNORE INTO collection (name) VALUES (?1)")?
        .execute([name])?;
    Ok(())
}

/// What kept a record from being pushed is over: its content was put again.
///
/// # Errors
/// [`StoreError`].
pub fn unstick(transaction: &Transaction<'_>, collection: &str, id: &RecordId) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE record SET stuck = 0 WHERE collection = ?1 AND id = ?2 AND stuck > 0")?
        .execute(params![collection, id.as_bytes()])?;
    Ok(())
}

fn page(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    which: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<Listed>, StoreError> {
    let mut statement = connection.prepare_cached(&select(which))?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![collection, after])?;
    let mut page = Vec::new();
    while page.len() < limit
        && let Some(row) = rows.next()?
    {
        match listed(row, sealer, collection) {
            Ok(listed) => page.push(listed),
            // It keeps nobody from the others.
            Err(error) if error.is_of_a_value() => unreadable(&error),
            Err(error) => return Err(error),
        }
    }
    Ok(page)
}

fn select(which: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM record WHERE collection = ?1 AND {which} AND position > ?2 ORDER BY position"
    )
}

fn listed(row: &Row<'_>, sealer: &Sealer, collection: &str) -> Result<Listed, StoreError> {
    let id = RecordId::from_bytes(row.get(0)?);
    let open = |sealed: Vec<u8>, column: &str| {
        let bytes = sealer.open(&place(collection, &id, column), &sealed)?;
        Content::decode(bytes.expose()).map_err(|_| MALFORMED)
    };
    let base: Option<[u8; 16]> = row.get(3)?;
    let number = row.get(4)?;
    let known: Option<[u8; 16]> = row.get(9)?;
    let shared = |sealed: Option<Vec<u8>>, revision: Option<[u8; 16]>, column: &str| match (sealed, revision)
    {
        (Some(sealed), Some(revision)) => Ok::<_, StoreError>(Some(Common {
            revision: Revision::from_bytes(revision),
            content: open(sealed, column)?,
        })),
        _ => Ok(None),
    };
    Ok(Listed {
        position: row.get(7)?,
        id,
        lacks: row.get::<_, i64>(8)? == LACKS,
        held: Held {
            revision: row.get(1)?,
            pending: row.get(2)?,
            base: base.map(|revision| Base {
                revision: Revision::from_bytes(revision),
                number,
            }),
            content: open(row.get(5)?, "content")?,
            known: known.map(Revision::from_bytes),
            common: shared(row.get(6)?, row.get(10)?, "common")?,
            offered: shared(row.get(11)?, row.get(12)?, "offered")?,
        },
    })
}

/// Where a column of a record is sealed for.
fn place(collection: &str, id: &RecordId, column: &str) -> String {
    format!("record/{column}/{collection}/{id}")
}

#[cfg(test)]
mod tests;
