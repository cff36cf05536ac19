//! A record on its way to the cloud.

use belay_proto::sync::{Content, Revision};

use super::{Base, Held};
use crate::judge::above;

/// What was pushed is at the cloud: content number `number` as `revision`. A change that was made meanwhile stays pending,
/// and was made of it: who has that one may take the change in its place. The number alone doesn't tell: what is put where a
/// record couldn't be read any more is counted anew, and nobody has it yet.
#[must_use]
pub fn pushed(mut held: Held, number: u64, revision: Revision) -> Held {
    let base = Some(Base { revision, number });
    if held.content.number == number && held.known == Some(revision) {
        return Held {
            pending: false,
            common: None,
            offered: None,
            known: Some(revision),
            base,
            ..held
        };
    }
    if !held.content.ancestors.has(&revision) {
        held.content.ancestors = held.lineage().with(&revision);
        held.content.number = above(held.content.number, number);
        held.known = None;
    }
    Held {
        pending: true,
        base,
        ..held.seen_with(&revision)
    }
}

/// The cloud turned out not to have the record: it gets it as a new one, the same that it had where nothing was changed since.
#[must_use]
pub fn absent(held: Held) -> Held {
    Held {
        pending: true,
        base: None,
        ..held
    }
}

/// What waits for the cloud to get it again waits no more: a removal of it came, which waits for its turn.
#[must_use]
pub fn rests(held: Held) -> Held {
    let number = held.content.number;
    Held {
        pending: false,
        base: held.known.map(|revision| Base { revision, number }),
        common: None,
        offered: None,
        ..held
    }
}

/// The same content, to be sealed in another way than others may know it by: it says which one it is.
#[must_use]
pub fn renewed(mut content: Content, known: &Revision) -> Content {
    content.renews = content.renews.or(Some(*known));
    content.ancestors = content.ancestors.with(known);
    content.number = above(content.number, 0);
    content
}
