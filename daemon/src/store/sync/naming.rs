//! Whether the records have the ids that the account's keys give them. An account whose password and recovery code were
//! forgotten goes on with other keys, and what a sign-out left here has the ids of before: it would never go up.

use belay_proto::Secret;
use belay_proto::keys::random;
use belay_proto::sync::{ChunkId, CollectionKeys, Content, RecordId};
use belay_sync::record::{self, Edited, Held};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::unopened::forget_unopened;
use super::{COLUMNS, LACKS, ensure, find_readable, last, listed, place, put, unreadable, unstage};
use crate::store::{Sealer, StoreError, accessory};
use crate::sync::HEALTH;

/// Records that one write looks at, so that nobody waits long for the database.
const AT_ONCE: usize = 256;
/// What is kept while records are getting other ids: no collection is called so.
const CHANGING: &[u8] = b"";

/// By which keys the records of a collection have their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// By these.
    These,
    /// By others.
    Others,
    /// Nobody has looked.
    Unseen,
    /// They are getting others.
    Changing,
}

/// What became of some of the records.
#[derive(Debug, Default)]
pub struct Called {
    /// After which position the others come; none: these were the last.
    pub next: Option<u64>,
    /// Records that are there under these ids,
    pub ids: Vec<RecordId>,
    /// and under these no more.
    pub removed: Vec<RecordId>,
}

/// By which keys the records of the keys' collection have their ids.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn naming(connection: &Connection, keys: &CollectionKeys) -> Result<Naming, StoreError> {
    let found: Option<Option<Vec<u8>>> = connection
        .prepare_cached("SELECT named FROM collection WHERE name = ?1")?
        .query_row([keys.name()], |row| row.get(0))
        .optional()?;
    Ok(match found.flatten() {
        None => Naming::Unseen,
        Some(by) if by == CHANGING => Naming::Changing,
        Some(by) if by == keys.collection_id().as_bytes() => Naming::These,
        Some(_) => Naming::Others,
    })
}

/// Gives the next records after a position the ids that these keys give them. Those that had others are for the cloud to get
/// once more, removals too, since another device may bring again what was removed. Where it was cut short it is begun anew:
/// what has its id already is left as it is.
///
/// # Errors
/// [`StoreError`].
pub fn call(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    keys: &CollectionKeys,
    after: u64,
    now: u64,
) -> Result<Called, StoreError> {
    let collection = keys.name();
    ensure(transaction, collection)?;
    let mut caller = Caller {
        transaction,
        sealer,
        keys,
        now,
        called: Called::default(),
    };
    let others = caller.others(after)?;
    if !others.is_empty() {
        // What other devices brought under these ids may lie before what was fetched of the others.
        transaction
            .prepare_cached("UPDATE collection SET cursor = NULL, unread = 0 WHERE name = ?1")?
            .execute([collection])?;
        forget_unopened(transaction, collection)?;
    }
    for id in others {
        caller.call(&id)?;
    }
    let by = keys.collection_id();
    let named = match caller.called.next {
        Some(_) => CHANGING,
        None => by.as_bytes(),
    };
    transaction
        .prepare_cached("UPDATE collection SET named = ?2 WHERE name = ?1")?
        .execute(params![collection, named])?;
    Ok(caller.called)
}

/// In the order in which they lie: the indices hold only some of them.
pub(super) fn next_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM record NOT INDEXED
         WHERE collection = ?1 AND position > ?2 ORDER BY position LIMIT ?3"
    )
}

struct Caller<'a> {
    transaction: &'a Transaction<'a>,
    sealer: &'a Sealer,
    keys: &'a CollectionKeys,
    now: u64,
    called: Called,
}

