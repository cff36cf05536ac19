//! How often one account is changed. What its owner key signed is counted for itself: a session alone, which whoever holds an
//! unlocked device has, must not keep the owner from removing that device, or from choosing another password.

use belay_proto::AccountId;
use rusqlite::Transaction;

use crate::budget::{self, Limit};
use crate::clock::{HOUR, Millis};
use crate::store::Failure;
use crate::vault::Vault;

/// Changes of each kind.
const CHANGES: Limit = Limit {
    times: 300,
    window: HOUR,
};

/// Counts a change that the owner key signed, before it is made.
///
/// # Errors
/// `too-many`, or a broken database.
pub fn by_owner(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
    now: Millis,
) -> Result<(), Failure> {
    let counter = vault.mac("owner-changes", &[account.as_bytes()]);
    budget::take(tx, &counter, CHANGES, now)
}

/// Counts a change that a session alone makes, before it is made.
///
/// # Errors
/// `too-many`, or a broken database.
pub fn by_session(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
    now: Millis,
) -> Result<(), Failure> {
    let counter = vault.mac("session-changes", &[account.as_bytes()]);
    budget::take(tx, &counter, CHANGES, now)
}
