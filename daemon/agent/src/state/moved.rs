//! What has another name now.

use std::collections::BTreeSet;

use crate::model::Mark;

/// The new items by inode: one that is gone under another name was renamed.
pub(super) enum Moved {
    /// Not looked at: nothing is deleted yet.
    Unknown,
    /// Inode, size, modification time.
    Items(BTreeSet<(u64, u64, i64)>),
}

impl Moved {
    pub(super) fn of<'a>(marks: impl Iterator<Item = &'a Mark>) -> Self {
        Self::Items(marks.map(|mark| (mark.inode, mark.size, mark.modified)).collect())
    }

    pub(super) fn holds(&self, mark: &Mark) -> bool {
        match self {
            Self::Unknown => true,
            Self::Items(items) => items.contains(&(mark.inode, mark.size, mark.modified)),
        }
    }
}
