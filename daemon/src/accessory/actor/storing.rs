//! What goes to the database.

use futures_util::future::BoxFuture;
use rusqlite::Transaction;

use crate::accessory::error::AccessoryError;
use crate::accessory::state::What;
use crate::store::{Sealer, Store, StoreError};

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
