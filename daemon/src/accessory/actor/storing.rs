//! What goes to the database.

use std::future::ready;

use belay_proto::clock::unix_seconds;
use belay_proto::id::AccountId;
use futures_util::future::BoxFuture;
use rusqlite::Transaction;

use super::Desk;
use crate::accessory::error::AccessoryError;
use crate::accessory::state::{Effect, Preparation, What};
use crate::store::{Sealer, Store, StoreError, accessory as rows, pairing, registry, wishes};

impl Desk {
    /// Has an effect that is about the disk done. What the account's registry is to learn goes into its outbox in the
    /// same transaction.
    pub(super) async fn store(&mut self, effect: Effect) {
        let Some(account) = self.account else { return };
        let now = unix_seconds(self.parts.clock.wall());
        let changes = self.changes.clone();
        let told = move || changes.send_modify(|changes| *changes = changes.wrapping_add(1));
        match effect {
            Effect::Save(saved) => {
                let id = saved.id;
                self.work.push(stores(
                    &self.parts.store,
                    move |transaction, sealer| {
                        registry::save(transaction, sealer, account, &saved, now)?;
                        pairing::end(transaction, sealer, account, saved.address)
                    },
                    move |outcome| {
                        told();
                        What::Saved(id, outcome)
                    },
                ));
            }
            Effect::SaveSerial(id, serial) => {
                writes(&self.parts.store, move |transaction, sealer| {
                    registry::save_serial(transaction, sealer, account, id, serial, now)
                })
                .await;
                told();
            }
            Effect::Remove(id, asker) => {
                // Before anything else happens: what is learned or saved from here on finds it removed.
                let removing = self
                    .parts
                    .store
                    .transaction(move |transaction| registry::remove(transaction, account, id, now));
                let outcome = removing.await.map_err(failed);
                if outcome.is_ok() {
                    told();
                }
                self.work.push(Box::pin(ready(What::Removed(id, asker, outcome))));
            }
            Effect::StoreMinutes(id, session, minutes) => self.work.push(stores(
                &self.parts.store,
                move |transaction, sealer| rows::commit_minutes(transaction, sealer, id, &minutes),
                move |outcome| What::Stored(id, session, outcome),
            )),
            Effect::StoreTransfer(id, session, readings) => self.work.push(stores(
                &self.parts.store,
                move |transaction, sealer| rows::commit_readings(transaction, sealer, id, &readings),
                move |outcome| What::Stored(id, session, outcome),
            )),
            Effect::StoreReadings(id, readings) => {
                writes(&self.parts.store, move |transaction, sealer| {
                    rows::commit_readings(transaction, sealer, id, &readings).map(|_| ())
                })
                .await;
            }
            Effect::StoreMark(id, mark) => {
                writes(&self.parts.store, move |transaction, _| {
                    rows::mark(transaction, id, mark)
                })
                .await;
            }
            Effect::StoreSynced(id, now) => {
                writes(&self.parts.store, move |transaction, _| {
                    rows::synced(transaction, id, now)
                })
                .await;
            }
            Effect::StoreWishes(id, asker, wishes) => self.work.push(stores(
                &self.parts.store,
                move |transaction, _| wishes::save(transaction, id, wishes),
                move |outcome| What::WishesStored(id, asker, wishes, outcome),
            )),
            Effect::BeginPending(id, session, address, key) => self.work.push(stores(
                &self.parts.store,
                move |transaction, sealer| pairing::begin(transaction, sealer, account, (address, &key), now),
                move |outcome| What::Prepared(id, session, Preparation::Key, outcome),
            )),
            Effect::EndPending(address) => {
                writes(&self.parts.store, move |transaction, sealer| {
                    pairing::end(transaction, sealer, account, address)
                })
                .await;
            }
            Effect::StoreCounter(id, counter) => {
                writes(&self.parts.store, move |transaction, _| {
                    pairing::count(transaction, id, counter)
                })
                .await;
            }
            // The others aren't about the disk.
            _ => {}
        }
    }
}

impl Desk {
    /// Reads what has to be known of the accessories of `account` before anything is done with them.
    pub(super) async fn recall(&mut self, account: AccountId) {
        let sealer = self.parts.store.sealer().clone();
        let read = self.parts.store.call(move |connection| {
            let pending = pairing::load(connection, &sealer, account)?;
            Ok((pending, pairing::counters(connection)?))
        });
        // Logged there; without them a pairing that broke off is begun anew, and a sensor's first frame is believed. What
        // was another account's goes in any case.
        let (pending, counters) = read.await.map_err(failed).unwrap_or_default();
        self.happens(What::Recalled { pending, counters }).await;
    }

    /// Reads what the owner has switched on.
    pub(super) async fn read_wishes(&mut self) {
        let read = self.parts.store.call(|connection| wishes::load(connection)).await;
        // Logged there; what was switched on stays off until the next start.
        if let Ok(all) = read.map_err(failed) {
            self.happens(What::Wishes(all)).await;
        }
    }
}

/// Does `work` in a transaction and tells what came of it later.
pub(super) fn stores<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&Transaction<'_>, &Sealer) -> Result<T, StoreError> + Send + 'static,
    told: impl FnOnce(Result<T, AccessoryError>) -> What + Send + 'static,
) -> BoxFuture<'static, What> {
    let store = store.clone();
    Box::pin(async move {
        let sealer = store.sealer().clone();
        let outcome = store
            .transaction(move |transaction| work(transaction, &sealer))
            .await;
        told(outcome.map_err(failed))
    })
}

/// Does `work` before anything else happens; nobody is told.
pub(super) async fn writes(
    store: &Store,
    work: impl FnOnce(&Transaction<'_>, &Sealer) -> Result<(), StoreError> + Send + 'static,
) {
    let sealer = store.sealer().clone();
    let outcome = store
        .transaction(move |transaction| work(transaction, &sealer))
        .await;
    // Logged there; the accessory has it still, or says it again.
    let _ = outcome.map_err(failed);
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn failed(error: StoreError) -> AccessoryError {
    tracing::error!(
        error = &error as &dyn std::error::Error,
        "storing an accessory's data"
    );
    AccessoryError::Storage
}
