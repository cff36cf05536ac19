//! What the owner has switched on for an accessory.

use belay_proto::id::AccessoryId;
use rusqlite::{Connection, params};

use super::StoreError;
use crate::accessory::Wishes;

/// What is switched on, of each accessory of which anything ever was.
///
/// # Errors
/// [`StoreError`].
pub fn load(connection: &Connection) -> Result<Vec<(AccessoryId, Wishes)>, StoreError> {
    let mut statement = connection.prepare("SELECT accessory, bits FROM accessory_wishes")?;
    let rows = statement.query_map([], |row| {
        let id = AccessoryId::from_bytes(row.get(0)?);
        Ok((id, Wishes::of_bits(row.get(1)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps it, in place of what was kept. An accessory that is gone has no wishes any more.
///
/// # Errors
/// [`StoreError`].
pub fn save(connection: &Connection, id: AccessoryId, wishes: Wishes) -> Result<(), StoreError> {
    connection.execute(
        "INSERT OR REPLACE INTO accessory_wishes (accessory, bits) SELECT id, ?2 FROM accessory WHERE id = ?1",
        params![id.as_bytes(), wishes.bits()],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use belay_proto::id::{AccessoryId, AccountId};

    use super::*;
    use crate::store::migrations;

    fn keep(connection: &Connection, id: AccessoryId) {
        let account = AccountId::from_bytes([1; 16]);
        connection
            .execute(
                "INSERT OR REPLACE INTO accessory VALUES (?1, ?2, 'mi-band-2', x'00', 0, 0)",
                params![id.as_bytes(), account.as_bytes()],
            )
            .unwrap();
    }

    #[test]
    fn what_is_switched_on_stays_and_goes_with_its_accessory() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrations::run(&mut connection, migrations::ALL).unwrap();
        let id = AccessoryId::from_bytes([7; 16]);
        let wishes = Wishes {
            calls: true,
            heart_rate: true,
            ..Wishes::default()
        };
        save(&connection, id, wishes).unwrap();
        assert_eq!(load(&connection).unwrap(), []);
        keep(&connection, id);
        save(&connection, id, wishes).unwrap();
        // Paired anew with another key it stays the same accessory.
        keep(&connection, id);
        assert_eq!(load(&connection).unwrap(), [(id, wishes)]);
        connection.execute("DELETE FROM accessory", []).unwrap();
        assert_eq!(load(&connection).unwrap(), []);
    }
}
