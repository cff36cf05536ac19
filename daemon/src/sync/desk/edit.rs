//! Edits of one collection, in one transaction.

mod choose;

use belay_proto::Secret;
use belay_proto::keys::random;
use belay_proto::sync::{Attributes, CollectionKeys, RecordId};
use belay_proto::text::hex;
use belay_sync::record::{self, Body, CONFLICT_WITH, Edited, Held, New};
use rusqlite::Transaction;

use super::Done;
use crate::store::sync as rows;
use crate::store::{Sealer, StoreError};
use crate::sync::error::SyncError;
use crate::sync::kept::Kept;
use crate::sync::model::{Change, Put, is_append_only};

/// The longest natural key, bytes: a path (Linux, `PATH_MAX`).
const LONGEST_NATURAL: usize = 4096;
/// The longest media type, bytes (RFC 6838, 4.2: two names of 127 characters).
const LONGEST_KIND: usize = 255;
/// Attributes of a record, and their length in all, bytes.
const MOST_ATTRIBUTES: usize = 64;
const LONGEST_ATTRIBUTES: usize = 16 * 1024;
/// What separates a sibling's natural key from what makes it another.
const SEPARATOR: char = '\0';

/// Whether a record can be this by nature: some characters, not too many, and no zero.
pub(super) fn is_natural(natural: &str) -> bool {
    (1..=LONGEST_NATURAL).contains(&natural.len()) && !natural.contains(SEPARATOR)
}

/// Checks what is said of a record.
pub(super) fn check(natural: Option<&str>, kind: &str, attributes: &Attributes) -> Result<(), SyncError> {
    let refused = |why| Err(SyncError::InvalidArgument(why));
    if natural.is_some_and(|natural| !is_natural(natural)) {
        return refused("a natural key that can't be");
    }
    let length: usize = attributes
        .0
        .iter()
        .map(|(name, text)| name.len() + text.len())
        .sum();
    if kind.len() > LONGEST_KIND {
        refused("the kind is too long")
    } else if attributes.0.len() > MOST_ATTRIBUTES || length > LONGEST_ATTRIBUTES {
        refused("too many attributes")
    } else if attributes.0.contains_key(CONFLICT_WITH) {
        refused("conflict-with is belayd's own")
    } else {
        Ok(())
    }
}

/// What is put.
pub(super) struct Content {
    pub(super) id: Option<RecordId>,
    pub(super) revision: u64,
    pub(super) natural: Option<String>,
    pub(super) kind: String,
    pub(super) attributes: Attributes,
    pub(super) keep_both: bool,
    pub(super) body: Body,
}

impl From<Put> for Content {
    fn from(put: Put) -> Self {
        Self {
            id: put.id,
            revision: put.revision,
            natural: put.natural,
            kind: put.kind,
            attributes: put.attributes,
            keep_both: put.keep_both,
            body: Body::Short(put.body),
        }
    }
}

