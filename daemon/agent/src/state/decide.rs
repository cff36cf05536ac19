//! What becomes of one item.

use crate::model::{Known, Local, Remote, folder_of};

/// What is to be done about an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Both sides are as they were, or gone on both.
    Nothing,
    /// Both sides forgot it.
    Forget,
    /// Put the item into the collection; over the record of this revision, or as a new one.
    Put {
        /// The record and its revision.
        over: Option<(String, u64)>,
        /// The record was changed too.
        keep_both: bool,
    },
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
            (Some(_), None) => Choice::Put {
                over: None,
                keep_both: false,
            },
            (None, Some(_)) => Choice::Fetch,
            // Of equal contents belayd makes one.
            (Some(_), Some(_)) => Choice::Put {
                over: None,
                keep_both: true,
            },
        };
    };
    let is_edited =
        |item: &Local| item.mark != known.mark || folder_of(&item.place) != folder_of(&known.place);
    let is_newer = |record: &Remote| record.revision != known.revision || record.id != known.id;
    match (item, record) {
        (None, None) => Choice::Forget,
        // An item in doubt is in the collection, and what became of it is listed next.
        (Some(item), Some(_)) if known.in_doubt && !is_edited(item) => Choice::Nothing,
        (Some(item), Some(record)) => match (is_edited(item), is_newer(record)) {
            (false, false) if record.lacking => Choice::Put {
                over: Some((record.id.clone(), record.revision)),
                keep_both: false,
            },
            (false, false) => Choice::Nothing,
            (false, true) => Choice::Fetch,
            (true, false) if !known.in_doubt => Choice::Put {
                over: Some((record.id.clone(), record.revision)),
                keep_both: false,
            },
            (true, _) => Choice::Put {
                // A revision that it never had: whatever is there now is another version.
                over: None,
                keep_both: true,
            },
        },
        (Some(item), None) if is_edited(item) => Choice::Put {
            over: None,
            keep_both: false,
        },
        (Some(_), None) => Choice::Remove,
        (None, Some(record)) if is_newer(record) || known.in_doubt => Choice::Fetch,
        (None, Some(_)) => Choice::Delete,
    }
}
