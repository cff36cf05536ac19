//! A collection over D-Bus.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::fd::OwnedFd;

use belay_proto::Secret;
use belay_proto::dbus::client::{CollectionClient, NewRecord};
use belay_proto::dbus::records::{FramedRecord, Listed, MAX_LISTED};
use belay_proto::dbus::{Error, Options};
use belay_proto::sync::{Attributes, RecordId};
use zbus::Connection;

use crate::model::{Remote, is_sibling, sibling_key};
use crate::ports::{BoxFuture, Coming, Failure, Got, Put, Records};

/// Records in a collection at most; beyond, nothing is said of it.
const MOST: usize = 4_000_000;

/// A collection.
#[derive(Clone, Debug)]
pub struct BusRecords {
    client: CollectionClient,
}

impl BusRecords {
    /// The collection `name`.
    ///
    /// # Errors
    /// Where the bus fails, or no collection can have the name.
    pub async fn new(connection: &Connection, name: &str) -> Result<Self, Error> {
        let client = CollectionClient::new(connection, name).await?;
        Ok(Self { client })
    }

    async fn all(&self) -> Result<Vec<(String, Remote)>, Failure> {
        let mut records = BTreeMap::new();
        let mut after = 0;
        loop {
            let page = self.client.list(after, MAX_LISTED).await.map_err(failure)?;
            let Some(last) = page.last().map(|record| record.position) else {
                return Ok(keyed(records.into_values()));
            };
            if last <= after || records.len() > MOST {
                tracing::warn!("a list that doesn't end");
                return Err(Failure::Later);
            }
            after = last;
            // A record that is changed while it is listed comes again, at the end.
            records.extend(page.into_iter().map(|record| (record.id, record)));
        }
    }

    /// The ids of records, of new ones by their natural keys.
    async fn ids(&self, puts: &[Put]) -> Result<Vec<RecordId>, Failure> {
        let is_new = |put: &&Put| put.over.is_none();
        // belayd alone makes siblings.
        if puts.iter().filter(is_new).any(|put| is_sibling(&put.natural)) {
            return Err(Failure::Refused);
        }
        let new: Vec<&str> = puts
            .iter()
            .filter(is_new)
            .map(|put| put.natural.as_str())
            .collect();
        let mut named = match new.is_empty() {
            true => Vec::new(),
            false => self.client.identify(&new).await.map_err(failure)?,
        }
        .into_iter();
        let id = |put: &Put| match &put.over {
            Some((id, _)) => id.parse().ok(),
            None => named.next(),
        };
        let ids: Option<Vec<RecordId>> = puts.iter().map(id).collect();
        ids.ok_or(Failure::Refused)
    }

    async fn put_one(&self, put: Put, content: Content) -> Result<(String, u64), Failure> {
        let ids = self.ids(std::slice::from_ref(&put)).await?;
        let id = ids.first().ok_or(Failure::Refused)?;
        let record = NewRecord {
            id: Some(*id),
            revision: put.over.as_ref().map_or(0, |(_, revision)| *revision),
            natural: put.over.is_none().then_some(put.natural),
            kind: put.kind,
            attributes: Attributes(put.attributes),
            keep_both: put.keep_both,
        };
        let revision = match content {
            Content::Bytes(bytes) => self.client.put(&record, &bytes).await,
            Content::Open(fd) => self.client.put_from(&record, fd).await,
        };
        Ok((id.to_string(), revision.map_err(failure)?))
    }

    async fn put_all(&self, records: Vec<(Put, Secret<Vec<u8>>)>) -> Result<Vec<(String, u64)>, Failure> {
        let puts: Vec<Put> = records.iter().map(|(put, _)| put.clone()).collect();
        let ids = self.ids(&puts).await?;
        let framed = records
            .into_iter()
            .zip(ids.clone())
            .map(|((put, content), id)| FramedRecord {
                id: Some(id),
                revision: put.over.as_ref().map_or(0, |(_, revision)| *revision),
                natural: put.over.is_none().then_some(put.natural),
                kind: put.kind,
                attributes: Attributes(put.attributes),
                keep_both: put.keep_both,
                content,
            });
        let framed: Vec<FramedRecord> = framed.collect();
        let stored = self.client.put_many(framed).await.map_err(failure)?;
        if stored.len() != ids.len() {
            tracing::warn!("another number of records was stored than was put");
            return Err(Failure::Later);
        }
        // What was kept beside a newer one isn't the record: that is fetched.
        let of = |(id, (stored, revision)): (RecordId, (RecordId, u64))| {
            let is_it = id == stored;
            (id.to_string(), if is_it { revision } else { 0 })
        };
        Ok(ids.into_iter().zip(stored).map(of).collect())
    }

    async fn many(&self, ids: Vec<RecordId>) -> Result<Vec<Got>, Failure> {
        let stream = self.client.get_many(&ids).await.map_err(failure)?;
        let read = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            for record in stream {
                let record = record?;
                if let Some(id) = record.id {
                    all.push(Got {
                        id: id.to_string(),
                        revision: record.revision,
                        attributes: record.attributes.0,
                        content: record.content,
                    });
                }
            }
            Ok::<_, belay_proto::dbus::records::FrameError>(all)
        });
        match read.await {
            Ok(Ok(all)) if all.len() == ids.len() => Ok(all),
            _ => Err(Failure::Later),
        }
    }
}

enum Content {
    Bytes(Secret<Vec<u8>>),
    Open(OwnedFd),
}

