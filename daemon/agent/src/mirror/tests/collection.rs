//! A collection in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Cursor, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use belay_proto::Secret;
use tokio::sync::{broadcast, watch};

use crate::model::{Attributes, Remote};
use crate::ports::{BoxFuture, Coming, Failure, Got, Put, Records};

#[derive(Clone, Debug)]
struct Record {
    revision: u64,
    kind: String,
    attributes: Attributes,
    content: Vec<u8>,
    with: Option<String>,
}

/// A collection in memory, which refuses, fails and counts as it is told.
#[derive(Debug)]
pub(super) struct Collection {
    records: Mutex<BTreeMap<String, Record>>,
    deleted: Mutex<BTreeSet<String>>,
    /// Natural keys that it never takes.
    pub(super) refuses: Mutex<Vec<String>>,
    /// Natural keys of those that lack a part of their content, until they are put again.
    pub(super) lacks: Mutex<BTreeSet<String>>,
    /// Whether it can't just now.
    pub(super) is_away: Mutex<bool>,
    /// Calls of `put_many`, and of `put`.
    pub(super) calls: Mutex<(usize, usize)>,
    pub(super) changes: broadcast::Sender<()>,
    /// Whether contents come; who asks for one waits until they do.
    pub(super) flows: watch::Sender<bool>,
    /// How often contents were asked for.
    pub(super) asked: watch::Sender<usize>,
    /// After how many bytes a long content ends, whatever its length.
    pub(super) ends_after: Mutex<Option<usize>>,
}

impl Collection {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            records: Mutex::default(),
            deleted: Mutex::default(),
            refuses: Mutex::default(),
            lacks: Mutex::default(),
            is_away: Mutex::default(),
            calls: Mutex::default(),
            changes: broadcast::channel(64).0,
            flows: watch::Sender::new(true),
            asked: watch::Sender::default(),
            ends_after: Mutex::default(),
        })
    }

    pub(super) fn contents(&self) -> BTreeMap<String, String> {
        let records = self.records.lock().unwrap();
        let text = |record: &Record| String::from_utf8_lossy(&record.content).into_owned();
        records
            .iter()
            .map(|(natural, record)| (natural.clone(), text(record)))
            .collect()
    }

    /// Another device's change.
    pub(super) fn others(&self, natural: &str, text: Option<&str>) {
        self.others_of(natural, text, Attributes::new());
    }

    /// The same, of which that device tells this.
    pub(super) fn others_of(&self, natural: &str, text: Option<&str>, attributes: Attributes) {
        let mut records = self.records.lock().unwrap();
        let before = records.remove(natural);
        if before.is_some() {
            self.deleted.lock().unwrap().insert(natural.to_owned());
        }
        if let Some(text) = text {
            let record = Record {
                revision: before.map_or(1, |before| before.revision + 1),
                kind: "text/plain".to_owned(),
                attributes,
                content: text.as_bytes().to_vec(),
                with: None,
            };
            records.insert(natural.to_owned(), record);
        }
    }

    /// Another device renames what it has, and keeps its time; or what it brings has that and says something else.
    pub(super) fn others_rename(&self, from: &str, to: &str, text: Option<&str>) {
        let mut records = self.records.lock().unwrap();
        let mut record = records.remove(from).unwrap();
        self.deleted.lock().unwrap().insert(from.to_owned());
        if let Some(text) = text {
            record.content = text.as_bytes().to_vec();
        }
        record.revision = 1;
        records.insert(to.to_owned(), record);
    }

    /// The record can't be read any more, and nobody deleted it.
    pub(super) fn spoil(&self, natural: &str) {
        self.records.lock().unwrap().remove(natural).unwrap();
    }

    async fn flowing(&self) {
        self.asked.send_modify(|asked| *asked += 1);
        let mut flows = self.flows.subscribe();
        flows.wait_for(|flows| *flows).await.unwrap();
    }

    fn store(&self, put: &Put, content: &[u8], dry: bool) -> Result<(String, u64), Failure> {
        if *self.is_away.lock().unwrap() {
            return Err(Failure::Later);
        }
        if self.refuses.lock().unwrap().contains(&put.natural) {
            return Err(Failure::Refused);
        }
        let mut records = self.records.lock().unwrap();
        let revision = put.over.as_ref().map_or(0, |(_, revision)| *revision);
        let present = records.get(&put.natural).map_or(0, |record| record.revision);
        let natural = match (present == revision, put.keep_both) {
            (true, _) => put.natural.clone(),
            (false, true) => format!("{}\0{}", put.natural, "5".repeat(32)),
            (false, false) => return Err(Failure::Conflict),
        };
        let record = Record {
            revision: present + 1,
            kind: put.kind.clone(),
            attributes: put.attributes.clone(),
            content: content.to_vec(),
            with: (natural != put.natural).then(|| put.natural.clone()),
        };
        let stored = (natural.clone(), record.revision);
        if !dry {
            self.lacks.lock().unwrap().remove(&natural);
            records.insert(natural, record);
            let _nobody_listens = self.changes.send(());
        }
        Ok(stored)
    }
}

