//! A record on the device, and what edits and the cloud do to it.
//!
//! Nothing is ever lost to a merge: where two changes don't go together, the cloud's stays under the record's id and the
//! device's becomes a *sibling*, a record of its own that names the first, is synced like any other, and waits for the
//! owner to choose.

mod apart;
mod beyond;
mod kinship;
mod naming;
mod pushing;
mod taking;

use std::fmt;

use belay_proto::Secret;
use belay_proto::sync::{Ancestors, Attributes, Chunks, Content, Encoding, RecordId, Revision};

use crate::compress::{compress, decompress};
use crate::judge::above;

pub use apart::{again, apart};
pub use beyond::{beside_that, is_in_the_way, is_said_beyond, natural_beyond};
pub use naming::{called_anew, renamed};
pub use pushing::{absent, pushed, renewed, rests};
pub use taking::{
    Taken, insist, is_let_go, is_replaced, is_twin, lies_beside, take, takes_removal, version_of,
};

/// The attribute of a sibling: the id of the record that it is another version of, hexadecimal.
pub const CONFLICT_WITH: &str = "conflict-with";
/// What separates a sibling's natural key from what makes it another.
const SEPARATOR: char = '\0';

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
    /// The revision that other devices may know the content by: as it came, or as it was sent. None: nobody can have it yet.
    /// It stays where the cloud has to get the same content once more.
    pub known: Option<Revision>,
    /// What it was before it was changed here, while it is pending.
    pub common: Option<Common>,
    /// What was last sent of it since, and changed again before an answer came: others may have gone on from it. Made of `common`.
    pub offered: Option<Common>,
}

/// What device and cloud had in common, or may have.
#[derive(Debug)]
pub struct Common {
    /// Its revision.
    pub revision: Revision,
    /// The content.
    pub content: Content,
}

/// A record as the cloud was last seen with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Its revision there.
    pub revision: Revision,
    /// Its number.
    pub number: u64,
}

/// What an owner's program puts. `Debug` shows nothing of it.
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

impl fmt::Debug for New {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("New").finish_non_exhaustive()
    }
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
    /// What was said is never said otherwise.
    Said,
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

    /// What something made of this names as its ancestors.
    fn lineage(&self) -> Ancestors {
        let ancestors = self.content.ancestors.clone();
        match &self.known {
            Some(known) => ancestors.with(known),
            None => ancestors,
        }
    }

    /// The revision whose text this one says, where it is known by any.
    fn says(&self) -> Option<Revision> {
        self.content.renews.or(self.known)
    }

    /// Now that the cloud is seen with this revision: where that is what was sent it is surely in common.
    fn seen_with(mut self, revision: &Revision) -> Self {
        if let Some(sent) = self.offered.take_if(|sent| sent.revision == *revision) {
            self.common = Some(sent);
        }
        self
    }

    /// With another content above its number, for the cloud to get.
    fn changed(self, content: Content) -> Self {
        Self {
            revision: self.revision.saturating_add(1),
            pending: true,
            ..self.above_itself(content)
        }
    }

    /// With another content that nobody has yet. What others may have is kept: the last version that surely was in common, and
    /// the last one that was sent since.
    fn above_itself(self, content: Content) -> Self {
        let known = self.known.map(|revision| Common {
            revision,
            content: self.content,
        });
        let (common, offered) = match (self.common, known) {
            (None, known) => (known, None),
            (common, None) => (common, self.offered),
            (common, known) => (common, known),
        };
        Self {
            content,
            known: None,
            common,
            offered,
            ..self
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
            known: None,
            common: None,
            offered: None,
        })),
        Some(held) if is_same(&held.content, &content) => Edited::Same(held.revision),
        Some(held) => Edited::Stored(Box::new(held.changed(content))),
    }
}

/// Puts a content where what was said stays: a message, a call. One that is there already is the same, whichever revision
/// was expected, so that nothing is there twice that is brought twice; only its attributes change.
#[must_use]
pub fn append(before: Option<Held>, expected: u64, new: New, now: u64) -> Edited {
    let Some(held) = before.as_ref().filter(|held| held.is_there()) else {
        return put(before, expected, new, now);
    };
    let (kept, revision) = (new.attributes.clone(), held.revision);
    let known = New {
        attributes: held.content.attributes.clone(),
        ..new
    };
    let said = content(known, 1, Ancestors::default(), now);
    match (is_same(&held.content, &said), kept == said.attributes) {
        (false, _) => Edited::Said,
        (true, true) => Edited::Same(revision),
        (true, false) if revision != expected => Edited::Stale(Some(revision)),
        (true, false) => {
            let changed = Content {
                number: above(held.content.number, 0),
                ancestors: held.lineage(),
                attributes: kept,
                ..said
            };
            before.map_or(Edited::Said, |held| {
                Edited::Stored(Box::new(held.changed(changed)))
            })
        }
    }
}

