//! `belay-cloud admin restore DIR`: a data folder out of a backup, with another epoch.
//!
//! All of the backup is checked, from the manifest's MAC over the database's digest to each chunk's, and only what was checked is
//! used. While this runs the folder says so, and no cloud starts on it.
//!
//! The clients' numbers are of what happened since the backup too, and so another epoch begins: their cursors are refused, they
//! list, delete nothing for being missing, and bring what is absent. Every device that opens its stream gets a hint of each kind.
//! What was given out to be good once is over, since this database doesn't know what was used: DPoP nonces (they are of an
//! epoch), nonces of sign-ins, codes and tickets, and the messages that would bring them. Answers by `Idempotency-Key` stay: one
//! is in the backup exactly with what its call did. Refresh tokens stay good, see [`crate::tokens::rotation`].

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use belay_proto::Secret;
use rusqlite::{Connection, OpenFlags, Transaction, params};

use super::manifest::{self, Manifest};
use super::{AdminError, at, backup};
use crate::app::RESTORING;
use crate::blobs::copies::{How, Taken, Wanted};
use crate::blobs::files::{FileName, Files, sync, write_new};
use crate::blobs::table::LIFE;
use crate::clock::{Millis, SECOND};
use crate::store::{self, Failure, StoreError, migrations};
use crate::sync::cursor;
use crate::vault::{self, Vault};

/// What file systems put into their topmost folder.
const LOST_AND_FOUND: &str = "lost+found";

/// What becomes of chunks that are cut off, changed or unreadable in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    /// The whole backup is refused.
    Refused,
    /// They are left out, so that devices that have their content are asked for them.
    LeftOut,
}

/// Restores the backup in `folder` into the empty folder `data`, with the server key in `key`, or with the one that lies in
/// `data` already; of when it is.
///
/// # Errors
/// [`AdminError::NotEmpty`], [`AdminError::Bad`], or what the disk says. Nothing is in `data` then that wasn't before. With
/// [`AdminError::RestoredWithout`] it is restored.
pub fn restore(
    data: &Path,
    folder: &Path,
    key: Option<&Path>,
    spoilt: Spoilt,
    now: Millis,
) -> Result<String, AdminError> {
    let place = Place::take(data, key)?;
    match place.fill(folder, spoilt, now) {
        Ok((_, lost, lacking)) if lost > 0 => Err(AdminError::RestoredWithout(lost, lacking)),
        Ok((manifest, ..)) => Ok(format!(
            "restored what was at {}: {} chunks of {} bytes; each device lists again",
            manifest.made_at / SECOND,
            manifest.chunks,
            manifest.chunk_bytes
        )),
        Err(error) => {
            place.empty()?;
            Err(error)
        }
    }
}

/// An empty data folder that is being filled.
struct Place<'a> {
    data: &'a Path,
    vault: Vault,
    /// The server key, where it wasn't there.
    key: Option<Secret<Vec<u8>>>,
}

impl<'a> Place<'a> {
    fn take(data: &'a Path, key: Option<&Path>) -> Result<Self, AdminError> {
        let make = DirBuilder::new().recursive(true).mode(0o700).create(data);
        make.map_err(at(data))?;
        let mut has_key = false;
        for entry in fs::read_dir(data).map_err(at(data))? {
            let name = entry.map_err(at(data))?.file_name();
            match name.to_str() {
                Some(vault::FILE) => has_key = true,
                Some(LOST_AND_FOUND) => {}
                _ => return Err(AdminError::NotEmpty),
            }
        }
        let key = match (key, has_key) {
            (Some(_), true) => {
                return Err(AdminError::Usage(
                    "there is a server.key already: leave out --key",
                ));
            }
            (Some(path), false) => Some(Secret::new(fs::read(path).map_err(at(path))?)),
            (None, true) => None,
            (None, false) => {
                return Err(AdminError::Usage(
                    "give the backup's server key with --key, or put it into the folder",
                ));
            }
        };
        let vault = match &key {
            Some(key) => Vault::from_bytes(key.expose()),
            None => Vault::open(data, false),
        };
        let vault = vault.map_err(crate::app::OpenError::from)?;
        mark(data)?;
        Ok(Self { data, vault, key })
    }

