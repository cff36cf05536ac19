//! The owner is asked before so many records go.

use belay_proto::sync::{CollectionKeys, Content, RecordId};
use belay_sync::guard;
use belay_sync::record::{self, Body, Edited, New};
use rusqlite::{Connection, Transaction};

use super::no_change;
use super::receive::Receiver;
use crate::store::sync::{self as rows, Guarded, Side, Waiting};
use crate::store::{Sealer, StoreError};
use crate::sync::desk::Done;
use crate::sync::error::SyncError;
use crate::sync::model::Change;
use crate::sync::view::Question;

/// What went unasked for so long counts with what would go now, s: a folder that empties slowly, a few records a round,
/// empties all the same.
const WINDOW: u64 = 24 * 3600;

/// What the owner is asked about a collection: what was removed elsewhere goes first. That it is asked is noted.
pub(in crate::sync) fn question(
    connection: &Connection,
    collection: &'static str,
    now: u64,
) -> Result<Option<Question>, StoreError> {
    match from_cloud(connection, collection, now)? {
        Some(question) => Ok(Some(question)),
        None => from_here(connection, collection, now),
    }
}

/// Whether so much was removed on other devices.
pub(super) fn from_cloud(
    connection: &Connection,
    collection: &'static str,
    now: u64,
) -> Result<Option<Question>, StoreError> {
    let Guarded { records, cloud, .. } = rows::guarded(connection, collection)?;
    asked(connection, collection, (Side::Cloud, cloud), records, now)
}

/// Whether so much was removed here.
pub(super) fn from_here(
    connection: &Connection,
    collection: &'static str,
    now: u64,
) -> Result<Option<Question>, StoreError> {
    let Guarded { records, here, .. } = rows::guarded(connection, collection)?;
    let present = records.saturating_add(here.removals);
    asked(connection, collection, (Side::Here, here), present, now)
}

/// What the owner is asked before what waits goes, of `present` records. What is asked once stands until it is answered, or
/// until fewer wait: what had gone unasked when it was asked counts however late it is, or records would go since time has.
fn asked(
    connection: &Connection,
    collection: &'static str,
    (side, waiting): (Side, Waiting),
    present: u64,
    now: u64,
) -> Result<Option<Question>, StoreError> {
    let went = match (waiting.removals, waiting.asked) {
        (0, _) => 0,
        (_, Some(went)) => went,
        (_, None) => rows::count_gone(connection, collection, now.saturating_sub(WINDOW))?,
    };
    let removed = waiting.removals;
    let is_asked = removed > 0 && guard::asks(present.saturating_add(went), removed.saturating_add(went));
    let stands = is_asked.then_some(went);
    if stands != waiting.asked {
        rows::stand(connection, collection, side, stands)?;
    }
    let from_cloud = side == Side::Cloud;
    let direction = if from_cloud { "cloud" } else { "device" };
    Ok(is_asked.then(|| Question {
        id: format!("{collection}-{direction}-{:016x}", waiting.set),
        collection,
        removed,
        present,
        from_cloud,
    }))
}

/// Does what the owner answered to `named`.
pub(in crate::sync) fn answer(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    keys: &CollectionKeys,
    collection: &'static str,
    (named, yes, now): (&str, bool, u64),
) -> Done<Change> {
    let Some(question) = question(transaction, collection, now)?.filter(|question| question.id == named)
    else {
        return Ok(Err(SyncError::NotFound));
    };
    // The owner knows of it now.
    rows::forgive(transaction, collection)?;
    if question.from_cloud {
        let mut receiver = Receiver::new(transaction, sealer, keys, collection, now);
        match yes {
            true => receiver.apply_arrived()?,
            false => receiver.refuse_arrived()?,
        }
        return Ok(Ok(receiver.change));
    }
    let mut change = no_change(collection);
    if !yes {
        change.ids = restore_all(transaction, sealer, collection, now)?;
    }
    // What has nothing left to be restored from goes.
    rows::agree(transaction, collection)?;
    Ok(Ok(change))
}

/// Puts back what the owner is asked about and hasn't answered, of what was removed here.
pub(in crate::sync) fn put_back(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    collection: &'static str,
    now: u64,
) -> Result<(), StoreError> {
    if from_here(transaction, collection, now)?.is_some() {
        restore_all(transaction, sealer, collection, now)?;
    }
    Ok(())
}

/// Puts back what was removed here without the owner's having been asked, where there is anything to be restored from.
fn restore_all(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    collection: &'static str,
    now: u64,
) -> Result<Vec<RecordId>, StoreError> {
    let mut restored = Vec::new();
    for id in rows::unasked(transaction, collection)? {
        if restore(transaction, sealer, collection, &id, now)? {
            restored.push(id);
        }
    }
    Ok(restored)
}

/// Puts back what a removal here took away.
fn restore(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    collection: &'static str,
    id: &RecordId,
    now: u64,
) -> Result<bool, StoreError> {
    let Some(held) = rows::find_readable(transaction, sealer, collection, id)? else {
        return Ok(false);
    };
    // Before it was removed; or else, where that can't be read, what the cloud has.
    let last = match rows::last(transaction, sealer, collection, id) {
        Err(error) if error.is_of_a_value() => None,
        last => last?,
    };
    let common = held.common.as_ref().map(|common| &common.content);
    let Some(new) = last.as_ref().or(common).and_then(again) else {
        return Ok(false);
    };
    match record::put(Some(held), 0, new, now) {
        Edited::Stored(held) => {
            let held = rows::above_sent(transaction, collection, id, *held)?;
            rows::put(transaction, sealer, collection, id, &held).map(|()| true)
        }
        Edited::Same(_) | Edited::Stale(_) | Edited::Said => Ok(false),
    }
}

/// What a content says, to be put again; nothing of a removal.
fn again(content: &Content) -> Option<New> {
    let body = match record::bytes(content) {
        _ if content.removed => return None,
        Some(bytes) => Body::Short(bytes),
        None if content.chunks.0.is_empty() => return None,
        None => Body::Long(content.chunks.clone()),
    };
    Some(New {
        natural: content.natural.clone(),
        kind: content.kind.clone(),
        attributes: content.attributes.clone(),
        body,
    })
}
