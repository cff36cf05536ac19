//! What a folder shows, what a collection lists, and what both had in common when they were last compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::left_out::Left;

/// Short texts by name, as `Collection.Put` takes them under `attributes`.
pub type Attributes = BTreeMap<String, String>;

/// The attribute with a file's permission bits, octal.
pub const MODE: &str = "mode";
/// The attribute with a file's modification time: seconds since the epoch, a dot, nine digits of nanoseconds.
pub const MODIFIED: &str = "modified";
/// The attribute with the vdir collection that an item lies in; absent: in the root.
pub const FOLDER: &str = "folder";

/// By what a changed file is told from an unchanged one, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Modification time, nanoseconds since the epoch.
    pub modified: i64,
    /// Bytes.
    pub size: u64,
    /// Which file: an editor that writes anew and renames changes it. 0 where the file system draws them anew, see [`Keeps`].
    pub inode: u64,
    /// Permission bits; 0 where the file system has none.
    pub mode: u32,
}

/// What a file system keeps of a file for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// All of a [`Mark`].
    All,
    /// No inodes: FUSE may draw them anew at each mount.
    NoInodes,
    /// Neither inodes nor permissions, and times to 2 s: FAT, as on memory cards. It draws inodes anew even within a mount.
    Little,
}

/// The times on FAT are a multiple of it, nanoseconds.
const COARSE: i64 = 2_000_000_000;
/// Time zones are apart by a multiple of it, nanoseconds.
const BETWEEN_ZONES: i64 = 15 * 60 * 1_000_000_000;
/// Hardly any two are further apart, and what is made at the same time each day is by no less, nanoseconds.
const FARTHEST_ZONES: u64 = 23 * 60 * 60 * 1_000_000_000;

impl Keeps {
    /// That of a file system by what statfs(2) calls `f_type` (`linux/magic.h`, `fs/exfat`).
    #[must_use]
    pub const fn of(kind: u64) -> Self {
        match kind {
            // MSDOS_SUPER_MAGIC, EXFAT_SUPER_MAGIC.
            0x4d44 | 0x2011_bab0 => Self::Little,
            // FUSE_SUPER_MAGIC.
            0x6573_5546 => Self::NoInodes,
            _ => Self::All,
        }
    }
}

impl Mark {
    /// So much of it as outlives a mount.
    #[must_use]
    pub const fn kept(self, keeps: Keeps) -> Self {
        match keeps {
            Keeps::All => self,
            Keeps::NoInodes => Self { inode: 0, ..self },
            Keeps::Little => Self {
                modified: self.modified - self.modified.rem_euclid(COARSE),
                inode: 0,
                mode: 0,
                ..self
            },
        }
    }

    /// Whether it differs from what it was by a time of another zone alone. Cards keep local times: after a journey, or when summer time
    /// begins, all files on them have others.
    #[must_use]
    pub const fn is_of_another_zone(&self, before: &Self) -> bool {
        let moved = self.modified.saturating_sub(before.modified);
        let is_alike = self.size == before.size && self.mode == before.mode;
        let has_inodes = self.inode != 0 || before.inode != 0;
        is_alike
            && !has_inodes
            && moved != 0
            && moved % BETWEEN_ZONES == 0
            && moved.unsigned_abs() <= FARTHEST_ZONES
    }

    /// How much earlier than it was the change may be dated.
    #[must_use]
    pub const fn blur(&self) -> Duration {
        Duration::from_secs(if self.mode == 0 { 2 } else { 0 })
    }
}

/// An item as its source has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where it lies, relative to the source's root; of a folder the file's path.
    pub place: String,
    /// A media type.
    pub kind: String,
    /// What the source knows of it besides.
    pub attributes: Attributes,
    /// Its state.
    pub mark: Mark,
}

/// A record as its collection lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its opaque id.
    pub id: String,
    /// Its revision on this device.
    pub revision: u64,
    /// A media type.
    pub kind: String,
    /// Bytes.
    pub length: u64,
    /// What its source knew of it.
    pub attributes: Attributes,
    /// The record that it is another version of.
    pub conflict_with: Option<String>,
    /// Whether the cloud misses parts of its content, so that it has to be put again.
    pub lacking: bool,
}

/// What an item and its record last had in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The record's id.
    pub id: String,
    /// Its revision then; 0: none, since the item was kept beside the record, whose own content is to come.
    pub revision: u64,
    /// Where the item lay.
    pub place: String,
    /// Its state then.
    pub mark: Mark,
    /// Whether it was gone from one side together with everything else there: it isn't removed on the other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_doubted: bool,
}

/// Which folder a source's root is. An unmounted medium leaves another one under the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The file system's device number, which counts within one boot only.
    pub device: u64,
    /// The folder's inode.
    pub inode: u64,
    /// The boot's id.
    pub boot: String,
    /// How many folders below the root of its file system's mount it lies; none: nobody could say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below_mount: Option<u32>,
}

