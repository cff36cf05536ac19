//! What a cloud keeps, and how it answers: as the contract says.

use std::collections::BTreeMap;

use belay_proto::sync::{CollectionId, RecordId};
use belay_proto::wire::{
    ChangesAnswer, PushAnswer, PushRecord, PushRequest, PushResult, PushStatus, Quota, SyncRecord,
};

use super::super::ports::SyncFailure;

#[derive(Clone, Default)]
pub struct Kept {
    pub epoch: u64,
    pub records: BTreeMap<(CollectionId, RecordId), (u64, SyncRecord)>,
    pub last: u64,
    /// So many records it has room for; none: for any number.
    pub room: Option<usize>,
}

impl Kept {
    pub fn take(&mut self, pushed: PushRecord) -> PushResult {
        let key = (pushed.record.collection, pushed.record.id);
        let present = self.records.get(&key).map(|(_, record)| record.clone());
        let revision = present.as_ref().map(|record| record.revision);
        match (revision, pushed.base) {
            (Some(revision), _) if revision == pushed.record.revision => PushStatus::Ok.into(),
            (None, Some(_)) => PushStatus::Absent.into(),
            (now, base) if now != base => PushResult {
                current: present,
                ..PushStatus::Conflict.into()
            },
            // What it has already may be changed, and removed.
            (None, None) if self.room.is_some_and(|room| self.used() >= room) => PushStatus::Quota.into(),
            _ => {
                self.last += 1;
                self.records.insert(key, (self.last, pushed.record));
                PushStatus::Ok.into()
            }
        }
    }

    /// Carries a push out.
    pub fn push(&mut self, request: PushRequest) -> PushAnswer {
        let before = self.last;
        let after = self.after(request.cursor.as_deref());
        let records = request.records.into_iter();
        PushAnswer {
            results: records.map(|record| self.take(record)).collect(),
            cursor: self.cursor(),
            contiguous: after == Ok(before),
            quota: self.quota(),
        }
    }

    /// What changed after a cursor; a page has so many records, 0: all.
    pub fn changes(
        &self,
        cursor: Option<&str>,
        collection: CollectionId,
        page: usize,
    ) -> Result<ChangesAnswer, SyncFailure> {
        let after = self.after(cursor)?;
        let mut all: Vec<_> = self
            .records
            .iter()
            .filter(|((of, _), (number, _))| *of == collection && *number > after)
            .map(|(_, (number, record))| (*number, record.clone()))
            .collect();
        all.sort_by_key(|(number, _)| *number);
        let page = if page == 0 { all.len() } else { page };
        let more = all.len() > page;
        let left = all.len().saturating_sub(page) as u64;
        all.truncate(page);
        let last = match more {
            true => all.last().map_or(self.last, |(number, _)| *number),
            false => self.last,
        };
        Ok(ChangesAnswer {
            records: all.into_iter().map(|(_, record)| record).collect(),
            cursor: format!("{}.{last}", self.epoch),
            left: match cursor {
                None => left,
                Some(_) => 0,
            },
            more,
            quota: self.quota(),
        })
    }

    /// What was removed takes no room.
    fn used(&self) -> usize {
        let records = self.records.values();
        records.filter(|(_, record)| !record.removed).count()
    }

    fn quota(&self) -> Quota {
        match self.room {
            None => Quota { used: 1, total: 9 },
            Some(room) => Quota {
                used: self.used() as u64,
                total: room as u64,
            },
        }
    }

    fn cursor(&self) -> String {
        format!("{}.{}", self.epoch, self.last)
    }

    fn after(&self, cursor: Option<&str>) -> Result<u64, SyncFailure> {
        let Some(cursor) = cursor else { return Ok(0) };
        let (epoch, after) = cursor.split_once('.').ok_or(SyncFailure::BadCursor)?;
        match epoch.parse() == Ok(self.epoch) {
            true => after.parse().map_err(|_| SyncFailure::BadCursor),
            false => Err(SyncFailure::CursorOver),
        }
    }
}
