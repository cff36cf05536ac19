//! What the mirror needs: a source of the user's data, and the collection that it is mirrored into.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::pin::Pin;

use belay_proto::Secret;

use crate::model::{Attributes, Binding, Local, Remote, Root, Scan};
use crate::state::Stop;

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A place where a program of the user keeps data: a folder, later another program behind D-Bus. The methods block.
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// Whether another version of a record becomes an item of its own. Not where programs would take it for a double.
    fn shows_siblings(&self) -> bool;

    /// Looks it through, and watches what it sees from then on. `first`: nothing else is at work, so what an earlier run
    /// left half-done is swept away; `make`: a missing root is made.
    ///
    /// # Errors
    /// Where nothing can be said of what is there.
    fn scan(&self, first: bool, make: bool) -> Result<Scan, Stop>;

    /// What is read and written from now on is this binding's, and lies in this root alone: in another one, as a medium leaves
    /// behind that is taken away, nothing is done.
    fn keep_to(&self, _binding: &Binding, _root: &Root) {}

    /// The item's content, if it is still as named.
    ///
    /// # Errors
    /// [`SourceError`], as in every method.
    fn open(&self, item: &Local) -> Result<File, SourceError>;

    /// Whether it is as named.
    fn is_still(&self, item: &Local) -> bool;

    /// Whether an item isn't at the place it was known at: the last look before its record is deleted.
    fn is_gone(&self, natural: &str, place: &str) -> bool;

    /// Writes a record, whole or not at all; over `over` only if that is still as named, else only where nothing is.
    ///
    /// # Errors
    /// [`SourceError`].
    fn write(&self, arrival: Arrival<'_>, over: Option<&Local>) -> Result<Local, SourceError>;

    /// Whether a new record of this natural key has a place here: asked before a long one is fetched.
    ///
    /// # Errors
    /// [`SourceError`], as [`Source::write`] would say.
    fn has_place_for(&self, _natural: &str) -> Result<(), SourceError> {
        Ok(())
    }

    /// Moves an item that is still as named, and says what a record does, to where that record belongs, if nothing is there.
    ///
    /// # Errors
    /// [`SourceError`]; `Unsupported` where nothing is ever moved.
    fn relocate(&self, _item: &Local, _natural: &str, _record: &Remote) -> Result<Local, SourceError> {
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }

    /// Whether there is room for so many bytes more, as far as that can be told.
    fn has_room(&self, _length: u64) -> bool {
        true
    }

    /// How many bytes were kept of a record that didn't come whole, when it was to be written over `over`: it may go on after
    /// them.
    fn kept(&self, _natural: &str, _record: &Remote, _over: Option<&Local>) -> u64 {
        0
    }

    /// Removes an item that is still as named.
    ///
    /// # Errors
    /// [`SourceError`].
    fn remove(&self, item: &Local) -> Result<(), SourceError>;

    /// Returns once everything that was read and written will survive a power cut.
    ///
    /// # Errors
    /// What the file system says.
    fn sync(&self) -> io::Result<()>;

    /// What tells of changes since the last scan.
    ///
    /// # Errors
    /// Where nothing can.
    fn watch(&self) -> io::Result<Box<dyn Watch>>;
}

/// Waits for changes.
pub trait Watch: Send {
    /// Returns once something may have changed.
    fn changed(&mut self) -> BoxFuture<'_, io::Result<()>>;
}

/// A record on its way into a source.
pub struct Arrival<'a> {
    /// Its natural key: from another device, so it can be anything.
    pub natural: &'a str,
    /// What is listed of it.
    pub record: &'a Remote,
    /// Its content, or what is left of it.
    pub content: &'a mut dyn Read,
    /// Bytes of it that were kept, see [`Source::kept`]; none: nothing of it is kept where it doesn't come whole.
    pub from: Option<u64>,
}

/// Why a source didn't do it.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The item isn't as named.
    #[error("it was changed meanwhile")]
    Changed,
    /// It can't hold this.
    #[error("{0}")]
    Refused(&'static str),
    /// The content didn't come whole.
    #[error("the content was cut off")]
    CutOff,
    /// The file system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<rustix::io::Errno> for SourceError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

/// A record to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The record that it replaces, and its revision.
    pub over: Option<(String, u64)>,
    /// Its natural key.
    pub natural: String,
    /// A media type.
    pub kind: String,
    /// What its source knows of it besides.
    pub attributes: Attributes,
    /// If there is another revision, keep both.
    pub keep_both: bool,
}

/// A record as it was got.
#[derive(Debug)]
pub struct Got {
    /// Its id.
    pub id: String,
    /// Its revision.
    pub revision: u64,
    /// What its source knew of it.
    pub attributes: Attributes,
    /// Its content.
    pub content: Secret<Vec<u8>>,
}

/// A long record as it is got.
pub struct Coming {
    /// Its revision.
    pub revision: u64,
    /// Bytes; the content is cut off if fewer come.
    pub length: u64,
    /// What its source knew of it.
    pub attributes: Attributes,
    /// Where its content comes from; reading blocks.
    pub content: Box<dyn Read + Send>,
}

/// A collection, as belayd has it.
pub trait Records: fmt::Debug + Send + Sync + 'static {
    /// All of it, by natural key.
    fn list(&self) -> BoxFuture<'_, Result<Vec<(String, Remote)>, Failure>>;

    /// Puts a record from a descriptor; answers its id and new revision.
    fn put(&self, put: Put, content: OwnedFd) -> BoxFuture<'_, Result<(String, u64), Failure>>;

    /// Puts short records, all or none; answers in their order.
    fn put_many(
        &self,
        records: Vec<(Put, Secret<Vec<u8>>)>,
    ) -> BoxFuture<'_, Result<Vec<(String, u64)>, Failure>>;

    /// Gets a record as a stream.
    fn get(&self, id: String) -> BoxFuture<'_, Result<Coming, Failure>>;

    /// Gets what is left after `from` bytes of a record that has this revision still.
    fn get_from(
        &self,
        id: String,
        revision: u64,
        from: u64,
    ) -> BoxFuture<'_, Result<Box<dyn Read + Send>, Failure>>;

    /// Whether a record has this revision still and says what a file does. Not so where that can't be told.
    fn matches(&self, id: String, revision: u64, content: OwnedFd) -> BoxFuture<'_, Result<bool, Failure>>;

    /// Gets short records.
    fn get_many(&self, ids: Vec<String>) -> BoxFuture<'_, Result<Vec<Got>, Failure>>;

    /// Which of these were deleted. Of one that merely isn't listed nobody says so.
    fn deleted(&self, ids: Vec<String>) -> BoxFuture<'_, Result<BTreeSet<String>, Failure>>;

    /// Deletes a record.
    fn delete(&self, id: String, revision: u64) -> BoxFuture<'_, Result<(), Failure>>;
}

/// Why a collection didn't do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Another revision is the present one, or none.
    #[error("the record was changed meanwhile")]
    Conflict,
    /// It will never take this.
    #[error("belayd refuses it")]
    Refused,
    /// Not now: offline, paused, full, locked, gone from the bus.
    #[error("not now")]
    Later,
}
