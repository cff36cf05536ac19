//! What is known of the account's registry of accessories, and what of it waits to be brought to the cloud.
//!
//! A change and its place in the outbox are one transaction. What is to be brought is read from the accessory's own row
//! when it is: many changes that wait are one.

use std::collections::BTreeMap;

use belay_proto::id::{AccessoryId, AccountId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Sealer, StoreError, accessory};
use crate::accessory::model::Saved;
use crate::accessory::registry::merge::{Judgement, Kept, Known, Learned, Taken, judge, outlived};

/// A change that the cloud is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The accessory's id.
    pub id: AccessoryId,
    /// The revision that the cloud has, as far as is known; 0: none.
    pub base: u64,
    /// The revision that this one becomes.
    pub revision: u64,
    /// When it was changed: seconds since the epoch.
    pub changed_at: u64,
    /// As it is now; `None`: it was unpaired.
    pub accessory: Option<Saved>,
    /// Which change this is, for [`brought`].
    pub change: u64,
}

/// Keeps an accessory that was paired here, and has the cloud learn of it if that is news. `now` in seconds since the
/// epoch.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn save(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    account: AccountId,
    saved: &Saved,
    now: u64,
) -> Result<(), StoreError> {
    // It was unpaired meanwhile, and that is for good.
    if known(transaction, account, saved.id)?.is_some_and(|known| known.removed) {
        return Ok(());
    }
    let before = accessory::find(transaction, sealer, account, saved.id)?;
    accessory::save(transaction, sealer, account, saved)?;
    match before {
        Some(before) if is_same(&before, saved) => Ok(()),
        _ => changed(transaction, account, saved.id, false, now),
    }
}

/// Keeps the serial number that an accessory told, and has the cloud learn of it if that is news.
///
/// # Errors
/// [`StoreError`].
pub fn save_serial(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    account: AccountId,
    id: AccessoryId,
    serial: String,
    now: u64,
) -> Result<(), StoreError> {
    // One that was unpaired meanwhile has no row any more.
    let Some(before) = accessory::find(transaction, sealer, account, id)? else {
        return Ok(());
    };
    let after = Saved { serial, ..before };
    save(transaction, sealer, account, &after, now)
}

/// Forgets an accessory that was unpaired here, and has the cloud learn of it.
///
/// # Errors
/// [`StoreError`].
pub fn remove(
    transaction: &Transaction<'_>,
    account: AccountId,
    id: AccessoryId,
    now: u64,
) -> Result<(), StoreError> {
    accessory::remove(transaction, id)?;
    changed(transaction, account, id, true, now)
}

/// Forgets all that is known of a registry: the binding has ended.
///
/// # Errors
/// [`StoreError`].
pub fn forget(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("DELETE FROM accessory_registry", [])?;
    Ok(())
}

/// Does what records of the account's devices say, and answers what that changed.
///
/// # Errors
/// [`StoreError`].
pub fn take(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    account: AccountId,
    records: &[Learned],
) -> Result<Vec<Taken>, StoreError> {
    let mut all = Vec::new();
    for record in records {
        take_one(transaction, sealer, account, record, &mut all)?;
    }
    Ok(all)
}

fn take_one(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    account: AccountId,
    record: &Learned,
    all: &mut Vec<Taken>,
) -> Result<(), StoreError> {
    let known = known(transaction, account, record.id)?;
    let mut judgement = judge(known, record);
    let mut give_way = Vec::new();
    if let (Judgement::Take, Some(saved)) = (judgement, &record.accessory) {
        match outlived(&kept(transaction, sealer, account)?, record, saved.address) {
            Some(twins) => give_way = twins,
            None => judgement = Judgement::Outlived,
        }
    }
    learned(transaction, account, record)?;
    match (judgement, &record.accessory) {
        (Judgement::Take, Some(saved)) => {
            for twin in give_way {
                remove(transaction, account, twin, record.changed_at)?;
                all.push(Taken::Unregistered(twin));
            }
            let before = accessory::find(transaction, sealer, account, record.id)?;
            let saved = Saved {
                synced_to: before.as_ref().map_or(0, |it| it.synced_to),
                synced_at: before.as_ref().map_or(0, |it| it.synced_at),
                ..saved.clone()
            };
            accessory::save(transaction, sealer, account, &saved)?;
            settled(transaction, record, false)?;
            all.push(Taken::Registered(saved));
        }
        (Judgement::Forget, _) => {
            accessory::remove(transaction, record.id)?;
            settled(transaction, record, true)?;
            all.push(Taken::Unregistered(record.id));
        }
        (Judgement::Outlived, _) => {
            remove(transaction, account, record.id, record.changed_at)?;
            all.push(Taken::Unregistered(record.id));
        }
        _ => {}
    }
    Ok(())
}

