//! Listing records: those that are there, and those that are no more.

use super::{Desk, FEW, entry};
use crate::store::StoreError;
use crate::store::sync::{self as rows, Listed};
use crate::sync::error::SyncError;
use crate::sync::model::Entry;

impl Desk {
    pub(in crate::sync) async fn list(
        &self,
        collection: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, SyncError> {
        self.read(move |connection, sealer| {
            let page = |after, few| rows::list(connection, sealer, collection, after, few);
            entries(after, limit, page, |_| true)
        })
        .await
    }

    pub(in crate::sync) async fn list_removed(
        &self,
        collection: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, SyncError> {
        self.read(move |connection, sealer| {
            let page = |after, few| rows::list_removed(connection, sealer, collection, after, few);
            // What makes another version of a record another one comes behind a zero: it goes with the choice between them.
            entries(after, limit, page, |entry| !entry.natural.contains('\0'))
        })
        .await
    }
}

/// Those that count of what lies after a position, at most `limit`.
fn entries(
    mut after: u64,
    limit: usize,
    page: impl Fn(u64, usize) -> Result<Vec<Listed>, StoreError>,
    counts: impl Fn(&Entry) -> bool,
) -> Result<Vec<Entry>, StoreError> {
    let mut all = Vec::new();
    while all.len() < limit {
        // A row has its content with it, which isn't listed: few of them are in memory at once.
        let page = page(after, FEW.min(limit - all.len()))?;
        let Some(last) = page.last() else { break };
        after = last.position;
        all.extend(page.into_iter().map(entry).filter(&counts));
    }
    Ok(all)
}
