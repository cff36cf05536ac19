//! The collection of both agents.

use super::super::*;
use crate::model::{Attributes, MODIFIED};
use crate::names::beside;
use crate::queue::SMALL;

/// How long a content is, bytes: each second one is long.
pub(super) fn length(content: u64) -> u64 {
    match content.is_multiple_of(2) {
        true => SMALL + 1,
        false => 1,
    }
}

/// What is told of a content besides: when it was written.
pub(super) fn dated(content: u64) -> Attributes {
    Attributes::from([(MODIFIED.to_owned(), format!("{content}.000000000"))])
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) revision: u64,
    pub(super) content: u64,
    with: Option<String>,
}

#[derive(Default)]
pub(super) struct Collection {
    pub(super) records: BTreeMap<String, Record>,
    /// Removed records count on.
    removed: BTreeMap<String, u64>,
}

impl Collection {
    pub(super) fn put(
        &mut self,
        natural: &str,
        content: u64,
        over: Option<u64>,
        keep_both: bool,
    ) -> Result<Record, ()> {
        match self.records.get_mut(natural) {
            Some(record) if over == Some(record.revision) => {
                if record.content != content {
                    record.content = content;
                    record.revision += 1;
                }
                Ok(record.clone())
            }
            Some(record) if keep_both => {
                let sibling = format!("{natural}\0{content:08x}{content:024x}");
                let with = record.id.clone();
                self.add(&sibling, content, Some(with))
            }
            None if over.is_none() => self.add(natural, content, None),
            _ => Err(()),
        }
    }

    fn add(&mut self, natural: &str, content: u64, with: Option<String>) -> Result<Record, ()> {
        let revision = self.removed.get(natural).map_or(1, |revision| revision + 1);
        let record = Record {
            id: format!("id of {natural}"),
            revision,
            content,
            with,
        };
        Ok(self.records.entry(natural.to_owned()).or_insert(record).clone())
    }

    pub(super) fn delete(&mut self, natural: &str, revision: u64) -> Result<(), ()> {
        match self.records.get(natural) {
            Some(record) if record.revision == revision => {
                self.records.remove(natural);
                self.removed.insert(natural.to_owned(), revision + 1);
                Ok(())
            }
            _ => Err(()),
        }
    }

    /// The owner keeps a sibling as a record of its own, unless something has its name.
    pub(super) fn keep_both(&mut self, sibling: &str) {
        let (own, record) = (beside(sibling).unwrap(), self.records[sibling].clone());
        if !self.records.contains_key(&own) {
            self.put(&own, record.content, None, false).unwrap();
            self.delete(sibling, record.revision).unwrap();
        }
    }

    /// Whether a record is so long that a folder has no room for two of it: each fourth long one.
    pub(super) fn is_large(&self, natural: &str) -> bool {
        let record = self.records.get(natural);
        record.is_some_and(|record| record.content.is_multiple_of(8))
    }

    pub(super) fn is_deleted(&self, natural: &str) -> bool {
        self.removed.contains_key(natural) && !self.records.contains_key(natural)
    }

    pub(super) fn list(&self) -> Vec<(String, Remote)> {
        let listed = |(natural, record): (&String, &Record)| {
            let remote = Remote {
                id: record.id.clone(),
                revision: record.revision,
                kind: String::new(),
                length: length(record.content),
                attributes: dated(record.content),
                conflict_with: record.with.clone(),
                lacking: false,
            };
            (natural.clone(), remote)
        };
        self.records.iter().map(listed).collect()
    }
}
