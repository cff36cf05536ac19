//! What a pairing leaves behind until it is known how it ended, and what replays are told by.

use std::collections::BTreeMap;

use belay_drivers::{Address, Key};
use belay_proto::id::{AccessoryId, AccountId};
use belay_proto::keys::random;
use rusqlite::{Connection, params};
use zeroize::Zeroizing;

use super::{Sealer, StoreError};

/// So many pairings that broke off are remembered; beyond that the oldest goes. A person begins them one by one.
const MOST: usize = 64;

/// What is sealed.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Sealed {
    address: String,
    /// Hexadecimal digits.
    key: Zeroizing<String>,
}

/// The keys that accessories may hold, though no pairing says so. One that can't be read is logged and left out.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn load(
    connection: &Connection,
    sealer: &Sealer,
    account: AccountId,
) -> Result<BTreeMap<Address, Key>, StoreError> {
    Ok(rows(connection, sealer, account)?
        .into_iter()
        .map(|row| (row.address, row.key))
        .collect())
}

/// Keeps the key that `address` is about to be given, in place of the one from before. `now` in seconds since the epoch.
///
/// # Errors
/// [`StoreError`].
pub fn begin(
    connection: &Connection,
    sealer: &Sealer,
    account: AccountId,
    (address, key): (Address, &Key),
    now: u64,
) -> Result<(), StoreError> {
    end(connection, sealer, account, address)?;
    let mut left = rows(connection, sealer, account)?;
    left.sort_by_key(|row| row.begun);
    let surplus = (left.len() + 1).saturating_sub(MOST);
    for row in left.iter().take(surplus) {
        remove(connection, &row.id)?;
    }
    let malformed = |_| StoreError::Malformed { what: "pairing" };
    let sealed = Sealed {
        address: address.to_string(),
        key: Zeroizing::new(belay_proto::text::hex(key.bytes())),
    };
    let secrets = Zeroizing::new(serde_json::to_vec(&sealed).map_err(malformed)?);
    let id: [u8; 16] = random();
    connection.execute(
        "INSERT INTO accessory_pairing (id, account, begun, sealed) VALUES (?1, ?2, ?3, ?4)",
        params![
            id,
            account.as_bytes(),
            i64::try_from(now).unwrap_or(i64::MAX),
            sealer.seal(&place(&id), &secrets)
        ],
    )?;
    Ok(())
}

/// Forgets the key that `address` may hold: it is known whether it does.
///
/// # Errors
/// [`StoreError`].
pub fn end(
    connection: &Connection,
    sealer: &Sealer,
    account: AccountId,
    address: Address,
) -> Result<(), StoreError> {
    for row in rows(connection, sealer, account)? {
        if row.address == address {
            remove(connection, &row.id)?;
        }
    }
    Ok(())
}

/// Forgets all of them: the binding has ended.
///
/// # Errors
/// [`StoreError`].
pub fn forget(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("DELETE FROM accessory_pairing", [])?;
    Ok(())
}

