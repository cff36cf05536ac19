//! The schema, as numbered steps: each runs once, in a transaction, and the file's `user_version` counts them.

use rusqlite::Connection;

use super::StoreError;

/// Every migration in order; a step that has been released is never edited, only followed by another.
pub const ALL: &[&str] = &[
    include_str!("migrations/0001_ground.sql"),
    include_str!("migrations/0002_account.sql"),
    include_str!("migrations/0003_find.sql"),
    include_str!("migrations/0004_accessory.sql"),
    include_str!("migrations/0005_registry.sql"),
    include_str!("migrations/0006_wishes.sql"),
    include_str!("migrations/0007_pairing.sql"),
    include_str!("migrations/0008_sync.sql"),
    include_str!("migrations/0009_chunks.sql"),
    include_str!("migrations/0010_versions.sql"),
    include_str!("migrations/0011_naming.sql"),
    include_str!("migrations/0012_endings.sql"),
    include_str!("migrations/0013_offered.sql"),
    include_str!("migrations/0014_asked.sql"),
    include_str!("migrations/0015_unopened.sql"),
    include_str!("migrations/0016_removed.sql"),
    include_str!("migrations/0017_let_go.sql"),
];

/// Brings the database up to the last of `steps`.
///
/// # Errors
/// [`StoreError::TooNew`] when the file has seen more steps than there are; [`StoreError::Migration`] when
/// a step fails, which leaves the file as it was before that step.
pub fn run(connection: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > steps.len() {
        return Err(StoreError::TooNew {
            found,
            known: steps.len(),
        });
    }
    for (index, step) in steps.iter().enumerate().skip(found) {
        let number = index + 1;
        apply(connection, number, step).map_err(|source| StoreError::Migration { number, source })?;
    }
    Ok(())
}

fn apply(connection: &mut Connection, number: usize, step: &str) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(step)?;
    transaction.pragma_update(None, "user_version", u32::try_from(number).unwrap_or(u32::MAX))?;
    transaction.commit()
}
