//! The collections' keys, which the warden gives while the device is bound and not lost.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use belay_proto::dbus::Error;
use belay_proto::id::{AccountId, DeviceId};
use belay_proto::keys::PublicKey;
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

/// Whose keys they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Whose {
    /// The account.
    pub(super) account: AccountId,
    /// Whose root they are under: two of one account have keys of the same number that aren't the same.
    pub(super) owner: Option<PublicKey>,
}

#[derive(Default)]
struct Held {
    whose: Option<Whose>,
    keys: BTreeMap<&'static str, Arc<CollectionKeys>>,
    /// By which keys the records have their ids.
    called: BTreeMap<&'static str, CollectionId>,
}

impl Held {
    fn account(&self) -> Option<AccountId> {
        self.whose.map(|whose| whose.account)
    }
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
    pub(super) fn begin(&self, whose: Option<Whose>) {
        *self.lock() = Held {
            whose,
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
        if held.account() == Some(keys.account()) {
            held.called.insert(collection, keys.collection_id());
        }
    }

    /// Waits until nobody gives records other ids, and has nobody else begin.
    pub(super) async fn calling(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.calling).lock_owned().await
    }

    /// Whose records are worked on.
    pub(super) fn account(&self) -> Option<AccountId> {
        self.lock().account()
    }

    /// The device within the account, as the warden last said.
    pub(super) fn device(&self) -> Option<DeviceId> {
        self.warden.view().identity.device
    }

    /// Whether the warden keeps no keys that these lack, and works under no other root: what is sealed under older ones than the newest
    /// a removed device may read, what is sealed under one that is lacking opens nowhere here, and what another root has, nobody
    /// else may have.
    pub(super) fn are_current(&self, keys: &CollectionKeys) -> bool {
        self.are_current_in(&self.lock(), keys)
    }

    fn are_current_in(&self, held: &Held, keys: &CollectionKeys) -> bool {
        let now = self.warden.view().identity;
        // Of a warden that says nothing nobody knows that it works under another one.
        let is_of_it = |owner| held.whose.is_some_and(|whose| whose.owner == Some(owner));
        now.owner.is_none_or(is_of_it) && keys.held() >= now.held_keys()
    }

    /// The account has another key epoch: the warden gets what the owner made elsewhere, and every key is asked for anew.
    pub(super) async fn renew(&self) {
        self.newer.fetch().await;
        self.lock().keys.clear();
    }

    /// The keys of a collection, asked for anew once the warden keeps others besides.
    pub(super) async fn of(&self, collection: &'static str) -> Result<Arc<CollectionKeys>, SyncError> {
        loop {
            let whose = {
                let held = self.lock();
                let known = held.keys.get(collection);
                if let Some(keys) = known.filter(|keys| self.are_current_in(&held, keys)) {
                    return Ok(Arc::clone(keys));
                }
                held.whose.ok_or(SyncError::NotBound)?
            };
            let keys = Arc::new(self.asked_for(collection, whose.account).await?);
            let mut held = self.lock();
            match held.whose {
                Some(now) if now == whose => {
                    held.keys.insert(collection, Arc::clone(&keys));
                    return Ok(keys);
                }
                // The account goes on under another root, and these may be the keys of the one before.
                Some(now) if now.account == whose.account => {}
                // The warden has been bound to another meanwhile.
                _ => return Err(SyncError::Cancelled),
            }
        }
    }

    async fn asked_for(
        &self,
        collection: &'static str,
        account: AccountId,
    ) -> Result<CollectionKeys, SyncError> {
        let input = CollectionKeysInput {
            collection: collection.to_owned(),
        };
        let answered = self.warden.use_step("", COLLECTION_KEYS, &input.encode()).await;
        let output = Zeroizing::new(answered.map_err(refused)?);
        let output = CollectionKeysOutput::decode(&output).map_err(|_| {
            tracing::warn!(collection, "the warden's keys can't be read");
            SyncError::Storage
        })?;
        let name = collection.to_owned();
        Ok(CollectionKeys::new(account, name, output.keys, output.index))
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
