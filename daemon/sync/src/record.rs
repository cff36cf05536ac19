//! A record on the device, and what edits and the cloud do to it.
//!
//! Nothing is ever lost to a merge: where two changes don't go together, the cloud's stays under the record's id and the
//! device's becomes a *sibling*, a record of its own that names the first, is synced like any other, and waits for the
//! owner to choose.

use belay_proto::Secret;
use belay_proto::keys::sha256;
use belay_proto::sync::{Ancestors, Attributes, Chunks, Content, Encoding, RecordId, Revision};
use belay_proto::text::hex;

use crate::compress::{compress, decompress};
use crate::judge::{Kinship, Ours, Theirs, Verdict, above, judge};
use crate::merge::{Merged, merge};

/// The attribute of a sibling: the id of the record that it is another version of, hexadecimal.
pub const CONFLICT_WITH: &str = "conflict-with";

/// A record as the device holds it.
#[derive(Debug)]
pub struct Held {
    /// Counts the states that it had on this device, from 1: `Collection.Put` and `Delete` name it.
    pub revision: u64,
    /// The newest content.
    pub content: Content,
    /// Whether the cloud has yet to get it.
    pub pending: bool,
    /// What the cloud was last seen with.
    pub base: Option<Base>,
    /// The content that device and cloud had in common before it was changed here; while it is pending.
    pub common: Option<Content>,
}

/// A record as the cloud was last seen with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Its revision there.
    pub revision: Revision,
    /// Its number.
    pub number: u64,
}

/// What an owner's program puts.
#[derive(Debug)]
pub struct New {
    /// What the record is by nature.
    pub natural: String,
    /// A media type.
    pub kind: String,
    /// What its source knows of it besides.
    pub attributes: Attributes,
    /// The content, or the chunks that it is joined of.
    pub body: Body,
}

/// A content.
#[derive(Debug)]
pub enum Body {
    /// At most [`crate::compress::LONGEST`] bytes.
    Short(Secret<Vec<u8>>),
    /// Longer.
    Long(Chunks),
}

/// What became of an edit.
#[derive(Debug)]
pub enum Edited {
    /// It is to be stored.
    Stored(Box<Held>),
    /// It changes nothing; the revision as it is.
    Same(u64),
    /// Another revision than the one that was named is the present one.
    Stale(Option<u64>),
}

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
    /// Whether somebody lists it: not a removal.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        !self.content.removed
    }

    /// Whether it is another version of a record, which waits for the owner.
    #[must_use]
    pub fn is_sibling(&self) -> bool {
        self.is_there() && self.content.attributes.0.contains_key(CONFLICT_WITH)
    }

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

    /// What something made of this names as its ancestors.
    fn lineage(&self) -> Ancestors {
        let ancestors = self.content.ancestors.clone();
        match self.base {
            Some(base) => ancestors.with(&base.revision),
            None => ancestors,
        }
    }

    /// With another content above its number, for the cloud to get.
    fn changed(self, content: Content) -> Self {
        let common = match self.pending {
            true => self.common,
            false => Some(self.content),
        };
        Self {
            revision: self.revision.saturating_add(1),
            content,
            pending: true,
            base: self.base,
            common,
        }
    }
}

/// Puts a content in place of revision `expected`, 0 for a new record.
#[must_use]
pub fn put(before: Option<Held>, expected: u64, new: New, now: u64) -> Edited {
    let present = before
        .as_ref()
        .filter(|held| held.is_there())
        .map(|held| held.revision);
    if present.unwrap_or(0) != expected {
        return Edited::Stale(present);
    }
    let number = before.as_ref().map_or(1, |held| above(held.content.number, 0));
    let ancestors = before.as_ref().map(Held::lineage).unwrap_or_default();
    let content = content(new, number, ancestors, now);
    match before {
        None => Edited::Stored(Box::new(Held {
            revision: 1,
            content,
            pending: true,
            base: None,
            common: None,
        })),
        Some(held) if is_same(&held.content, &content) => Edited::Same(held.revision),
        Some(held) => Edited::Stored(Box::new(held.changed(content))),
    }
}

