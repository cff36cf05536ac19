//! A record that came from the cloud, beside the device's own.

use belay_proto::Secret;
use belay_proto::keys::sha256;
use belay_proto::sync::{Ancestors, Attributes, Content, RecordId, Revision};
use belay_proto::text::hex;

use super::{Base, CONFLICT_WITH, Common, Held, SEPARATOR, bytes, is_same, removal, with_body};
use crate::judge::{Kinship, Verdict, above};
use crate::merge::{Merged, merge};

/// The longest merged body, bytes, compressed: with its padding and its ancestors it fits a record (`GET /v1/config`, the
/// inline limit).
const LONGEST_BODY: usize = 256 * 1024;
/// The attribute of a message or a call that its owner has seen: who saw it has it so on every device.
const SEEN: (&str, &str) = ("read", "yes");

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

/// Takes a record that the cloud has; `id` is its id, `revision` that of its sealed bytes, `is_beside` what [`lies_beside`]
/// says of what is here. Nothing when it is known.
#[must_use]
pub fn take(
    before: Option<Held>,
    id: &RecordId,
    theirs: Content,
    revision: Revision,
    is_beside: bool,
    now: u64,
) -> Option<Taken> {
    let base = Base {
        revision,
        number: theirs.number,
    };
    let Some(held) = before else {
        return Some(taken(1, theirs, base));
    };
    let (kinship, verdict) = held.judged(&theirs, &revision, is_beside);
    let next = held.revision.saturating_add(1);
    match verdict {
        Verdict::Known => None,
        // Two devices made the same change.
        Verdict::Take | Verdict::Merge | Verdict::Neither if is_same(&held.content, &theirs) => Some(Taken {
            is_changed: false,
            ..over(held.revision, &held, theirs, base, kinship)
        }),
        Verdict::Take => Some(over(next, &held, theirs, base, kinship)),
        Verdict::PushAgain => Some(again(held, &theirs, base, kinship)),
        Verdict::Merge if kinship == Kinship::Stranger && held.is_far_ahead_of(&theirs) => {
            Some(far_ahead(held, theirs, id, base))
        }
        Verdict::Merge => Some(merged(held, id, theirs, base, kinship, now)),
        Verdict::Neither => Some(neither(&held, theirs, base, now)),
    }
}

/// Whether a removal that came takes the place of what is here; `is_beside` as for [`take`].
#[must_use]
pub fn takes_removal(held: &Held, theirs: &Content, revision: &Revision, is_beside: bool) -> bool {
    held.judged(theirs, revision, is_beside).1 == Verdict::Take
}

/// What is `held` of record `id` as the version beside it that any device would make of it; nothing where no other can have
/// it.
#[must_use]
pub fn version_of(held: &Held, id: &RecordId) -> Option<Content> {
    let says = held.says().filter(|_| held.is_there())?;
    Some(sibling(copy(&held.content), Some(says), id))
}

/// Whether that version, `sealed` where others may have it, is what is held there `beside` the record already, or the owner has
/// chosen about it: only a device that hadn't heard of that would put it there again.
#[must_use]
pub fn lies_beside(version: &Content, sealed: Option<&Revision>, beside: &Held) -> bool {
    let is_of = |sealed: &Revision| beside.content.ancestors.has(sealed);
    is_same(&beside.content, version) || (sealed.is_some_and(is_of) && !is_let_go(&beside.content))
}

/// Whether it is the removal of a sibling that [`super::let_go`] made: of none that its owner chose about.
#[must_use]
pub fn is_let_go(removal: &Content) -> bool {
    removal.removed && removal.attributes.0.contains_key(CONFLICT_WITH)
}

/// Whether the sibling says no more than its record `id`, of which this is `held`; and the cloud has the record so.
#[must_use]
pub fn is_twin(sibling: &Content, held: &Held, id: &RecordId) -> bool {
    let is_there = !held.pending
        || held
            .base
            .is_some_and(|base| held.content.renews == Some(base.revision));
    is_there && version_of(held, id).is_some_and(|version| is_same(sibling, &version))
}

