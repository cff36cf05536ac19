//! One collection, pushed and pulled once.
//!
//! What is pending goes first, since whatever the cloud then sends was judged against it. Everything is one transaction a
//! batch, and nothing of it depends on the next: a round that is dropped between two has lost nothing.

mod asking;
mod check;
mod lacked;
mod pull;
mod push;
mod receive;
mod room;

use std::sync::Arc;

use belay_proto::AccountId;
use belay_proto::sync::CollectionKeys;
use belay_proto::wire::Quota;
use rusqlite::{Connection, Transaction};
use tokio::sync::watch;

use super::desk::{Desk, Done, edit, may_store, tell};
use super::error::SyncError;
use super::model::Change;
use super::ports::{SyncCloud, SyncFailure};
use super::state::Failure as Trouble;
use crate::store::sync::{self as rows, Collection};
use crate::store::{Sealer, StoreError};

pub(super) use asking::{answer, put_back, question};
pub(super) use room::Room;

/// So often what a pull made pending is pushed at once; the rest waits for the next round.
const MOST_PASSES: usize = 4;
/// The longest cursor that is kept, bytes.
const LONGEST_CURSOR: usize = 1024;

/// What a round leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The account's bytes, when the cloud told.
    pub(super) quota: Option<Quota>,
    /// What the cloud has room for.
    pub(super) room: Room,
    /// The cloud won't have a record as it is.
    pub(super) is_refused: bool,
    /// A record of this device can't be read.
    pub(super) is_spoilt: bool,
    /// The cloud lacks chunks of a record, which only who has its content can bring.
    pub(super) is_lacking: bool,
    /// Records of the cloud that don't open here are in the way of some of this device.
    pub(super) is_in_the_way: bool,
    /// Records of the cloud don't open here.
    pub(super) is_unopened: bool,
    /// Something is sealed in a key epoch that there is no key of.
    lacks_keys: bool,
    /// Something is still to be pushed that could be.
    is_unfinished: bool,
}

/// One round.
pub(super) struct Round {
    pub(super) cloud: Arc<dyn SyncCloud>,
    pub(super) desk: Desk,
    pub(super) account: AccountId,
    pub(super) collection: &'static str,
    /// Bytes done and in all.
    pub(super) progress: watch::Sender<(u64, u64)>,
    /// Records of a push at most, and of a write that may be about all there are: nobody waits long for the database.
    pub(super) records: usize,
    /// What the cloud told of its room when it last had none for this collection, where that is believed for now.
    pub(super) full: Option<Quota>,
    /// Whether records are tried again that one of the cloud which doesn't open was in the way of.
    pub(super) tries_in_the_way: bool,
}

