//! What is kept of sync besides the records.

use rusqlite::Connection;

use crate::store::{StoreError, meta};
use crate::sync::Policy;

const PAUSED: &str = "sync-paused";
const POLICY: &str = "sync-policy";
const LAST: &str = "sync-last";

/// What is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its owner paused sync.
    pub paused: bool,
    /// When to sync; none: never chosen.
    pub policy: Option<Policy>,
    /// When a collection was last synced, seconds since the epoch; 0: never.
    pub last: u64,
}

/// What is kept.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn settings(connection: &Connection) -> Result<Settings, StoreError> {
    let policy = match meta::get(connection, POLICY)?.as_deref() {
        Some([metered, floor, roaming]) => Some(Policy {
            metered: *metered == 1,
            roaming: *roaming == 1,
            battery_floor: *floor,
        }),
        _ => None,
    };
    let last = meta::get(connection, LAST)?.and_then(|bytes| bytes.try_into().ok());
    Ok(Settings {
        paused: meta::get(connection, PAUSED)?.is_some_and(|bytes| bytes == [1]),
        policy,
        last: last.map_or(0, u64::from_be_bytes),
    })
}

/// Keeps whether sync is paused.
///
/// # Errors
/// [`StoreError`].
pub fn pause(connection: &Connection, paused: bool) -> Result<(), StoreError> {
    meta::set(connection, PAUSED, &[u8::from(paused)])
}

/// Keeps the policy.
///
/// # Errors
/// [`StoreError`].
pub fn set_policy(connection: &Connection, policy: Policy) -> Result<(), StoreError> {
    let kept = [
        u8::from(policy.metered),
        policy.battery_floor,
        u8::from(policy.roaming),
    ];
    meta::set(connection, POLICY, &kept)
}

/// Keeps when a collection was last synced.
///
/// # Errors
/// [`StoreError`].
pub fn synced(connection: &Connection, at: u64) -> Result<(), StoreError> {
    meta::set(connection, LAST, &at.to_be_bytes())
}

/// Forgets what belonged to the account, and what its owner chose: another one pays for the network perhaps.
pub(super) fn forget(connection: &Connection) -> Result<(), StoreError> {
    connection.execute(
        "DELETE FROM meta WHERE name IN (?1, ?2, ?3)",
        [PAUSED, POLICY, LAST],
    )?;
    Ok(())
}
