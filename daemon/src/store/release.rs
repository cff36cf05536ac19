//! Releases on their way to the cloud.

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;

/// A release that the cloud hasn't confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRelease {
    /// The released device, 16 bytes.
    pub device: [u8; 16],
    /// The epoch that ended, 16 bytes.
    pub epoch: [u8; 16],
    /// The encoded signed release, as the warden gave it.
    pub release: Vec<u8>,
    /// How often its delivery was tried.
    pub attempts: u32,
}

/// Stores a release; the same one again changes nothing.
///
/// # Errors
/// [`StoreError::Sql`].
pub fn put(
    connection: &Connection,
    device: &[u8; 16],
    epoch: &[u8; 16],
    release: &[u8],
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO release_outbox (device, epoch, release) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        params![device, epoch, release],
    )?;
    Ok(())
}

/// Whether any release is waiting: the property `PendingRelease`.
///
/// # Errors
/// [`StoreError::Sql`].
pub fn any(connection: &Connection) -> Result<bool, StoreError> {
    Ok(
        connection.query_row("SELECT EXISTS (SELECT 1 FROM release_outbox)", [], |row| {
            row.get(0)
        })?,
    )
}

/// The release to deliver next: the one that was tried the fewest times.
///
/// # Errors
/// [`StoreError::Sql`].
pub fn next(connection: &Connection) -> Result<Option<PendingRelease>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT device, epoch, release, attempts FROM release_outbox ORDER BY attempts, device, epoch LIMIT 1",
    )?;
    let row = statement
        .query_row([], |row| {
            Ok(PendingRelease {
                device: row.get(0)?,
                epoch: row.get(1)?,
                release: row.get(2)?,
                attempts: row.get(3)?,
            })
        })
        .optional()?;
    Ok(row)
}

/// Counts a delivery that didn't succeed.
///
/// # Errors
/// [`StoreError::Sql`].
pub fn tried(connection: &Connection, device: &[u8; 16], epoch: &[u8; 16]) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE release_outbox SET attempts = attempts + 1 WHERE device = ?1 AND epoch = ?2",
        params![device, epoch],
    )?;
    Ok(())
}

/// Forgets a release that the cloud has.
///
/// # Errors
/// [`StoreError::Sql`].
pub fn delivered(connection: &Connection, device: &[u8; 16], epoch: &[u8; 16]) -> Result<(), StoreError> {
    connection.execute(
        "DELETE FROM release_outbox WHERE device = ?1 AND epoch = ?2",
        params![device, epoch],
    )?;
    Ok(())
}