/// What is here, to be pushed over a removal that its owner doesn't want.
#[must_use]
pub fn insist(held: Held, theirs: &Content, revision: Revision) -> Held {
    let number = theirs.number;
    let mut held = again(held, theirs, Base { revision, number }, Kinship::Stranger).held;
    // It says so anew, also to those who removed it without a question.
    held.content.renews = None;
    held
}

/// Whether a version that came as a sibling of what is `held` was replaced there by somebody who saw it: who made the sibling
/// hadn't heard of that.
#[must_use]
pub fn is_replaced(sibling: &Content, held: &Held) -> bool {
    let is_of = |version: &Revision| held.content.ancestors.has(version) && held.says() != Some(*version);
    !sibling.removed && sibling.renews.as_ref().is_some_and(is_of)
}

fn taken(revision: u64, content: Content, base: Base) -> Taken {
    Taken {
        held: Held {
            revision,
            content,
            pending: false,
            base: Some(base),
            known: Some(base.revision),
            common: None,
            offered: None,
        },
        is_changed: true,
        sibling: None,
    }
}

/// What was made of theirs, and is to be pushed over it.
fn above_theirs(revision: u64, content: Content, theirs: Content, base: Base) -> Held {
    Held {
        revision,
        content,
        pending: true,
        base: Some(base),
        known: None,
        common: Some(Common {
            revision: base.revision,
            content: theirs,
        }),
        offered: None,
    }
}

/// What a content took the place of; where it says again what another one said, that one lives on in it.
fn replaced(content: &Content) -> Ancestors {
    match &content.renews {
        Some(renewed) => content.ancestors.clone().without(renewed),
        None => content.ancestors.clone(),
    }
}

/// Theirs, in place of ours. Where ours took the place of what theirs doesn't know of, theirs is said again with that: else
/// who still has such a one would keep it beside.
fn over(revision: u64, ours: &Held, theirs: Content, base: Base, kinship: Kinship) -> Taken {
    let replaced = replaced(&ours.content).without(&base.revision);
    // Two versions that were replaced elsewhere say the same beside their record: this one stays whatever becomes of either.
    let is_another = theirs.attributes.0.contains_key(CONFLICT_WITH)
        && theirs.renews.is_some()
        && theirs.renews != ours.says()
        && is_same(&ours.content, &theirs);
    // What the owner chose against stays so, though a device that hadn't heard of it let the version go without a choice.
    let is_chosen = ours.content.removed && !is_let_go(&ours.content) && is_let_go(&theirs);
    let is_other = is_another || is_chosen;
    if kinship == Kinship::Descendant || (theirs.ancestors.has_all(&replaced) && !is_other) {
        return taken(revision, theirs, base);
    }
    let mut attributes = theirs.attributes.clone();
    if is_chosen {
        attributes.0.remove(CONFLICT_WITH);
    }
    let content = Content {
        number: above(ours.content.number, theirs.number),
        ancestors: theirs.ancestors.clone().with(&base.revision).join(&replaced),
        renews: theirs.renews.or(Some(base.revision)).filter(|_| !is_other),
        attributes,
        ..copy(&theirs)
    };
    Taken {
        held: above_theirs(revision, content, theirs, base),
        is_changed: true,
        sibling: None,
    }
}

/// Ours stays: it knows all that theirs does, or is said anew with that.
fn again(mut held: Held, theirs: &Content, base: Base, kinship: Kinship) -> Taken {
    let knows_all = match kinship {
        // The very same, so that it is the same to all that have it.
        Kinship::Ancestor => true,
        Kinship::Replaced => held.content.ancestors.has_all(&theirs.ancestors),
        _ => false,
    };
    if !knows_all {
        // It takes the place of all that theirs was made of, too.
        let ancestors = held.lineage().join(&theirs.ancestors).with(&base.revision);
        held = above_both(held, theirs, ancestors);
    }
    stays(held, base, None)
}

/// Ours, to be pushed over what came.
fn stays(held: Held, base: Base, sibling: Option<Content>) -> Taken {
    Taken {
        held: Held {
            pending: true,
            base: Some(base),
            ..held.seen_with(&base.revision)
        },
        is_changed: false,
        sibling,
    }
}

