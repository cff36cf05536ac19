//! Sync: MessagePack bodies with named fields, ids and sealed bytes as `bin`.

use serde::{Deserialize, Serialize};

use super::Bytes;
use crate::sync::{ChunkId, CollectionId, RecordId, Revision};

/// The media type of sync bodies (IANA, 2024).
pub const MESSAGE_PACK: &str = "application/vnd.msgpack";
/// Records in a push at most.
pub const PUSH_RECORDS: usize = 500;
/// Records in an answer of changes at most.
pub const CHANGES_PAGE: usize = 1000;
/// Sealed bytes in an answer of changes, after which it ends; one record always fits.
pub const CHANGES_BYTES: usize = 1024 * 1024;
/// Chunks asked after in one call at most.
pub const MISSING_CHUNKS: usize = 1000;
/// Chunks that a record may name.
pub const RECORD_CHUNKS: usize = 5000;

/// `POST /v1/sync/push`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushRequest {
    /// How far the client has fetched; the answer says whether nothing lies between. None: not yet.
    pub cursor: Option<String>,
    /// At most [`PUSH_RECORDS`], each id of a collection once.
    pub records: Vec<PushRecord>,
}

/// A record to store in place of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushRecord {
    /// The revision that the cloud must have now; none for a new record.
    pub base: Option<Revision>,
    /// What to store.
    pub record: SyncRecord,
}

/// A record as the cloud keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRecord {
    /// Its collection.
    pub collection: CollectionId,
    /// Which record.
    pub id: RecordId,
    /// Of `sealed` ([`Revision::of`]).
    pub revision: Revision,
    /// The key epoch it is sealed in.
    pub key_epoch: u64,
    /// Whether the sealed content says that it was removed; the cloud forgets it after 180 days.
    pub removed: bool,
    /// The chunks it needs, at most [`RECORD_CHUNKS`].
    pub chunks: Vec<ChunkId>,
    /// The sealed content ([`crate::sync::Content`]), at most [`crate::sync::MAX_SEALED_RECORD`] bytes.
    pub sealed: Bytes,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushAnswer {
    /// A result a record, in their order.
    pub results: Vec<PushResult>,
    /// After what was stored.
    pub cursor: String,
    /// Whether nothing lies between the cursor of the request and this one but what was stored just now: who has sent it
    /// needn't fetch it.
    pub contiguous: bool,
    /// The account's bytes now.
    pub quota: Quota,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushResult {
    /// Whether it is stored, or why not.
    pub status: PushStatus,
    /// In a conflict: what the cloud has; none when the answer had no room for it, and it has to be fetched.
    pub current: Option<SyncRecord>,
    /// Of missing chunks: which, at most [`MISSING_CHUNKS`].
    pub missing: Vec<ChunkId>,
}

/// Whether a record is stored, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushStatus {
    /// Stored, or stored before.
    Ok,
    /// The cloud has another revision than `base`.
    Conflict,
    /// The cloud has no such record: `base` has to be none.
    Absent,
    /// Chunks have to come first.
    MissingChunks,
    /// The record is too long, or names too many chunks.
    TooLarge,
    /// There is no room left. Removals always have.
    Quota,
    /// Its revision isn't that of its bytes, or an id came twice.
    Bad,
}

impl From<PushStatus> for PushResult {
    fn from(status: PushStatus) -> Self {
        Self {
            status,
            current: None,
            missing: Vec::new(),
        }
    }
}

/// `GET /v1/sync/changes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesAnswer {
    /// What changed after the cursor, the oldest change first, each record as it is now.
    pub records: Vec<SyncRecord>,
    /// What to ask with next time, once these are stored.
    pub cursor: String,
    /// Whether there is more.
    pub more: bool,
    /// Where it was asked without a cursor: how many records there are after these; else 0.
    #[serde(default)]
    pub left: u64,
    /// The account's bytes.
    pub quota: Quota,
}

/// Bytes of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Quota {
    /// Sealed records and chunks.
    pub used: u64,
    /// At most.
    pub total: u64,
}

/// `POST /v1/blobs/missing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingRequest {
    /// At most [`MISSING_CHUNKS`].
    pub chunks: Vec<ChunkId>,
}

/// Which of them the cloud doesn't have whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingAnswer {
    /// In the order they were asked after.
    pub missing: Vec<MissingChunk>,
}

/// A chunk to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingChunk {
    /// Which.
    pub id: ChunkId,
    /// How many of its bytes have come already.
    pub offset: u64,
}

#[cfg(test)]
mod tests;
