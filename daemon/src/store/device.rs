//! The one row about this device: its name, and whether the cloud has yet to be told.

use rusqlite::{Connection, params};

use super::StoreError;

/// The row of table `device`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceRow {
    /// The name that the owner set; empty: none, the configured one counts.
    pub name: String,
    /// The cloud hasn't been told this name yet.
    pub name_dirty: bool,
}

/// The row as it stands.
///
/// # Errors
/// [`StoreError::Sql`].
pub fn load(connection: &Connection) -> Result<DeviceRow, StoreError> {
    let row = connection.query_row("SELECT name, name_dirty FROM device WHERE id = 1", [], |row| {
        Ok(DeviceRow {
            name: row.get(0)?,
            name_dirty: row.get(1)?,
        })
    })?;
    Ok(row)
}

/// Stores the name that the owner set and marks it for the cloud.
///
/// # Errors
/// [`StoreError::Sql`].
pub fn set_name(connection: &Connection, name: &str) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE device SET name = ?1, name_dirty = 1 WHERE id = 1",
        params![name],
    )?;
    Ok(())
}

/// Marks the name as delivered, unless it has been changed again since `delivered` was read.
///
/// # Errors
/// [`StoreError::Sql`].
pub fn name_delivered(connection: &Connection, delivered: &str) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE device SET name_dirty = 0 WHERE id = 1 AND name = ?1",
        params![delivered],
    )?;
    Ok(())
}
