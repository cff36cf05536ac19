//! The audit log's file: the line first, the head second, so that a power cut leaves at most one
//! line more than the head counts.
//!
//! A log that has grown too long loses its older half: first the head says from where on entries have to be there, then
//! the file is replaced by what is left, so that a power cut between the two leaves more than is needed. The numbers of
//! entries go on, which tells how many went.

use std::path::PathBuf;

use belay_proto::cbor_map;

use super::audit_log::{self, Bounds, Broken, Entry, Head, Note};
use super::copies::WriteError;
use super::files::Files;

/// How long a log gets.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// One of more bytes is cut.
    longest: u64,
    /// To so many at most.
    kept: usize,
}

const LIMITS: Limits = Limits {
    longest: 4 * 1024 * 1024,
    kept: 2 * 1024 * 1024,
};

/// Appends to the log; the head is the caller's to commit, with [`Journal::head`].
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    bounds: Bounds,
    length: u64,
    limits: Limits,
    /// So many bytes at the beginning go once a head is on disk that says so.
    cut: Option<usize>,
    /// The head on disk is behind: it must be committed before the next line.
    owed: bool,
    /// Half a line may follow: it must be cut off before the next.
    ragged: bool,
    /// A replacement failed, perhaps after it was done: how long the file is has to be looked up before the next line.
    unmeasured: bool,
}

/// The log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It isn't the log that the warden wrote.
    #[error("the audit log doesn't fit its head")]
    Broken(#[from] Broken),
    /// It can't be read or written.
    #[error("the audit log can't be used")]
    Io(#[source] std::io::Error),
}

impl Journal {
    /// A new log at `path`.
    #[must_use]
    pub fn fresh(path: PathBuf) -> Self {
        Self {
            path,
            bounds: Bounds::default(),
            length: 0,
            limits: LIMITS,
            cut: None,
            owed: false,
            ragged: false,
            unmeasured: false,
        }
    }

    /// The log at `path`, which must end at the head whose stored form is given.
    ///
    /// # Errors
    /// The log was changed, cut or removed, or can't be read.
    pub fn open(files: &dyn Files, path: PathBuf, stored_head: &[u8]) -> Result<Self, JournalError> {
        let bounds = decode_head(stored_head).ok_or(Broken::WrongEnd { found: 0, written: 0 })?;
        let log = files.read(&path).map_err(JournalError::Io)?.unwrap_or_default();
        let checked = audit_log::check(&log, &bounds)?;
        Ok(Self {
            path,
            bounds: Bounds {
                end: checked.head,
                ..bounds
            },
            length: length_of(checked.length),
            limits: LIMITS,
            cut: None,
            owed: checked.head != bounds.end,
            ragged: checked.length != log.len(),
            unmeasured: false,
        })
    }

    /// Whether [`Self::head`] has to be committed before anything is appended.
    #[must_use]
    pub const fn head_is_owed(&self) -> bool {
        self.owed
    }

    /// The head as it is stored.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let Bounds { begin, end } = self.bounds;
        StoredHead {
            count: end.count,
            hash: end.hash,
            begin_count: begin.count,
            begin_hash: begin.hash,
        }
        .encode()
    }

    /// Appends one entry. The head is owed from then on.
    ///
    /// # Errors
    /// Nothing is added; half a line is cut off before the next one.
    pub fn append(&mut self, files: &mut dyn Files, note: Note) -> Result<(), WriteError> {
        let failed = |path: &PathBuf| {
            let path = path.clone();
            move |source| WriteError::new(&path, source)
        };
        if self.unmeasured {
            let measured = self.measure(files);
            measured.map_err(|error| WriteError::new(&self.path, std::io::Error::other(error)))?;
        }
        if self.ragged {
            files
                .truncate(&self.path, self.length)
                .map_err(failed(&self.path))?;
            self.ragged = false;
        }
        let (line, head) = audit_log::link(&self.bounds.end, note);
        self.ragged = true;
        files
            .append(&self.path, line.as_bytes())
            .map_err(failed(&self.path))?;
        self.ragged = false;
        self.length = self.length.saturating_add(length_of(line.len()));
        self.bounds.end = head;
        self.owed = true;
        Ok(())
    }

    /// Looks up how much of the file is whole lines.
    fn measure(&mut self, files: &dyn Files) -> Result<(), JournalError> {
        let log = files
            .read(&self.path)
            .map_err(JournalError::Io)?
            .unwrap_or_default();
        let checked = audit_log::check(&log, &self.bounds)?;
        self.length = length_of(checked.length);
        self.ragged = checked.length != log.len();
        self.unmeasured = false;
        Ok(())
    }

    /// Shortens a log that is too long, in two steps: after the first a head is owed. To be called when none is; the
    /// log holds whether it is called or not.
    ///
    /// # Errors
    /// The log can't be read or replaced: it is as it was, or shorter already.
    pub fn shorten(&mut self, files: &mut dyn Files) -> Result<(), JournalError> {
        if let Some(cut) = self.cut.take() {
            let log = files
                .read(&self.path)
                .map_err(JournalError::Io)?
                .unwrap_or_default();
            let kept = log.get(cut..).unwrap_or_default();
            self.unmeasured = true;
            files.replace(&self.path, kept).map_err(JournalError::Io)?;
            self.unmeasured = false;
            self.length = length_of(kept.len());
        } else if self.length > self.limits.longest {
            let log = files
                .read(&self.path)
                .map_err(JournalError::Io)?
                .unwrap_or_default();
            let checked = audit_log::check(&log, &self.bounds)?;
            if let Some((cut, begin)) = audit_log::cut(&log, &checked, self.limits.kept) {
                self.bounds.begin = begin;
                self.cut = Some(cut);
                self.owed = true;
            }
        }
        Ok(())
    }

    /// The head is on disk.
    pub const fn head_is_committed(&mut self) {
        self.owed = false;
    }

    /// The entries at or after `since` (wall clock, seconds), oldest first.
    ///
    /// # Errors
    /// The log no longer fits, or can't be read.
    pub fn entries(&self, files: &dyn Files, since: u64) -> Result<Vec<Entry>, JournalError> {
        let log = files
            .read(&self.path)
            .map_err(JournalError::Io)?
            .unwrap_or_default();
        let mut entries = audit_log::check(&log, &self.bounds)?.entries;
        entries.retain(|entry| entry.time >= since);
        Ok(entries)
    }

    /// Puts the old log aside and begins a new one, when the door was opened over a broken state.
    ///
    /// # Errors
    /// The old log keeps its name.
    pub fn begin_anew(&mut self, files: &mut dyn Files, suffix: &str) -> Result<(), WriteError> {
        let aside = self.path.with_extension(format!("log.{suffix}"));
        let there = files.read(&self.path).is_ok_and(|log| log.is_none());
        if !there {
            files
                .rename(&self.path, &aside)
                .map_err(|source| WriteError::new(&self.path, source))?;
        }
        *self = Self::fresh(self.path.clone());
        Ok(())
    }
}

cbor_map! {
    struct StoredHead {
        count: u64,
        hash: [u8; 32],
        begin_count: u64,
        begin_hash: [u8; 32],
    }
}

/// From where to where the log goes, from its stored form.
#[must_use]
pub fn decode_head(stored: &[u8]) -> Option<Bounds> {
    StoredHead::decode(stored).ok().map(|head| Bounds {
        begin: Head {
            count: head.begin_count,
            hash: head.begin_hash,
        },
        end: Head {
            count: head.count,
            hash: head.hash,
        },
    })
}

fn length_of(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
