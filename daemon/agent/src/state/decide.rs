//! What becomes of one item.

use crate::model::{Known, Local, Remote, folder_of};

/// What is to be done about an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Both sides are as they were, or gone on both.
    Nothing,
    /// Both sides forgot it.
    Forget,
    /// Put the item into the collection: over the record of this revision, or as a new one.
    Put(Option<(String, u64)>),
    /// Both sides changed: equal contents are one, of others both are kept.
    Join,
    /// Write the record to the source.
    Fetch,
    /// Delete the record.
    Delete,
    /// Remove the item.
    Remove,
}

/// Compares item and record with what they had in common. A change on one side wins over a removal on the other.
#[must_use]
pub fn decide(known: Option<&Known>, item: Option<&Local>, record: Option<&Remote>) -> Choice {
    let Some(known) = known else {
        return match (item, record) {
            (None, None) => Choice::Nothing,
            (Some(_), None) => Choice::Put(None),
            (None, Some(_)) => Choice::Fetch,
            (Some(_), Some(_)) => Choice::Join,
        };
    };
    let is_edited =
        |item: &Local| item.mark != known.mark || folder_of(&item.place) != folder_of(&known.place);
    let is_newer = |record: &Remote| record.revision != known.revision || record.id != known.id;
    let over = |record: &Remote| Choice::Put(Some((record.id.clone(), record.revision)));
    match (item, record) {
        (None, None) => Choice::Forget,
        (Some(item), Some(record)) => match (is_edited(item), is_newer(record)) {
            (false, false) if record.lacking => over(record),
            (false, false) => Choice::Nothing,
            (false, true) => Choice::Fetch,
            (true, false) => over(record),
            (true, true) => Choice::Join,
        },
        (Some(item), None) if is_edited(item) => Choice::Put(None),
        (Some(_), None) => Choice::Remove,
        (None, Some(record)) if is_newer(record) => Choice::Fetch,
        (None, Some(_)) => Choice::Delete,
    }
}
