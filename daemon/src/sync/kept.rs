//! Siblings that their owner kept as records of their own, and those that lie somewhere else.

use belay_proto::sync::{CollectionKeys, Content, RecordId};
use belay_sync::record::{self, Edited, Held};
use rusqlite::Transaction;

use crate::store::sync as rows;
use crate::store::{Sealer, StoreError};

/// Where to look for them.
pub(super) struct Kept<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) sealer: &'a Sealer,
    pub(super) keys: &'a CollectionKeys,
    pub(super) collection: &'static str,
}

impl Kept<'_> {
    /// The record, and its revision, that says already what the sibling `id` would: the owner kept that version once, and it
    /// came up again; or it waits still beside what was in its way, which went since. `before`: what is there of the sibling.
    pub(super) fn of(
        &self,
        id: &RecordId,
        before: Option<&Held>,
        sibling: &Content,
    ) -> Result<Option<(RecordId, u64)>, StoreError> {
        if before.is_none_or(Held::is_there) {
            return Ok(None);
        }
        if let Some(waiting) = self.beyond(sibling)? {
            return Ok(Some(waiting));
        }
        let Some(own) = record::apart(sibling, id) else {
            return Ok(None);
        };
        let kept = self.keys.record_id(&own.natural);
        let held = rows::find_readable(self.transaction, self.sealer, self.collection, &kept)?;
        let Some(revision) = held
            .as_ref()
            .filter(|held| held.is_there())
            .map(|held| held.revision)
        else {
            return Ok(None);
        };
        let is_same = matches!(record::put(held, revision, own, 0), Edited::Same(_));
        Ok(is_same.then_some((kept, revision)))
    }

    fn beyond(&self, sibling: &Content) -> Result<Option<(RecordId, u64)>, StoreError> {
        let mut natural = record::natural_beyond(&sibling.natural);
        while let Some(beyond) = natural {
            let id = self.keys.record_id(&beyond);
            let found = rows::find_readable(self.transaction, self.sealer, self.collection, &id)?;
            let Some(held) = found else { break };
            if record::is_said_beyond(sibling, &held) {
                return Ok(Some((id, held.revision)));
            }
            natural = record::natural_beyond(&beyond);
        }
        Ok(None)
    }
}
