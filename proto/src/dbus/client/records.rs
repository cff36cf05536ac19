//! Records: what needs a descriptor.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use zbus::{Connection, Fd, Variant};

use super::Error;
use crate::dbus::fd::write_bytes;
use crate::dbus::names::SYNC_PATH;
use crate::dbus::records::{
    ContentReader, FrameReader, FrameWriter, FramedRecord, Listed, ReadContentError, texts,
};
use crate::dbus::{CollectionProxy, Options, RecordEntry};
use crate::secret::Secret;
use crate::sync::{Attributes, RecordId};

/// How long belayd may send nothing of a content: it fetches a long one from the cloud, and tries again there.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// What a record is to be stored as. Empty ones say nothing.
#[derive(Debug, Clone, Default)]
pub struct NewRecord {
    /// Which; `None` where it follows from `natural`, or a new one is to be drawn.
    pub id: Option<RecordId>,
    /// The revision that it replaces; 0 = new.
    pub revision: u64,
    /// What it is by nature.
    pub natural: Option<String>,
    /// Its media type.
    pub kind: String,
    /// What its source knows of it besides.
    pub attributes: Attributes,
    /// Where the revision is stale: keep both, instead of `Conflict`.
    pub keep_both: bool,
}

/// A record as `Get` answers it.
#[derive(Debug)]
pub struct Got {
    /// All but the content.
    pub record: Listed,
    /// The content, not read yet.
    pub content: OwnedFd,
}

impl Got {
    /// To read the content with, on a thread that may block. One that is shorter than `record.length` failed on the way.
    ///
    /// # Errors
    /// [`ReadContentError`].
    pub fn reader(self) -> Result<ContentReader, ReadContentError> {
        ContentReader::new(self.content, PATIENCE)
    }
}

/// A collection of records.
#[derive(Debug, Clone)]
pub struct CollectionClient {
    proxy: CollectionProxy<'static>,
}

impl CollectionClient {
    /// The collection `name`, which has to be one.
    ///
    /// # Errors
    /// `InvalidArgument` for a name that no collection can have; [`Error::Bus`].
    pub async fn new(connection: &Connection, name: &str) -> Result<Self, Error> {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
        if !is_name {
            return Err(Error::InvalidArgument("no collection has this name".to_owned()));
        }
        let path = format!("{SYNC_PATH}/{name}");
        let proxy = CollectionProxy::builder(connection).path(path).build().await?;
        Ok(Self { proxy })
    }

