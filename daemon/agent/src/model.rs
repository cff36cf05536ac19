//! What a folder shows, what a collection lists, and what both had in common when they were last compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    /// Which file: an editor that writes anew and renames changes it.
    pub inode: u64,
    /// Permission bits.
    pub mode: u32,
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
}

impl Root {
    /// Whether it can't be the one that was seen before.
    #[must_use]
    pub fn differs(&self, before: &Self) -> bool {
        self.inode != before.inode || (self.boot == before.boot && self.device != before.device)
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
}

/// The folder a place lies in; empty: the root.
#[must_use]
pub fn folder_of(place: &str) -> &str {
    place.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a record is a sibling by its natural key: belayd makes that of the original's, NUL and a hash.
#[must_use]
pub fn is_sibling(natural: &str) -> bool {
    natural.contains('\0')
}