/// A collection that is edited.
pub(super) struct Table<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) sealer: &'a Sealer,
    pub(super) keys: &'a CollectionKeys,
    now: u64,
    /// The collection's row is there.
    is_there: bool,
    /// There may be something to push.
    pub(super) is_edited: bool,
    /// What has changed so far.
    pub(super) change: Change,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        sealer: &'a Sealer,
        keys: &'a CollectionKeys,
        collection: &'static str,
        now: u64,
    ) -> Self {
        Self {
            transaction,
            sealer,
            keys,
            now,
            is_there: false,
            is_edited: false,
            change: Change {
                collection,
                ids: Vec::new(),
                removed: Vec::new(),
            },
        }
    }

    /// Stores a content; answers where, and its revision.
    pub(super) fn put(&mut self, put: Content) -> Done<(RecordId, u64)> {
        let id = match (put.id, &put.natural) {
            (Some(id), _) => id,
            (None, Some(natural)) => self.keys.record_id(natural),
            (None, None) => {
                let natural = hex(&random::<16>());
                let id = self.keys.record_id(&natural);
                return self.store(id, Some(natural), put, None);
            }
        };
        let before = self.find(&id)?;
        let natural = put.natural.clone();
        self.store(id, natural, put, before)
    }

    fn store(
        &mut self,
        id: RecordId,
        natural: Option<String>,
        put: Content,
        before: Option<Held>,
    ) -> Done<(RecordId, u64)> {
        let known = before.as_ref().map(|held| &held.content);
        let natural = match (natural, known) {
            (Some(natural), _) if self.keys.record_id(&natural) != id => {
                return Ok(Err(SyncError::InvalidArgument(
                    "the record has another natural key",
                )));
            }
            (Some(natural), _) => natural,
            (None, Some(known)) => known.natural.clone(),
            (None, None) if put.revision > 0 => return Ok(Err(SyncError::Conflict)),
            (None, None) => {
                return Ok(Err(SyncError::InvalidArgument(
                    "a new record's id follows from its natural key",
                )));
            }
        };
        let kind = match (put.kind, known) {
            (kind, Some(known)) if kind.is_empty() => known.kind.clone(),
            (kind, None) if kind.is_empty() => {
                return Ok(Err(SyncError::InvalidArgument("a new record needs a kind")));
            }
            (kind, _) => kind,
        };
        let present = before.as_ref().filter(|held| held.is_there());
        let revision = present.map(|held| held.revision);
        let mut attributes = put.attributes;
        // Another version of a record stays one until the owner chooses.
        let sibling = present.and_then(|held| held.content.attributes.0.get(CONFLICT_WITH));
        if let Some(with) = sibling {
            attributes.0.insert(CONFLICT_WITH.to_owned(), with.clone());
        }
        let new = New {
            natural,
            kind,
            attributes,
            body: put.body,
        };
        if is_append_only(self.change.collection) {
            return self.edited(id, record::append(before, put.revision, new, self.now));
        }
        if revision.unwrap_or(0) == put.revision {
            return self.edited(id, record::put(before, put.revision, new, self.now));
        }
        match revision {
            Some(_) if put.keep_both => self.put_beside(&id, new),
            _ => Ok(Err(SyncError::Conflict)),
        }
    }

    /// Stores a content as another version of record `id`.
    fn put_beside(&mut self, id: &RecordId, new: New) -> Done<(RecordId, u64)> {
        let mut version = record::version(new, id, self.now);
        let (sibling, before) = loop {
            let sibling = self.keys.record_id(&version.natural);
            let before = self.find(&sibling)?;
            let there = before.as_ref();
            if there.is_none_or(|held| !record::is_in_the_way(held, &version, None)) {
                break (sibling, before);
            }
            version = record::beside_that(version, &sibling);
        };
        if let Some(kept) = self.kept().of(&sibling, before.as_ref(), &version)? {
            return Ok(Ok(kept));
        }
        let revision = before.as_ref().map_or(0, |held| held.revision);
        match record::beside(before, version, None) {
            Some(held) => {
                self.is_edited = true;
                self.keep(sibling, held).map(Ok)
            }
            None => Ok(Ok((sibling, revision))),
        }
    }

    /// Removes a record.
    pub(super) fn delete(&mut self, id: RecordId, revision: u64) -> Done<()> {
        let before = self.find(&id)?;
        if !before.as_ref().is_some_and(Held::is_there) {
            return Ok(Err(SyncError::NotFound));
        }
        self.remove(before, id, revision)
    }

    /// What it takes away, and the cloud never had, is kept until the owner can't be asked for it back any more.
    fn remove(&mut self, before: Option<Held>, id: RecordId, revision: u64) -> Done<()> {
        let was_there = |held: &&Held| held.base.is_some() || held.common.is_some();
        let edited = before.as_ref().filter(|held| held.pending).filter(was_there);
        let last = edited.map(|held| Secret::new(held.content.encode()));
        let removed = record::remove(before, revision, self.now);
        let removed = self.edited(id, removed)?.map(drop);
        if let Some(last) = last.filter(|_| removed.is_ok()) {
            rows::keep_last(self.transaction, self.sealer, self.change.collection, &id, &last)?;
        }
        Ok(removed)
    }

    fn edited(&mut self, id: RecordId, edited: Edited) -> Done<(RecordId, u64)> {
        self.is_edited = true;
        match edited {
            Edited::Stored(held) => self.keep(id, *held).map(Ok),
            Edited::Same(revision) => {
                rows::unstick(self.transaction, self.change.collection, &id)?;
                Ok(Ok((id, revision)))
            }
            Edited::Stale(_) => Ok(Err(SyncError::Conflict)),
            Edited::Said => Ok(Err(SyncError::InvalidArgument(
                "what was said stays: a message or call is put once",
            ))),
        }
    }

    fn keep(&mut self, id: RecordId, held: Held) -> Result<(RecordId, u64), StoreError> {
        let collection = self.change.collection;
        if !self.is_there {
            rows::ensure(self.transaction, collection)?;
            self.is_there = true;
        }
        // Of a first state nothing was sent.
        let held = match held.revision > 1 {
            true => rows::above_sent(self.transaction, collection, &id, held)?,
            false => held,
        };
        rows::put(self.transaction, self.sealer, collection, &id, &held)?;
        let told = match held.is_there() {
            true => &mut self.change.ids,
            false => &mut self.change.removed,
        };
        told.push(id);
        Ok((id, held.revision))
    }

    fn kept(&self) -> Kept<'_> {
        Kept {
            transaction: self.transaction,
            sealer: self.sealer,
            keys: self.keys,
            collection: self.change.collection,
        }
    }

    pub(super) fn find(&self, id: &RecordId) -> Result<Option<Held>, StoreError> {
        rows::find_readable(self.transaction, self.sealer, self.change.collection, id)
    }
}
