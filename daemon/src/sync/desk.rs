//! Reading and editing records: what the handle does without the actor. An edit and what it owes the cloud are one write.

mod confirm;
mod edit;
mod health;
mod listing;
mod long;
mod naming;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use belay_proto::clock::{Clock, unix_seconds};
use belay_proto::sync::{CollectionKeys, RecordId};
use belay_proto::{AccountId, Secret};
use belay_sync::record::{self, CONFLICT_WITH};
use rusqlite::{Connection, Transaction};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::spawn_blocking;

pub use long::longest_short;
pub(super) use naming::may_store;

use super::error::SyncError;
use super::keys::Keys;
use super::model::{Change, Choice, Content, Entry, Got, Put, Shown};
use super::ports::{Allowed, Fetch, LongContents};
use crate::store::sync::{self as rows, Listed};
use crate::store::{Sealer, Store, StoreError};

/// What every method of the handle works with; clones share everything.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) store: Store,
    pub(super) keys: Keys,
    pub(super) longs: Arc<dyn LongContents>,
    pub(super) allowed: Allowed,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) changed: broadcast::Sender<Change>,
    /// Counts the edits of each collection.
    pub(super) edits: watch::Sender<Edits>,
    /// Which collections are on.
    pub(super) enabled: watch::Receiver<BTreeSet<&'static str>>,
    /// Collections of which the cloud had no room for contents, and whether none is tried for now.
    pub(super) without_room: watch::Receiver<BTreeMap<&'static str, bool>>,
    /// What was found since.
    pub(super) found: mpsc::Sender<Found>,
}

/// How often each collection was edited since the start.
pub(super) type Edits = BTreeMap<&'static str, u64>;

/// Whether the cloud had room for a content of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) collection: &'static str,
    pub(super) room: bool,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

/// Rows of a list that are in memory at once with their contents.
const FEW: usize = 16;
/// Many contents are read until they are longer than this in all, bytes.
const AT_ONCE: usize = 8 * 1024 * 1024;

/// What becomes of a transaction: what the domain says of it, unless the database fails.
pub(super) type Done<T> = Result<Result<T, SyncError>, StoreError>;

