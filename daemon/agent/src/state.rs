//! The mirror's core: what is done about a folder, its collection, and what both last had in common. No I/O, no clock.
//!
//! Three-way: only a difference from the common state is a change. Where both sides changed, belayd keeps both. What is
//! gone on one side is removed on the other only if that is still as both had it. Nothing is ever deleted without a
//! common state, nor because a folder or a collection is empty all at once.

mod danger;
mod decide;
mod done;
mod likes;
mod look;
mod moved;
mod zone;

use std::collections::{BTreeMap, BTreeSet};

use crate::left_out::{Left, Why};
use crate::model::{Binding, Local, Mark, Memory, Remote, Root, Scan, sibling_parts};

pub use danger::Gone;
pub use decide::{Choice, decide};
pub use likes::Alike;
use likes::Like;
use moved::Moved;
use zone::Told;

/// As many items gone at once, and none left, are taken for a folder that isn't there rather than for the owner's wish.
pub const EMPTIED: usize = 3;

/// What is known of a source and its collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What outlives the program.
    pub memory: Memory,
    /// Whether siblings are shown as items of their own.
    shows_siblings: bool,
    /// What the owner said of what is gone.
    gone: Gone,
    on: bool,
    root: Option<Root>,
    local: Option<BTreeMap<String, Local>>,
    unseen: BTreeSet<String>,
    remote: Option<BTreeMap<String, Remote>>,
    busy: BTreeMap<String, Work>,
    /// What was under way when the binding became another: its outcome is about another owner's records.
    foreign: BTreeSet<String>,
    put_off: BTreeMap<String, PutOff>,
    /// Counts what was done.
    now: u64,
    /// When an item's work last ended: what was looked at before that says nothing of it. Those that both sides were looked
    /// at after are left out.
    ended: BTreeMap<String, u64>,
    /// When the last looks at both sides began.
    scanned_at: u64,
    listed_at: u64,
    held_back: bool,
    stopped: Option<Stop>,
    /// What the last scan found that can't be mirrored.
    left: Left,
    /// The device number of the file system that holds the memory.
    kept_on: Option<u64>,
    /// What the last look left undone.
    doubt: Option<Doubt>,
    /// Items of the length and time of long records that are to be written.
    likes: BTreeMap<Like, Alike>,
    /// In which state an item was compared with its record, and what came of it.
    told: BTreeMap<String, (Mark, Told)>,
    /// Whether that is waited for, and nothing else is begun.
    is_asking: bool,
}

/// Why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The root isn't there.
    #[error("the folder isn't there")]
    Missing,
    /// The root is another folder than before, and lacks items.
    #[error("another folder, or another medium, is in its place")]
    Replaced,
    /// The root is the place that its medium is mounted at, and the medium isn't there.
    #[error("the medium that the folder lies on isn't mounted")]
    Unmounted,
    /// All items are gone, and it may be another medium.
    #[error("everything in the folder is gone at once, or another medium is in its place")]
    Emptied,
    /// The source can't be read.
    #[error("the folder can't be read")]
    Unreadable,
}

/// Why what is gone on one side isn't removed on the other; all else goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// All items are gone.
    #[error("everything in the folder is gone at once")]
    Emptied,
    /// All records are gone.
    #[error("everything in the collection is gone at once")]
    CollectionEmptied,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The collection is on, under this binding.
    On(Binding),
    /// It is off, or belayd is gone.
    Off,
    /// The source was looked through; the number is its effect's.
    Scanned(u64, Scan),
    /// It couldn't be.
    NotScanned(Stop),
    /// The whole collection, by natural key; the number is its effect's.
    Listed(u64, Vec<(String, Remote)>),
    /// Work ended.
    Done(Vec<(String, Outcome)>),
    /// What was put off is tried again.
    Again,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Look the source through; where the root is missing, make it if told so.
    Scan {
        /// Nothing can be lost by it.
        make: bool,
    },
    /// List the collection.
    List,
    /// Keep the memory.
    Save,
    /// Tell the owner.
    Say(Stop),
    /// Likewise.
    SayDoubt(Doubt),
    /// Work on an item, to be answered by [`Event::Done`].
    Work(String, Box<Work>),
}

/// Work on one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Put it into the collection.
    Put {
        /// The item.
        item: Local,
        /// The record that it replaces, and its revision; none: a new one.
        over: Option<(String, u64)>,
    },
    /// Compare it with the record; unless they say the same, put it beside.
    Join {
        /// The item.
        item: Local,
        /// The record.
        record: Remote,
    },
    /// Write the record to the source, if the item is still as named.
    Fetch {
        /// The record.
        record: Remote,
        /// The item; none: there is none.
        over: Option<Local>,
        /// Another one that may say the same: it was renamed, or is a copy.
        like: Option<Alike>,
    },
    /// Delete the record.
    Delete {
        /// Its id.
        id: String,
        /// Its revision.
        revision: u64,
        /// Where the item lay: nothing may be there.
        place: String,
    },
    /// Remove the item, if its record was deleted and it is still as named.
    Remove {
        /// The record's id.
        id: String,
        /// The item.
        item: Local,
    },
    /// Find out whether the item says what its record does; both stay as they are.
    Compare {
        /// The item.
        item: Local,
        /// The record.
        record: Remote,
    },
    /// Ask whether the record was deleted; the item stays all the same.
    Ask {
        /// The record's id.
        id: String,
    },
}

