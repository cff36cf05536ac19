//! One collection, pushed and pulled once.
//!
//! What is pending goes first, since whatever the cloud then sends was judged against it. Everything is one transaction a
//! batch, and nothing of it depends on the next: a round that is dropped between two has lost nothing.

mod asking;
mod pull;
mod push;
mod receive;

use std::sync::Arc;

use belay_proto::AccountId;
use belay_proto::sync::CollectionKeys;
use belay_proto::wire::Quota;
use rusqlite::{Connection, Transaction};
use tokio::sync::watch;

use super::desk::{Desk, Done, edit};
use super::error::SyncError;
use super::model::Change;
use super::ports::{SyncCloud, SyncFailure};
use super::state::Failure as Trouble;
use crate::store::sync::{self as rows, Collection};
use crate::store::{Sealer, StoreError};

pub(super) use asking::{answer, question};

/// So often what a pull made pending is pushed at once; the rest waits for the next round.
const MOST_PASSES: usize = 4;
/// The longest cursor that is kept, bytes.
const LONGEST_CURSOR: usize = 1024;

/// What a round leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The account's bytes, when the cloud told.
    pub(super) quota: Option<Quota>,
    /// There was no room for a record.
    pub(super) is_full: bool,
    /// The cloud won't have a record as it is.
    pub(super) is_refused: bool,
    /// Something is sealed in a key epoch that there is no key of.
    lacks_keys: bool,
}

/// One round.
pub(super) struct Round {
    pub(super) cloud: Arc<dyn SyncCloud>,
    pub(super) desk: Desk,
    pub(super) account: AccountId,
    pub(super) collection: &'static str,
    /// Bytes done and in all.
    pub(super) progress: watch::Sender<(u64, u64)>,
}

impl Round {
    /// Syncs the collection.
    pub(super) async fn run(self) -> Result<Report, Trouble> {
        let (mut is_anew, mut is_renewed) = (false, false);
        loop {
            let keys = self.desk.keys.of(self.collection).await?;
            self.read_again(keys.key_epoch()).await?;
            match self.once(&keys).await {
                Err(Trouble::Cloud(SyncFailure::CursorOver | SyncFailure::BadCursor)) if !is_anew => {
                    is_anew = true;
                    tracing::info!(
                        collection = self.collection,
                        "the cloud counts anew; listing everything"
                    );
                    self.list_anew().await?;
                }
                Err(Trouble::Cloud(SyncFailure::KeyEpochOld)) if !is_renewed => {
                    is_renewed = true;
                    self.desk.keys.renew();
                }
                Ok(report) if report.lacks_keys && !is_renewed => {
                    is_renewed = true;
                    self.desk.keys.renew();
                }
                outcome => return outcome,
            }
        }
    }

    async fn once(&self, keys: &Arc<CollectionKeys>) -> Result<Report, Trouble> {
        let mut report = Report::default();
        for pass in 0..MOST_PASSES {
            let pushed = self.push(keys, &mut report).await?;
            if pass > 0 && !pushed.is_any {
                break;
            }
            if !(pushed.is_any && pushed.is_contiguous) {
                self.pull(keys, &mut report).await?;
            }
            self.finish(keys).await?;
        }
        Ok(report)
    }

    /// What didn't open for the lack of a key is fetched again once the key is there.
    async fn read_again(&self, epoch: u64) -> Result<(), SyncError> {
        let collection = self.collection;
        self.write(move |transaction, _| {
            let unread = kept(transaction, collection)?.map_or(0, |kept| kept.unread);
            if unread > 0 && unread <= epoch {
                rows::list_anew(transaction, collection)?;
            }
            Ok(())
        })
        .await
    }

    async fn list_anew(&self) -> Result<(), SyncError> {
        let collection = self.collection;
        self.write(move |transaction, _| rows::list_anew(transaction, collection))
            .await
    }

    /// Ends a listing, and removes what was removed elsewhere unless that is so much that the owner is asked.
    async fn finish(&self, keys: &Arc<CollectionKeys>) -> Result<(), SyncError> {
        let (collection, keys, now) = (self.collection, Arc::clone(keys), self.desk.now());
        let change = self
            .write(move |transaction, sealer| {
                let mut receiver = receive::Receiver::new(transaction, sealer, &keys, collection, now);
                receiver.end_listing()?;
                if asking::from_cloud(transaction, collection)?.is_none() {
                    receiver.apply_arrived()?;
                }
                Ok(receiver.change)
            })
            .await?;
        self.desk.tell(change);
        Ok(())
    }

    /// Writes what is the account's.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &Sealer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SyncError> {
        let work = move |transaction: &Transaction<'_>, sealer: &Sealer| -> Done<T> {
            work(transaction, sealer).map(Ok)
        };
        edit(&self.desk.store, self.account, work).await
    }

    /// Counts bytes that are done, of so many more than before.
    fn advance(&self, done: u64, more: u64) {
        self.progress.send_modify(|(so_far, all)| {
            *so_far = so_far.saturating_add(done);
            *all = all.saturating_add(more).max(*so_far);
        });
    }
}

/// What is kept of a collection.
fn kept(connection: &Connection, name: &str) -> Result<Option<Collection>, StoreError> {
    let all = rows::collections(connection)?;
    Ok(all.into_iter().find(|collection| collection.name == name))
}

fn no_change(collection: &'static str) -> Change {
    Change {
        collection,
        ids: Vec::new(),
        removed: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
