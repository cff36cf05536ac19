//! Chunks' files that one folder takes over from another: into a backup, and back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::files::{FileName, Files, PIECE, is_bad_place, make, sync};

/// How a file gets into another folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By a hard link where the file system makes one, so that it takes no room: whole chunks are never written again.
    Link,
    /// By a copy.
    Copy,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was there.
    Kept,
    /// It is now.
    New,
    /// There is none, or one of other bytes or that can't be read.
    Lost,
}

/// A file as its row describes it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Its name.
    pub name: FileName,
    /// Its length, bytes.
    pub length: u64,
    /// SHA-256 of it.
    pub digest: [u8; 32],
}

impl Files {
    /// Takes a whole chunk's file over from `other`. What is new is read and checked; a file that was there is believed by its
    /// length, since names are drawn and whole files never change.
    ///
    /// # Errors
    /// As the file system's.
    pub fn take(&self, other: &Self, wanted: Wanted, how: How) -> io::Result<Taken> {
        let (from, to) = (other.path(wanted.name), self.path(wanted.name));
        if fs::metadata(&to).is_ok_and(|about| about.len() == wanted.length) {
            return Ok(Taken::Kept);
        }
        if !fs::metadata(&from).is_ok_and(|about| about.len() == wanted.length) {
            return Ok(Taken::Lost);
        }
        make(&self.folder_of(wanted.name))?;
        let new = to.with_extension("new");
        let linked = how == How::Link && link(&from, &new)?;
        let copy = (!linked).then_some(&*new);
        if read(&from, copy)? == Some(wanted.digest) {
            fs::rename(&new, &to)?;
            return Ok(Taken::New);
        }
        remove(&new)?;
        Ok(Taken::Lost)
    }

    /// Whether a file is there as its row describes it, by all of its bytes.
    ///
    /// # Errors
    /// As the file system's.
    pub fn holds(&self, wanted: Wanted) -> io::Result<bool> {
        let path = self.path(wanted.name);
        let is_long = fs::metadata(&path).is_ok_and(|about| about.len() == wanted.length);
        Ok(is_long && read(&path, None)? == Some(wanted.digest))
    }

    /// The same, and has it be there after a power cut.
    ///
    /// # Errors
    /// As the file system's.
    pub fn regains(&self, wanted: Wanted) -> io::Result<bool> {
        if !self.holds(wanted)? {
            return Ok(false);
        }
        self.settle(wanted.name, &File::open(self.path(wanted.name))?)?;
        Ok(true)
    }

    /// Has all that was taken be there after a power cut, and removes what an interrupted taking left.
    ///
    /// # Errors
    /// As the file system's.
    pub fn settle_taken(&self) -> io::Result<()> {
        for folder in self.folders()? {
            for file in fs::read_dir(&folder)? {
                let path = file?.path();
                if path.extension().is_some_and(|it| it == "new") {
                    fs::remove_file(path)?;
                }
            }
            sync(&folder)?;
        }
        sync(self.folder())
    }

    fn folders(&self) -> io::Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for folder in fs::read_dir(self.folder())? {
            let folder = folder?;
            if folder.file_type()?.is_dir() {
                folders.push(folder.path());
            }
        }
        Ok(folders)
    }
}

/// Links a file, in place of what an interrupted taking left; false where the file system makes no link.
fn link(from: &Path, new: &Path) -> io::Result<bool> {
    remove(new)?;
    match fs::hard_link(from, new) {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            ErrorKind::CrossesDevices
            | ErrorKind::PermissionDenied
            | ErrorKind::Unsupported
            | ErrorKind::TooManyLinks => Ok(false),
            _ => Err(error),
        },
    }
}

/// Removes a file where there is one.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The SHA-256 of a file, which is copied while it is read where `to` says so, and is on disk then; `None` where it lies on a
/// bad place of its disk.
fn read(from: &Path, to: Option<&Path>) -> io::Result<Option<[u8; 32]>> {
    let mut from = match File::open(from) {
        Err(error) if is_bad_place(&error) => return Ok(None),
        opened => opened?,
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut to = to.map(|to| options.open(to)).transpose()?;
    let (mut context, mut piece) = (Context::new(&SHA256), vec![0; PIECE]);
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                let bytes = piece.get(..count).unwrap_or_default();
                context.update(bytes);
                if let Some(to) = &mut to {
                    to.write_all(bytes)?;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_bad_place(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    if let Some(to) = to {
        to.sync_all()?;
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Ok(Some(digest))
}
