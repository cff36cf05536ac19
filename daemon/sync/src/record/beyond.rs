//! Where a sibling lies whose place another text has: beside that, as another version of it.

use belay_proto::sync::{Content, RecordId, Revision};

use super::taking::{lies_beside, sibling};
use super::{Held, SEPARATOR, has_same_body};

/// Whether what lies where a sibling would was changed there, to another text that isn't made of this one: nobody who made
/// the sibling meant to replace that. `sealed` as for [`super::beside`].
#[must_use]
pub fn is_in_the_way(there: &Held, sibling: &Content, sealed: Option<&Revision>) -> bool {
    let known = sealed.filter(|_| sibling.renews.is_some());
    there.is_there() && !has_same_body(&there.content, sibling) && !lies_beside(sibling, known, there)
}

/// A sibling that would lie where `id` does, as another version of that.
#[must_use]
pub fn beside_that(it: Content, id: &RecordId) -> Content {
    sibling(it, None, id)
}

/// What a sibling of this natural key is by nature where it lies as [`beside_that`] has it; nothing of what is no sibling.
#[must_use]
pub fn natural_beyond(natural: &str) -> Option<String> {
    let (_, said) = natural.rsplit_once(SEPARATOR)?;
    Some(format!("{natural}{SEPARATOR}{said}"))
}

/// Whether a version of something else says what this sibling does.
#[must_use]
pub fn is_said_beyond(sibling: &Content, there: &Held) -> bool {
    there.is_sibling() && has_same_body(&there.content, sibling)
}
