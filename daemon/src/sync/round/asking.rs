//! The owner is asked before so many records go.

use belay_proto::sync::{CollectionKeys, RecordId};
use belay_proto::text::hex;
use belay_sync::guard;
use belay_sync::record::{self, Body, Edited, New};
use rusqlite::{Connection, Transaction};

use super::receive::{Applied, Receiver};
use super::{kept, no_change};
use crate::store::sync as rows;
use crate::store::{Sealer, StoreError};
use crate::sync::desk::Done;
use crate::sync::error::SyncError;
use crate::sync::model::Change;
use crate::sync::view::Question;

/// What went unasked for so long counts with what would go now, s: a folder that empties slowly, a few records a round,
/// empties all the same.
const WINDOW: u64 = 24 * 3600;

/// What the owner is asked about a collection: what was removed elsewhere goes first.
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

/// Whether the owner is asked before `removed` of `present` records go.
fn asks(
    connection: &Connection,
    collection: &str,
    (present, removed): (u64, u64),
    now: u64,
) -> Result<bool, StoreError> {
    if removed == 0 {
        return Ok(false);
    }
    let went = rows::count_gone(connection, collection, now.saturating_sub(WINDOW))?;
    Ok(guard::asks(
        present.saturating_add(went),
        removed.saturating_add(went),
    ))
}

/// Whether so much was removed on other devices.
pub(super) fn from_cloud(
    connection: &Connection,
    collection: &'static str,
    now: u64,
) -> Result<Option<Question>, StoreError> {
    let removed = rows::count_arrived(connection, collection)?;
    let present = kept(connection, collection)?.map_or(0, |kept| kept.records);
    if !asks(connection, collection, (present, removed), now)? {
        return Ok(None);
    }
    let ids = rows::waiting_removals(connection, collection)?;
    Ok(Some(asked(collection, true, removed, present, &ids)))
}

/// Whether so much was removed here.
pub(super) fn from_here(
    connection: &Connection,
    collection: &'static str,
    now: u64,
) -> Result<Option<Question>, StoreError> {
    let removed = rows::count_unasked(connection, collection)?;
    let left = kept(connection, collection)?.map_or(0, |kept| kept.records);
    let present = left.saturating_add(removed);
    if !asks(connection, collection, (present, removed), now)? {
        return Ok(None);
    }
    let ids = rows::unasked(connection, collection)?;
    Ok(Some(asked(collection, false, removed, present, &ids)))
}

fn asked(
    collection: &'static str,
    from_cloud: bool,
    removed: u64,
    present: u64,
    ids: &[RecordId],
) -> Question {
    let direction = if from_cloud { "cloud" } else { "device" };
    Question {
        id: format!("{collection}-{direction}-{}", hex(&rows::question(ids))),
        collection,
        removed,
        present,
        from_cloud,
    }
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
            true => receiver.apply_arrived(Applied::Agreed)?,
            false => receiver.refuse_arrived()?,
        }
        return Ok(Ok(receiver.change));
    }
    let mut change = no_change(collection);
    if !yes {
        for id in rows::unasked(transaction, collection)? {
            if restore(transaction, sealer, collection, &id, now)? {
                change.ids.push(id);
            }
        }
    }
    // What has nothing left to be restored from goes.
    rows::agree(transaction, collection)?;
    Ok(Ok(change))
}

/// Puts back what a removal here took away.
fn restore(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    collection: &'static str,
    id: &RecordId,
    now: u64,
) -> Result<bool, StoreError> {
    let Some(held) = rows::find(transaction, sealer, collection, id)? else {
        return Ok(false);
    };
    let Some(common) = held.common.as_ref().filter(|common| !common.removed) else {
        return Ok(false);
    };
    let body = match record::bytes(common) {
        Some(bytes) => Body::Short(bytes),
        None if common.chunks.0.is_empty() => return Ok(false),
        None => Body::Long(common.chunks.clone()),
    };
    let new = New {
        natural: common.natural.clone(),
        kind: common.kind.clone(),
        attributes: common.attributes.clone(),
        body,
    };
    match record::put(Some(held), 0, new, now) {
        Edited::Stored(held) => {
            let held = rows::above_sent(transaction, collection, id, *held)?;
            rows::put(transaction, sealer, collection, id, &held).map(|()| true)
        }
        Edited::Same(_) | Edited::Stale(_) => Ok(false),
    }
}
