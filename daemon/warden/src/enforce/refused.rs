//! What the wipe leaves to be read: the tombstone, and why a preflight said no. Both are JSON, written by
//! `belay-wipe` outside the area that it erases.

use std::fs;
use std::path::Path;

use belay_proto::CommandId;
use belay_proto::dbus::LockState;
use serde::Deserialize;

/// `belay-wipe`'s runtime folder; it removes what it said before each start.
const RUNTIME: &str = "/run/belay-wipe";
/// A file this small is read at once.
const LARGEST: u64 = 4096;

/// How far the last wipe is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// [`LockState::Wiping`] or [`LockState::Wiped`].
    pub state: LockState,
    /// Which wipe.
    pub command: CommandId,
}

#[derive(Deserialize)]
struct TombstoneFile {
    state: LockState,
    command: CommandId,
}

#[derive(Deserialize)]
struct RefusedFile {
    /// Empty when there was no plan to read, and so nothing to know a command by.
    command: String,
    reason: String,
}

/// Reads the tombstone in the wipe's journal folder; anything else there is none.
#[must_use]
pub fn tombstone(journal: &Path) -> Option<Tombstone> {
    let found: TombstoneFile = read(&journal.join("tombstone"))?;
    matches!(found.state, LockState::Wiping | LockState::Wiped).then_some(Tombstone {
        state: found.state,
        command: found.command,
    })
}

/// Why the preflight of this wipe said no: in the journal folder, or, when that lies in the area to be wiped or
/// there is no plan that names it, in the folder that each boot empties.
#[must_use]
pub fn why_refused(journal: &Path, command: &CommandId) -> Option<String> {
    let reason = |folder: &Path, of_none: bool| {
        let found: RefusedFile = read(&folder.join("refused"))?;
        let ours = found.command == command.to_string() || (of_none && found.command.is_empty());
        ours.then_some(found.reason)
    };
    reason(journal, false).or_else(|| reason(Path::new(RUNTIME), true))
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    let small = fs::metadata(path).is_ok_and(|found| found.len() <= LARGEST);
    let text = small.then(|| fs::read(path).ok()).flatten()?;
    serde_json::from_slice(&text).ok()
}
