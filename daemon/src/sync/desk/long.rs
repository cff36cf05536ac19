//! Contents that don't fit a record.

use std::fs::File;
use std::future::pending;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;

use belay_proto::sync::RecordId;
use belay_proto::{AccountId, Secret};
use belay_sync::compress::{LONGEST, compress};
use belay_sync::record::{Body, Held};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::Transaction;
use rustix::fs::{FileType, MemfdFlags, memfd_create};

use super::{Desk, Found, edit, tell};
use crate::store::Sealer;
use crate::store::sync as rows;
use crate::sync::error::SyncError;
use crate::sync::long::FIXED;
use crate::sync::model::{Change, Put, PutLong};

/// The longest body of a record, bytes, compressed (`GET /v1/config`, the inline limit).
const LONGEST_BODY: usize = 256 * 1024;

/// How long a content of this collection may be that is worth to be looked at whole, bytes: a longer one is brought in chunks in any
/// case.
pub fn longest_short(collection: &str) -> usize {
    match FIXED.contains(&collection) {
        true => LONGEST_BODY,
        false => usize::try_from(LONGEST).unwrap_or(usize::MAX),
    }
}

/// Whether a content fits a record. Takes as long as compressing it.
fn fits(body: &[u8]) -> bool {
    body.len() <= LONGEST_BODY || (body.len() as u64 <= LONGEST && compress(body).1.len() <= LONGEST_BODY)
}

/// The contents, unless one doesn't fit a record; then the place of the first such, and all of them.
pub(super) async fn sift(puts: Vec<Put>) -> Result<Result<Vec<Put>, (usize, Vec<Put>)>, SyncError> {
    if puts.iter().all(|put| put.body.expose().len() <= LONGEST_BODY) {
        return Ok(Ok(puts));
    }
    let sift = move || match puts.iter().position(|put| !fits(put.body.expose())) {
        None => Ok(puts),
        Some(long) => Err((long, puts)),
    };
    tokio::task::spawn_blocking(sift)
        .await
        .map_err(|_| SyncError::Storage)
}

/// The same content, to be brought in chunks.
pub(super) fn longer(put: Put) -> Result<PutLong, SyncError> {
    let content = memory(&put.body).map_err(|error| {
        tracing::error!(%error, "no memory file");
        SyncError::Storage
    })?;
    Ok(PutLong {
        id: put.id,
        revision: put.revision,
        natural: put.natural,
        kind: put.kind,
        attributes: put.attributes,
        keep_both: put.keep_both,
        content: content.into(),
    })
}

fn memory(body: &Secret<Vec<u8>>) -> std::io::Result<File> {
    let mut file = File::from(memfd_create("belay-content", MemfdFlags::CLOEXEC)?);
    file.write_all(body.expose())?;
    file.rewind()?;
    Ok(file)
}

/// The same content, to be read from its start again; none where it is gone once it was read.
fn again(content: &OwnedFd) -> Option<OwnedFd> {
    let stat = rustix::fs::fstat(content).ok()?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    is_file.then(|| content.try_clone().ok()).flatten()
}

