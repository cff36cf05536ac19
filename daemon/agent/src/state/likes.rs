//! Items that say what records do that are to be written: another device renamed or copied them.

use std::collections::BTreeMap;

use super::{Choice, State, Work, decide};
use crate::model::{Attributes, Local, MODIFIED, Remote};
use crate::names::folded;
use crate::queue::SMALL;

/// What a file and the record of the same content have in common, whatever their names: bytes, and as much of the time as its file
/// system keeps.
pub(super) type Like = (u64, String);

/// An item that may say what a record does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// The item.
    pub item: Local,
    /// The id of its own record, if that isn't listed any more, and nothing else is to be written from the item. Where belayd says
    /// that somebody deleted it, the item itself becomes the other one.
    pub spare: Option<String>,
}

impl State {
    /// The items that may say what long records do that are to be written.
    pub(super) fn likes(&self) -> BTreeMap<Like, Alike> {
        let mut likes: BTreeMap<Like, Alike> = BTreeMap::new();
        let (Some(local), Some(remote)) = (&self.local, &self.remote) else {
            return likes;
        };
        // One that was tried in vain keeps no other from being removed: what it lacks may be that one's room. But what the cloud lost may
        // be nowhere else.
        let is_to_come = |(natural, record): &(&String, &Remote)| {
            !local.contains_key(*natural)
                && !self.memory.known().contains_key(*natural)
                && (record.lacking || !self.put_off.contains_key(*natural))
                && !self.is_taken(natural)
        };
        let mut coming: BTreeMap<Like, Vec<String>> = BTreeMap::new();
        for (natural, record) in remote.iter().filter(is_to_come) {
            for like in of_record(record) {
                coming.entry(like).or_default().push(folded(natural));
            }
        }
        let is_awaited = !coming.is_empty();
        for (natural, item) in local.iter().filter(|_| is_awaited) {
            let Some(like) = of_item(item) else {
                continue;
            };
            let Some(names) = coming.get(&like) else {
                continue;
            };
            // Where a file system may not tell letters' case, a name that differs in that alone has no place beside this one.
            let named = folded(natural);
            if item.mark.inode == 0 && names.iter().all(|name| *name == named) {
                continue;
            }
            let spare = self.spare(natural, item).filter(|_| names.len() == 1);
            if spare.is_some() || !likes.contains_key(&like) {
                let item = item.clone();
                likes.insert(like, Alike { item, spare });
            }
        }
        self.keep_used(&mut likes);
        likes
    }

    /// An item that another is being written from is neither removed nor spare: by now it may be that other one, and what lies in its
    /// place its owner's.
    fn keep_used(&self, likes: &mut BTreeMap<Like, Alike>) {
        for work in self.busy.values() {
            if let Work::Fetch { like: Some(used), .. } = work
                && let Some(like) = of_item(&used.item)
            {
                let item = used.item.clone();
                likes.insert(like, Alike { item, spare: None });
            }
        }
    }

    /// The id of an item's record, if the item is to be removed.
    fn spare(&self, natural: &str, item: &Local) -> Option<String> {
        let known = self.memory.known().get(natural)?;
        let record = self.remote.as_ref()?.get(natural);
        let goes = decide(Some(known), Some(item), record) == Choice::Remove;
        (goes && !known.is_doubted && !self.busy.contains_key(natural)).then(|| known.id.clone())
    }
}

/// By what an item is found for a record of another name; nothing of a short one, which costs nobody anything.
pub(super) fn of_item(item: &Local) -> Option<Like> {
    let modified = modified(item.mark.size, &item.attributes)?;
    // A file system that draws inodes anew may have cut the time that a record came with.
    let kept = match item.mark.inode {
        0 => coarse(modified)?,
        _ => modified.to_owned(),
    };
    Some((item.mark.size, kept))
}

/// By what the items are found that may say what a record does, on any file system.
pub(super) fn of_record(record: &Remote) -> impl Iterator<Item = Like> {
    let modified = modified(record.length, &record.attributes);
    let kept = [modified.map(ToOwned::to_owned), modified.and_then(coarse)];
    let length = record.length;
    kept.into_iter().flatten().map(move |kept| (length, kept))
}

fn modified(length: u64, attributes: &Attributes) -> Option<&str> {
    let modified = attributes.get(MODIFIED).filter(|_| length > SMALL)?;
    Some(modified)
}

/// What FAT, which keeps no odd seconds, leaves of a time: unlike any that has nanoseconds.
fn coarse(modified: &str) -> Option<String> {
    let (seconds, _) = modified.split_once('.')?;
    let seconds: i64 = seconds.parse().ok()?;
    Some((seconds - seconds.rem_euclid(2)).to_string())
}