    /// The manifest, how many chunks were left out, and how many records need one of these.
    fn fill(&self, folder: &Path, spoilt: Spoilt, now: Millis) -> Result<(Manifest, u64, u64), AdminError> {
        let data = self.data;
        let manifest = Manifest::read(folder, &self.vault)?;
        let copy = folder.join(&manifest.database);
        self.check(&manifest, &copy, folder, spoilt)?;
        let path = data.join(store::FILE);
        write_new(&path, &[]).map_err(at(&path))?;
        fs::copy(&copy, &path).map_err(at(&path))?;
        if manifest::digest(&path).map_err(at(&path))? != (manifest.sha256.clone(), manifest.length) {
            return Err(bad("its database changed while it was read"));
        }
        let files = Files::open(data).map_err(at(data))?;
        let lost = take_chunks(&path, &Files::of_backup(folder), &files, spoilt)?;
        files.settle_taken().map_err(at(files.folder()))?;
        let mut connection = store::connect(&path)?;
        store::run(&mut connection, |tx| renew(tx, &lost, now))?;
        let lacking = backup::lacking(&connection)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)?;
        if let Some(key) = &self.key {
            let path = data.join(vault::FILE);
            write_new(&path, key.expose()).map_err(at(&path))?;
        }
        sync(data).map_err(at(data))?;
        let marker = data.join(RESTORING);
        fs::remove_file(&marker).map_err(at(&marker))?;
        sync(data).map_err(at(data))?;
        Ok((manifest, lost.len() as u64, lacking))
    }

    /// All that can be checked before a chunk is read.
    fn check(
        &self,
        manifest: &Manifest,
        copy: &Path,
        folder: &Path,
        spoilt: Spoilt,
    ) -> Result<(), AdminError> {
        let found = manifest::digest(copy).map_err(at(copy))?;
        if found != (manifest.sha256.clone(), manifest.length) {
            return Err(bad("its database is cut off or changed"));
        }
        // Its own settings don't matter: it is as it was written, and nobody writes it.
        let connection = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let version: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version > migrations::newest() {
            return Err(bad("a newer program made it"));
        }
        let whole: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
        if whole != "ok" {
            return Err(bad("its database is damaged"));
        }
        let key_check: Vec<u8> =
            connection.query_row("SELECT value FROM meta WHERE name = 'key-check'", [], |row| {
                row.get(0)
            })?;
        if key_check != self.vault.mac("key-check", &[]) {
            return Err(StoreError::OtherKey.into());
        }
        let (files, mut chunks) = (Files::of_backup(folder), 0);
        for wanted in wanted(&connection)? {
            if spoilt == Spoilt::Refused
                && files.length(wanted.name).map_err(at(files.folder()))? != wanted.length
            {
                return Err(bad("a chunk isn't there, or cut off, see --without-spoilt"));
            }
            chunks += 1;
        }
        match chunks == manifest.chunks {
            true => Ok(()),
            false => Err(bad("its chunks are others than its manifest counts")),
        }
    }

    /// Removes what was put into the folder.
    fn empty(&self) -> Result<(), AdminError> {
        let remove = || -> io::Result<()> {
            for entry in fs::read_dir(self.data)? {
                let entry = entry?;
                let name = entry.file_name();
                let kept = name == LOST_AND_FOUND || (name == vault::FILE && self.key.is_none());
                // The one that says that this isn't done goes last.
                if kept || name == RESTORING {
                    continue;
                }
                match entry.file_type()?.is_dir() {
                    true => fs::remove_dir_all(entry.path())?,
                    false => fs::remove_file(entry.path())?,
                }
            }
            match fs::remove_file(self.data.join(RESTORING)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        };
        remove().map_err(at(self.data))
    }
}

/// Says in a folder that it is being restored, before anything is looked at: neither a cloud nor another restore begins there.
fn mark(data: &Path) -> Result<(), AdminError> {
    let marker = data.join(RESTORING);
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&marker);
    let mut file = made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => AdminError::NotEmpty,
        _ => AdminError::File(marker.clone(), error),
    })?;
    let written = file
        .write_all(b"belay-cloud admin restore\n")
        .and_then(|()| file.sync_all());
    written.map_err(at(&marker))?;
    sync(data).map_err(at(data))
}

fn bad(why: &str) -> AdminError {
    AdminError::Bad(why.to_owned())
}

/// The chunks that a database has whole.
fn wanted(connection: &Connection) -> Result<Vec<Wanted>, StoreError> {
    let mut rows = connection.prepare("SELECT file, length, digest FROM chunks WHERE whole = 1")?;
    let rows = rows.query_map([], |row| {
        Ok(Wanted {
            name: FileName::from_bytes(row.get(0)?),
            length: row.get(1)?,
            digest: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes the chunks that a database has whole; which were left out.
fn take_chunks(
    database: &Path,
    from: &Files,
    to: &Files,
    spoilt: Spoilt,
) -> Result<Vec<FileName>, AdminError> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut lost = Vec::new();
    for wanted in wanted(&connection)? {
        let taken = to.take(from, wanted, How::Copy).map_err(at(to.folder()))?;
        match (taken, spoilt) {
            (Taken::New, _) => {}
            (Taken::Lost, Spoilt::LeftOut) => lost.push(wanted.name),
            (Taken::Lost | Taken::Kept, _) => {
                return Err(bad("a chunk was changed, see --without-spoilt"));
            }
        }
    }
    Ok(lost)
}

/// Begins the time after a restore.
fn renew(tx: &Transaction<'_>, lost: &[FileName], now: Millis) -> Result<(), Failure> {
    for file in lost {
        tx.execute(
            "UPDATE chunks SET whole = 0 WHERE file = ?1",
            params![file.as_bytes()],
        )?;
    }
    cursor::new_epoch(tx)?;
    tx.execute(
        "INSERT OR IGNORE INTO channels (device) SELECT id FROM devices WHERE state = 'active'",
        [],
    )?;
    tx.execute(
        "UPDATE channels SET events = max(events + 1, ?1) + 2, commands_at = max(events + 1, ?1),
             sync_at = max(events + 1, ?1) + 1, account_at = max(events + 1, ?1) + 2",
        params![now],
    )?;
    for table in ["login_nonces", "verifications", "messages"] {
        tx.execute(&format!("DELETE FROM {table}"), [])?;
    }
    // What was brought for a record that was to come next, comes next again.
    tx.execute(
        "UPDATE chunks SET until = ?1 WHERE uses = 0",
        params![now.saturating_add(LIFE)],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{OpenError, open_data};

    #[test]
    fn a_folder_is_taken_before_the_backup_is_looked_at() {
        let folder = tempfile::TempDir::new().unwrap();
        let (data, key) = (folder.path().join("data"), folder.path().join("key"));
        fs::write(&key, [1; 32]).unwrap();
        let place = Place::take(&data, Some(&key)).unwrap();
        let second = Place::take(&data, Some(&key)).err();
        assert!(matches!(second, Some(AdminError::NotEmpty)), "{second:?}");
        let started = open_data(&data).err();
        assert!(matches!(started, Some(OpenError::HalfRestored)), "{started:?}");
        place.empty().unwrap();
        assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
    }
}
