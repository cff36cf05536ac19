//! What the sync domain needs: of the cloud, and of whoever moves long contents.

use std::fmt::{self, Debug, Formatter};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::keys::sha256;
use belay_proto::sync::{ChunkId, Chunks, CollectionId, CollectionKeys};
use belay_proto::wire::{ChangesAnswer, MissingAnswer, PushAnswer, PushRequest};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::error::SyncError;

/// Whoever brings the keys that the owner made elsewhere to the warden.
pub trait NewerKeys: Send + Sync + 'static {
    /// Ends once the cloud was asked for them, whatever came of it.
    fn fetch(&self) -> BoxFuture<'_, ()>;
}

/// Why the cloud gave no answer that can be used. Nothing is tried again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncFailure {
    /// It can't be reached, or wants to be left alone for a while; with the wait that it asked for.
    #[error("the cloud can't be reached")]
    Offline(Option<Duration>),
    /// The session has ended.
    #[error("the session has ended")]
    Reauthentication,
    /// A record or chunk is sealed in another key epoch than the account's (412).
    #[error("the key epoch is old")]
    KeyEpochOld,
    /// The cloud has another epoch than the cursor is of (410): all is to be listed anew.
    #[error("the cursor is over")]
    CursorOver,
    /// The cloud can't read the cursor (400).
    #[error("the cursor is no cursor")]
    BadCursor,
    /// There is no room left (507).
    #[error("the quota is used up")]
    Quota,
    /// It has no such thing (404).
    #[error("the cloud has no such thing")]
    NotFound,
    /// It refused for good.
    #[error("the cloud refused")]
    Refused,
    /// No cloud is configured.
    #[error("no cloud is configured")]
    NotConfigured,
    /// It answered what the contract doesn't allow.
    #[error("the cloud answered nonsense")]
    Nonsense,
}

/// What the cloud answers.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, SyncFailure>>;

/// Whoever keeps the account's records and chunks. An answer is bounded before it is read.
pub trait SyncCloud: Debug + Send + Sync + 'static {
    /// Pushes at most [`belay_proto::wire::PUSH_RECORDS`] records. The answer has a result for each.
    fn push(&self, request: PushRequest) -> Reply<'_, PushAnswer>;

    /// A page of what changed in `collection` after `cursor`, `None`: from the start; at most `limit` records.
    fn changes<'a>(
        &'a self,
        cursor: Option<&'a str>,
        collection: CollectionId,
        limit: usize,
    ) -> Reply<'a, ChangesAnswer>;

    /// Which of at most [`belay_proto::wire::MISSING_CHUNKS`] chunks the cloud doesn't have whole. It answers nothing that
    /// wasn't asked after.
    fn missing(&self, chunks: Vec<ChunkId>) -> Reply<'_, MissingAnswer>;

    /// Brings a sealed chunk, which the cloud has `offset` bytes of. `sealed` is all of it: its digest is announced.
    fn put_chunk(&self, id: ChunkId, offset: u64, sealed: SealedChunk) -> Reply<'_, ()>;

    /// Fetches a sealed chunk, at most [`belay_proto::sync::MAX_SEALED_CHUNK`] bytes, its digest checked.
    fn get_chunk(&self, id: ChunkId) -> Reply<'_, Vec<u8>>;
}

/// A chunk as it is brought.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedChunk {
    bytes: Bytes,
    digest: [u8; 32],
}

impl SealedChunk {
    /// Hashes it, which takes ms where it is long: right after it was sealed and on the same thread, while the processor has it
    /// at hand.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            digest: sha256(&bytes),
            bytes: bytes.into(),
        }
    }

    /// All of it.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// SHA-256 of all of it.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Its memory, where nobody else holds on to it.
    #[must_use]
    pub fn into_vec(self) -> Option<Vec<u8>> {
        self.bytes.try_into_mut().ok().map(Into::into)
    }
}

impl Debug for SealedChunk {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedChunk")
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Whether contents may be moved now, and why not: it changes while they are ([`SyncError::Paused`],
/// [`SyncError::Offline`], [`SyncError::NotBound`]).
pub type Allowed = watch::Receiver<Result<(), SyncError>>;

/// How much is done of the contents that are moved at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moving {
    /// How many they are, with those that wait for their turn.
    pub contents: usize,
    /// Bytes of them, and of those that were moved while any was, that are where they should be,
    pub done: u64,
    /// and in all.
    pub all: u64,
}

/// A content that is fetched.
pub struct Fetch {
    /// What it is sealed with.
    pub keys: Arc<CollectionKeys>,
    /// What it is made of, in its order.
    pub chunks: Chunks,
    /// Bytes of it that needn't come.
    pub from: u64,
    /// What is done where the cloud doesn't have one of them.
    pub lost: BoxFuture<'static, ()>,
}

impl Debug for Fetch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch")
            .field("chunks", &self.chunks.0.len())
            .finish_non_exhaustive()
    }
}

/// Whoever moves contents that don't fit a record. Never more than a few chunks are in memory.
pub trait LongContents: Debug + Send + Sync + 'static {
    /// Reads `content` to its end, cuts and seals it, and brings what the cloud doesn't have; answers the chunks in their
    /// order, all of which are at the cloud then. Ends with what `allowed` says as soon as it doesn't any more. A content
    /// of no byte is [`SyncError::InvalidArgument`]. Dropping it ends it.
    fn bring(
        &self,
        keys: Arc<CollectionKeys>,
        content: OwnedFd,
        allowed: Allowed,
    ) -> BoxFuture<'_, Result<Chunks, SyncError>>;

    /// Whether `content` is what these chunks are of, in whatever key epoch each was named. It is read as far as it is the same,
    /// and brought nowhere. [`SyncError::Paused`] where others are compared that don't end. Dropping it ends it.
    fn is_same(
        &self,
        keys: Arc<CollectionKeys>,
        content: OwnedFd,
        chunks: Chunks,
    ) -> BoxFuture<'_, Result<bool, SyncError>>;

    /// How much is done.
    fn moving(&self) -> watch::Receiver<Moving>;

    /// Fetches a content into a pipe, whose reading end it answers at once. Each chunk is opened and checked before a byte
    /// of it is written; a failure ends the pipe early, and whoever reads compares the length.
    ///
    /// # Errors
    /// [`SyncError::Storage`] where there is no pipe to be had, and what `allowed` says.
    fn fetch(&self, what: Fetch, allowed: Allowed) -> Result<OwnedFd, SyncError>;
}
