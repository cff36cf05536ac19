//! Whose the records are.

use belay_proto::AccountId;
use rusqlite::{Connection, Transaction};

use super::settings;
use crate::store::{StoreError, accessory, meta};

/// Whose the records are.
const ACCOUNT: &str = "sync-account";

/// Forgets every collection and record: the binding has ended, and its owner didn't keep the data.
///
/// # Errors
/// [`StoreError`].
pub fn forget(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(
        "DELETE FROM arrived; DELETE FROM unopened; DELETE FROM record; DELETE FROM collection; DELETE FROM health_shared;",
    )?;
    accessory::forget_heard(connection)?;
    connection.execute("DELETE FROM meta WHERE name = ?1", [ACCOUNT])?;
    settings::forget(connection)
}

/// Makes the records `account`'s: those of another, which a sign-out left here, are forgotten.
///
/// # Errors
/// [`StoreError`].
pub fn adopt(transaction: &Transaction<'_>, account: AccountId) -> Result<(), StoreError> {
    if !is_of(transaction, account)? {
        let had_another = meta::get(transaction, ACCOUNT)?.is_some();
        forget(transaction)?;
        if had_another {
            // What another owner left is none of this one's.
            transaction.execute_batch(
                "INSERT INTO health_shared SELECT accessory, day, what, revision FROM health_day",
            )?;
        }
        meta::set(transaction, ACCOUNT, account.as_bytes())?;
    }
    Ok(())
}

/// Whether the records are `account`'s.
///
/// # Errors
/// [`StoreError`].
pub fn is_of(connection: &Connection, account: AccountId) -> Result<bool, StoreError> {
    Ok(meta::get(connection, ACCOUNT)?.is_some_and(|bytes| bytes == account.as_bytes()))
}