/// How work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// [`Work::Put`] and [`Work::Join`]: the collection has it.
    Stored {
        /// Under this id.
        id: String,
        /// The record's revision.
        revision: u64,
    },
    /// [`Work::Join`]: the collection has it, as another version of the record.
    Beside,
    /// [`Work::Fetch`]: the source has it.
    Written {
        /// The record's revision.
        revision: u64,
        /// The item.
        item: Local,
    },
    /// [`Work::Fetch`]: the source has it, and the item that said the same became this one.
    Moved {
        /// The record's revision.
        revision: u64,
        /// The item.
        item: Local,
    },
    /// [`Work::Delete`] and [`Work::Remove`]: it is gone.
    Gone,
    /// [`Work::Remove`] and [`Work::Ask`]: nobody deleted the record. It can't be read where it is kept, or isn't there yet.
    NotDeleted,
    /// [`Work::Ask`]: somebody did.
    Deleted,
    /// [`Work::Compare`]: it does.
    Same,
    /// [`Work::Compare`]: it doesn't.
    Differs,
    /// The item isn't as it was, or is being written to.
    ItemChanged,
    /// The record isn't as it was.
    RecordChanged,
    /// Not now.
    Later,
    /// Never, as both stand.
    Refused,
}

/// Work that isn't tried again yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PutOff {
    /// Until [`Event::Again`].
    Later,
    /// Until the source is looked through again.
    Scan,
    /// Until the collection is listed again.
    List,
    /// Until item or record are others.
    Refused(Option<Mark>, Option<u64>),
    /// Removing it, while that is doubted: belayd says that the record was deleted.
    Kept,
}

impl State {
    /// A mirror that remembers `memory`.
    #[must_use]
    pub fn new(memory: Memory, shows_siblings: bool, gone: Gone) -> Self {
        Self {
            memory,
            shows_siblings,
            gone,
            ..Self::default()
        }
    }

    /// The same, where the memory lies on the file system of this device number: a root there can't be another medium's.
    #[must_use]
    pub const fn kept_on(mut self, device: Option<u64>) -> Self {
        self.kept_on = device;
        self
    }

    /// Why it stands still.
    #[must_use]
    pub const fn stopped(&self) -> Option<Stop> {
        self.stopped
    }

    /// What isn't removed because too much of it was gone at once.
    #[must_use]
    pub const fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }

    /// Whether something is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.busy.is_empty()
    }

    /// Whether something waits for [`Event::Again`].
    #[must_use]
    pub fn waits(&self) -> bool {
        self.on && self.put_off.values().any(|off| *off == PutOff::Later)
    }

    /// What [`Event::Scanned`] and [`Event::Listed`] name if looking begins now.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// Whether the collection is on.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.on
    }

    /// What isn't mirrored as it stands.
    #[must_use]
    pub fn left(&self) -> Left {
        let mut left = self.left.clone();
        for (natural, _) in self.put_off.iter().filter(|(_, off)| is_refusal(off)) {
            let item = self.local.as_ref().and_then(|local| local.get(natural));
            let named = sibling_parts(natural).map_or(natural.as_str(), |(original, _)| original);
            left.add(item.map_or(named, |item| item.place.as_str()), Why::Refused);
        }
        left
    }

    /// How many items can't be mirrored as they stand.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.put_off.values().filter(|off| is_refusal(off)).count()
    }
}

const fn is_refusal(off: &PutOff) -> bool {
    matches!(off, PutOff::Refused(..))
}

/// The one function that changes the state. It takes the state instead of a reference: ten thousand items aren't copied
/// for each that is done.
#[must_use]
pub fn step(mut state: State, event: Event) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    match event {
        Event::On(binding) => state.switch_on(binding, &mut effects),
        Event::Off => {
            state.on = false;
            state.local = None;
            state.remote = None;
            state.put_off.clear();
            state.left = Left::default();
            state.stopped = None;
            state.doubt = None;
            state.told.clear();
        }
        // Work that was begun before it was switched off ended meanwhile, and nothing else tells how it left the item.
        Event::Scanned(at, _) if state.local.is_none() && state.now > at => {
            effects.push(Effect::Scan { make: false });
        }
        Event::Scanned(at, scan) => state.scanned(at, scan, &mut effects),
        Event::NotScanned(stop) => state.not_scanned(stop, &mut effects),
        Event::Listed(at, _) if state.remote.is_none() && state.now > at => effects.push(Effect::List),
        Event::Listed(at, records) => state.listed(at, records, &mut effects),
        Event::Done(outcomes) => return state.done(outcomes),
        Event::Again => {
            state.put_off.retain(|_, off| *off != PutOff::Later);
            state.forget_untold();
        }
    }
    state.look(&mut effects);
    (state, effects)
}

impl State {
    fn switch_on(&mut self, binding: Binding, effects: &mut Vec<Effect>) {
        if self.memory.binding != binding {
            // Somebody else's, or from before a sign-out: it would make deletions of what merely isn't there yet.
            self.memory = Memory::empty(binding);
            self.foreign = self.busy.keys().cloned().collect();
            effects.push(Effect::Save);
        }
        self.on = true;
        effects.push(Effect::Scan {
            make: self.memory.known().is_empty(),
        });
        effects.push(Effect::List);
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod story;
