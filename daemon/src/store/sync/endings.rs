//! Removals that the cloud has. It forgets each half a year after it got it, and lists it no more: that says nothing of a
//! removal that is as old here, which isn't brought again.
//!
//! The removal itself stays here for good. A device that was away for longer than the cloud remembers finds its cursor too
//! old, lists all, and brings again whatever it has that the cloud doesn't, since a cloud that lost it looks the same; so
//! does a cloud that goes on with an old backup. What says that such a record was removed, and by whom it was known, is then
//! the removal on another device alone, which is pushed over it. Nobody knows which devices are still to come back.

use belay_proto::sync::RecordId;
use rusqlite::{Connection, Transaction, params};

use super::{Listed, REMOVED, page};
use crate::store::{Sealer, StoreError};

/// How long the cloud remembers a removal, s: 180 days (cloud contract).
const REMEMBERED: u64 = 180 * 24 * 3600;

/// Removals that the cloud has and that aren't known to have ended.
pub(super) const ENDING: &str = "collection = ?1 AND removed = 1 AND pending = 0 AND ended = 0";

/// Notes that the cloud has the removals that it isn't to get any more, at `now`, seconds since the epoch.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn note_ended(transaction: &Transaction<'_>, collection: &str, now: u64) -> Result<(), StoreError> {
    transaction
        .prepare_cached(&format!("UPDATE record SET ended = ?2 WHERE {ENDING}"))?
        .execute(params![collection, now.max(1)])?;
    Ok(())
}

/// A page of what was removed, after a position, at most `limit`. Of each no more is kept than what it was by nature, its kind
/// and when it was removed.
///
/// # Errors
/// [`StoreError`].
pub fn list_removed(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<Listed>, StoreError> {
    page(connection, sealer, collection, REMOVED, after, limit)
}

/// Where a record that a listing hasn't shown is a removal which the cloud has forgotten by now, it is left as it is; whether
/// that is so.
///
/// # Errors
/// [`StoreError`].
pub fn let_go(
    connection: &Connection,
    collection: &str,
    id: &RecordId,
    now: u64,
) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE record SET base = NULL, base_number = 0, unseen = 0
             WHERE collection = ?1 AND id = ?2 AND removed = 1 AND pending = 0 AND ended > 0 AND ended <= ?3",
        )?
        .execute(params![collection, id.as_bytes(), now.saturating_sub(REMEMBERED)])?;
    Ok(changed > 0)
}