impl Caller<'_> {
    /// Those of the next records that have other ids. One content at a time is in memory.
    fn others(&mut self, after: u64) -> Result<Vec<RecordId>, StoreError> {
        let mut statement = self.transaction.prepare_cached(&next_sql())?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![self.keys.name(), after, AT_ONCE])?;
        let (mut others, mut seen) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            seen += 1;
            self.called.next = Some(row.get(7)?).filter(|_| seen == AT_ONCE);
            match listed(row, self.sealer, self.keys.name()) {
                Ok(found) if self.keys.record_id(&found.held.content.natural) != found.id => {
                    others.push(found.id);
                }
                Ok(_) => {}
                // Nothing says what it is, and nothing of it would ever go up.
                Err(error) if error.is_of_a_value() => unreadable(&error),
                Err(error) => return Err(error),
            }
        }
        Ok(others)
    }

    fn call(&mut self, before: &RecordId) -> Result<(), StoreError> {
        let Some(held) = find_readable(self.transaction, self.sealer, self.keys.name(), before)? else {
            return Ok(());
        };
        // Whoever removed it says so again, if it still has that.
        unstage(self.transaction, self.keys.name(), before)?;
        let id = self.keys.record_id(&held.content.natural);
        if held.is_there() {
            self.called.ids.push(id);
            self.called.removed.push(*before);
        }
        match find_readable(self.transaction, self.sealer, self.keys.name(), &id)? {
            None => self.move_to(before, &id, held),
            Some(there) => self.join(before, &id, held, there),
        }
    }

    fn move_to(&self, before: &RecordId, id: &RecordId, held: Held) -> Result<(), StoreError> {
        let collection = self.keys.name();
        let named = |natural: &str| self.keys.record_id(natural);
        let nobodys = || ChunkId::from_bytes(random());
        let last = match last(self.transaction, self.sealer, collection, before) {
            Err(error) if error.is_of_a_value() => None,
            last => last?,
        };
        let last = last.map(|last| record::renamed(last, &named, &nobodys));
        let held = record::called_anew(held, &named, &nobodys);
        let seal = |content: &Content, column: &str| {
            let bytes = Secret::new(content.encode());
            self.sealer.seal(&place(collection, id, column), bytes.expose())
        };
        let shared = |version: &Option<record::Common>, column: &str| {
            version.as_ref().map(|version| seal(&version.content, column))
        };
        self.transaction
            .prepare_cached(
                "UPDATE record SET id = ?3, pending = 1, base = NULL, base_number = 0, sent = NULL, unseen = 0,
                     gone = 0, ended = 0, stuck = ?4, content = ?5, common = ?6, last = ?7,
                     offered = ?8
                 WHERE collection = ?1 AND id = ?2",
            )?
            .execute(params![
                collection,
                before.as_bytes(),
                id.as_bytes(),
                match held.content.chunks.0.is_empty() {
                    true => 0,
                    false => LACKS,
                },
                seal(&held.content, "content"),
                shared(&held.common, "common"),
                last.as_ref().map(|last| seal(last, "last")),
                shared(&held.offered, "offered"),
            ])?;
        self.heard(before, id, &held.content)
    }

    /// Another one of that id is there already: made since, before this was looked at. What this one says otherwise is kept
    /// beside that one.
    fn join(&self, before: &RecordId, id: &RecordId, held: Held, there: Held) -> Result<(), StoreError> {
        let collection = self.keys.name();
        // One that waits for the owner's word isn't counted where it is taken away.
        for sql in [
            "UPDATE record SET pending = 0 WHERE collection = ?1 AND id = ?2",
            "DELETE FROM record WHERE collection = ?1 AND id = ?2",
        ] {
            self.transaction
                .prepare_cached(sql)?
                .execute(params![collection, before.as_bytes()])?;
        }
        self.heard(before, id, &there.content)?;
        // What was removed since stays so; and what nobody can fetch any more is no version to choose.
        if !held.is_there() || !there.is_there() || !held.content.chunks.0.is_empty() {
            return Ok(());
        }
        if held.is_sibling() {
            let named = |natural: &str| self.keys.record_id(natural);
            let nobodys = || ChunkId::from_bytes(random());
            let version = record::renamed(held.content, &named, &nobodys);
            // Two versions of one id say the same, unless one of them was changed since it lies there.
            return match record::is_in_the_way(&there, &version, None) {
                true => self.keep_beside(version),
                false => Ok(()),
            };
        }
        let says = || record::again(&held.content);
        let (Some(new), Some(version)) = (says(), says()) else {
            return Ok(());
        };
        let revision = there.revision;
        if let Edited::Stored(_) = record::put(Some(there), revision, new, self.now) {
            self.keep_beside(record::version(version, id, self.now))?;
        }
        Ok(())
    }

    /// Keeps a version beside its record, and beside what was changed where it would lie.
    fn keep_beside(&self, mut version: Content) -> Result<(), StoreError> {
        let collection = self.keys.name();
        let (id, there) = loop {
            let id = self.keys.record_id(&version.natural);
            let there = find_readable(self.transaction, self.sealer, collection, &id)?;
            let held = there.as_ref();
            if held.is_none_or(|held| !record::is_in_the_way(held, &version, None)) {
                break (id, there);
            }
            version = record::beside_that(version, &id);
        };
        match record::beside(there, version, None) {
            Some(held) => put(self.transaction, self.sealer, collection, &id, &held),
            None => Ok(()),
        }
    }

    /// Of health data it is noted which record is which day.
    fn heard(&self, before: &RecordId, id: &RecordId, content: &Content) -> Result<(), StoreError> {
        match self.keys.name() {
            HEALTH => {
                accessory::unheard(self.transaction, before)?;
                accessory::heard(self.transaction, id, content)
            }
            _ => Ok(()),
        }
    }
}
