//! The few things the warden does to files, each durable when it returns; and the single steps that they are made of.
//!
//! Traits, so that a test can stop the warden at every single write, and tell of every step what a power cut may take.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use belay_proto::failpoint;

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

/// Single steps on files. None is durable before the sync that comes after it: of the file for what is in it, of the folder for
/// the names in that.
pub trait Steps: Send {
    /// An open file.
    type File;

    /// As [`Files::read`].
    ///
    /// # Errors
    /// As there.
    fn content(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Whether there is something of this name.
    ///
    /// # Errors
    /// What the file system says, as of every step.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Opens an empty file to write: one that is there is emptied.
    ///
    /// # Errors
    /// What the file system says.
    fn create(&mut self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file to write at its end; one that isn't there is made where `make` says so.
    ///
    /// # Errors
    /// What the file system says.
    fn open(&mut self, path: &Path, make: bool) -> io::Result<Self::File>;

    /// Writes all of `bytes` at the end.
    ///
    /// # Errors
    /// A part may be written.
    fn write(&mut self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to `length` bytes.
    ///
    /// # Errors
    /// What the file system says.
    fn cut(&mut self, file: &mut Self::File, length: u64) -> io::Result<()>;

    /// Waits until what is in the file is on the disk.
    ///
    /// # Errors
    /// It may not be.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;

    /// Gives a file another name, in the place of a file that has it.
    ///
    /// # Errors
    /// What the file system says.
    fn give_name(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a name away.
    ///
    /// # Errors
    /// What the file system says; [`io::ErrorKind::NotFound`] where there is none.
    fn take_name(&mut self, path: &Path) -> io::Result<()>;

    /// Makes one folder that only its owner may enter.
    ///
    /// # Errors
    /// What the file system says.
    fn make_one_folder(&mut self, path: &Path) -> io::Result<()>;

    /// Waits until the names in the folder are on the disk.
    ///
    /// # Errors
    /// They may not be.
    fn sync_folder(&mut self, path: &Path) -> io::Result<()>;
}

impl<S: Steps> Files for S {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.content(path)
    }

    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let fresh = fresh_name(path);
        let mut file = self.create(&fresh)?;
        self.write(&mut file, bytes)?;
        failpoint!("warden.file.written");
        self.sync(&mut file)?;
        failpoint!("warden.file.synced");
        self.give_name(&fresh, path)?;
        failpoint!("warden.file.renamed");
        self.sync_folder(folder_of(path))?;
        failpoint!("warden.file.replaced");
        Ok(())
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = !self.exists(path)?;
        let mut file = self.open(path, true)?;
        self.write(&mut file, bytes)?;
        failpoint!("warden.file.added");
        self.sync(&mut file)?;
        if new {
            self.sync_folder(folder_of(path))?;
        }
        failpoint!("warden.file.appended");
        Ok(())
    }

    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        let mut file = self.open(path, false)?;
        self.cut(&mut file, length)?;
        self.sync(&mut file)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.give_name(from, to)?;
        self.sync_folder(folder_of(to))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        match self.take_name(path) {
            Ok(()) => self.sync_folder(folder_of(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        let mut missing = Vec::new();
        for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
            if self.exists(folder)? {
                break;
            }
            missing.push(folder);
        }
        for folder in missing.into_iter().rev() {
            self.make_one_folder(folder)?;
            // The new name as well: a folder that a power cut takes away takes its files along.
            self.sync_folder(folder_of(folder))?;
        }
        Ok(())
    }
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Steps for Disk {
    type File = File;

    fn content(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
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

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn create(&mut self, path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(OWNER_ONLY)
            .open(path)
    }

    fn open(&mut self, path: &Path, make: bool) -> io::Result<File> {
        OpenOptions::new()
            .append(true)
            .create(make)
            .mode(OWNER_ONLY)
            .open(path)
    }

    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn cut(&mut self, file: &mut File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_all()
    }

    fn give_name(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn take_name(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn make_one_folder(&mut self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(path)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

fn fresh_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// The folder that holds the name; of the root itself the root.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    }
}