impl Desk {
    /// What is done where the cloud turns out not to have a chunk of a record in this state: its source is told, and a round
    /// looks whether it is so.
    pub(super) fn lost(
        &self,
        account: AccountId,
        collection: &'static str,
        (id, here): (RecordId, u64),
    ) -> BoxFuture<'static, ()> {
        let (store, changed, edits) = (self.store.clone(), self.changed.clone(), self.edits.clone());
        async move {
            let work = move |transaction: &Transaction<'_>, _: &Sealer| {
                rows::lacks_chunks(transaction, collection, &id, here).map(Ok)
            };
            let told = move |is_news| {
                if is_news {
                    tracing::warn!(
                        collection,
                        "the cloud has lost chunks; who has the content is asked for it again"
                    );
                    let (ids, removed) = (vec![id], Vec::new());
                    tell(
                        &changed,
                        Change {
                            collection,
                            ids,
                            removed,
                        },
                    );
                    edits.send_modify(|edits| *edits.entry(collection).or_default() += 1);
                }
            };
            // What isn't noted is met again with the next look.
            let _ = edit(&store, account, work, told).await;
        }
        .boxed()
    }

    /// Whether contents of a collection found no room, and aren't tried for now.
    fn is_without_room(&self, collection: &str) -> Option<bool> {
        self.without_room.borrow().get(collection).copied()
    }

    async fn tell_room(&self, collection: &'static str, room: bool) {
        // Where nobody listens belayd stops.
        let _ = self.found.send(Found { collection, room }).await;
    }

    /// Whether a record has this revision still, is long, and says what `content` does, which is brought nowhere.
    pub(in crate::sync) async fn matches(
        &self,
        collection: &'static str,
        (id, revision): (RecordId, u64),
        content: OwnedFd,
    ) -> Result<bool, SyncError> {
        let held = self
            .read(move |connection, sealer| rows::find_readable(connection, sealer, collection, &id))
            .await?
            .filter(Held::is_there)
            .ok_or(SyncError::NotFound)?;
        if held.revision != revision {
            return Err(SyncError::Conflict);
        }
        let chunks = held.content.chunks;
        if chunks.0.is_empty() {
            return Ok(false);
        }
        let keys = self.keys(collection).await?;
        self.longs.is_same(keys, content, chunks).await
    }

    pub(in crate::sync) async fn put_long(
        &self,
        collection: &'static str,
        put: PutLong,
    ) -> Result<(RecordId, u64), SyncError> {
        edit::check(put.natural.as_deref(), &put.kind, &put.attributes)?;
        let mut keys = self.keys(collection).await?;
        (*self.allowed.borrow())?;
        // What takes the place of what is there may have room, as a record that doesn't grow has.
        if put.revision == 0 && self.is_without_room(collection) == Some(true) {
            return Err(SyncError::QuotaExceeded);
        }
        let mut enabled = self.enabled.clone();
        // What its owner hasn't switched on, or switches off meanwhile, goes nowhere.
        let mut off = pin!(async move {
            // Where nobody tells any more belayd stops, and ends this.
            if enabled.wait_for(|on| !on.contains(collection)).await.is_err() {
                pending::<()>().await;
            }
        });
        // A stale revision is found before the content was moved, not only after.
        let id = put
            .id
            .or_else(|| put.natural.as_ref().map(|natural| keys.record_id(natural)));
        if let Some(id) = id.filter(|_| !put.keep_both) {
            let present = self
                .read(move |connection, sealer| rows::find(connection, sealer, collection, &id))
                .await?
                .filter(Held::is_there);
            if present.map_or(0, |held| held.revision) != put.revision {
                return Err(SyncError::Conflict);
            }
        }
        let again = again(&put.content);
        let mut next = Some(put.content);
        let mut brought = Err(SyncError::KeyEpochOld);
        // The account may have another key epoch since its keys were asked for: then once more, with those of now.
        for spare in [again, None] {
            let Some(content) = next.take() else { break };
            brought = tokio::select! {
                biased;
                () = &mut off => return Err(SyncError::Paused),
                chunks = self.longs.bring(Arc::clone(&keys), content, self.allowed.clone()) => chunks,
            };
            if brought == Err(SyncError::KeyEpochOld) {
                self.keys.renew().await;
                keys = self.keys(collection).await?;
                next = spare;
            }
        }
        match brought {
            Err(SyncError::QuotaExceeded) => self.tell_room(collection, false).await,
            Ok(_) if self.is_without_room(collection).is_some() => self.tell_room(collection, true).await,
            _ => {}
        }
        let chunks = brought?;
        let content = edit::Content {
            id: put.id,
            revision: put.revision,
            natural: put.natural,
            kind: put.kind,
            attributes: put.attributes,
            keep_both: put.keep_both,
            body: Body::Long(chunks),
        };
        self.table_of(keys, collection, move |table| table.put(content))
            .await
    }
}