    /// The whole interface.
    pub fn proxy(&self) -> &CollectionProxy<'static> {
        &self.proxy
    }

    /// A page of records after a position; an empty one is the end.
    ///
    /// # Errors
    /// What `List` answers.
    pub async fn list(&self, after: u64, limit: u32) -> Result<Vec<Listed>, Error> {
        let entries = self.proxy.list(after, limit).await?;
        entries.into_iter().map(listed).collect()
    }

    /// Likewise of what was removed: what it was by nature, its kind, and as `changed_at` when it was removed.
    ///
    /// # Errors
    /// What `ListRemoved` answers.
    pub async fn list_removed(&self, after: u64, limit: u32) -> Result<Vec<Listed>, Error> {
        let entries = self.proxy.list_removed(after, limit, &Options::new()).await?;
        entries.into_iter().map(listed).collect()
    }

    /// Stores a content that is at hand; answers its new revision.
    ///
    /// # Errors
    /// What `Put` answers.
    pub async fn put(&self, record: &NewRecord, content: &Secret<Vec<u8>>) -> Result<u64, Error> {
        let content = write_bytes(content.expose()).map_err(broken)?;
        self.put_from(record, &content).await
    }

    /// As [`CollectionClient::put`], from a memfd, a file or the reading end of a pipe.
    ///
    /// # Errors
    /// What `Put` answers.
    pub async fn put_from(&self, record: &NewRecord, content: impl AsFd) -> Result<u64, Error> {
        let id = record.id.map(|id| id.to_string()).unwrap_or_default();
        let content = content.as_fd();
        self.proxy
            .put(&id, record.revision, Fd::from(&content), attributes(record))
            .await
    }

    /// Whether a record of this revision is long and says what `content` does, a memfd, a file or the reading end of a pipe.
    ///
    /// # Errors
    /// What `Matches` answers.
    pub async fn matches(&self, id: RecordId, revision: u64, content: impl AsFd) -> Result<bool, Error> {
        let content = content.as_fd();
        self.proxy
            .matches(&id.to_string(), revision, Fd::from(&content), &Options::new())
            .await
    }

    /// Stores many with short contents, of at most 256 KiB once they are compressed, all of them or none; see
    /// [`FrameWriter::has_room`]. They are written while belayd reads, so never lie in memory all at once. Answers id and
    /// revision of each, in their order.
    ///
    /// # Errors
    /// What `PutAll` answers; `InvalidArgument` for a record that no stream takes, and for a long content, which
    /// [`CollectionClient::put`] takes.
    pub async fn put_many<I>(&self, records: I) -> Result<Vec<(RecordId, u64)>, Error>
    where
        I: IntoIterator<Item = FramedRecord> + Send + 'static,
    {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|error| broken(error.into()))?;
        let writing = tokio::task::spawn_blocking(move || {
            let mut stream = FrameWriter::new(File::from(writer));
            for record in records {
                stream.write(&record)?;
            }
            stream.finish().map(drop)
        });
        // belayd has the reading end alone: when it reads no further, writing ends.
        let answer = self.proxy.put_all(Fd::from(reader), &Options::new()).await;
        match (answer, writing.await) {
            (Err(error), _) => Err(error),
            (Ok(stored), Ok(Ok(()))) => {
                let one = |(id, revision): (String, u64)| Some((id.parse().ok()?, revision));
                let stored: Option<Vec<_>> = stored.into_iter().map(one).collect();
                stored.ok_or_else(|| undocumented("an id"))
            }
            (Ok(_), Ok(Err(error))) => Err(Error::InvalidArgument(error.to_string())),
            (Ok(_), Err(error)) => Err(Error::Bus(zbus::Error::Failure(error.to_string()))),
        }
    }

    /// A record.
    ///
    /// # Errors
    /// What `Get` answers.
    pub async fn get(&self, id: RecordId) -> Result<Got, Error> {
        let (content, revision, details) = self.proxy.get(&id.to_string()).await?;
        Ok(Got {
            record: listed((id.to_string(), revision, details))?,
            content: content.into(),
        })
    }

    /// What is left of a content of this revision after so many bytes, to read on a thread that may block.
    ///
    /// # Errors
    /// What `GetFrom` answers.
    pub async fn get_from(&self, id: RecordId, revision: u64, from: u64) -> Result<ContentReader, Error> {
        let content = self.proxy.get_from(&id.to_string(), revision, from).await?;
        ContentReader::new(content, PATIENCE)
            .map_err(|error| Error::Bus(zbus::Error::Failure(error.to_string())))
    }

    /// Many records with short contents, in their order, to read on a thread that may block. Fewer than were asked for:
    /// the rest failed on the way.
    ///
    /// # Errors
    /// What `GetMany` answers.
    pub async fn get_many(&self, ids: &[RecordId]) -> Result<FrameReader<ContentReader>, Error> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let stream = self.proxy.get_many(&ids).await?;
        let stream = ContentReader::new(stream, PATIENCE)
            .map_err(|error| Error::Bus(zbus::Error::Failure(error.to_string())))?;
        Ok(FrameReader::lenient(stream))
    }

    /// The ids of what records are by nature.
    ///
    /// # Errors
    /// What `Identify` answers.
    pub async fn identify(&self, naturals: &[&str]) -> Result<Vec<RecordId>, Error> {
        let ids = self.proxy.identify(naturals).await?;
        let ids: Vec<RecordId> = ids
            .iter()
            .map(|id| id.parse().map_err(|_| undocumented("an id")))
            .collect::<Result<_, _>>()?;
        match ids.len() == naturals.len() {
            true => Ok(ids),
            false => Err(undocumented("the number of ids")),
        }
    }
}

fn attributes(record: &NewRecord) -> HashMap<&str, Variant<'_>> {
    let mut attributes = HashMap::new();
    if !record.kind.is_empty() {
        attributes.insert("kind", Variant::from(record.kind.as_str()));
    }
    if let Some(natural) = &record.natural {
        attributes.insert("natural", Variant::from(natural.as_str()));
    }
    if !record.attributes.0.is_empty() {
        attributes.insert("attributes", texts(&record.attributes));
    }
    if record.keep_both {
        attributes.insert("keep-both", Variant::from(true));
    }
    attributes
}

fn listed(entry: RecordEntry) -> Result<Listed, Error> {
    Listed::read(entry).map_err(|error| Error::Bus(zbus::Error::Failure(error.to_string())))
}

fn undocumented(what: &str) -> Error {
    Error::Bus(zbus::Error::Failure(format!("{what} isn't as documented")))
}

fn broken(error: std::io::Error) -> Error {
    Error::Bus(zbus::Error::InputOutput(error.into()))
}