/// Removes revision `expected`.
#[must_use]
pub fn remove(before: Option<Held>, expected: u64, now: u64) -> Edited {
    match before {
        Some(held) if held.is_there() && held.revision == expected => {
            let content = removal(&held, Attributes::default(), now);
            Edited::Stored(Box::new(held.changed(content)))
        }
        other => Edited::Stale(other.filter(Held::is_there).map(|held| held.revision)),
    }
}

/// Removes a sibling whose record says the same by now, which is told by its keeping what it was a version of: nobody chose, so
/// that it can be there again once the record says something else.
#[must_use]
pub fn let_go(sibling: Held, now: u64) -> Held {
    let with = sibling.content.attributes.0.get(CONFLICT_WITH).cloned();
    let attributes = with.map(|with| (CONFLICT_WITH.to_owned(), with));
    let content = removal(&sibling, Attributes(attributes.into_iter().collect()), now);
    sibling.changed(content)
}

fn removal(held: &Held, attributes: Attributes, now: u64) -> Content {
    Content {
        number: above(held.content.number, 0),
        changed_at: now,
        natural: held.content.natural.clone(),
        kind: held.content.kind.clone(),
        ancestors: held.lineage(),
        renews: None,
        removed: true,
        attributes,
        encoding: Encoding::Identity,
        length: 0,
        body: Secret::new(Vec::new()),
        chunks: Chunks::default(),
    }
}

/// What is to be stored under a sibling's id beside what is there, which isn't [in the way](is_in_the_way); nothing when it says the
/// same already. `sealed` is the revision that it has once it is sealed: every device makes the same of a version that others
/// may have too.
#[must_use]
pub fn beside(before: Option<Held>, sibling: Content, sealed: Option<Revision>) -> Option<Held> {
    let known = sealed.filter(|_| sibling.renews.is_some());
    match before {
        None => Some(Held {
            revision: 1,
            content: sibling,
            pending: true,
            base: None,
            known,
            common: None,
            offered: None,
        }),
        Some(held) if lies_beside(&sibling, known.as_ref(), &held) => None,
        // The owner chose once, and the same version came up again.
        Some(held) => {
            let content = Content {
                number: above(held.content.number, 0),
                ancestors: held.lineage(),
                ..sibling
            };
            Some(held.changed(content))
        }
    }
}

/// A content that was made of another revision than the present one of record `id`, to be stored with [`beside`] as
/// another version of it. The id it lies under is that of its natural key.
#[must_use]
pub fn version(new: New, id: &RecordId, now: u64) -> Content {
    taking::sibling(content(new, 1, Ancestors::default(), now), None, id)
}

/// The content's bytes, where they lie in the record.
#[must_use]
pub fn bytes(content: &Content) -> Option<Secret<Vec<u8>>> {
    match content.chunks.0.is_empty() {
        true => decompress(content.encoding, content.body.expose(), content.length).ok(),
        false => None,
    }
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
        renews: None,
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
        renews: None,
        removed: false,
        attributes: new.attributes,
        encoding,
        length,
        body: Secret::new(body),
        chunks,
    }
}

/// Whether two contents say the same, whichever number they have and however they are compressed.
fn is_same(one: &Content, other: &Content) -> bool {
    one.removed == other.removed
        && one.kind == other.kind
        && one.natural == other.natural
        && one.attributes == other.attributes
        && has_same_body(one, other)
}

fn has_same_body(one: &Content, other: &Content) -> bool {
    let chunks = |content: &Content| -> Vec<_> { content.chunks.0.iter().map(|chunk| chunk.id).collect() };
    let inside = || match (bytes(one), bytes(other)) {
        (Some(one), Some(other)) => one.expose() == other.expose(),
        (None, None) => true,
        _ => false,
    };
    one.length == other.length && chunks(one) == chunks(other) && inside()
}

#[cfg(test)]
mod tests;
