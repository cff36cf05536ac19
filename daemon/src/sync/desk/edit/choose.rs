//! The owner's choice between two versions of a record.

use belay_proto::sync::RecordId;
use belay_sync::record::{self, CONFLICT_WITH, Edited, Held, New};

use super::{SEPARATOR, Table, is_natural};
use crate::store::StoreError;
use crate::sync::desk::Done;
use crate::sync::error::SyncError;
use crate::sync::model::{Choice, Shown};

impl Table<'_> {
    /// Ends the conflict that the sibling `id` stands for.
    pub(in crate::sync::desk) fn resolve(
        &mut self,
        id: RecordId,
        choice: Choice,
        shown: Shown,
    ) -> Done<Vec<(RecordId, u64)>> {
        let Some(sibling) = self.find(&id)?.filter(Held::is_sibling) else {
            return Ok(Err(SyncError::NotFound));
        };
        let revision = sibling.revision;
        let (Some(version), Some(with)) = (record::again(&sibling.content), with(&sibling)) else {
            return Ok(Err(SyncError::Storage));
        };
        let before = self.there(&with)?;
        let is_shown = |said: Option<u64>, now: u64| said.is_none_or(|said| said == now);
        if !is_shown(shown.revision, revision) || !is_shown(shown.other, before.unwrap_or(0)) {
            return Ok(Err(SyncError::Conflict));
        }
        let own = match self.choose((id, sibling), (with, version), choice)? {
            Ok(own) => own,
            Err(error) => return Ok(Err(error)),
        };
        let mut kept = Vec::new();
        for id in [with, own] {
            kept.extend(self.there(&id)?.map(|revision| (id, revision)));
        }
        Ok(Ok(kept))
    }

    /// The revision of a record that is there.
    fn there(&self, id: &RecordId) -> Result<Option<u64>, StoreError> {
        Ok(self.find(id)?.filter(Held::is_there).map(|held| held.revision))
    }

    /// Does it; the id of what was the sibling.
    fn choose(
        &mut self,
        (id, sibling): (RecordId, Held),
        (with, mut version): (RecordId, New),
        choice: Choice,
    ) -> Done<RecordId> {
        let revision = sibling.revision;
        let mut own = id;
        match choice {
            Choice::Theirs => {}
            Choice::Both => {
                // Before the sibling goes: the cloud keeps its chunks as long as somebody needs them.
                match self.keep_apart(&id, &sibling)? {
                    Ok(kept) => own = kept,
                    Err(error) => return Ok(Err(error)),
                }
            }
            Choice::Mine => {
                let before = self.find(&with)?;
                let natural = match &before {
                    Some(held) => Some(held.content.natural.as_str()),
                    None => original(&sibling.content.natural),
                };
                if let Some(natural) = natural {
                    natural.clone_into(&mut version.natural);
                }
                // What it takes the place of may be another version itself, and stays one until the owner chooses about that.
                if let Some(of) = original(&version.natural) {
                    let of = self.keys.record_id(of).to_string();
                    version.attributes.0.insert(CONFLICT_WITH.to_owned(), of);
                }
                let present = before.as_ref().filter(|held| held.is_there());
                let expected = present.map_or(0, |held| held.revision);
                let mine = record::put(before, expected, version, self.now);
                if let Err(error) = self.edited(with, mine)? {
                    return Ok(Err(error));
                }
            }
        }
        Ok(self.remove(Some(sibling), id, revision)?.map(|()| own))
    }

    /// Stores what the sibling `id` says as a record of its own.
    fn keep_apart(&mut self, id: &RecordId, sibling: &Held) -> Done<RecordId> {
        let Some(mut own) = record::apart(&sibling.content, id) else {
            return Ok(Err(SyncError::Storage));
        };
        if !is_natural(&own.natural) {
            own.natural = id.to_string();
        }
        let kept = self.keys.record_id(&own.natural);
        let before = self.find(&kept)?;
        let revision = before.as_ref().filter(|held| held.is_there());
        let revision = revision.map_or(0, |held| held.revision);
        let again = record::apart(&sibling.content, id).map(|again| New {
            natural: own.natural.clone(),
            ..again
        });
        match (record::put(before, revision, own, self.now), again) {
            // Another device kept it, and it was changed there: nothing of it is overwritten.
            (Edited::Stored(_), Some(again)) if revision > 0 => {
                Ok(self.put_beside(&kept, again)?.map(|(kept, _)| kept))
            }
            (stored, _) => Ok(self.edited(kept, stored)?.map(|(kept, _)| kept)),
        }
    }
}

/// The record that a sibling is another version of.
fn with(sibling: &Held) -> Option<RecordId> {
    sibling.content.attributes.0.get(CONFLICT_WITH)?.parse().ok()
}

/// What the one is by nature beside which something of this natural key lies.
fn original(natural: &str) -> Option<&str> {
    natural.rsplit_once(SEPARATOR).map(|(original, _)| original)
}
