//! A collection over D-Bus.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use belay_proto::Secret;
use belay_proto::dbus::Error;
use belay_proto::dbus::client::{CollectionClient, NewRecord};
use belay_proto::dbus::records::{FramedRecord, Listed, MAX_LISTED};
use belay_proto::sync::{Attributes, RecordId};
use zbus::Connection;

use crate::model::Remote;
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
                return Ok(records.into_iter().collect());
            };
            if last <= after || records.len() > MOST {
                tracing::warn!("a list that doesn't end");
                return Err(Failure::Later);
            }
            after = last;
            // A record that is changed while it is listed comes again, at the end.
            records.extend(page.into_iter().map(remote));
        }
    }

    /// The ids of records, of new ones by their natural keys.
    async fn ids(&self, puts: &[Put]) -> Result<Vec<RecordId>, Failure> {
        let new: Vec<&str> = puts
            .iter()
            .filter(|put| put.over.is_none())
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

    fn get_many(&self, ids: Vec<String>) -> BoxFuture<'_, Result<Vec<Got>, Failure>> {
        Box::pin(async move {
            let ids: Option<Vec<RecordId>> = ids.iter().map(|id| id.parse().ok()).collect();
            self.many(ids.ok_or(Failure::Refused)?).await
        })
    }

    fn delete(&self, id: String, revision: u64) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let deleted = self.client.proxy().delete(&id, revision).await;
            deleted.map_err(failure)
        })
    }
}

fn remote(record: Listed) -> (String, Remote) {
    let remote = Remote {
        id: record.id.to_string(),
        revision: record.revision,
        kind: record.kind,
        length: record.length,
        attributes: record.attributes.0,
        conflict_with: record.conflict_with.map(|id| id.to_string()),
        lacking: record.lacking,
    };
    (record.natural, remote)
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
