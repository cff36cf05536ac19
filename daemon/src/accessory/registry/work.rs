//! Fetching and bringing, once.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_proto::id::{AccessoryId, AccountId};
use belay_proto::signed::EpochKeys;
use belay_proto::steps::{ACCESSORIES, COLLECTION_KEYS, CollectionKeysInput, CollectionKeysOutput};
use belay_proto::wire::{ACCESSORIES_PAGE, AccessoryEntry};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::actor::Parts;
use super::merge::Learned;
use super::ports::NotBrought;
use super::record;
use crate::accessory::error::AccessoryError;
use crate::store::{StoreError, registry};

/// More pages than this aren't fetched in a row: a registry has 64 accessories and 256 removals.
const MOST_PAGES: usize = 8;

/// The collection's keys, asked for once they are needed.
pub(super) type Keys = Arc<OnceCell<EpochKeys>>;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What was fetched is on disk.
    Fetched {
        /// What to ask for after next time.
        cursor: u64,
        /// The cloud had no more.
        is_whole: bool,
    },
    /// A change was brought.
    Brought,
    /// The cloud won't have this change of this accessory.
    Skipped(AccessoryId, u64),
    /// Nothing waits.
    Nothing,
    /// It came to nothing.
    Failed(NotBrought),
}

/// One piece of work.
pub(super) struct Work {
    pub(super) parts: Parts,
    pub(super) account: AccountId,
    pub(super) keys: Keys,
}

impl Work {
    /// Fetches what changed after `cursor`, or, without one, all.
    pub(super) async fn fetch(self, cursor: Option<u64>) -> Outcome {
        match self.try_fetch(cursor).await {
            Ok(outcome) => outcome,
            Err(why) => Outcome::Failed(why),
        }
    }

    async fn try_fetch(&self, cursor: Option<u64>) -> Result<Outcome, NotBrought> {
        let (mut after, whole) = (cursor.unwrap_or(0), cursor.is_none());
        let mut present = BTreeMap::new();
        let mut is_whole = false;
        for _ in 0..MOST_PAGES {
            let page = self.parts.cloud.changes(after).await?;
            if page.last < after {
                // The cloud counts anew: it has forgotten something, as after a restore.
                tracing::warn!("the registry of accessories has lost what it had");
                return Err(NotBrought::Conflict);
            }
            // The cloud's word, for what it wants to be told: one that doesn't open is there all the same.
            present.extend(page.accessories.iter().map(|entry| (entry.id, entry.revision)));
            let records = self.read(page.accessories).await?;
            self.parts
                .accessories
                .learn(self.account, records)
                .await
                .map_err(later)?;
            is_whole = !page.more;
            if is_whole || page.last == after {
                after = page.last;
                break;
            }
            after = page.last;
        }
        if whole && is_whole {
            let account = self.account;
            self.parts
                .store
                .transaction(move |transaction| registry::listed(transaction, account, &present))
                .await
                .map_err(unstored)?;
        }
        Ok(Outcome::Fetched {
            cursor: after,
            is_whole,
        })
    }

    /// What of a page a device of the account has sealed. The rest is worth a line in the log, and nothing more.
    async fn read(&self, entries: Vec<AccessoryEntry>) -> Result<Vec<Learned>, NotBrought> {
        let mut records = Vec::new();
        for entry in entries.into_iter().take(ACCESSORIES_PAGE) {
            match record::open(self.keys().await?, self.account, &entry) {
                Ok(record) => records.push(record),
                Err(error) => {
                    tracing::warn!(%error, "an entry of the registry of accessories is left aside");
                }
            }
        }
        Ok(records)
    }

    /// Brings the first change that waits.
    pub(super) async fn bring(self, skipped: BTreeMap<AccessoryId, u64>) -> Outcome {
        match self.try_bring(skipped).await {
            Ok(outcome) => outcome,
            Err(why) => Outcome::Failed(why),
        }
    }

    async fn try_bring(&self, skipped: BTreeMap<AccessoryId, u64>) -> Result<Outcome, NotBrought> {
        let (store, account) = (&self.parts.store, self.account);
        let sealer = store.sealer().clone();
        let next = move |connection: &mut rusqlite::Connection| {
            registry::next(connection, &sealer, account, &skipped)
        };
        let Some(waiting) = store.call(next).await.map_err(unstored)? else {
            return Ok(Outcome::Nothing);
        };
        let refused = Outcome::Skipped(waiting.id, waiting.change);
        let Some(request) = record::seal(self.keys().await?, account, &waiting) else {
            tracing::warn!("an accessory is too much for a record of the registry");
            return Ok(refused);
        };
        match self.parts.cloud.put(waiting.id, request).await {
            Ok(()) => {}
            Err(NotBrought::Refused) => return Ok(refused),
            Err(NotBrought::KeysOld) => {
                // The warden then tells of them, and they are asked for anew.
                self.parts.newer.fetch().await;
                return Err(NotBrought::KeysOld);
            }
            Err(why) => return Err(why),
        }
        store
            .call(move |connection| registry::brought(connection, &waiting))
            .await
            .map_err(unstored)?;
        Ok(Outcome::Brought)
    }

    /// The keys; asked for once a session.
    async fn keys(&self) -> Result<&EpochKeys, NotBrought> {
        self.keys
            .get_or_try_init(|| async {
                let collection = ACCESSORIES.to_owned();
                let input = CollectionKeysInput { collection }.encode();
                let output = self.parts.warden.use_step("", COLLECTION_KEYS, &input).await;
                let keys = output
                    .ok()
                    .map(Zeroizing::new)
                    .and_then(|output| CollectionKeysOutput::decode(&output).ok());
                keys.map(|output| output.keys).ok_or_else(|| {
                    tracing::warn!("the warden doesn't give the keys of the registry of accessories");
                    NotBrought::Later(None)
                })
            })
            .await
    }
}

fn unstored(error: StoreError) -> NotBrought {
    tracing::error!(
        error = &error as &dyn std::error::Error,
        "the registry of accessories"
    );
    NotBrought::Later(None)
}

fn later(error: AccessoryError) -> NotBrought {
    tracing::debug!(%error, "the registry of accessories waits");
    NotBrought::Later(None)
}
