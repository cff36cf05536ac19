//! The few things the warden does to files, each durable when it returns.
//!
//! A trait, so that a test can stop the warden at every single write, as a power cut would.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const LARGEST: u64 = 64 * 1024 * 1024;
const OWNER_ONLY: u32 = 0o600;

/// Durable file operations.
pub trait Files: Send {
    /// The whole content, `None` when there is no such file.
    ///
    /// # Errors
    /// The file exists and can't be read, or is absurdly large (64 MiB).
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Replaces the content in one step: after a power cut the file holds the old bytes or the new
    /// ones, never a mixture.
    ///
    /// # Errors
    /// The old bytes may or may not have been replaced.
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Adds `bytes` at the end.
    ///
    /// # Errors
    /// Any part of `bytes` may have been added.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `length` bytes.
    ///
    /// # Errors
    /// The file may be as long as before.
    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()>;

    /// Gives a file another name in the same folder.
    ///
    /// # Errors
    /// The file keeps its name.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; one that isn't there is fine.
    ///
    /// # Errors
    /// The file may still be there.
    fn remove(&mut self, path: &Path) -> io::Result<()>;

    /// Makes a folder that only the owner may enter, and those above it.
    ///
    /// # Errors
    /// The folder can't be made.
    fn make_folder(&mut self, path: &Path) -> io::Result<()>;
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST) {
            Ok(Some(bytes))
        } else {
            Err(io::Error::from(io::ErrorKind::FileTooLarge))
        }
    }

    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let fresh = fresh_name(path);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(OWNER_ONLY)
            .open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        sync_folder_of(path)
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = !path.try_exists()?;
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(OWNER_ONLY)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if new { sync_folder_of(path) } else { Ok(()) }
    }

    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        sync_folder_of(to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Ok(()) => sync_folder_of(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        let missing = path.ancestors().take_while(|folder| !folder.exists()).count();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        // The new names as well: a folder that a power cut takes away takes its files along.
        path.ancestors()
            .take(missing)
            .filter(|folder| !folder.as_os_str().is_empty())
            .try_for_each(sync_folder_of)
    }
}

fn fresh_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return Ok(()),
    };
    File::open(folder)?.sync_all()
}
