//! What the owner is asked before, counted: the triggers keep the numbers, so that a look at them costs the same however many
//! removals wait.

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::StoreError;

/// Removals of one side that wait, and of which the owner wasn't asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub removals: u64,
    /// Another number for other ones; drawn at random.
    pub set: i64,
    /// The owner is asked about them, since so many more had gone unasked.
    pub asked: Option<u64>,
}

/// Where records were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// On this device.
    Here,
    /// On others.
    Cloud,
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
        "SELECT records, unasked, unasked_set, asked_here, arrived, arrived_set, asked_cloud
         FROM collection WHERE name = ?1",
    )?;
    let guarded = statement.query_row([collection], |row| {
        let waiting = |first: usize| {
            Ok::<_, rusqlite::Error>(Waiting {
                removals: row.get(first)?,
                set: row.get(first + 1)?,
                asked: row.get(first + 2)?,
            })
        };
        Ok(Guarded {
            records: row.get(0)?,
            here: waiting(1)?,
            cloud: waiting(4)?,
        })
    });
    Ok(guarded.optional()?.unwrap_or_default())
}

/// Notes that a question stands, since when `went` more had gone unasked, or that none does.
///
/// # Errors
/// [`StoreError`].
pub fn stand(
    connection: &Connection,
    collection: &str,
    side: Side,
    went: Option<u64>,
) -> Result<(), StoreError> {
    let sql = match side {
        Side::Here => "UPDATE collection SET asked_here = ?2 WHERE name = ?1",
        Side::Cloud => "UPDATE collection SET asked_cloud = ?2 WHERE name = ?1",
    };
    connection.prepare_cached(sql)?.execute(params![collection, went])?;
    Ok(())
}
