//! What the sync domain needs: of the cloud, and of whoever moves long contents.

use std::fmt::Debug;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::sync::{ChunkId, Chunks, CollectionId, CollectionKeys};
use belay_proto::wire::{ChangesAnswer, MissingAnswer, PushAnswer, PushRequest};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::error::SyncError;

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
    fn put_chunk(&self, id: ChunkId, offset: u64, sealed: Bytes) -> Reply<'_, ()>;

    /// Fetches a sealed chunk, at most [`belay_proto::sync::MAX_SEALED_CHUNK`] bytes, its digest checked.
    fn get_chunk(&self, id: ChunkId) -> Reply<'_, Vec<u8>>;
}

/// Whether contents may be moved now, and why not: it changes while they are ([`SyncError::Paused`],
/// [`SyncError::Offline`], [`SyncError::NotBound`]).
pub type Allowed = watch::Receiver<Result<(), SyncError>>;

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

    /// Fetches a content into a pipe, whose reading end it answers at once. Each chunk is opened and checked before a byte
    /// of it is written; a failure ends the pipe early, and whoever reads compares the length.
    ///
    /// # Errors
    /// [`SyncError::Storage`] where there is no pipe to be had, and what `allowed` says.
    fn fetch(
        &self,
        keys: Arc<CollectionKeys>,
        chunks: Chunks,
        allowed: Allowed,
    ) -> Result<OwnedFd, SyncError>;
}