/// The first change that waits, unpairings before the others; those in `skipped` aren't tried as they are.
///
/// # Errors
/// [`StoreError`].
pub fn next(
    connection: &Connection,
    sealer: &Sealer,
    account: AccountId,
    skipped: &BTreeMap<AccessoryId, u64>,
) -> Result<Option<Waiting>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT id, present, revision, removed, changed_at, changes FROM accessory_registry
         WHERE account = ?1 AND changes > brought ORDER BY removed DESC, changed_at, id",
    )?;
    let rows = statement.query_map([account.as_bytes()], |row| {
        let base = row.get::<_, i64>(1)?.unsigned_abs();
        let revision = row.get::<_, i64>(2)?.unsigned_abs();
        let waiting = Waiting {
            id: AccessoryId::from_bytes(row.get(0)?),
            base,
            // Above what the cloud says it has, too: a record that didn't open counts there all the same.
            revision: revision.max(base).saturating_add(1),
            changed_at: row.get::<_, i64>(4)?.unsigned_abs(),
            accessory: None,
            change: row.get::<_, i64>(5)?.unsigned_abs(),
        };
        Ok((waiting, row.get::<_, bool>(3)?))
    })?;
    for row in rows {
        let (mut waiting, removed) = row?;
        if skipped.get(&waiting.id) == Some(&waiting.change) {
            continue;
        }
        if !removed {
            waiting.accessory = accessory::find(connection, sealer, account, waiting.id)?;
            if waiting.accessory.is_none() {
                continue;
            }
        }
        return Ok(Some(waiting));
    }
    Ok(None)
}

/// The cloud has a change; a later one of the same accessory still waits.
///
/// # Errors
/// [`StoreError`].
pub fn brought(connection: &Connection, waiting: &Waiting) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE accessory_registry SET revision = max(revision, ?2), present = ?2, brought = max(brought, ?3)
         WHERE id = ?1",
        params![
            waiting.id.as_bytes(),
            number(waiting.revision),
            number(waiting.change)
        ],
    )?;
    Ok(())
}

/// The whole registry was listed: what the cloud hasn't, or only in an older revision, is to be brought again.
///
/// # Errors
/// [`StoreError`].
pub fn listed(
    transaction: &Transaction<'_>,
    account: AccountId,
    present: &BTreeMap<AccessoryId, u64>,
) -> Result<(), StoreError> {
    let mut statement = transaction.prepare("SELECT id FROM accessory_registry WHERE account = ?1")?;
    let ids = statement.query_map([account.as_bytes()], |row| row.get::<_, [u8; 16]>(0))?;
    for id in ids.collect::<Result<Vec<_>, _>>()? {
        let present = present.get(&AccessoryId::from_bytes(id)).copied().unwrap_or(0);
        transaction.execute(
            "UPDATE accessory_registry SET present = ?2, changes = changes +
                 (changes = brought AND revision > ?2 AND (removed = 0 OR ?2 > 0))
             WHERE id = ?1",
            params![id, number(present)],
        )?;
    }
    Ok(())
}

/// What is known of an accessory's records.
///
/// # Errors
/// [`StoreError`].
pub fn known(
    connection: &Connection,
    account: AccountId,
    id: AccessoryId,
) -> Result<Option<Known>, StoreError> {
    let known = connection
        .query_row(
            "SELECT revision, removed, changed_at, changes > brought FROM accessory_registry
             WHERE account = ?1 AND id = ?2",
            params![account.as_bytes(), id.as_bytes()],
            |row| {
                Ok(Known {
                    revision: row.get::<_, i64>(0)?.unsigned_abs(),
                    removed: row.get(1)?,
                    changed_at: row.get::<_, i64>(2)?.unsigned_abs(),
                    waits: row.get(3)?,
                })
            },
        )
        .optional()?;
    Ok(known)
}

/// A change was made here.
fn changed(
    connection: &Connection,
    account: AccountId,
    id: AccessoryId,
    removed: bool,
    now: u64,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO accessory_registry (id, account, revision, present, removed, changed_at, changes, brought)
         VALUES (?1, ?2, 0, 0, ?3, ?4, 1, 0)
         ON CONFLICT (id) DO UPDATE SET account = ?2, removed = max(removed, ?3), changed_at = ?4, changes = changes + 1",
        params![id.as_bytes(), account.as_bytes(), removed, number(now)],
    )?;
    Ok(())
}

/// A record of this revision was seen, whatever it changes.
fn learned(connection: &Connection, account: AccountId, record: &Learned) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO accessory_registry (id, account, revision, present, removed, changed_at, changes, brought)
         VALUES (?1, ?2, ?3, ?3, 0, ?4, 0, 0)
         ON CONFLICT (id) DO UPDATE SET revision = max(revision, ?3), present = ?3",
        params![
            record.id.as_bytes(),
            account.as_bytes(),
            number(record.revision),
            number(record.changed_at)
        ],
    )?;
    Ok(())
}

/// The record counts now, and nothing that waited before it.
fn settled(connection: &Connection, record: &Learned, removed: bool) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE accessory_registry SET removed = ?2, changed_at = ?3, brought = changes WHERE id = ?1",
        params![record.id.as_bytes(), removed, number(record.changed_at)],
    )?;
    Ok(())
}

/// The accessories that are kept here, each with the time of its last change.
fn kept(connection: &Connection, sealer: &Sealer, account: AccountId) -> Result<Vec<Kept>, StoreError> {
    let mut all = Vec::new();
    for saved in accessory::load(connection, sealer, account)? {
        let known = known(connection, account, saved.id)?;
        all.push(Kept {
            id: saved.id,
            address: saved.address,
            changed_at: known.unwrap_or_default().changed_at,
        });
    }
    Ok(all)
}

/// Whether the other devices would learn nothing new.
fn is_same(one: &Saved, other: &Saved) -> bool {
    (one.kind, one.address, &one.name, &one.serial, &one.key)
        == (other.kind, other.address, &other.name, &other.serial, &other.key)
}

/// SQLite's integers are signed; what doesn't fit is later than any time that is met.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