/// Ours, that says the same with other ancestors.
fn above_both(held: Held, theirs: &Content, ancestors: Ancestors) -> Held {
    let content = Content {
        number: above(held.content.number, theirs.number),
        ancestors,
        renews: held.says(),
        ..copy(&held.content)
    };
    held.above_itself(content)
}

/// Ours over theirs, which may be what ours was made of once; nobody knows any more, so theirs stays beside it.
fn far_ahead(held: Held, theirs: Content, id: &RecordId, base: Base) -> Taken {
    let ancestors = held.lineage().join(&replaced(&theirs)).without(&base.revision);
    let held = above_both(held, &theirs, ancestors);
    stays(held, base, Some(sibling(theirs, Some(base.revision), id)))
}

fn merged(held: Held, id: &RecordId, theirs: Content, base: Base, kinship: Kinship, now: u64) -> Taken {
    // Only what theirs was made of too says what they removed.
    let before = held.shared_with(&theirs).filter(|_| kinship == Kinship::Cousin);
    let before = before.map(|shared| &shared.content);
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
        None => return beside_theirs(held, id, theirs, base),
    };
    let ancestors = match is_whole {
        true => held.lineage(),
        // What ours says lives on beside it.
        false => replaced(&held.content),
    };
    let ancestors = ancestors.join(&theirs.ancestors).with(&base.revision);
    let number = above(held.content.number, theirs.number);
    let content = with_body(&theirs, number, ancestors, now, attributes, bytes.expose());
    if content.body.expose().len() > LONGEST_BODY {
        return beside_theirs(held, id, theirs, base);
    }
    let says = held.says();
    let taken = match is_same(&content, &theirs) {
        // All of ours is in theirs, or beside it.
        true => over(next, &held, theirs, base, kinship),
        false => Taken {
            held: above_theirs(next, content, theirs, base),
            is_changed: true,
            sibling: None,
        },
    };
    let sibling = (!is_whole).then(|| sibling(held.content, says, id));
    Taken { sibling, ..taken }
}

/// A removal of both.
fn neither(held: &Held, theirs: Content, base: Base, now: u64) -> Taken {
    let content = Content {
        number: above(held.content.number, theirs.number),
        ancestors: held.lineage().join(&theirs.ancestors).with(&base.revision),
        ..removal(held, Attributes::default(), now)
    };
    let next = held.revision.saturating_add(1);
    Taken {
        held: above_theirs(next, content, theirs, base),
        is_changed: true,
        sibling: None,
    }
}

fn beside_theirs(held: Held, id: &RecordId, theirs: Content, base: Base) -> Taken {
    let next = held.revision.saturating_add(1);
    let says = held.says();
    let taken = over(next, &held, theirs, base, Kinship::Stranger);
    Taken {
        sibling: Some(sibling(held.content, says, id)),
        ..taken
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

/// A version as a record of its own, whose natural key follows from what it says: made twice, it is the same one. Of a version
/// that others may have, by the revision `says`, every device makes the same bytes.
pub(super) fn sibling(mut version: Content, says: Option<Revision>, id: &RecordId) -> Content {
    let said = match version.chunks.0.is_empty() {
        true => sha256(version.body.expose()),
        false => {
            let chunks = version.chunks.0.iter();
            sha256(&chunks.flat_map(|chunk| *chunk.id.as_bytes()).collect::<Vec<u8>>())
        }
    };
    version.natural = format!("{}{SEPARATOR}{}", version.natural, hex(&said));
    version.number = 1;
    version.ancestors = Ancestors::default();
    version.renews = version.renews.or(says);
    version
        .attributes
        .0
        .insert(CONFLICT_WITH.to_owned(), id.to_string());
    version
}

/// Attributes of both: what one of them changed since `before`, and theirs where both did or it isn't known. What was seen on either stays
/// seen where two devices had the same before they heard of each other.
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
            None => other.is_none() || ours.is_some_and(|text| (name.as_str(), text.as_str()) == SEEN),
        };
        match ours {
            Some(text) if is_ours_alone => drop(joined.0.insert(name.clone(), text.clone())),
            None if is_ours_alone => drop(joined.0.remove(name)),
            _ => {}
        }
    }
    joined
}
