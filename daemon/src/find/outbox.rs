//! What waits for the cloud: durable before whoever puts it in hears so.

use std::sync::Arc;

use belay_proto::id::ReportId;
use tokio::sync::Notify;

use crate::store::{Store, StoreError, find};

/// The outbox's entrance; clones share it.
#[derive(Clone, Debug)]
pub struct Outbox {
    store: Store,
    put: Arc<Notify>,
}

impl Outbox {
    /// The outbox in `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            put: Arc::default(),
        }
    }

    /// Keeps a report that is sealed to the owner until the cloud has it. The same id again changes nothing; of too
    /// many the oldest leave.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is kept then.
    pub async fn queue_report(&self, id: ReportId, sealed: Vec<u8>) -> Result<(), StoreError> {
        self.store
            .transaction(move |transaction| find::put_report(transaction, id, &sealed))
            .await?;
        self.put.notify_one();
        Ok(())
    }

    /// Answers after something was put in; what was put before counts too. For one waiter.
    pub(super) async fn put(&self) {
        self.put.notified().await;
    }
}