impl Round {
    /// Syncs the collection.
    pub(super) async fn run(self) -> Result<Report, Trouble> {
        let (mut is_anew, mut is_renewed) = (false, false);
        if self.tries_in_the_way {
            self.try_in_the_way().await?;
        }
        loop {
            let unread = self.unread().await?;
            if unread > 0 && !is_renewed {
                is_renewed = true;
                self.desk.keys.renew().await;
            }
            let keys = self.desk.keys(self.collection).await?;
            // What didn't open for the lack of a key is fetched again once there are others: the key may be newer than the newest, or
            // an older one that came late.
            if unread > 0 && unread != keys.mark() {
                self.list_anew().await?;
                self.try_again().await?;
            }
            match self.once(&keys).await {
                Err(Trouble::Cloud(SyncFailure::CursorOver | SyncFailure::BadCursor)) if !is_anew => {
                    is_anew = true;
                    tracing::info!(
                        collection = self.collection,
                        "the cloud counts anew; listing everything"
                    );
                    self.list_anew().await?;
                    // It was restored, perhaps without all that it had.
                    self.check_anew().await?;
                }
                Err(Trouble::Cloud(SyncFailure::KeyEpochOld)) if !is_renewed => {
                    is_renewed = true;
                    self.desk.keys.renew().await;
                }
                Ok(report) if report.lacks_keys && !is_renewed => {
                    is_renewed = true;
                    self.desk.keys.renew().await;
                }
                // Others may change what is changed here all the time, or the cloud only says so.
                Ok(report) if report.is_unfinished => return Err(SyncFailure::Refused.into()),
                Ok(report) => {
                    self.check().await?;
                    return Ok(self.troubled(report).await?);
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn once(&self, keys: &Arc<CollectionKeys>) -> Result<Report, Trouble> {
        let (mut report, edited) = (Report::default(), self.edited());
        report.room = self.full.map_or(Room::Any, |_| Room::Changes);
        // The cloud may have what was pushed last, and others may have gone on from there.
        if self.is_unanswered().await? {
            self.pull(keys, &mut report).await?;
        }
        let is_done = self.passes(keys, &mut report).await?;
        // What there was no room for may have been removed.
        if report.room == Room::Changes && !self.is_left(Room::Any).await? {
            report.room = Room::Any;
        }
        // What was put meanwhile follows with the next round, which its edit asks for.
        report.is_unfinished = !is_done && edited == self.edited() && self.is_left(report.room).await?;
        Ok(report)
    }

    /// Pushes and pulls until there is nothing to push; false where there may be more.
    async fn passes(&self, keys: &Arc<CollectionKeys>, report: &mut Report) -> Result<bool, Trouble> {
        let (mut tries, mut hidden) = (lacked::Tries::new(), 0);
        for pass in 0..MOST_PASSES {
            let pushed = self.push(keys, report, &mut tries).await?;
            if pass > 0 && !pushed.is_any {
                return Ok(true);
            }
            hidden += usize::from(pushed.is_hidden);
            // From the cursor on it didn't come: it lies before.
            if pushed.is_hidden && hidden == 2 {
                self.list_anew().await?;
            }
            if !(pushed.is_any && pushed.is_contiguous) {
                self.pull(keys, report).await?;
            }
            self.finish(keys).await?;
        }
        Ok(false)
    }

    /// With what keeps records of earlier rounds from being pushed.
    async fn troubled(&self, mut report: Report) -> Result<Report, SyncError> {
        let collection = self.collection;
        let found = self
            .write(move |transaction, _| rows::troubles(transaction, collection))
            .await?;
        report.is_refused |= found.is_refused;
        report.is_spoilt = found.is_spoilt;
        report.is_lacking = found.is_lacking;
        report.is_in_the_way = found.is_in_the_way;
        report.is_unopened = found.is_unopened;
        Ok(report)
    }

    /// How often the collection was edited here.
    fn edited(&self) -> Option<u64> {
        self.desk.edits.borrow().get(self.collection).copied()
    }

    /// The keys that something didn't open with, by their [mark](CollectionKeys::mark); 0: all of it did.
    async fn unread(&self) -> Result<u64, SyncError> {
        let collection = self.collection;
        self.write(move |transaction, _| Ok(kept(transaction, collection)?.map_or(0, |kept| kept.unread)))
            .await
    }

    async fn is_unanswered(&self) -> Result<bool, SyncError> {
        let collection = self.collection;
        self.write(move |transaction, _| rows::is_unanswered(transaction, collection))
            .await
    }

    async fn list_anew(&self) -> Result<(), SyncError> {
        let collection = self.collection;
        self.write(move |transaction, _| rows::list_anew(transaction, collection))
            .await
    }

    /// What didn't open was in the way of some.
    async fn try_again(&self) -> Result<(), SyncError> {
        let collection = self.collection;
        self.write(move |transaction, _| rows::try_again(transaction, collection))
            .await
    }

    /// What didn't open may be something else by now.
    async fn try_in_the_way(&self) -> Result<(), SyncError> {
        let collection = self.collection;
        self.write(move |transaction, _| rows::try_in_the_way(transaction, collection))
            .await
    }

    async fn check_anew(&self) -> Result<(), SyncError> {
        let collection = self.collection;
        self.write(move |transaction, _| rows::check_anew(transaction, collection))
            .await
    }

    /// Ends a listing, and removes what was removed elsewhere unless that is so much that the owner is asked.
    async fn finish(&self, keys: &Arc<CollectionKeys>) -> Result<(), SyncError> {
        while self.finish_some(keys).await? {}
        Ok(())
    }

    /// Some of that; whether there may be more. A round that is left in between leaves the rest to the next one.
    async fn finish_some(&self, keys: &Arc<CollectionKeys>) -> Result<bool, SyncError> {
        let (collection, now, most) = (self.collection, self.desk.now(), self.records);
        self.take_in_by(keys, move |transaction, sealer, keys| {
            let mut receiver = receive::Receiver::new(transaction, sealer, keys, collection, now);
            let mut is_more = receiver.end_listing(most)?;
            if !is_more && asking::from_cloud(transaction, collection, now)?.is_none() {
                is_more = receiver.apply_some(most)?;
            }
            if !is_more {
                rows::note_ended(transaction, collection, now)?;
            }
            Ok((is_more, receiver.change))
        })
        .await
    }

    /// Writes what is the account's, and tells what has changed once it is on disk: also when this round is left meanwhile.
    async fn take_in<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &Sealer) -> Result<(T, Change), StoreError> + Send + 'static,
    ) -> Result<T, SyncError> {
        let work = move |transaction: &Transaction<'_>, sealer: &Sealer| work(transaction, sealer).map(Ok);
        self.tell_in(work).await
    }

    /// The same of what these keys opened, or seal; not once the records have their ids by others.
    async fn take_in_by<T: Send + 'static>(
        &self,
        keys: &Arc<CollectionKeys>,
        work: impl FnOnce(&Transaction<'_>, &Sealer, &CollectionKeys) -> Result<(T, Change), StoreError>
        + Send
        + 'static,
    ) -> Result<T, SyncError> {
        let keys = Arc::clone(keys);
        self.tell_in(move |transaction, sealer| match may_store(transaction, &keys)? {
            Ok(()) => work(transaction, sealer, &keys).map(Ok),
            Err(error) => Ok(Err(error)),
        })
        .await
    }

    async fn tell_in<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &Sealer) -> Done<(T, Change)> + Send + 'static,
    ) -> Result<T, SyncError> {
        let changed = self.desk.changed.clone();
        let told = move |(done, change)| {
            tell(&changed, change);
            done
        };
        edit(&self.desk.store, self.account, work, told).await
    }

    /// Writes what is the account's.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &Sealer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SyncError> {
        let work = move |transaction: &Transaction<'_>, sealer: &Sealer| -> Done<T> {
            work(transaction, sealer).map(Ok)
        };
        edit(&self.desk.store, self.account, work, |done| done).await
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