impl Desk {
    pub(super) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changed.subscribe()
    }

    /// Seconds since the epoch, for display.
    pub(super) fn now(&self) -> u64 {
        unix_seconds(self.clock.wall())
    }

    pub(super) async fn identify(
        &self,
        collection: &'static str,
        naturals: Vec<String>,
    ) -> Result<Vec<RecordId>, SyncError> {
        if naturals.iter().any(|natural| !edit::is_natural(natural)) {
            return Err(SyncError::InvalidArgument("a natural key that can't be"));
        }
        let keys = self.keys(collection).await?;
        // Ten thousand long ones take a while.
        spawn_blocking(move || naturals.iter().map(|natural| keys.record_id(natural)).collect())
            .await
            .map_err(|_| SyncError::Gone)
    }

    pub(super) async fn removed(
        &self,
        collection: &'static str,
        ids: Vec<RecordId>,
    ) -> Result<Vec<RecordId>, SyncError> {
        self.read(move |connection, _| {
            let mut removed = Vec::new();
            for id in ids {
                if rows::is_removed(connection, collection, &id)? {
                    removed.push(id);
                }
            }
            Ok(removed)
        })
        .await
    }

    /// A record; what is left of its content after so many bytes, where it has this revision still.
    pub(super) async fn get(
        &self,
        collection: &'static str,
        id: RecordId,
        rest: Option<(u64, u64)>,
    ) -> Result<Got, SyncError> {
        let found = self
            .read(move |connection, sealer| rows::find_listed(connection, sealer, collection, &id))
            .await?;
        let listed = found
            .filter(|listed| listed.held.is_there())
            .ok_or(SyncError::NotFound)?;
        let (revision, from) = rest.unwrap_or((listed.held.revision, 0));
        if revision != listed.held.revision {
            return Err(SyncError::Conflict);
        }
        if from > listed.held.content.length {
            return Err(SyncError::InvalidArgument("the content has fewer bytes"));
        }
        if let Some(bytes) = record::bytes(&listed.held.content) {
            let rest = usize::try_from(from)
                .ok()
                .and_then(|from| bytes.expose().get(from..));
            let content = match from {
                0 => Content::Short(bytes),
                _ => Content::Short(Secret::new(rest.unwrap_or_default().to_vec())),
            };
            let entry = entry(listed);
            return Ok(Got { entry, content });
        }
        let chunks = listed.held.content.chunks.clone();
        if chunks.0.is_empty() {
            return Err(SyncError::Storage);
        }
        let keys = self.keys(collection).await?;
        let lost = self.lost(keys.account(), collection, (id, listed.held.revision));
        let what = Fetch {
            keys,
            chunks,
            from,
            lost,
        };
        let content = self.longs.fetch(what, self.allowed.clone())?;
        let entry = entry(listed);
        Ok(Got {
            entry,
            content: Content::Long(content),
        })
    }

    pub(super) async fn get_many(
        &self,
        collection: &'static str,
        ids: Vec<RecordId>,
    ) -> Result<Vec<Got>, SyncError> {
        let read = move |connection: &Connection, sealer: &Sealer| {
            let (mut all, mut length) = (Vec::new(), 0);
            for id in &ids {
                if length > AT_ONCE {
                    break;
                }
                let found = rows::find_listed(connection, sealer, collection, id)?;
                let Some(listed) = found.filter(|listed| listed.held.is_there()) else {
                    return Ok(Err(SyncError::NotFound));
                };
                let Some(bytes) = record::bytes(&listed.held.content) else {
                    return Ok(Err(SyncError::InvalidArgument("a record's content is long")));
                };
                length += bytes.expose().len();
                let content = Content::Short(bytes);
                let entry = entry(listed);
                all.push(Got { entry, content });
            }
            Ok(Ok(all))
        };
        self.read(read).await?
    }

    pub(super) async fn put(&self, collection: &'static str, put: Put) -> Result<(RecordId, u64), SyncError> {
        edit::check(put.natural.as_deref(), &put.kind, &put.attributes)?;
        match long::sift(vec![put]).await? {
            Ok(puts) => self.store(collection, puts).await?.pop(),
            Err((_, mut puts)) => match puts.pop() {
                Some(put) => Some(self.put_long(collection, long::longer(put)?).await?),
                None => None,
            },
        }
        .ok_or(SyncError::Storage)
    }

    /// Nothing of it waits for the cloud: all of it is in memory, and others wait to be next.
    pub(super) async fn put_many(
        &self,
        collection: &'static str,
        puts: Vec<Put>,
    ) -> Result<Vec<(RecordId, u64)>, SyncError> {
        for put in &puts {
            edit::check(put.natural.as_deref(), &put.kind, &put.attributes)?;
        }
        match long::sift(puts).await? {
            Ok(puts) => self.store(collection, puts).await,
            Err((place, _)) => Err(SyncError::LongFrame(place.saturating_add(1))),
        }
    }

    /// Stores contents that fit records.
    async fn store(
        &self,
        collection: &'static str,
        puts: Vec<Put>,
    ) -> Result<Vec<(RecordId, u64)>, SyncError> {
        let work = move |table: &mut edit::Table<'_>| {
            let mut stored = Vec::new();
            for put in puts {
                match table.put(put.into())? {
                    Ok(one) => stored.push(one),
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(stored))
        };
        self.table(collection, work).await
    }

    pub(super) async fn delete(
        &self,
        collection: &'static str,
        id: RecordId,
        revision: u64,
    ) -> Result<(), SyncError> {
        self.table(collection, move |table| table.delete(id, revision))
            .await
    }

    pub(super) async fn resolve(
        &self,
        collection: &'static str,
        id: RecordId,
        choice: Choice,
        shown: Shown,
    ) -> Result<Vec<(RecordId, u64)>, SyncError> {
        self.table(collection, move |table| table.resolve(id, choice, shown))
            .await
    }

    /// Edits a collection, and tells what has changed.
    async fn table<T: Send + 'static>(
        &self,
        collection: &'static str,
        work: impl FnOnce(&mut edit::Table<'_>) -> Done<T> + Send + 'static,
    ) -> Result<T, SyncError> {
        let keys = self.keys(collection).await?;
        self.table_of(keys, collection, work).await
    }

    /// The same with these keys: what they name is their account's and no other's, which the device may have become
    /// meanwhile. Whoever asked may be gone before it is done: it is told all the same.
    async fn table_of<T: Send + 'static>(
        &self,
        keys: Arc<CollectionKeys>,
        collection: &'static str,
        work: impl FnOnce(&mut edit::Table<'_>) -> Done<T> + Send + 'static,
    ) -> Result<T, SyncError> {
        let (now, account) = (self.now(), keys.account());
        let (changed, edits) = (self.changed.clone(), self.edits.clone());
        let edit = move |transaction: &Transaction<'_>, sealer: &Sealer| {
            if let Err(error) = may_store(transaction, &keys)? {
                return Ok(Err(error));
            }
            let mut table = edit::Table::new(transaction, sealer, &keys, collection, now);
            Ok(work(&mut table)?.map(|done| (done, table.is_edited, table.change)))
        };
        let told = move |(done, is_edited, change)| {
            tell(&changed, change);
            if is_edited {
                edits.send_modify(|edits| *edits.entry(collection).or_default() += 1);
            }
            done
        };
        self::edit(&self.store, account, edit, told).await
    }

    /// Reads what is the account's.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Sealer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SyncError> {
        let account = self.keys.account().ok_or(SyncError::NotBound)?;
        let sealer = self.store.sealer().clone();
        let read = move |connection: &mut Connection| match rows::is_of(connection, account)? {
            true => work(connection, &sealer).map(Ok),
            false => Ok(Err(SyncError::NotBound)),
        };
        self.store.call(read).await?
    }

    /// Edits what is the account's: all of it is stored, or none.
    pub(super) async fn edit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &Sealer) -> Done<T> + Send + 'static,
    ) -> Result<T, SyncError> {
        let account = self.keys.account().ok_or(SyncError::NotBound)?;
        edit(&self.store, account, work, |done| done).await
    }
}