/// Removes revision `expected`.
#[must_use]
pub fn remove(before: Option<Held>, expected: u64, now: u64) -> Edited {
    match before {
        Some(held) if held.is_there() && held.revision == expected => {
            let content = Content {
                number: above(held.content.number, 0),
                changed_at: now,
                natural: held.content.natural.clone(),
                kind: held.content.kind.clone(),
                ancestors: held.lineage(),
                removed: true,
                attributes: Attributes::default(),
                encoding: Encoding::Identity,
                length: 0,
                body: Secret::new(Vec::new()),
                chunks: Chunks::default(),
            };
            Edited::Stored(Box::new(held.changed(content)))
        }
        other => Edited::Stale(other.filter(Held::is_there).map(|held| held.revision)),
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

/// What was pushed is at the cloud: content number `number` as `revision`. A change that was made meanwhile stays pending.
#[must_use]
pub fn pushed(held: Held, number: u64, revision: Revision) -> Held {
    let is_newest = held.content.number == number;
    Held {
        pending: !is_newest,
        common: if is_newest { None } else { held.common },
        base: Some(Base { revision, number }),
        ..held
    }
}

/// The cloud turned out not to have the record: it gets it as a new one.
#[must_use]
pub fn absent(mut held: Held) -> Held {
    held.content.ancestors = held.lineage();
    Held {
        pending: true,
        base: None,
        ..held
    }
}

/// The content's bytes, where they lie in the record.
#[must_use]
pub fn bytes(content: &Content) -> Option<Secret<Vec<u8>>> {
    match content.chunks.0.is_empty() {
        true => decompress(content.encoding, content.body.expose(), content.length).ok(),
        false => None,
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

fn with_body(
    like: &Content,
    number: u64,
    ancestors: Ancestors,
    now: u64,
    attributes: Attributes,
    bytes: &[u8],
) -> Content {
    let (encoding, body) = compress(bytes);
    Content {
        number,
        changed_at: now,
        natural: like.natural.clone(),
        kind: like.kind.clone(),
        ancestors,
        removed: false,
        attributes,
        encoding,
        length: bytes.len() as u64,
        body: Secret::new(body),
        chunks: Chunks::default(),
    }
}

fn content(new: New, number: u64, ancestors: Ancestors, now: u64) -> Content {
    let (encoding, length, body, chunks) = match new.body {
        Body::Short(bytes) => {
            let (encoding, body) = compress(bytes.expose());
            (encoding, bytes.expose().len() as u64, body, Chunks::default())
        }
        Body::Long(chunks) => {
            let length = chunks
                .0
                .iter()
                .fold(0_u64, |sum, chunk| sum.saturating_add(chunk.length));
            (Encoding::Identity, length, Vec::new(), chunks)
        }
    };
    Content {
        number,
        changed_at: now,
        natural: new.natural,
        kind: new.kind,
        ancestors,
        removed: false,
        attributes: new.attributes,
        encoding,
        length,
        body: Secret::new(body),
        chunks,
    }
}

/// Attributes of both; theirs where both have one.
fn join(mine: &Attributes, theirs: &Attributes) -> Attributes {
    let mut joined = mine.clone();
    joined.0.extend(theirs.0.clone());
    joined
}

/// Whether two contents say the same, whichever number they have and however they are compressed.
fn is_same(one: &Content, other: &Content) -> bool {
    let outside = |content: &Content| {
        let chunks: Vec<_> = content.chunks.0.iter().map(|chunk| chunk.id).collect();
        (content.removed, content.length, chunks)
    };
    let inside = || match (bytes(one), bytes(other)) {
        (Some(one), Some(other)) => one.expose() == other.expose(),
        (None, None) => true,
        _ => false,
    };
    outside(one) == outside(other)
        && one.kind == other.kind
        && one.natural == other.natural
        && one.attributes == other.attributes
        && inside()
}

#[cfg(test)]
mod tests;
