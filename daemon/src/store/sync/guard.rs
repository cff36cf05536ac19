//! What the owner is asked before, counted: the triggers keep the numbers, so that a look at them costs the same however many
//! removals wait.

use rusqlite::{Connection, OptionalExtension};

use crate::store::StoreError;

/// Removals of one side that wait, and of which the owner wasn't asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub removals: u64,
    /// Another number for other ones; drawn at random.
    pub set: i64,
}

/// What the guard looks at in a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    /// Records that are there.
    pub records: u64,
    /// What was removed here, and the cloud has.
    pub here: Waiting,
    /// What was removed on other devices, and is there.
    pub cloud: Waiting,
}

/// What the guard looks at; nothing of a collection that isn't there.
///
/// # Errors
/// [`StoreError`].
pub fn guarded(connection: &Connection, collection: &str) -> Result<Guarded, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT records, unasked, unasked_set, arrived, arrived_set FROM collection WHERE name = ?1",
    )?;
    let guarded = statement.query_row([collection], |row| {
        let waiting = |removals, set| {
            Ok::<_, rusqlite::Error>(Waiting {
                removals: row.get(removals)?,
                set: row.get(set)?,
            })
        };
        Ok(Guarded {
            records: row.get(0)?,
            here: waiting(1, 2)?,
            cloud: waiting(3, 4)?,
        })
    });
    Ok(guarded.optional()?.unwrap_or_default())
}
