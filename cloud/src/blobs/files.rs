//! The files that chunks lie in: `blobs/XX/` and a name that begins with those two digits.
//!
//! A name is drawn for each upload and kept in the chunk's row. The row is there before its file, so a file without a row is
//! nobody's; and a chunk that comes again after its row has gone gets another name, so that no file is removed which
//! somebody writes.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use belay_proto::keys::random;
use belay_proto::sync::ChunkId;
use belay_proto::text::{from_hex, hex};
use belay_proto::{AccountId, DeviceId};
use ring::digest::{Context, SHA256};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::problem::Kind;

/// The folder's name in the data folder.
const FOLDER: &str = "blobs";
/// How much of a file is in memory at once while it is read, bytes.
pub const PIECE: usize = 64 * 1024;
/// How much of one is gathered before it is written, bytes: each turn on a thread that may wait costs as much as hashing 32 KiB,
/// and a file system takes one long piece quicker than the same in several.
pub const GATHERED: usize = 256 * 1024;

/// Chunks that are written at once. A call may take minutes, and holds a file and as much memory as [`GATHERED`] and what comes
/// at once: 80 MiB for all of them.
const UPLOADS: usize = 256;
/// As many of one account, so that it doesn't keep the others out: four of its devices at full speed, in 10 MiB.
const UPLOADS_OF_ACCOUNT: usize = 32;
/// As many of one device, so that one on a slow network, which holds its places for as long as that takes, doesn't keep its owner's
/// others out. As many as `belayd` has memory for.
const UPLOADS_OF_DEVICE: usize = 8;

/// A file's name: 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileName([u8; 16]);

impl FileName {
    /// One that no file has.
    #[must_use]
    pub fn draw() -> Self {
        Self(random())
    }

    /// From a row.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// For a row.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The files of one cloud; cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct Files(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    folder: PathBuf,
    /// Which chunks are being written, and by which device. A plain lock: it is held for one look.
    writing: Mutex<HashMap<(AccountId, ChunkId), DeviceId>>,
    /// The folders, by their first byte, that are known to be there after a power cut. Who made one may have died before he had
    /// it on disk, or be about to: who finds it can't tell.
    lasting: Mutex<HashSet<u8>>,
}

/// A chunk that nobody else writes until this is dropped.
#[derive(Debug)]
pub struct Writing {
    files: Files,
    chunk: (AccountId, ChunkId),
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.files.writing().remove(&self.chunk);
    }
}

