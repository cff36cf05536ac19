//! What is remembered of a source between two runs: a file. Losing it loses nothing: equal contents join, others are kept
//! both, and nothing is deleted.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::model::Memory;

/// The format; another one isn't read.
const VERSION: u32 = 1;

/// The file of a source.
#[derive(Clone, Debug)]
pub struct MemoryFile {
    folder: PathBuf,
    name: String,
}

/// Has the memories in `folder` be this process's for as long as the answer lives; `None` while they are another's. Two would
/// overwrite each other's, and one would sweep away what the other writes.
///
/// # Errors
/// What the file system says.
pub fn hold(folder: &Path) -> io::Result<Option<File>> {
    make(folder)?;
    let held = File::open(folder)?;
    match flock(&held, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(held)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        // A file system without locks.
        Err(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(Some(held)),
        Err(error) => Err(error.into()),
    }
}

fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    #[serde(flatten)]
    memory: &'a Memory,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl MemoryFile {
    /// That of `source` in `folder`.
    #[must_use]
    pub fn new(folder: &Path, source: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            name: format!("{source}.json"),
        }
    }

    /// What it says; nothing, if it can't be read or is of another version.
    #[must_use]
    pub fn load(&self) -> Memory {
        let path = self.folder.join(&self.name);
        match fs::read(&path) {
            Ok(bytes) => parse(&bytes).unwrap_or_else(|why| {
                tracing::warn!(
                    why,
                    source = self.name,
                    "the memory can't be read: everything is compared anew"
                );
                Memory::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Memory::default(),
            Err(error) => {
                tracing::warn!(%error, source = self.name, "the memory can't be read: everything is compared anew");
                Memory::default()
            }
        }
    }

    /// Replaces it, durably.
    ///
    /// # Errors
    /// What the file system says.
    pub fn save(&self, memory: &Memory) -> io::Result<()> {
        make(&self.folder)?;
        let unfinished = self.folder.join(format!("{}.new", self.name));
        let written = Written {
            version: VERSION,
            memory,
        };
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(&serde_json::to_vec(&written)?)?;
        file.sync_all()?;
        fs::rename(&unfinished, self.folder.join(&self.name))?;
        File::open(&self.folder)?.sync_all()
    }
}

fn parse(bytes: &[u8]) -> Result<Memory, &'static str> {
    let Version { version } = serde_json::from_slice(bytes).map_err(|_| "no version")?;
    match version {
        VERSION => serde_json::from_slice(bytes).map_err(|_| "malformed"),
        _ => Err("another version"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::model::{Binding, Known, Mark, Root};

    fn memory() -> Memory {
        let known = Known {
            id: "00ff".to_owned(),
            revision: 3,
            place: "a/b.txt".to_owned(),
            mark: Mark {
                modified: 1_700_000_000_123_456_789,
                size: 5,
                inode: 7,
                mode: 0o644,
            },
        };
        Memory {
            binding: Binding {
                account: "ann".to_owned(),
                since: 9,
            },
            root: Some(Root {
                device: 1,
                inode: 2,
                boot: "b".to_owned(),
            }),
            known: BTreeMap::from([("a\0b".to_owned(), known)]),
        }
    }

    #[test]
    fn what_was_saved_is_loaded_and_is_nobody_elses_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = MemoryFile::new(&folder.path().join("state"), "notes");
        assert_eq!(file.load(), Memory::default());
        file.save(&memory()).unwrap();
        file.save(&memory()).unwrap();
        assert_eq!(file.load(), memory());
        let path = folder.path().join("state/notes.json");
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_memories_are_one_process_s_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let held = hold(&state).unwrap();
        assert!(held.is_some() && hold(&state).unwrap().is_none());
        drop(held);
        assert!(hold(&state).unwrap().is_some());
    }

    #[test]
    fn a_torn_file_or_one_of_another_version_is_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = MemoryFile::new(folder.path(), "notes");
        file.save(&memory()).unwrap();
        let path = folder.path().join("notes.json");
        let whole = fs::read_to_string(&path).unwrap();
        for text in [
            "",
            "{}",
            &whole[..whole.len() / 2],
            &whole.replace("\"version\":1", "\"version\":2"),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(file.load(), Memory::default(), "{text}");
        }
    }
}
