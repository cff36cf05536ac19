//! The keys of a collection, and its records under the ids that these give them.

use std::sync::Arc;

use belay_proto::sync::CollectionKeys;
use rusqlite::Transaction;

use super::{Desk, edit, tell};
use crate::store::Sealer;
use crate::store::sync::{self as rows, Naming};
use crate::sync::error::SyncError;
use crate::sync::model::Change;
use crate::sync::round;

impl Desk {
    /// The keys of a collection, asked for anew once the warden keeps newer ones. Where the account goes on with keys of
    /// nothing that was, the records get the ids that these give them before anybody works with them.
    pub(in crate::sync) async fn keys(
        &self,
        collection: &'static str,
    ) -> Result<Arc<CollectionKeys>, SyncError> {
        let keys = self.keys.of(collection).await?;
        if self.keys.are_called(collection, &keys) {
            return Ok(keys);
        }
        let _alone = self.keys.calling().await;
        let mut next = (!self.keys.are_called(collection, &keys)).then_some(0);
        while let Some(after) = next {
            next = self.call(collection, Arc::clone(&keys), after).await?;
        }
        self.keys.called(collection, &keys);
        Ok(keys)
    }

    /// Some of them; after which position the others come.
    async fn call(
        &self,
        collection: &'static str,
        keys: Arc<CollectionKeys>,
        after: u64,
    ) -> Result<Option<u64>, SyncError> {
        let (account, now, changed) = (keys.account(), self.now(), self.changed.clone());
        let work = move |transaction: &Transaction<'_>, sealer: &Sealer| {
            let naming = rows::naming(transaction, &keys)?;
            if naming == Naming::These {
                return Ok(Ok(rows::Called::default()));
            }
            if naming == Naming::Others {
                tracing::info!(
                    collection,
                    "the account has other keys; its records are brought once more"
                );
                // What the owner is asked about is at the cloud under keys that nobody has: nothing could bring it back.
                round::put_back(transaction, sealer, collection, now)?;
            }
            rows::call(transaction, sealer, &keys, after, now).map(Ok)
        };
        let told = move |called: rows::Called| {
            let (ids, removed) = (called.ids, called.removed);
            tell(
                &changed,
                Change {
                    collection,
                    ids,
                    removed,
                },
            );
            called.next
        };
        edit(&self.store, account, work, told).await
    }
}

/// Whether what is made with these keys may be stored: the records have no ids by others, and aren't getting any.
pub(in crate::sync) fn may_store(transaction: &Transaction<'_>, keys: &CollectionKeys) -> super::Done<()> {
    Ok(match rows::naming(transaction, keys)? {
        Naming::These | Naming::Unseen => Ok(()),
        Naming::Others | Naming::Changing => Err(SyncError::KeyEpochOld),
    })
}