impl Files {
    /// Those in the data folder.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        make(&folder)?;
        // Who made it may have died before.
        sync(data)?;
        Ok(Self::of(folder))
    }

    /// Those in the folder of a backup, which nothing is written into.
    #[must_use]
    pub fn of_backup(backup: &Path) -> Self {
        Self::of(backup.join(FOLDER))
    }

    fn of(folder: PathBuf) -> Self {
        Self(Arc::new(Inside {
            folder,
            writing: Mutex::default(),
            lasting: Mutex::default(),
        }))
    }

    /// The folder that they lie in, each in one of its folders.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Lets a device of an account write a chunk.
    ///
    /// # Errors
    /// [`Kind::ChunkBusy`] while another one does, [`Kind::Busy`] while as many are written as can be.
    pub fn write(&self, account: AccountId, device: DeviceId, chunk: ChunkId) -> Result<Writing, Kind> {
        let mut writing = self.writing();
        if writing.contains_key(&(account, chunk)) {
            return Err(Kind::ChunkBusy);
        }
        let of_account = writing.keys().filter(|(owner, _)| *owner == account).count();
        let of_device = writing.values().filter(|writer| **writer == device).count();
        if writing.len() >= UPLOADS || of_account >= UPLOADS_OF_ACCOUNT || of_device >= UPLOADS_OF_DEVICE {
            return Err(Kind::Busy);
        }
        writing.insert((account, chunk), device);
        drop(writing);
        Ok(Writing {
            files: self.clone(),
            chunk: (account, chunk),
        })
    }

    fn writing(&self) -> std::sync::MutexGuard<'_, HashMap<(AccountId, ChunkId), DeviceId>> {
        self.0.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens or makes a file to write on at its end, and tells how long it is, bytes.
    ///
    /// # Errors
    /// As the file system's.
    pub fn append(&self, name: FileName) -> io::Result<(File, u64)> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = match options.open(self.path(name)) {
            // The first one in its folder.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(&self.folder_of(name))?;
                options.open(self.path(name))?
            }
            opened => opened?,
        };
        let length = file.seek(SeekFrom::End(0))?;
        Ok((file, length))
    }

    /// How long a file is, bytes; 0 when there is none.
    ///
    /// # Errors
    /// As the file system's.
    pub fn length(&self, name: FileName) -> io::Result<u64> {
        match fs::metadata(self.path(name)) {
            Ok(about) => Ok(about.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Fails where not even the folder of a file is there that should be: none is ever removed, so their disk is.
    ///
    /// # Errors
    /// Also as the file system's.
    pub fn expect(&self, name: FileName) -> io::Result<()> {
        let folder = self.folder_of(name);
        if folder.try_exists()? {
            return Ok(());
        }
        let why = format!("{} isn't there: is its disk mounted?", folder.display());
        Err(io::Error::new(ErrorKind::NotFound, why))
    }

    /// Opens a whole chunk's file, of exactly `length` bytes, at `first`; `None` when there is none.
    ///
    /// # Errors
    /// As the file system's, and [`Files::expect`]'s.
    pub fn read(&self, name: FileName, length: u64, first: u64) -> io::Result<Option<File>> {
        let mut file = match File::open(self.path(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.expect(name)?;
                return Ok(None);
            }
            opened => opened?,
        };
        if file.metadata()?.len() != length {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(first))?;
        Ok(Some(file))
    }

    /// Has all that was written be on disk, under its name.
    ///
    /// # Errors
    /// As the file system's.
    pub fn settle(&self, name: FileName, file: &File) -> io::Result<()> {
        file.sync_all()?;
        sync(&self.folder_of(name))?;
        let [first, ..] = name.0;
        if !self.lasting().contains(&first) {
            sync(&self.0.folder)?;
            self.lasting().insert(first);
        }
        Ok(())
    }

    fn lasting(&self) -> std::sync::MutexGuard<'_, HashSet<u8>> {
        self.0.lasting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes files on a thread of its own, so that whoever asks needn't wait. What can't be removed now is at the next
    /// start.
    pub fn remove(&self, names: Vec<FileName>) {
        if names.is_empty() {
            return;
        }
        let files = self.clone();
        let removing = move || names.into_iter().for_each(|name| files.remove_now(name));
        if let Err(error) = thread::Builder::new().name("blobs".to_owned()).spawn(removing) {
            tracing::warn!(%error, "chunks' files stay until the next start");
        }
    }

    /// Removes a file.
    pub fn remove_now(&self, name: FileName) {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(%error, "a chunk's file can't be removed");
            }
            _ => {}
        }
    }

    /// The names of all files. What has another name isn't this program's.
    ///
    /// # Errors
    /// As the file system's.
    pub fn names(&self) -> io::Result<Vec<FileName>> {
        let mut names = Vec::new();
        for folder in fs::read_dir(&self.0.folder)? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder.path())? {
                let file = file?.file_name();
                let name = file.to_str().and_then(|name| from_hex(name).ok());
                let name = name.and_then(|name| <[u8; 16]>::try_from(name).ok());
                names.extend(
                    name.map(FileName)
                        .filter(|name| self.folder_of(*name) == folder.path()),
                );
            }
        }
        Ok(names)
    }

    /// Keeps the files that rows have now from being removed, for as long as the answer lives: a backup needs them. `None` while
    /// another one does so. No clock plays a part, and who is killed keeps nothing.
    ///
    /// # Errors
    /// As the file system's.
    pub fn hold(&self) -> io::Result<Option<File>> {
        lock(&self.0.folder)
    }

    /// Whether somebody holds the files. Asked within the transaction that would delete rows: who holds them lets transactions
    /// that run end before he looks which rows there are.
    #[must_use]
    pub fn are_held(&self) -> bool {
        let asked = File::open(&self.0.folder)
            .and_then(|folder| Ok(flock(&folder, FlockOperation::NonBlockingLockShared)?));
        // Where there are no locks, nobody holds one.
        asked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// The folder that a file lies in.
    pub(super) fn folder_of(&self, name: FileName) -> PathBuf {
        let [first, ..] = name.0;
        self.0.folder.join(hex(&[first]))
    }

    /// Where a file is.
    pub(super) fn path(&self, name: FileName) -> PathBuf {
        self.folder_of(name).join(hex(&name.0))
    }
}

/// Whether a disk can't read a place, as long as it is about reading.
#[must_use]
pub fn is_bad_place(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

/// The SHA-256 of all of a file.
///
/// # Errors
/// As the file system's.
pub fn sha256(file: &mut File) -> io::Result<[u8; 32]> {
    file.seek(SeekFrom::Start(0))?;
    let (mut digest, mut piece) = (Context::new(&SHA256), vec![0; PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => digest.update(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let digest = digest.finish();
    digest.as_ref().try_into().map_err(io::Error::other)
}

/// Locks a folder for as long as the answer lives; `None` while another one does.
///
/// # Errors
/// As the file system's.
pub fn lock(folder: &Path) -> io::Result<Option<File>> {
    let folder = File::open(folder)?;
    match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(folder)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes a file that its owner alone reads, and that is there after a power cut.
///
/// # Errors
/// As the file system's.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a folder where there is none. After a power cut it is there once the folder that it lies in was synced.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Has what a folder says of its files be there after a power cut.
///
/// # Errors
/// As the file system's.
pub fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(test)]
    tests::SYNCED.with_borrow_mut(|synced| synced.push(folder.to_owned()));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