/// Tells who listens; nobody may.
pub(super) fn tell(changed: &broadcast::Sender<Change>, change: Change) {
    if !change.ids.is_empty() || !change.removed.is_empty() {
        let _ = changed.send(change);
    }
}

/// Edits what is `account`'s: all of it is stored, or none. What follows from it is done in `then`, once it is on disk, and
/// whether or not somebody still waits for this.
pub(super) async fn edit<T: 'static, U: Send + 'static>(
    store: &Store,
    account: AccountId,
    work: impl FnOnce(&Transaction<'_>, &Sealer) -> Done<T> + Send + 'static,
    then: impl FnOnce(T) -> U + Send + 'static,
) -> Result<U, SyncError> {
    let sealer = store.sealer().clone();
    let edit = move |transaction: &Transaction<'_>| {
        // The device may have become another's since this was begun.
        if !rows::is_of(transaction, account)? {
            return Ok(Err(SyncError::NotBound));
        }
        work(transaction, &sealer)
    };
    store.edit(edit, then).await?
}

/// What is listed of a record.
fn entry(listed: Listed) -> Entry {
    let held = listed.held;
    let mut attributes = held.content.attributes;
    let conflict_with = attributes.0.remove(CONFLICT_WITH).and_then(|id| id.parse().ok());
    Entry {
        position: listed.position,
        id: listed.id,
        revision: held.revision,
        natural: held.content.natural,
        kind: held.content.kind,
        length: held.content.length,
        attributes,
        conflict_with,
        lacking: listed.lacks,
        changed_at: held.content.changed_at,
        is_long: !held.content.chunks.0.is_empty(),
    }
}