impl Root {
    /// Whether it can't be the one that was seen before.
    #[must_use]
    pub fn differs(&self, before: &Self) -> bool {
        self.inode != before.inode || (self.boot == before.boot && self.device != before.device)
    }

    /// Whether the file system that held the folder isn't mounted any more: this is what its mount hid, on the file system
    /// above.
    #[must_use]
    pub fn is_unmounted(&self, before: &Self) -> bool {
        let is_the_same = self.boot == before.boot && self.device == before.device;
        let depths = self.below_mount.zip(before.below_mount);
        !is_the_same && depths.is_some_and(|(now, before)| now > before)
    }
}

/// Whose device this is: what was remembered under another binding says nothing about this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The account's id.
    pub account: String,
    /// Seconds since the epoch.
    pub since: u64,
}

/// What outlives the program, a file a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Under which binding.
    pub binding: Binding,
    /// The root when it was last seen.
    pub root: Option<Root>,
    /// By natural key.
    known: BTreeMap<String, Known>,
    unsaved: Unsaved,
}

/// What the file doesn't say yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Unsaved {
    all: bool,
    naturals: BTreeSet<String>,
}

/// What has to be written so that the file says what the memory does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Under which binding.
    pub binding: Binding,
    /// The root.
    pub root: Option<Root>,
    /// Whether nothing of before is to stay.
    pub anew: bool,
    /// What is known now of these; none: nothing.
    pub known: Vec<(String, Option<Known>)>,
}

impl Memory {
    /// As it was written.
    #[must_use]
    pub fn read(binding: Binding, root: Option<Root>, known: BTreeMap<String, Known>) -> Self {
        Self {
            binding,
            root,
            known,
            unsaved: Unsaved::default(),
        }
    }

    /// One that knows nothing yet, whatever was written before.
    #[must_use]
    pub fn empty(binding: Binding) -> Self {
        let mut memory = Self::read(binding, None, BTreeMap::new());
        memory.unsaved.all = true;
        memory
    }

    /// By natural key.
    #[must_use]
    pub const fn known(&self) -> &BTreeMap<String, Known> {
        &self.known
    }

    /// Notes what an item and its record have in common now.
    pub fn remember(&mut self, natural: String, known: Known) {
        self.unsaved.naturals.insert(natural.clone());
        self.known.insert(natural, known);
    }

    /// Notes whether its removal is doubted.
    pub fn set_doubted(&mut self, natural: &str, is_doubted: bool) {
        if let Some(known) = self.known.get_mut(natural) {
            known.is_doubted = is_doubted;
            self.unsaved.naturals.insert(natural.to_owned());
        }
    }

    /// Notes that they have nothing in common; whether they had.
    pub fn forget(&mut self, natural: &str) -> bool {
        let was = self.known.remove(natural).is_some();
        if was {
            self.unsaved.naturals.insert(natural.to_owned());
        }
        was
    }

    /// Takes what is to be written; it counts as written from now on.
    pub fn take_change(&mut self) -> Change {
        let unsaved = std::mem::take(&mut self.unsaved);
        let known = match unsaved.all {
            true => {
                let all = self.known.iter();
                all.map(|(natural, known)| (natural.clone(), Some(known.clone())))
                    .collect()
            }
            false => {
                let naturals = unsaved.naturals.into_iter();
                naturals
                    .map(|natural| {
                        let known = self.known.get(&natural).cloned();
                        (natural, known)
                    })
                    .collect()
            }
        };
        Change {
            binding: self.binding.clone(),
            root: self.root.clone(),
            anew: unsaved.all,
            known,
        }
    }

    /// It couldn't be written, and who knows what the file says now: all of it has to be.
    pub const fn wasnt_written(&mut self) {
        self.unsaved.all = true;
    }
}

/// Everything a source holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The root.
    pub root: Root,
    /// The items, with the natural keys that new records would get.
    pub items: Vec<(String, Local)>,
    /// Paths below the root that say nothing of what lay there: folders that couldn't be looked into or are another file
    /// system, links and special files.
    pub unseen: Vec<String>,
    /// Whether what changes in it is told.
    pub is_watched: bool,
    /// What can't be mirrored as it stands.
    pub left: Left,
}

/// The folder a place lies in; empty: the root.
#[must_use]
pub fn folder_of(place: &str) -> &str {
    place.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What separates a sibling's key here from its id: no natural key that comes over the bus has it.
const SEPARATOR: char = '\0';

/// What a sibling is known by here. belayd lists it under its original's natural key, which is the original's alone; its
/// id is the same on every device.
#[must_use]
pub fn sibling_key(natural: &str, id: &str) -> String {
    format!("{natural}{SEPARATOR}{id}")
}

/// The original's natural key and the id, of what [`sibling_key`] made.
#[must_use]
pub fn sibling_parts(key: &str) -> Option<(&str, &str)> {
    key.split_once(SEPARATOR)
}

/// Whether a record is a sibling by its key here.
#[must_use]
pub fn is_sibling(key: &str) -> bool {
    key.contains(SEPARATOR)
}

#[cfg(test)]
mod tests;
