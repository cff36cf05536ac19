//! Records as the bus has them, and as they are kept.

use belay_proto::dbus::records::{FramedRecord, Listed};

use crate::sync::{Content, Entry, Got, Put, PutLong};

/// What it is by nature. What makes another version of a record another one comes behind a zero, and is no text of the bus.
fn natural(natural: &str) -> &str {
    natural.split('\0').next().unwrap_or_default()
}

pub(super) fn listed(entry: &Entry) -> Listed {
    Listed {
        id: entry.id,
        revision: entry.revision,
        position: entry.position,
        natural: natural(&entry.natural).to_owned(),
        kind: entry.kind.clone(),
        length: entry.length,
        attributes: entry.attributes.clone(),
        conflict_with: entry.conflict_with,
        lacking: entry.lacking,
        changed_at: entry.changed_at,
        is_long: entry.is_long,
    }
}

pub(super) fn long(put: Put, content: std::os::fd::OwnedFd) -> PutLong {
    PutLong {
        id: put.id,
        revision: put.revision,
        natural: put.natural,
        kind: put.kind,
        attributes: put.attributes,
        keep_both: put.keep_both,
        content,
    }
}

impl From<FramedRecord> for Put {
    fn from(record: FramedRecord) -> Self {
        Self {
            id: record.id,
            revision: record.revision,
            natural: record.natural,
            kind: record.kind,
            attributes: record.attributes,
            keep_both: record.keep_both,
            body: record.content,
        }
    }
}

/// A record as a stream has it; `None` for one whose content is long.
pub(super) fn framed(got: Got) -> Option<FramedRecord> {
    let Got { entry, content } = got;
    let Content::Short(content) = content else {
        return None;
    };
    Some(FramedRecord {
        id: Some(entry.id),
        revision: entry.revision,
        natural: Some(natural(&entry.natural).to_owned()),
        kind: entry.kind,
        attributes: entry.attributes,
        keep_both: false,
        content,
    })
}
