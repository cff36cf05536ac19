//! Reading what was measured: this device's days, and of the owner's other devices what this one lacks.

use belay_drivers::{ActivityMinute, Reading};
use belay_proto::id::AccessoryId;
use rusqlite::{Connection, params};

use super::heard::{self, Reader};
use super::{minutes_of, number, readings_of};
use crate::accessory::day::{What, day_of};
use crate::store::{Sealer, StoreError};

/// The minutes that begin from `from` to before `to`, in seconds since the epoch, at most `most`. Of a minute that several
/// devices have, this device's is told.
///
/// # Errors
/// [`StoreError`].
pub fn activity(
    connection: &Connection,
    sealer: &Sealer,
    id: AccessoryId,
    (from, to): (u64, u64),
    most: usize,
) -> Result<Vec<ActivityMinute>, StoreError> {
    let (first, last) = (day_of(from), day_of(to.saturating_sub(1)));
    let mut days = heard::days(connection, (id, What::Minutes), (first, last), false)?;
    let mut statement = connection.prepare_cached(
        "SELECT day FROM health_day WHERE accessory = ?1 AND what = 'minutes' AND day BETWEEN ?2 AND ?3",
    )?;
    let mut rows = statement.query(params![id.as_bytes(), number(first), number(last)])?;
    while let Some(row) = rows.next()? {
        days.entry(row.get::<_, i64>(0)?.unsigned_abs()).or_default();
    }
    let mut others = Reader::new(connection, sealer, id);
    let mut all = Vec::new();
    for (day, records) in days {
        let mut minutes = minutes_of(connection, sealer, id, day)?;
        others.add_minutes(&mut minutes, day, &records)?;
        let wanted = minutes
            .iter(day)
            .filter(|minute| (from..to).contains(&minute.start));
        all.extend(wanted.take(most - all.len()));
        if all.len() == most {
            break;
        }
    }
    Ok(all)
}

/// The newest reading of each quantity within the last `days` days that hold any, with its time: this device's days, and up
/// to the day of `now`, in seconds since the epoch, and the one after it, the other devices'. Their clocks may be ahead.
///
/// # Errors
/// [`StoreError`].
pub fn newest_readings(
    connection: &Connection,
    sealer: &Sealer,
    id: AccessoryId,
    days: u32,
    now: u64,
) -> Result<Vec<(u64, Reading)>, StoreError> {
    let most = usize::try_from(days).unwrap_or(usize::MAX);
    let mut found = heard::days(connection, (id, What::Readings), (0, day_of(now) + 1), true)?;
    while found.len() > most {
        found.pop_first();
    }
    let mut statement = connection.prepare_cached(
        "SELECT day FROM health_day WHERE accessory = ?1 AND what = 'readings' ORDER BY day DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![id.as_bytes(), days])?;
    while let Some(row) = rows.next()? {
        found.entry(row.get::<_, i64>(0)?.unsigned_abs()).or_default();
    }
    let mut others = Reader::new(connection, sealer, id);
    let mut all = Vec::new();
    for (day, records) in found.into_iter().rev() {
        let mut readings = readings_of(connection, sealer, id, day)?;
        others.add_readings(&mut readings, day, &records)?;
        all.extend(readings.iter(day));
    }
    all.sort_by_key(|(second, _)| std::cmp::Reverse(*second));
    let mut seen = Vec::new();
    all.retain(|(_, reading)| {
        let quantity = std::mem::discriminant(reading);
        let first = !seen.contains(&quantity);
        seen.push(quantity);
        first
    });
    Ok(all)
}
