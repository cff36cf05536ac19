//! Which records of the collection `health` are days of accessories. Whichever device sealed them, they are as good as
//! their content, which is looked at whenever it is read.

use std::collections::BTreeMap;

use belay_proto::id::AccessoryId;
use belay_proto::sync::{Content, RecordId};
use rusqlite::{Connection, Transaction, params};

use super::number;
use crate::accessory::day::{Day, Minutes, Readings, What};
use crate::store::{Sealer, StoreError, sync};
use crate::sync::HEALTH;

/// Records of one day that are read: an account has few devices.
const MOST_A_DAY: usize = 16;
/// Records that one question looks at, and the length of those that it reads, bytes. A hundred days of five devices are
/// 3 MB.
const MOST: usize = 16_384;
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Notes which day a record of the collection is from now on, and that it is none.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn heard(transaction: &Transaction<'_>, record: &RecordId, content: &Content) -> Result<(), StoreError> {
    let Some((Day { accessory, day, what }, _)) = Day::read(content) else {
        return unheard(transaction, record);
    };
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO health_heard (record, accessory, day, what) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            record.as_bytes(),
            accessory.as_bytes(),
            number(day),
            what.as_str()
        ])?;
    Ok(())
}

/// Forgets which day a record is.
///
/// # Errors
/// [`StoreError`].
pub fn unheard(transaction: &Transaction<'_>, record: &RecordId) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM health_heard WHERE record = ?1")?
        .execute([record.as_bytes()])?;
    Ok(())
}

/// Forgets which records are days; the records are gone.
///
/// # Errors
/// [`StoreError`].
pub fn forget_heard(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("DELETE FROM health_heard", [])?;
    Ok(())
}

/// The records of an accessory's days from the first to the last of `span`, the earliest days first, or the latest.
pub(super) fn days(
    connection: &Connection,
    (accessory, what): (AccessoryId, What),
    (first, last): (u64, u64),
    latest_first: bool,
) -> Result<BTreeMap<u64, Vec<RecordId>>, StoreError> {
    let order = if latest_first { "DESC" } else { "ASC" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT day, record FROM health_heard
         WHERE accessory = ?1 AND what = ?2 AND day BETWEEN ?3 AND ?4 ORDER BY day {order}, record LIMIT {MOST}"
    ))?;
    let mut rows = statement.query(params![
        accessory.as_bytes(),
        what.as_str(),
        number(first),
        number(last)
    ])?;
    let mut all: BTreeMap<u64, Vec<RecordId>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let of = all.entry(row.get::<_, i64>(0)?.unsigned_abs()).or_default();
        if of.len() < MOST_A_DAY {
            of.push(RecordId::from_bytes(row.get(1)?));
        }
    }
    Ok(all)
}

/// Reads days of an accessory until it has read much.
pub(super) struct Reader<'a> {
    connection: &'a Connection,
    sealer: &'a Sealer,
    accessory: AccessoryId,
    left: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(connection: &'a Connection, sealer: &'a Sealer, accessory: AccessoryId) -> Self {
        Self {
            connection,
            sealer,
            accessory,
            left: MOST_BYTES,
        }
    }

    /// Adds to `minutes` of a day those of other devices that it lacks.
    pub(super) fn add_minutes(
        &mut self,
        minutes: &mut Minutes,
        day: u64,
        records: &[RecordId],
    ) -> Result<(), StoreError> {
        for record in records {
            // This device, or another, had the band all day.
            if minutes.is_full() {
                break;
            }
            let packed = self.packed(record, day, What::Minutes)?;
            if let Some(theirs) = packed.and_then(|packed| Minutes::decode(&packed).ok()) {
                minutes.absorb(theirs);
            }
        }
        Ok(())
    }

    /// Adds to `readings` of a day those of other devices that it lacks.
    pub(super) fn add_readings(
        &mut self,
        readings: &mut Readings,
        day: u64,
        records: &[RecordId],
    ) -> Result<(), StoreError> {
        for record in records {
            let packed = self.packed(record, day, What::Readings)?;
            if let Some(theirs) = packed.and_then(|packed| Readings::decode(&packed).ok()) {
                readings.absorb(theirs);
            }
        }
        Ok(())
    }

    fn packed(&mut self, record: &RecordId, day: u64, what: What) -> Result<Option<Vec<u8>>, StoreError> {
        if self.left == 0 {
            return Ok(None);
        }
        let of = Day {
            accessory: self.accessory,
            day,
            what,
        };
        let held = sync::find(self.connection, self.sealer, HEALTH, record)?;
        let read = held.and_then(|held| Day::read(&held.content));
        Ok(read.filter(|(found, _)| *found == of).map(|(_, bytes)| {
            self.left = self.left.saturating_sub(bytes.expose().len());
            bytes.expose().clone()
        }))
    }
}

#[cfg(test)]
mod tests;
