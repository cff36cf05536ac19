//! Which days of health data are records of their collection.

use belay_proto::Secret;
use belay_proto::id::AccessoryId;
use rusqlite::{Connection, params};

use super::{MALFORMED_DAY, day_place, number};
use crate::accessory::day::{Day, What};
use crate::store::{Sealer, StoreError};

/// A day of health data that isn't a record of its collection yet.
#[derive(Debug)]
pub struct Unshared {
    /// Which day of what.
    pub day: Day,
    /// Packed ([`crate::accessory::day`]).
    pub bytes: Secret<Vec<u8>>,
    revision: i64,
}

/// The days that have changed since they were last shared, at most `most`.
///
/// # Errors
/// [`StoreError`].
pub fn unshared(connection: &Connection, sealer: &Sealer, most: usize) -> Result<Vec<Unshared>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT accessory, day, what, sealed, health_day.revision
         FROM health_day LEFT JOIN health_shared USING (accessory, day, what)
         WHERE health_shared.revision IS NOT health_day.revision ORDER BY day LIMIT ?1",
    )?;
    let mut rows = statement.query([most])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let word: String = row.get(2)?;
        let day = Day {
            accessory: AccessoryId::from_bytes(row.get(0)?),
            day: row.get::<_, i64>(1)?.unsigned_abs(),
            what: What::of(&word).ok_or(MALFORMED_DAY)?,
        };
        let sealed: Vec<u8> = row.get(3)?;
        let bytes = sealer.open(&day_place(day.accessory, day.day, day.what), &sealed)?;
        all.push(Unshared {
            day,
            bytes: Secret::new(bytes.expose().clone()),
            revision: row.get(4)?,
        });
    }
    Ok(all)
}

/// A day is a record as it was read.
///
/// # Errors
/// [`StoreError`].
pub fn shared(connection: &Connection, day: &Unshared) -> Result<(), StoreError> {
    let Unshared { day, revision, .. } = day;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO health_shared (accessory, day, what, revision) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            day.accessory.as_bytes(),
            number(day.day),
            day.what.as_str(),
            revision
        ])?;
    Ok(())
}