/// The counters of the newest frames, by accessory.
///
/// # Errors
/// [`StoreError`].
pub fn counters(connection: &Connection) -> Result<BTreeMap<AccessoryId, u32>, StoreError> {
    let mut statement = connection.prepare("SELECT accessory, counter FROM accessory_counter")?;
    let rows = statement.query_map([], |row| Ok((AccessoryId::from_bytes(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps the counter of the newest frame of an accessory; `None`: it counts anew. One that is gone has none any more.
///
/// # Errors
/// [`StoreError`].
pub fn count(connection: &Connection, id: AccessoryId, counter: Option<u32>) -> Result<(), StoreError> {
    match counter {
        Some(counter) => connection.execute(
            "INSERT OR REPLACE INTO accessory_counter (accessory, counter)
             SELECT id, ?2 FROM accessory WHERE id = ?1",
            params![id.as_bytes(), counter],
        )?,
        None => connection.execute(
            "DELETE FROM accessory_counter WHERE accessory = ?1",
            [id.as_bytes()],
        )?,
    };
    Ok(())
}

struct Row {
    id: [u8; 16],
    begun: i64,
    address: Address,
    key: Key,
}

fn rows(connection: &Connection, sealer: &Sealer, account: AccountId) -> Result<Vec<Row>, StoreError> {
    let mut statement =
        connection.prepare("SELECT id, begun, sealed FROM accessory_pairing WHERE account = ?1")?;
    let found = statement.query_map([account.as_bytes()], |row| {
        Ok((
            row.get::<_, [u8; 16]>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, Vec<u8>>(2)?,
        ))
    })?;
    let mut all = Vec::new();
    for row in found {
        let (id, begun, sealed) = row?;
        match read(sealer, &id, &sealed) {
            Ok((address, key)) => all.push(Row {
                id,
                begun,
                address,
                key,
            }),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "reading a pairing that broke off"
                );
            }
        }
    }
    Ok(all)
}

fn read(sealer: &Sealer, id: &[u8; 16], sealed: &[u8]) -> Result<(Address, Key), StoreError> {
    const MALFORMED: StoreError = StoreError::Malformed { what: "pairing" };
    let secrets = sealer.open(&place(id), sealed)?;
    let read: Sealed = serde_json::from_slice(secrets.expose()).map_err(|_| MALFORMED)?;
    let address = read.address.parse().map_err(|_| MALFORMED)?;
    let key = Key::from_hex(&read.key).map_err(|_| MALFORMED)?;
    Ok((address, key))
}

fn remove(connection: &Connection, id: &[u8; 16]) -> Result<(), StoreError> {
    connection.execute("DELETE FROM accessory_pairing WHERE id = ?1", [id])?;
    Ok(())
}

fn place(id: &[u8; 16]) -> String {
    format!("accessory_pairing/sealed/{}", belay_proto::text::hex(id))
}

#[cfg(test)]
mod tests {
    use belay_drivers::Kind;
    use belay_proto::secret::Secret;

    use super::*;
    use crate::accessory::model::Saved;
    use crate::store::{accessory, migrations};

    const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);

    fn database() -> (Connection, Sealer) {
        let mut connection = Connection::open_in_memory().unwrap();
        migrations::run(&mut connection, migrations::ALL).unwrap();
        (connection, Sealer::new(&Secret::new([7; 32])))
    }

    fn numbered(last: u8) -> Address {
        Address([0xc8, 0, 0, 0, 0, last])
    }

    #[test]
    fn a_key_is_kept_for_its_account_until_it_is_known_where_it_belongs() {
        let (db, sealer) = database();
        let key = Key::new([5; 16]);
        begin(&db, &sealer, ACCOUNT, (numbered(1), &Key::new([4; 16])), 10).unwrap();
        begin(&db, &sealer, ACCOUNT, (numbered(1), &key), 20).unwrap();
        let all = load(&db, &sealer, ACCOUNT).unwrap();
        assert_eq!(all, BTreeMap::from([(numbered(1), key)]), "the newer alone");
        assert!(load(&db, &sealer, AccountId::random()).unwrap().is_empty());
        end(&db, &sealer, ACCOUNT, numbered(2)).unwrap();
        assert_eq!(load(&db, &sealer, ACCOUNT).unwrap().len(), 1);
        end(&db, &sealer, ACCOUNT, numbered(1)).unwrap();
        assert!(load(&db, &sealer, ACCOUNT).unwrap().is_empty());
    }

    #[test]
    fn neither_the_key_nor_the_address_is_on_the_disk_in_clear() {
        let (db, sealer) = database();
        begin(&db, &sealer, ACCOUNT, (numbered(1), &Key::new([b'k'; 16])), 0).unwrap();
        let sealed: Vec<u8> = db
            .query_row("SELECT sealed FROM accessory_pairing", [], |row| row.get(0))
            .unwrap();
        for clear in [&b"kkkk"[..], b"6b6b", b"C8:00"] {
            assert!(!sealed.windows(4).any(|four| four == &clear[..4]));
        }
    }

    #[test]
    fn pairings_that_broke_off_fill_no_disk_and_the_newest_stays() {
        let (db, sealer) = database();
        for number in 0..80 {
            let of = (numbered(number), &Key::new([number; 16]));
            begin(&db, &sealer, ACCOUNT, of, u64::from(number)).unwrap();
        }
        let all = load(&db, &sealer, ACCOUNT).unwrap();
        assert_eq!(all.len(), MOST);
        assert!(all.contains_key(&numbered(79)) && !all.contains_key(&numbered(0)));
        forget(&db).unwrap();
        assert!(load(&db, &sealer, ACCOUNT).unwrap().is_empty());
    }

    #[test]
    fn a_pairing_that_cannot_be_read_hides_no_other() {
        let (db, sealer) = database();
        for number in 0..2 {
            begin(&db, &sealer, ACCOUNT, (numbered(number), &Key::new([1; 16])), 0).unwrap();
        }
        db.execute(
            "UPDATE accessory_pairing SET sealed = x'00' WHERE id = (SELECT min(id) FROM accessory_pairing)",
            [],
        )
        .unwrap();
        assert_eq!(load(&db, &sealer, ACCOUNT).unwrap().len(), 1);
    }

    #[test]
    fn a_counter_stays_and_goes_with_its_accessory() {
        let (db, sealer) = database();
        let id = AccessoryId::from_bytes([7; 16]);
        count(&db, id, Some(3)).unwrap();
        assert!(counters(&db).unwrap().is_empty(), "nobody's");
        let sensor = Saved {
            id,
            kind: Kind::MiBeaconSensor,
            address: numbered(1),
            name: String::new(),
            serial: String::new(),
            key: None,
            synced_to: 0,
            synced_at: 0,
        };
        accessory::save(&db, &sealer, ACCOUNT, &sensor).unwrap();
        for counter in [3, u32::MAX] {
            count(&db, id, Some(counter)).unwrap();
            assert_eq!(counters(&db).unwrap(), BTreeMap::from([(id, counter)]));
        }
        // A new serial number, say.
        accessory::save(&db, &sealer, ACCOUNT, &sensor).unwrap();
        assert_eq!(counters(&db).unwrap().len(), 1);
        accessory::remove(&db, id).unwrap();
        assert!(counters(&db).unwrap().is_empty());
        accessory::save(&db, &sealer, ACCOUNT, &sensor).unwrap();
        count(&db, id, Some(3)).unwrap();
        count(&db, id, None).unwrap();
        assert!(counters(&db).unwrap().is_empty());
    }
}