impl Records for BusRecords {
    fn list(&self) -> BoxFuture<'_, Result<Vec<(String, Remote)>, Failure>> {
        Box::pin(self.all())
    }

    fn put(&self, put: Put, content: OwnedFd) -> BoxFuture<'_, Result<(String, u64), Failure>> {
        Box::pin(self.put_one(put, Content::Open(content)))
    }

    fn put_many(
        &self,
        mut records: Vec<(Put, Secret<Vec<u8>>)>,
    ) -> BoxFuture<'_, Result<Vec<(String, u64)>, Failure>> {
        Box::pin(async move {
            match (records.len(), records.pop()) {
                (1, Some((put, content))) => {
                    let stored = self.put_one(put, Content::Bytes(content)).await?;
                    Ok(vec![stored])
                }
                (_, last) => {
                    records.extend(last);
                    self.put_all(records).await
                }
            }
        })
    }

    fn get(&self, id: String) -> BoxFuture<'_, Result<Coming, Failure>> {
        Box::pin(async move {
            let id = id.parse().map_err(|_| Failure::Refused)?;
            let got = self.client.get(id).await.map_err(failure)?;
            let (revision, length) = (got.record.revision, got.record.length);
            let attributes = got.record.attributes.0.clone();
            let content = got.reader().map_err(|_| Failure::Later)?;
            Ok(Coming {
                revision,
                length,
                attributes,
                content: Box::new(content),
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
            let id = id.parse().map_err(|_| Failure::Refused)?;
            let rest = self.client.get_from(id, revision, from).await.map_err(failure)?;
            Ok(Box::new(rest) as Box<dyn Read + Send>)
        })
    }

    fn matches(&self, id: String, revision: u64, content: OwnedFd) -> BoxFuture<'_, Result<bool, Failure>> {
        Box::pin(async move {
            let id = id.parse().map_err(|_| Failure::Refused)?;
            self.client.matches(id, revision, content).await.map_err(failure)
        })
    }

    fn get_many(&self, ids: Vec<String>) -> BoxFuture<'_, Result<Vec<Got>, Failure>> {
        Box::pin(async move {
            let ids: Option<Vec<RecordId>> = ids.iter().map(|id| id.parse().ok()).collect();
            self.many(ids.ok_or(Failure::Refused)?).await
        })
    }

    fn deleted(&self, ids: Vec<String>) -> BoxFuture<'_, Result<BTreeSet<String>, Failure>> {
        Box::pin(async move {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let removed = self.client.proxy().removed(&ids, &Options::new()).await;
            Ok(removed.map_err(failure)?.into_iter().collect())
        })
    }

    fn delete(&self, id: String, revision: u64) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let deleted = self.client.proxy().delete(&id, revision).await;
            deleted.map_err(failure)
        })
    }
}

/// The records by what they are known by here. Two may be the same by nature: a sibling is told by its id, and of others
/// the one with the lowest has the name, whatever their order.
fn keyed(records: impl Iterator<Item = Listed>) -> Vec<(String, Remote)> {
    let mut all: BTreeMap<String, Remote> = BTreeMap::new();
    for record in records {
        let is_apart = record.conflict_with.is_some() || all.contains_key(&record.natural);
        let key = match is_apart {
            true => sibling_key(&record.natural, &record.id.to_string()),
            false => record.natural.clone(),
        };
        all.insert(key, remote(record));
    }
    all.into_iter().collect()
}

fn remote(record: Listed) -> Remote {
    Remote {
        id: record.id.to_string(),
        revision: record.revision,
        kind: record.kind,
        length: record.length,
        attributes: record.attributes.0,
        conflict_with: record.conflict_with.map(|id| id.to_string()),
        lacking: record.lacking,
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Conflict(_) | Error::NotFound(_) => Failure::Conflict,
        Error::InvalidArgument(_) => {
            tracing::warn!(%error, "belayd refuses a record");
            Failure::Refused
        }
        error => {
            tracing::debug!(%error, "belayd can't just now");
            Failure::Later
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(id: u8, natural: &str, other: Option<u8>) -> Listed {
        let id_of = |byte| RecordId::from_bytes([byte; 16]);
        Listed {
            id: id_of(id),
            revision: 1,
            position: u64::from(id),
            natural: natural.to_owned(),
            kind: String::new(),
            length: 0,
            attributes: Attributes::default(),
            conflict_with: other.map(id_of),
            lacking: false,
            changed_at: 1,
            is_long: false,
        }
    }

    #[test]
    fn another_version_never_stands_in_the_place_of_its_original() {
        let ids = |records: [Listed; 3]| -> Vec<(String, String)> {
            let keyed = keyed(records.into_iter()).into_iter();
            keyed.map(|(key, record)| (key, record.id)).collect()
        };
        let [one, two, three] = [1, 2, 3].map(|byte| RecordId::from_bytes([byte; 16]).to_string());
        let apart = |id: &String| sibling_key("letter.odt", id);
        let expected = [
            ("letter.odt".to_owned(), two.clone()),
            (apart(&one), one.clone()),
            (apart(&three), three.clone()),
        ];
        let siblings = [
            listed(1, "letter.odt", Some(2)),
            listed(2, "letter.odt", None),
            listed(3, "letter.odt", Some(2)),
        ];
        assert_eq!(ids(siblings), expected);
        // Nor does one that says to be the same, wherever it stands.
        let expected = [
            ("letter.odt".to_owned(), one),
            (apart(&two), two),
            (apart(&three), three),
        ];
        let doubles = [1, 2, 3].map(|id| listed(id, "letter.odt", None));
        assert_eq!(ids(doubles), expected);
    }
}
