//! What is remembered of a source between two runs: an SQLite file, in which what changed is written and nothing else.
//! Losing it loses nothing: equal contents join, others are kept both, and nothing is deleted.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::model::{Binding, Change, Memory, Root};

/// The format; another one isn't read.
const VERSION: u32 = 1;
/// How long somebody may look into the file while it is written.
const PATIENCE: Duration = Duration::from_secs(5);

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

const SCHEMA: &str = "
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), said TEXT NOT NULL) STRICT;
CREATE TABLE known (natural TEXT PRIMARY KEY, said TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// What is remembered but for the items, as JSON.
#[derive(Serialize, Deserialize)]
struct Head {
    binding: Binding,
    root: Option<Root>,
}

/// Why a memory can't be read or written.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is of version {0}")]
    Version(u32),
}

impl Failure {
    /// Whether it will be the same the next time.
    fn is_final(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Sqlite(error) => {
                matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
            }
            Self::Json(_) | Self::Version(_) => true,
            Self::Io(_) => false,
        }
    }
}

impl MemoryFile {
    /// That of `source` in `folder`.
    #[must_use]
    pub fn new(folder: &Path, source: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            name: source.to_owned(),
        }
    }

    /// The device number of the file system that it lies on; nothing where that can't be said.
    #[must_use]
    pub fn device(&self) -> Option<u64> {
        make(&self.folder).ok()?;
        Some(fs::metadata(&self.folder).ok()?.dev())
    }

    /// What it says; nothing, if it can't be read or is of another version.
    #[must_use]
    pub fn load(&self) -> Memory {
        if !self.path().exists() {
            return Memory::empty(Binding::default());
        }
        self.read().unwrap_or_else(|error| {
            tracing::warn!(%error, source = self.name, "the memory can't be read: everything is compared anew");
            self.drop_if_final(&error);
            Memory::empty(Binding::default())
        })
    }

    /// Writes what changed, durably, all of it or nothing.
    ///
    /// # Errors
    /// What the file system or SQLite says.
    pub fn save(&self, change: &Change) -> io::Result<()> {
        self.write(change).map_err(|error| {
            self.drop_if_final(&error);
            io::Error::other(error)
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.sqlite", self.name))
    }

    fn read(&self) -> Result<Memory, Failure> {
        let connection = self.open()?;
        let head: Option<String> = connection
            .query_row("SELECT said FROM head", [], |row| row.get(0))
            .optional()?;
        let Some(head) = head else {
            return Ok(Memory::empty(Binding::default()));
        };
        let Head { binding, root } = serde_json::from_str(&head)?;
        let mut statement = connection.prepare("SELECT natural, said FROM known")?;
        let mut rows = statement.query([])?;
        let mut known = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let said: String = row.get(1)?;
            known.insert(row.get(0)?, serde_json::from_str(&said)?);
        }
        Ok(Memory::read(binding, root, known))
    }

    fn write(&self, change: &Change) -> Result<(), Failure> {
        make(&self.folder)?;
        let mut connection = self.open()?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if change.anew {
            transaction.execute("DELETE FROM known", [])?;
        }
        {
            let mut put = transaction.prepare("INSERT OR REPLACE INTO known VALUES (?1, ?2)")?;
            let mut forget = transaction.prepare("DELETE FROM known WHERE natural = ?1")?;
            for (natural, known) in &change.known {
                match known {
                    Some(known) => put.execute((natural, serde_json::to_string(known)?))?,
                    None => forget.execute([natural])?,
                };
            }
        }
        let head = Head {
            binding: change.binding.clone(),
            root: change.root.clone(),
        };
        let head = serde_json::to_string(&head)?;
        transaction.execute("INSERT OR REPLACE INTO head VALUES (1, ?1)", [head])?;
        Ok(transaction.commit()?)
    }

    /// Opens it, or makes it.
    fn open(&self) -> Result<Connection, Failure> {
        let path = self.path();
        // Made here, so that the umask doesn't decide who reads it; SQLite gives its journal the same mode.
        let made = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match made {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
        let mut connection = Connection::open(&path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            VERSION => {}
            0 => {
                let transaction = connection.transaction()?;
                transaction.execute_batch(SCHEMA)?;
                transaction.pragma_update(None, "user_version", VERSION)?;
                transaction.commit()?;
            }
            other => return Err(Failure::Version(other)),
        }
        Ok(connection)
    }

    /// What can't be read any more isn't kept: a new one takes its place.
    fn drop_if_final(&self, error: &Failure) {
        if error.is_final() {
            let path = self.path();
            let _ = fs::remove_file(path.with_extension("sqlite-journal"));
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::*;
    use crate::model::{Known, Mark};

    fn known(revision: u64) -> Known {
        Known {
            id: "00ff".to_owned(),
            revision,
            place: "a/b.txt".to_owned(),
            mark: Mark {
                modified: 1_700_000_000_123_456_789,
                size: 5,
                inode: u64::MAX,
                mode: 0o644,
            },
            is_doubted: false,
        }
    }

    fn memory() -> Memory {
        let binding = Binding {
            account: "ann".to_owned(),
            since: 9,
        };
        let mut memory = Memory::empty(binding);
        memory.root = Some(Root {
            device: 1,
            inode: 2,
            boot: "b".to_owned(),
            below_mount: Some(0),
        });
        memory.remember("a\0b".to_owned(), known(3));
        memory.remember("c".to_owned(), known(1));
        memory
    }

    fn saved(file: &MemoryFile) -> Memory {
        let mut memory = memory();
        file.save(&memory.take_change()).unwrap();
        memory
    }

    #[test]
    fn what_was_saved_is_loaded_and_is_nobody_elses_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = MemoryFile::new(&folder.path().join("state"), "notes");
        assert_eq!(file.load(), Memory::empty(Binding::default()));
        let memory = saved(&file);
        assert_eq!(file.load(), memory);
        let path = folder.path().join("state/notes.sqlite");
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn only_what_changed_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = MemoryFile::new(folder.path(), "notes");
        let mut memory = saved(&file);
        memory.remember("c".to_owned(), known(2));
        memory.remember("d".to_owned(), known(1));
        assert!(memory.forget("a\0b") && !memory.forget("never"));
        let change = memory.take_change();
        let told: Vec<_> = change
            .known
            .iter()
            .map(|(natural, known)| (natural.as_str(), known.as_ref().map(|known| known.revision)))
            .collect();
        assert_eq!(told, [("a\0b", None), ("c", Some(2)), ("d", Some(1))]);
        file.save(&change).unwrap();
        assert_eq!(file.load(), memory);
        assert!(memory.take_change().known.is_empty());
        // Where it couldn't be written, or for another owner, it is all of it.
        memory.wasnt_written();
        assert_eq!(memory.take_change().known.len(), 2);
        let mut others = Memory::empty(Binding::default());
        file.save(&others.take_change()).unwrap();
        assert_eq!(file.load(), others);
    }

    #[test]
    fn the_memories_are_one_process_s_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let held = hold(&state).unwrap();
        assert!(held.is_some() && hold(&state).unwrap().is_none());
        drop(held);
        // What another test has just forked has the descriptor too, and so the lock, until it runs its program.
        let end = Instant::now() + Duration::from_secs(60);
        while hold(&state).unwrap().is_none() {
            assert!(Instant::now() < end, "it isn't let go");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_torn_file_or_one_of_another_version_is_as_none_and_gives_way_to_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = MemoryFile::new(folder.path(), "notes");
        let path = folder.path().join("notes.sqlite");
        let change = |sql: &str| {
            let connection = Connection::open(&path).unwrap();
            connection.execute_batch(sql).unwrap();
        };
        let spoils: [&dyn Fn(); 4] = [
            &|| fs::write(&path, b"no database at all, whatever its name says").unwrap(),
            &|| change("PRAGMA user_version = 2"),
            &|| change("UPDATE known SET said = '{'"),
            &|| change("UPDATE head SET said = '{}'"),
        ];
        for spoil in spoils {
            saved(&file);
            spoil();
            assert_eq!(file.load(), Memory::empty(Binding::default()));
            let memory = saved(&file);
            assert_eq!(file.load(), memory);
        }
        // Spoilt while it is in use: the next time all of it is written.
        let mut memory = saved(&file);
        fs::write(&path, b"no database at all, whatever its name says").unwrap();
        memory.remember("e".to_owned(), known(1));
        assert!(file.save(&memory.take_change()).is_err());
        memory.wasnt_written();
        file.save(&memory.take_change()).unwrap();
        assert_eq!(file.load(), memory);
    }
}
