//! Whether a content is what a record says: cut where the record's is and named as its chunks were, in whatever key epoch. It is read
//! in pieces, no further than it is the same, and none of it is held.

use std::sync::Arc;

use belay_proto::clock::Clock;
use belay_proto::sync::{Buffer, ChunkRef, Chunks, CollectionKeys, Naming};
use tokio::task::spawn_blocking;

use super::source::{Opened, Unopened};
use super::up::{broken, in_time};
use super::{cut, length};
use crate::sync::error::SyncError;

/// Read at once, bytes.
const PIECE: usize = 64 * 1024;

/// Whether a content is these chunks in their order, and nothing else.
///
/// # Errors
/// As [`crate::sync::ports::LongContents::is_same`].
pub(super) async fn is_same(
    clock: &dyn Clock,
    keys: Arc<CollectionKeys>,
    content: Unopened,
    chunks: Chunks,
) -> Result<bool, SyncError> {
    let opening = spawn_blocking(move || content.look());
    let mut content = in_time(clock, opening).await?.map_err(broken)??;
    let all = length(&chunks);
    if content.length().is_some_and(|length| length != all) {
        return Ok(false);
    }
    // Here and not on the thread that reads: allocators keep what each thread gives back.
    let mut room = Buffer::new(vec![0; PIECE]);
    for chunk in chunks.0 {
        let naming = keys.naming(chunk.key_epoch, cut(&keys).encoding());
        let reading = spawn_blocking(move || {
            let same = is_next(&mut content, chunk, naming, &mut room);
            (content, room, same)
        });
        let (rest, used, same) = in_time(clock, reading).await?.map_err(broken)?;
        if !same? {
            return Ok(false);
        }
        (content, room) = (rest, used);
    }
    let ending = spawn_blocking(move || content.read(&mut room));
    Ok(in_time(clock, ending).await?.map_err(broken)?? == 0)
}

/// Whether what comes next of a content is this chunk.
fn is_next(
    content: &mut Opened,
    chunk: ChunkRef,
    mut naming: Naming,
    room: &mut [u8],
) -> Result<bool, SyncError> {
    let mut left = chunk.length;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(room.len());
        let room = room.get_mut(..most).unwrap_or_default();
        let read = content.read(room)?;
        if read == 0 {
            return Ok(false);
        }
        naming.update(room.get(..read).unwrap_or_default());
        left -= read as u64;
    }
    Ok(naming.id() == chunk.id)
}
