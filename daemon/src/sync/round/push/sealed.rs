//! Sealing a record as the cloud gets it.

use belay_proto::sync::{ChunkId, CollectionKeys, Content, RecordError, RecordId};
use belay_proto::wire::{Bytes, PushRecord, RECORD_CHUNKS, SyncRecord};
use belay_sync::record::{self, Held};

use super::Sent;

/// A record as it is sent; and its content where that had to be renewed.
pub(super) fn sealed(
    keys: &CollectionKeys,
    id: RecordId,
    held: Held,
) -> Result<(PushRecord, Sent, Option<Content>), RecordError> {
    let mut content = held.content;
    let mut chunks: Vec<ChunkId> = content.chunks.0.iter().map(|chunk| chunk.id).collect();
    chunks.sort_unstable_by_key(|id| *id.as_bytes());
    chunks.dedup();
    if chunks.len() > RECORD_CHUNKS {
        return Err(RecordError::TooLong);
    }
    let mut sealed = content.seal(keys)?;
    // Under newer keys it has other bytes: it says which ones it has under the older, which others may have.
    let other = held.known.filter(|known| *known != sealed.revision);
    if let Some(known) = &other {
        content = record::renewed(content, known);
        sealed = content.seal(keys)?;
    }
    let sent = Sent {
        id,
        here: held.revision,
        number: content.number,
        revision: sealed.revision,
        length: content.length,
    };
    let record = SyncRecord {
        collection: keys.collection_id(),
        id,
        revision: sealed.revision,
        key_epoch: sealed.key_epoch,
        removed: content.removed,
        chunks,
        sealed: Bytes(sealed.sealed),
    };
    let base = held.base.map(|base| base.revision);
    Ok((PushRecord { base, record }, sent, other.map(|_| content)))
}