impl Records for Collection {
    fn list(&self) -> BoxFuture<'_, Result<Vec<(String, Remote)>, Failure>> {
        Box::pin(async {
            if *self.is_away.lock().unwrap() {
                return Err(Failure::Later);
            }
            let listed = |(natural, record): (&String, &Record)| {
                let remote = Remote {
                    id: natural.clone(),
                    revision: record.revision,
                    kind: record.kind.clone(),
                    length: record.content.len() as u64,
                    attributes: record.attributes.clone(),
                    conflict_with: record.with.clone(),
                    lacking: self.lacks.lock().unwrap().contains(natural),
                };
                (natural.clone(), remote)
            };
            Ok(self.records.lock().unwrap().iter().map(listed).collect())
        })
    }

    fn put(&self, put: Put, content: OwnedFd) -> BoxFuture<'_, Result<(String, u64), Failure>> {
        Box::pin(async move {
            self.calls.lock().unwrap().1 += 1;
            let mut bytes = Vec::new();
            File::from(content).read_to_end(&mut bytes).unwrap();
            self.store(&put, &bytes, false)
        })
    }

    fn put_many(
        &self,
        records: Vec<(Put, Secret<Vec<u8>>)>,
    ) -> BoxFuture<'_, Result<Vec<(String, u64)>, Failure>> {
        Box::pin(async move {
            self.calls.lock().unwrap().0 += 1;
            for dry in [true, false] {
                let store = |(put, content): &(Put, Secret<Vec<u8>>)| self.store(put, content.expose(), dry);
                let stored: Result<Vec<_>, _> = records.iter().map(store).collect();
                if !dry || stored.is_err() {
                    return stored;
                }
            }
            Err(Failure::Later)
        })
    }

    fn get(&self, id: String) -> BoxFuture<'_, Result<Coming, Failure>> {
        Box::pin(async move {
            self.flowing().await;
            let records = self.records.lock().unwrap();
            let record = records.get(&id).ok_or(Failure::Conflict)?;
            let end = self.ends_after.lock().unwrap().unwrap_or(usize::MAX);
            let end = end.min(record.content.len());
            Ok(Coming {
                revision: record.revision,
                length: record.content.len() as u64,
                attributes: record.attributes.clone(),
                content: Box::new(Cursor::new(record.content[..end].to_vec())),
            })
        })
    }

    fn get_from(
        &self,
        id: String,
        revision: u64,
        from: u64,
    ) -> BoxFuture<'_, Result<Box<dyn Read + Send>, Failure>> {
        Box::pin(async move {
            let records = self.records.lock().unwrap();
            let record = records.get(&id).filter(|record| record.revision == revision);
            let content = record.ok_or(Failure::Conflict)?.content.clone();
            let mut rest = Cursor::new(content);
            rest.set_position(from);
            Ok(Box::new(rest) as Box<dyn Read + Send>)
        })
    }

    fn matches(&self, id: String, revision: u64, content: OwnedFd) -> BoxFuture<'_, Result<bool, Failure>> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            File::from(content).read_to_end(&mut bytes).unwrap();
            let records = self.records.lock().unwrap();
            let record = records.get(&id).filter(|record| record.revision == revision);
            Ok(record.ok_or(Failure::Conflict)?.content == bytes)
        })
    }

    fn get_many(&self, ids: Vec<String>) -> BoxFuture<'_, Result<Vec<Got>, Failure>> {
        Box::pin(async move {
            self.flowing().await;
            let records = self.records.lock().unwrap();
            let got = ids.into_iter().map(|id| {
                let record = records.get(&id)?;
                Some(Got {
                    revision: record.revision,
                    attributes: record.attributes.clone(),
                    content: Secret::new(record.content.clone()),
                    id,
                })
            });
            got.collect::<Option<Vec<_>>>().ok_or(Failure::Conflict)
        })
    }

    fn deleted(&self, ids: Vec<String>) -> BoxFuture<'_, Result<BTreeSet<String>, Failure>> {
        Box::pin(async move {
            if *self.is_away.lock().unwrap() {
                return Err(Failure::Later);
            }
            let (records, deleted) = (self.records.lock().unwrap(), self.deleted.lock().unwrap());
            let is_deleted = |id: &String| deleted.contains(id) && !records.contains_key(id);
            Ok(ids.into_iter().filter(is_deleted).collect())
        })
    }

    fn delete(&self, id: String, revision: u64) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let mut records = self.records.lock().unwrap();
            match records.get(&id).is_some_and(|record| record.revision == revision) {
                true => {
                    records.remove(&id);
                    self.deleted.lock().unwrap().insert(id);
                    let _nobody_listens = self.changes.send(());
                    Ok(())
                }
                false => Err(Failure::Conflict),
            }
        })
    }
}
