//! `org.belay1.Sync` and `org.belay1.Collection`, as an owner's program uses them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;

use zbus::{Fd, OwnedVariant, Variant};

use super::{Answer, App, Object, Options, entry, memfd, number};
use crate::Outcome;

/// `org.belay1.Sync`.
pub const SYNC: Object = Object {
    service: "org.belay1",
    path: "/org/belay1/sync",
    interface: "org.belay1.Sync",
};

/// The `org.belay1.Collection` at this place below [`SYNC`].
const fn at(path: &'static str) -> Object {
    Object {
        service: "org.belay1",
        path,
        interface: "org.belay1.Collection",
    }
}

/// The `org.belay1.Collection` of contacts.
pub const CONTACTS: Object = at("/org/belay1/sync/contacts");

/// The collection that is called so. Of any other name it is one that isn't there.
#[must_use]
pub fn collection(name: &str) -> Object {
    at(match name {
        "contacts" => "/org/belay1/sync/contacts",
        "calendars" => "/org/belay1/sync/calendars",
        "notes" => "/org/belay1/sync/notes",
        "messages" => "/org/belay1/sync/messages",
        "calls" => "/org/belay1/sync/calls",
        "health" => "/org/belay1/sync/health",
        "documents" => "/org/belay1/sync/documents",
        "pictures" => "/org/belay1/sync/pictures",
        "videos" => "/org/belay1/sync/videos",
        _ => "/org/belay1/sync/nothing",
    })
}

/// A record to put.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// What it is by nature.
    pub natural: &'a str,
    /// A media type.
    pub kind: &'a str,
    /// The content.
    pub content: &'a [u8],
}

/// An entry as the bus has it: id, revision, attributes.
type Told = (String, u64, HashMap<String, OwnedVariant>);

/// A record of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The opaque id.
    pub id: String,
    /// The revision on this device.
    pub revision: u64,
    /// What it is by nature.
    pub natural: String,
    /// A media type.
    pub kind: String,
    /// Bytes of the content.
    pub length: u64,
    /// Where the list goes on.
    pub position: u64,
    /// The record that it is another version of, or empty.
    pub conflict_with: String,
}

/// How many records a page of a list has at most.
const PAGE: u32 = 1000;

impl App {
    /// `Sync.SyncNow` of all collections.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn sync_now(&self) -> Outcome<Answer<()>> {
        let all: Vec<&str> = Vec::new();
        self.call(SYNC, "SyncNow", &(all, Options::new())).await
    }

    /// `Collection.SetEnabled`.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn enable(&self, name: &str, enabled: bool) -> Outcome<Answer<()>> {
        self.call(collection(name), "SetEnabled", &(enabled,)).await
    }

    /// `Collection.Identify` of one natural key; the opaque id.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn identify(&self, name: &str, natural: &str) -> Outcome<Answer<String>> {
        let answer: Answer<Vec<String>> = self.call(collection(name), "Identify", &(vec![natural],)).await?;
        Ok(answer.map(|mut ids| ids.pop().unwrap_or_default()))
    }

    /// `Collection.Put` of a new record; its revision.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn put_new(&self, name: &str, new: &New<'_>) -> Outcome<Answer<u64>> {
        self.put(name, "", 0, new).await
    }

    /// `Collection.Put` in place of revision `revision` of the record `id`; the new revision.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn put(&self, name: &str, id: &str, revision: u64, new: &New<'_>) -> Outcome<Answer<u64>> {
        let content = Fd::from(memfd(new.content)?);
        let attributes: HashMap<&str, Variant<'_>> =
            HashMap::from([("kind", new.kind.into()), ("natural", new.natural.into())]);
        self.call(collection(name), "Put", &(id, revision, content, attributes))
            .await
    }

    /// `Collection.Delete`.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn delete(&self, name: &str, id: &str, revision: u64) -> Outcome<Answer<()>> {
        self.call(collection(name), "Delete", &(id, revision)).await
    }

    /// `Collection.Resolve`.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn resolve(&self, name: &str, id: &str, choice: &str) -> Outcome<Answer<()>> {
        self.call(collection(name), "Resolve", &(id, choice)).await
    }

    /// `Collection.List`, page by page, to its end.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn list(&self, name: &str) -> Outcome<Answer<Vec<Row>>> {
        let mut rows = Vec::new();
        let mut after = 0_u64;
        loop {
            let page: Answer<Vec<Told>> = self.call(collection(name), "List", &(after, PAGE)).await?;
            let page = match page {
                Ok(page) => page,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let is_last = page.len() < PAGE as usize;
            rows.extend(page.into_iter().map(row));
            match rows.last() {
                Some(last) if !is_last => after = last.position,
                _ => return Ok(Ok(rows)),
            }
        }
    }

    /// `Collection.Get`; the content and its revision.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn content(&self, name: &str, id: &str) -> Outcome<Answer<(Vec<u8>, u64)>> {
        let answer: Answer<(zbus::OwnedFd, u64, HashMap<String, OwnedVariant>)> =
            self.call(collection(name), "Get", &(id,)).await?;
        let (fd, revision, _) = match answer {
            Ok(answer) => answer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        Ok(Ok((read(fd.into()).await?, revision)))
    }

    /// `Collection.GetFrom`: what is left of a content.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn rest(&self, name: &str, id: &str, revision: u64, from: u64) -> Outcome<Answer<Vec<u8>>> {
        let asked = (id, revision, from);
        let answer: Answer<zbus::OwnedFd> = self.call(collection(name), "GetFrom", &asked).await?;
        match answer {
            Ok(fd) => Ok(Ok(read(fd.into()).await?)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Collection.Matches` of a content in a memfd.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn matches(
        &self,
        name: &str,
        id: &str,
        revision: u64,
        content: &[u8],
    ) -> Outcome<Answer<bool>> {
        let asked = (id, revision, Fd::from(memfd(content)?), Options::new());
        self.call(collection(name), "Matches", &asked).await
    }
}

/// All that is in a memfd, or comes through a pipe, which is filled as its reader reads.
async fn read(fd: OwnedFd) -> Outcome<Vec<u8>> {
    let content = tokio::task::spawn_blocking(move || {
        let (mut file, mut content) = (File::from(fd), Vec::new());
        let _pipes_have_none = file.rewind();
        file.read_to_end(&mut content).map(|_| content)
    });
    Ok(content.await??)
}

fn row((id, revision, told): Told) -> Row {
    Row {
        id,
        revision,
        natural: entry(&told, "natural"),
        kind: entry(&told, "kind"),
        length: number(&told, "length").unwrap_or_default(),
        position: number(&told, "position").unwrap_or_default(),
        conflict_with: entry(&told, "conflict-with"),
    }
}
