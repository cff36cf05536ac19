//! The schema, one step a version. A step that was released is never changed.

use rusqlite::Connection;

use super::StoreError;

/// The steps in order; the database's `user_version` says how many it has taken.
const STEPS: &[&str] = &[
    include_str!("v1.sql"),
    include_str!("v2.sql"),
    include_str!("v3.sql"),
    include_str!("v4.sql"),
    include_str!("v5.sql"),
];

/// The version of a database that has taken all of them.
#[must_use]
pub const fn newest() -> usize {
    STEPS.len()
}

/// Takes the missing steps, each in its own transaction.
///
/// # Errors
/// When the database is newer than this program, or a step fails.
pub fn apply(connection: &mut Connection) -> Result<(), StoreError> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let taken = usize::try_from(version).map_err(|_| StoreError::Newer(version))?;
    if taken > STEPS.len() {
        return Err(StoreError::Newer(version));
    }
    for (step, next) in STEPS.iter().zip(1u32..).skip(taken) {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
    }
    Ok(())
}
