//! A record that came from the cloud, beside the device's own.

use belay_proto::Secret;
use belay_proto::keys::sha256;
use belay_proto::sync::{Ancestors, Attributes, Content, RecordId, Revision};
use belay_proto::text::hex;

use super::{Base, CONFLICT_WITH, Held, bytes, is_same, with_body};
use crate::judge::{Kinship, Ours, Theirs, Verdict, above, judge};
use crate::merge::{Merged, merge};

/// The longest merged body, bytes, compressed: with its padding and its ancestors it fits a record (`GET /v1/config`, the
/// inline limit).
const LONGEST_BODY: usize = 256 * 1024;

/// What came of a record from the cloud.
#[derive(Debug)]
pub struct Taken {
    /// To be stored in place of what was there.
    pub held: Held,
    /// Whether its content here is another than before.
    pub is_changed: bool,
    /// The version that doesn't lie under the id, the device's own but after a roll-back: to be stored with
    /// [`super::beside`].
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

    /// Whether a stranger has so low a number that ours may have been made of it, longer ago than is remembered: the cloud
    /// may have been rolled back.
    fn is_far_ahead_of(&self, theirs: &Content) -> bool {
        let late = theirs.number.saturating_add(Ancestors::MOST as u64);
        self.content.ancestors.is_full() && self.content.number >= late
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
        Verdict::PushAgain => Some(again(held, theirs, base, said.kinship)),
        Verdict::Merge if said.kinship == Kinship::Stranger && held.is_far_ahead_of(&theirs) => {
            let old = sibling(copy(&theirs), id, now);
            Some(Taken {
                sibling: Some(old),
                ..again(held, theirs, base, said.kinship)
            })
        }
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
fn again(mut held: Held, theirs: Content, base: Base, kinship: Kinship) -> Taken {
    // It takes the place of all that theirs was made of, too.
    held.content.ancestors = held.lineage().join(&theirs.ancestors).with(&base.revision);
    held.content.number = above(held.content.number, theirs.number);
    // What comes next at the cloud may be made of this one: it needn't have seen what was in common before.
    let common = match kinship {
        Kinship::Ancestor => Some(theirs).filter(|theirs| !theirs.removed),
        Kinship::Base | Kinship::Descendant => held.common,
        Kinship::Stranger => None,
    };
    Taken {
        held: Held {
            pending: true,
            base: Some(base),
            common,
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
    let before = held.common.as_ref().filter(|_| kinship == Kinship::Descendant);
    let common = before.and_then(bytes);
    let whole = match (bytes(&held.content), bytes(&theirs)) {
        (Some(mine), Some(other)) if held.content.kind == theirs.kind => {
            let common = common.as_ref().map(|common| common.expose().as_slice());
            Some(merge(&theirs.kind, common, mine.expose(), other.expose()))
        }
        _ => None,
    };
    let next = held.revision.saturating_add(1);
    let (bytes, attributes, is_whole) = match whole {
        Some(Merged::Whole(bytes)) => {
            let was = before.map(|content| &content.attributes);
            let attributes = join(was, &held.content.attributes, &theirs.attributes);
            (bytes, attributes, true)
        }
        Some(Merged::Conflict(bytes)) => (bytes, theirs.attributes.clone(), false),
        None => return beside_theirs(held, id, theirs, base, now),
    };
    let content = with_body(&theirs, number, ancestors, now, attributes, &bytes);
    if content.body.expose().len() > LONGEST_BODY {
        return beside_theirs(held, id, theirs, base, now);
    }
    let is_theirs = is_same(&content, &theirs);
    let sibling = (!is_whole).then(|| sibling(held.content, id, now));
    if is_theirs {
        // All of ours is in theirs: there is nothing to push.
        return Taken {
            sibling,
            ..taken(next, theirs, base)
        };
    }
    Taken {
        held: Held {
            revision: next,
            content,
            pending: true,
            base: Some(base),
            common: Some(theirs),
        },
        is_changed: true,
        sibling,
    }
}

fn beside_theirs(held: Held, id: &RecordId, theirs: Content, base: Base, now: u64) -> Taken {
    let next = held.revision.saturating_add(1);
    Taken {
        sibling: Some(sibling(held.content, id, now)),
        ..taken(next, theirs, base)
    }
}

fn copy(content: &Content) -> Content {
    Content {
        natural: content.natural.clone(),
        kind: content.kind.clone(),
        ancestors: content.ancestors.clone(),
        attributes: content.attributes.clone(),
        body: Secret::new(content.body.expose().clone()),
        chunks: content.chunks.clone(),
        ..*content
    }
}

/// A version as a record of its own, whose natural key follows from what it says: made twice, it is the same one.
pub(super) fn sibling(mut version: Content, id: &RecordId, now: u64) -> Content {
    let said: Vec<u8> = match version.chunks.0.is_empty() {
        true => version.body.expose().clone(),
        false => version
            .chunks
            .0
            .iter()
            .flat_map(|chunk| *chunk.id.as_bytes())
            .collect(),
    };
    version.natural = format!("{}\0{}", version.natural, hex(&sha256(&said)));
    version.number = 1;
    version.ancestors = Ancestors::default();
    version.changed_at = now;
    version
        .attributes
        .0
        .insert(CONFLICT_WITH.to_owned(), id.to_string());
    version
}

/// Attributes of both: what one of them changed since `before`, and theirs where both did or it isn't known.
fn join(before: Option<&Attributes>, mine: &Attributes, theirs: &Attributes) -> Attributes {
    let mut joined = theirs.clone();
    for name in mine
        .0
        .keys()
        .chain(before.iter().flat_map(|before| before.0.keys()))
    {
        let (ours, other) = (mine.0.get(name), theirs.0.get(name));
        let is_ours_alone = match before {
            Some(before) => before.0.get(name) == other,
            None => other.is_none(),
        };
        match ours {
            Some(text) if is_ours_alone => drop(joined.0.insert(name.clone(), text.clone())),
            None if is_ours_alone => drop(joined.0.remove(name)),
            _ => {}
        }
    }
    joined
}
