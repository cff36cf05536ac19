//! A record that came from the cloud, beside the device's own.

use belay_proto::keys::sha256;
use belay_proto::sync::{Ancestors, Attributes, Content, RecordId, Revision};
use belay_proto::text::hex;

use super::{Base, CONFLICT_WITH, Held, bytes, is_same, with_body};
use crate::judge::{Kinship, Ours, Theirs, Verdict, above, judge};
use crate::merge::{Merged, merge};

/// What came of a record from the cloud.
#[derive(Debug)]
pub struct Taken {
    /// To be stored in place of what was there.
    pub held: Held,
    /// Whether its content here is another than before.
    pub is_changed: bool,
    /// The device's own version, to be stored beside it.
    pub sibling: Option<Content>,
}

impl Held {
    const fn ours(&self) -> Ours {
        Ours {
            pending: self.pending,
            removed: self.content.removed,
        }
    }

    fn kinship(&self, theirs: &Content, revision: &Revision) -> Kinship {
        let Some(base) = self.base else {
            return match self.content.ancestors.has(revision) {
                true => Kinship::Ancestor,
                false => Kinship::Stranger,
            };
        };
        // So many changes later what it was made of is forgotten; it is taken at its word.
        let late = base.number.saturating_add(Ancestors::MOST as u64);
        if base.revision == *revision {
            Kinship::Base
        } else if self.content.ancestors.has(revision) {
            Kinship::Ancestor
        } else if theirs.ancestors.has(&base.revision) || theirs.ancestors.is_full() && theirs.number >= late
        {
            Kinship::Descendant
        } else {
            Kinship::Stranger
        }
    }
}

/// Takes a record that the cloud has; `id` is its id, `revision` that of its sealed bytes. Nothing when it is known.
#[must_use]
pub fn take(
    before: Option<Held>,
    id: &RecordId,
    theirs: Content,
    revision: Revision,
    now: u64,
) -> Option<Taken> {
    let base = Base {
        revision,
        number: theirs.number,
    };
    let Some(held) = before else {
        return Some(taken(1, theirs, base));
    };
    let said = Theirs {
        removed: theirs.removed,
        kinship: held.kinship(&theirs, &revision),
    };
    let next = held.revision.saturating_add(1);
    match judge(Some(held.ours()), said) {
        Verdict::Known => None,
        // Two devices made the same change.
        Verdict::Take | Verdict::Merge if is_same(&held.content, &theirs) => Some(Taken {
            is_changed: false,
            ..taken(held.revision, theirs, base)
        }),
        Verdict::Take => Some(taken(next, theirs, base)),
        Verdict::PushAgain => Some(again(held, &theirs, base)),
        Verdict::Merge => Some(merged(held, id, theirs, base, said.kinship, now)),
    }
}

fn taken(revision: u64, content: Content, base: Base) -> Taken {
    Taken {
        held: Held {
            revision,
            content,
            pending: false,
            base: Some(base),
            common: None,
        },
        is_changed: true,
        sibling: None,
    }
}

/// Ours, to be pushed over what came.
fn again(mut held: Held, theirs: &Content, base: Base) -> Taken {
    held.content.ancestors = held.lineage().with(&base.revision);
    held.content.number = above(held.content.number, theirs.number);
    Taken {
        held: Held {
            pending: true,
            base: Some(base),
            ..held
        },
        is_changed: false,
        sibling: None,
    }
}

fn merged(held: Held, id: &RecordId, theirs: Content, base: Base, kinship: Kinship, now: u64) -> Taken {
    let number = above(held.content.number, theirs.number);
    let ancestors = held.lineage().join(&theirs.ancestors).with(&base.revision);
    // Only what theirs was made of too says what they removed.
    let common = match kinship {
        Kinship::Descendant => held.common.as_ref().and_then(bytes),
        _ => None,
    };
    let whole = match (bytes(&held.content), bytes(&theirs)) {
        (Some(mine), Some(other)) if held.content.kind == theirs.kind => {
            let common = common.as_ref().map(|common| common.expose().as_slice());
            Some(merge(&theirs.kind, common, mine.expose(), other.expose()))
        }
        _ => None,
    };
    let next = held.revision.saturating_add(1);
    let attributes = join(&held.content.attributes, &theirs.attributes);
    match whole {
        Some(Merged::Whole(bytes)) => Taken {
            held: Held {
                revision: next,
                content: with_body(&theirs, number, ancestors, now, attributes, &bytes),
                pending: true,
                base: Some(base),
                common: Some(theirs),
            },
            is_changed: true,
            sibling: None,
        },
        Some(Merged::Conflict(bytes)) => {
            let sibling = sibling(held.content, id, now);
            let content = with_body(&theirs, number, ancestors, now, theirs.attributes.clone(), &bytes);
            match is_same(&content, &theirs) {
                true => Taken {
                    sibling: Some(sibling),
                    ..taken(next, theirs, base)
                },
                false => Taken {
                    held: Held {
                        revision: next,
                        content,
                        pending: true,
                        base: Some(base),
                        common: Some(theirs),
                    },
                    is_changed: true,
                    sibling: Some(sibling),
                },
            }
        }
        None => Taken {
            sibling: Some(sibling(held.content, id, now)),
            ..taken(next, theirs, base)
        },
    }
}

/// Ours as a record of its own, whose natural key follows from what it says: made twice, it is the same one.
fn sibling(mut ours: Content, id: &RecordId, now: u64) -> Content {
    let said: Vec<u8> = match ours.chunks.0.is_empty() {
        true => ours.body.expose().clone(),
        false => ours
            .chunks
            .0
            .iter()
            .flat_map(|chunk| *chunk.id.as_bytes())
            .collect(),
    };
    ours.natural = format!("{}\0{}", ours.natural, hex(&sha256(&said)));
    ours.number = 1;
    ours.ancestors = Ancestors::default();
    ours.changed_at = now;
    ours.attributes.0.insert(CONFLICT_WITH.to_owned(), id.to_string());
    ours
}

/// Attributes of both; theirs where both have one.
fn join(mine: &Attributes, theirs: &Attributes) -> Attributes {
    let mut joined = mine.clone();
    joined.0.extend(theirs.0.clone());
    joined
}
