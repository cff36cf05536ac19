//! Single values by name, and the check that the sealing key is the right one.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Sealer, StoreError};

const KEY_CHECK: &str = "key-check";
const KEY_CHECK_TEXT: &[u8] = b"belay";

/// The value called `name`, when there is one.
///
/// # Errors
/// [`StoreError::Sql`].
pub fn get(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

/// Stores `value` as `name`.
///
/// # Errors
/// [`StoreError::Sql`].
pub fn set(connection: &Connection, name: &str, value: &[u8]) -> Result<(), StoreError> {
    connection.execute(
        "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
        params![name, value],
    )?;
    Ok(())
}

/// Opens the text that the database's first start sealed, or seals it at that start. Without this a wrong
/// key would show only at the first sealed value, after others had been written under it.
pub(super) fn check_key(connection: &Connection, sealer: &Sealer) -> Result<(), StoreError> {
    match get(connection, KEY_CHECK)? {
        None => set(connection, KEY_CHECK, &sealer.seal(KEY_CHECK, KEY_CHECK_TEXT)),
        Some(sealed) => match sealer.open(KEY_CHECK, &sealed) {
            Ok(_) => Ok(()),
            Err(_) => Err(StoreError::WrongKey),
        },
    }
}
