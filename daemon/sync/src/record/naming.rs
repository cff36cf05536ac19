//! A record of an account that goes on with other keys, since nobody has those of before: it has another id by them.

use belay_proto::sync::{ChunkId, Content, RecordId};

use super::{CONFLICT_WITH, Common, Held, SEPARATOR, absent};

/// The same record for the cloud to get as a new one, where what is `natural` by nature has the id `id(natural)`. What it was
/// known by stays: other devices have what they kept of the same record called so, too, and tell by it which is the newer.
#[must_use]
pub fn called_anew(held: Held, id: &impl Fn(&str) -> RecordId, nobodys: &impl Fn() -> ChunkId) -> Held {
    let held = absent(held);
    let shared = |version: Common| Common {
        content: renamed(version.content, id, nobodys),
        ..version
    };
    Held {
        content: renamed(held.content, id, nobodys),
        common: held.common.map(shared),
        offered: held.offered.map(shared),
        ..held
    }
}

/// What a content says, where records are called otherwise. Its chunks are sealed with keys that nobody has any more, and the
/// cloud has them all the same: each gets a name that nothing has, so that the record counts as one that lacks them.
#[must_use]
pub fn renamed(
    mut content: Content,
    id: &impl Fn(&str) -> RecordId,
    nobodys: &impl Fn() -> ChunkId,
) -> Content {
    if let (Some(with), Some((original, _))) = (
        content.attributes.0.get_mut(CONFLICT_WITH),
        content.natural.rsplit_once(SEPARATOR),
    ) {
        *with = id(original).to_string();
    }
    for chunk in &mut content.chunks.0 {
        chunk.id = nobodys();
    }
    content
}
