//! The audit log: JSON lines, each bound to the one before by its hash. Pure; see
//! [`super::journal`] for the file.
//!
//! The head (how many entries, and the hash of the last) is kept as a MACed state file, so that
//! cutting the log short shows as well as changing it.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use belay_proto::keys::sha256;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// From 1.
    pub seq: u64,
    /// Wall clock, seconds since the epoch: for people; decides nothing.
    pub time: u64,
    /// Milliseconds since boot.
    pub boot_time_ms: u64,
    /// The kernel's boot id.
    pub boot: String,
    /// What happened, e.g. `password-check`.
    pub event: String,
    /// Who caused it, as `org.belay1.Device.History` names them.
    pub actor: String,
    /// More about it; no secret, no number in clear.
    pub detail: String,
    /// The hash of the entry before, 64 hex digits; zeros for the first.
    pub prev: String,
    /// SHA-256 over this line without `hash`, 64 hex digits.
    pub hash: String,
}

/// What an entry says before it is chained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Wall clock, seconds since the epoch.
    pub time: u64,
    /// Milliseconds since boot.
    pub boot_time_ms: u64,
    /// Boot id.
    pub boot: String,
    /// See [`Entry::event`].
    pub event: &'static str,
    /// See [`Entry::actor`].
    pub actor: &'static str,
    /// See [`Entry::detail`].
    pub detail: String,
}

/// The end of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub count: u64,
    /// Hash of the last entry; zeros when there is none.
    pub hash: [u8; 32],
}

/// From where to where a log goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The entry before the first that has to be there; none where nothing was ever left out. What the file holds
    /// before that is as good, since each entry vouches for all before it.
    pub begin: Head,
    /// The last entry.
    pub end: Head,
}

/// Why a log isn't the one the head speaks of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A line isn't an entry as the warden writes them.
    #[error("line {0} is not an entry")]
    NotAnEntry(u64),
    /// A line's own hash, number or link doesn't fit.
    #[error("entry {0} was changed, or one before it removed")]
    Unchained(u64),
    /// Entries at the beginning are missing that nobody left out.
    #[error("the log doesn't reach back to entry {0}")]
    WrongBegin(u64),
    /// Fewer entries than the head counts, or other ones.
    #[error("the log ends at entry {found}, the warden wrote {written}")]
    WrongEnd {
        /// Entries found.
        found: u64,
        /// Entries the head counts.
        written: u64,
    },
}

/// A log that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Its entries, oldest first.
    pub entries: Vec<Entry>,
    /// Its end: `head`, or one entry further when the warden stopped before it wrote the head.
    pub head: Head,
    /// How many bytes of the file hold; behind them is only a half-written line, if anything.
    pub length: usize,
}

/// Chains `note` to `head`: the line to append (with its newline), and the new head.
#[must_use]
pub fn link(head: &Head, note: Note) -> (String, Head) {
    let mut entry = Entry {
        seq: head.count.saturating_add(1),
        time: note.time,
        boot_time_ms: note.boot_time_ms,
        boot: note.boot,
        event: note.event.to_owned(),
        actor: note.actor.to_owned(),
        detail: note.detail,
        prev: HEXLOWER.encode(&head.hash),
        hash: String::new(),
    };
    let hash = hash_of(&entry);
    entry.hash = HEXLOWER.encode(&hash);
    let line = format!("{}\n", line_of(&entry));
    (
        line,
        Head {
            count: entry.seq,
            hash,
        },
    )
}

/// Follows the chain from the beginning of `log`, which is at or before that of `bounds`, to its end.
///
/// One chained entry more than the head counts is accepted: it was appended just before a power
/// cut. So is a half-written last line.
///
/// # Errors
/// The first place where the log and the chain part.
pub fn check(log: &[u8], bounds: &Bounds) -> Result<Checked, Broken> {
    let head = &bounds.end;
    let mut end = beginning(log, &bounds.begin);
    let mut entries = Vec::new();
    let mut length = 0;
    let (mut met_begin, mut met_head) = (end == bounds.begin, end == *head);
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else {
            break;
        };
        let number = end.count.saturating_add(1);
        let entry: Entry = serde_json::from_slice(text).map_err(|_| Broken::NotAnEntry(number))?;
        let hash = hash_of(&entry);
        let fits = entry.seq == number
            && entry.prev == HEXLOWER.encode(&end.hash)
            && entry.hash == HEXLOWER.encode(&hash)
            && line_of(&entry).as_bytes() == text;
        if !fits {
            return Err(Broken::Unchained(number));
        }
        end = Head { count: number, hash };
        met_begin |= end == bounds.begin;
        met_head |= end == *head;
        length += line.len();
        entries.push(entry);
    }
    if !met_begin {
        return Err(Broken::WrongBegin(bounds.begin.count.saturating_add(1)));
    }
    if met_head && end.count <= head.count.saturating_add(1) {
        Ok(Checked {
            entries,
            head: end,
            length,
        })
    } else {
        Err(Broken::WrongEnd {
            found: end.count,
            written: head.count,
        })
    }
}

/// What the first entry says of the one before it; where there is none, what has to be there.
fn beginning(log: &[u8], begin: &Head) -> Head {
    let first = log.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let before = serde_json::from_slice::<Entry>(first).ok().and_then(|entry| {
        let hash = HEXLOWER.decode(entry.prev.as_bytes()).ok()?;
        Some(Head {
            count: entry.seq.checked_sub(1)?,
            hash: hash.try_into().ok()?,
        })
    });
    before.unwrap_or(*begin)
}

/// Where to cut a log that holds, so that at most `most` bytes are left: how many bytes go, and the last entry that
/// goes with them. `None`: it is short enough, or a single entry is longer.
#[must_use]
pub fn cut(log: &[u8], checked: &Checked, most: usize) -> Option<(usize, Head)> {
    let surplus = checked.length.checked_sub(most).filter(|bytes| *bytes > 0)?;
    let mut at = 0;
    for (line, entry) in log.split_inclusive(|byte| *byte == b'\n').zip(&checked.entries) {
        at += line.len();
        if at >= surplus {
            let hash = HEXLOWER.decode(entry.hash.as_bytes()).ok()?.try_into().ok()?;
            let count = entry.seq;
            return (at < checked.length).then_some((at, Head { count, hash }));
        }
    }
    None
}

fn hash_of(entry: &Entry) -> [u8; 32] {
    let unsigned = Entry {
        hash: String::new(),
        ..entry.clone()
    };
    sha256(line_of(&unsigned).as_bytes())
}

/// The fields in their declared order: the one text an entry has.
fn line_of(entry: &Entry) -> String {
    // Strings and integers always serialise; an empty line would fail every check above.
    serde_json::to_string(entry).unwrap_or_default()
}

#[cfg(test)]
#[path = "audit_log_tests.rs"]
mod tests;
