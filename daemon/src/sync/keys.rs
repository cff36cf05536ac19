//! The collections' keys, which the warden gives while the device is bound and not lost.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use belay_proto::dbus::Error;
use belay_proto::id::{AccountId, DeviceId};
use belay_proto::steps::{COLLECTION_KEYS, CollectionKeysInput, CollectionKeysOutput};
use belay_proto::sync::{CollectionId, CollectionKeys};
use tokio::sync::OwnedMutexGuard;
use zeroize::Zeroizing;

use super::error::SyncError;
use super::ports::NewerKeys;
use crate::warden::{WardenError, WardenHandle};

/// The keys that were asked for in this session; clones share them.
#[derive(Clone)]
pub(super) struct Keys {
    warden: WardenHandle,
    newer: Arc<dyn NewerKeys>,
    held: Arc<Mutex<Held>>,
    /// Records get other ids, one collection after the other.
    calling: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Held {
    account: Option<AccountId>,
    keys: BTreeMap<&'static str, Arc<CollectionKeys>>,
    /// By which keys the records have their ids.
    called: BTreeMap<&'static str, CollectionId>,
}

impl Debug for Keys {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    pub(super) fn new(warden: WardenHandle, newer: Arc<dyn NewerKeys>) -> Self {
        Self {
            warden,
            newer,
            held: Arc::default(),
            calling: Arc::default(),
        }
    }

    /// Whose records are worked on from now on; all keys are asked for anew.
    pub(super) fn begin(&self, account: Option<AccountId>) {
        *self.lock() = Held {
            account,
            ..Held::default()
        };
    }

    /// Whether the records are known to have the ids that these keys give them.
    pub(super) fn are_called(&self, collection: &'static str, keys: &CollectionKeys) -> bool {
        self.lock().called.get(collection) == Some(&keys.collection_id())
    }

    /// They have.
    pub(super) fn called(&self, collection: &'static str, keys: &CollectionKeys) {
        let mut held = self.lock();
        if held.account == Some(keys.account()) {
            held.called.insert(collection, keys.collection_id());
        }
    }

    /// Waits until nobody gives records other ids, and has nobody else begin.
    pub(super) async fn calling(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.calling).lock_owned().await
    }

    /// Whose records are worked on.
    pub(super) fn account(&self) -> Option<AccountId> {
        self.lock().account
    }

    /// The device within the account, as the warden last said.
    pub(super) fn device(&self) -> Option<DeviceId> {
        self.warden.view().identity.device
    }

    /// Whether the warden keeps no keys that these lack: what is sealed under older ones than the newest a removed device may read, and
    /// what is sealed under one that is lacking opens nowhere here.
    pub(super) fn are_current(&self, keys: &CollectionKeys) -> bool {
        keys.held() >= self.warden.view().identity.held_keys()
    }

    /// The account has another key epoch: the warden gets what the owner made elsewhere, and every key is asked for anew.
    pub(super) async fn renew(&self) {
        self.newer.fetch().await;
        self.lock().keys.clear();
    }

    /// The keys of a collection, asked for anew once the warden keeps others besides.
    pub(super) async fn of(&self, collection: &'static str) -> Result<Arc<CollectionKeys>, SyncError> {
        let account = {
            let held = self.lock();
            let known = held.keys.get(collection);
            if let Some(keys) = known.filter(|keys| self.are_current(keys)) {
                return Ok(Arc::clone(keys));
            }
            held.account.ok_or(SyncError::NotBound)?
        };
        let input = CollectionKeysInput {
            collection: collection.to_owned(),
        };
        let answered = self.warden.use_step("", COLLECTION_KEYS, &input.encode()).await;
        let output = Zeroizing::new(answered.map_err(refused)?);
        let output = CollectionKeysOutput::decode(&output).map_err(|_| {
            tracing::warn!(collection, "the warden's keys can't be read");
            SyncError::Storage
        })?;
        let keys = CollectionKeys::new(account, collection.to_owned(), output.keys, output.index);
        let keys = Arc::new(keys);
        let mut held = self.lock();
        // The warden may have been bound to another meanwhile.
        if held.account != Some(account) {
            return Err(SyncError::Cancelled);
        }
        held.keys.insert(collection, Arc::clone(&keys));
        Ok(keys)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn refused(error: WardenError) -> SyncError {
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "the warden doesn't give the keys of a collection"
    );
    match error {
        WardenError::Refused(Error::NotBound(_) | Error::DeviceLost(_)) => SyncError::NotBound,
        _ => SyncError::Storage,
    }
}
