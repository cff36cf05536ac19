//! A folder from which nothing leads out: each step below the root is taken by descriptor, never through a symbolic link,
//! never onto another file system.

mod aside;
#[cfg(test)]
mod listings;
mod mount;
mod part;
mod place;
mod relocate;
mod rename;
mod taken;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, openat, renameat_with, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::model::{Keeps, Mark, Root};
use crate::names;
use crate::ports::SourceError;

pub use mount::below_mount;
pub use part::has_room;
use rename::{rename, reveal};

/// A root.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    /// Its device number and inode; none: whichever folder lies there.
    only: Mutex<Option<(u64, u64)>>,
    /// Folders of which it is known, since the last look, that they are listed as they are called.
    ways: Mutex<BTreeSet<String>>,
    /// What was begun and not ended in folders that were searched for it since then.
    parts: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

impl Tree {
    /// The folder `root`, which needn't be there yet. It may itself be reached through links: it is the owner's choice.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self {
            root,
            only: Mutex::new(None),
            ways: Mutex::new(BTreeSet::new()),
            parts: Mutex::new(BTreeMap::new()),
        }
    }

    /// The same, whichever folder lies there now: for a look.
    #[must_use]
    pub fn at_large(&self) -> Self {
        Self::new(self.root.clone())
    }

    /// From now on nothing is done in another folder under this name, as a medium leaves behind that is taken away.
    pub fn keep_to(&self, root: &Root) {
        *self.only.lock().unwrap_or_else(PoisonError::into_inner) = Some((root.device, root.inode));
    }

    /// A look is over: what was found in folders before says nothing of what was changed since.
    pub fn forget_seen(&self) {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The root.
    ///
    /// # Errors
    /// What the file system says, as in every function here; `ESTALE` where it is another one, see [`Tree::keep_to`].
    pub fn root(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&self.root, flags, Mode::empty())?;
        let only = *self.only.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(only) = only {
            let metadata = File::from(root.try_clone()?).metadata()?;
            if (metadata.dev(), metadata.ino()) != only {
                return Err(Errno::STALE.into());
            }
        }
        Ok(root)
    }

    /// A folder below it, empty: the root; made on the way if asked.
    ///
    /// # Errors
    /// `ENOTDIR`, `ELOOP` or `EXDEV` where something else is on the way.
    pub fn folder(&self, relative: &str, make: bool) -> io::Result<OwnedFd> {
        let mut folder = self.root()?;
        let device = device(&folder)?;
        for name in relative.split('/').filter(|name| !name.is_empty()) {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let below = match openat(&folder, name, flags, Mode::empty()) {
                Err(Errno::NOENT) if make => {
                    match rustix::fs::mkdirat(&folder, name, Mode::RWXU) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(taken::unless_unnameable(&folder, error).into()),
                    }
                    openat(&folder, name, flags, Mode::empty())?
                }
                other => other?,
            };
            if self::device(&below)? != device {
                return Err(Errno::XDEV.into());
            }
            folder = below;
        }
        Ok(folder)
    }

    /// A regular file, for reading.
    ///
    /// # Errors
    /// `ENOENT`, also for what is no regular file.
    pub fn open(&self, place: &str) -> io::Result<(File, Mark)> {
        let (folder, name) = self.parent(place, false)?;
        // A folder that changed its case since it was listed answers to the name that it had, which would be put anew.
        if let Some((above, _)) = place.rsplit_once('/')
            && keeps(&folder)? != Keeps::All
            && taken::is_another(self.root()?, above)?
        {
            return Err(Errno::NOENT.into());
        }
        // Neither waits for a pipe's writer nor takes a terminal.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(openat(&folder, name, flags, Mode::empty())?);
        let mark = mark_of(&file)?.ok_or(Errno::NOENT)?;
        Ok((file, mark))
    }

    /// A regular file that is still as `mark` says, for reading.
    ///
    /// # Errors
    /// [`SourceError::Changed`], also where it is gone, or what the file system says.
    pub fn open_as(&self, place: &str, mark: Mark) -> Result<File, SourceError> {
        match self.open(place) {
            Ok((file, now)) if now == mark => Ok(file),
            Ok(_) => Err(SourceError::Changed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SourceError::Changed),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a regular file is still as `mark` says.
    #[must_use]
    pub fn is_still(&self, place: &str, mark: Mark) -> bool {
        self.parent(place, false)
            .and_then(|(folder, name)| mark_at(&folder, name))
            .is_ok_and(|now| now == mark)
    }

    /// Whether no file lies there, nor anything that may lead to one: a folder in a file's place, or a file in a folder's,
    /// is in nobody's way. Nor is what answers to the name and is listed by another one.
    #[must_use]
    pub fn is_free(&self, place: &str) -> bool {
        // Without a root nothing can be said.
        let is_free = |root| taken::is_free_below(root, place);
        let is_another = |root| taken::is_another(root, place);
        names::is_mirrored_path(place)
            && (self.root().is_ok_and(is_free) || self.root().and_then(is_another).unwrap_or(false))
    }

    /// Writes a file, whole or not at all, and durably: over `over` only if the file is still as that says, else only where
    /// nothing is.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn replace(
        &self,
        place: &str,
        over: Option<Mark>,
        fill: impl FnOnce(&mut File) -> Result<(), SourceError>,
    ) -> Result<Mark, SourceError> {
        self.replace_from(place, over, None, fill)
    }

    /// The same, in a file of this name, after so many bytes of what is in it, see [`Tree::kept`]. Where the content is cut off
    /// it stays.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn replace_from(
        &self,
        place: &str,
        over: Option<Mark>,
        part: Option<(&str, u64)>,
        fill: impl FnOnce(&mut File) -> Result<(), SourceError>,
    ) -> Result<Mark, SourceError> {
        let (folder, name) = match over {
            Some(_) => self.parent(place, true)?,
            None => self.new_parent(place)?,
        };
        if let Some(over) = over
            && mark_at(&folder, name).ok() != Some(over)
        {
            return Err(SourceError::Changed);
        }
        if over.is_none() && taken::is_listed(&folder, name)? {
            // Not after all of it was fetched.
            return Err(taken::in_the_way(&folder, name));
        }
        let unfinished = part.map_or_else(names::unfinished, |(name, _)| name.to_owned());
        let mut file = part::open(&folder, &unfinished, part.map(|(_, from)| from))?;
        let written = fill(&mut file)
            .and_then(|()| Ok(file.sync_all()?))
            .and_then(|()| Ok(mark_of(&file)?.ok_or(Errno::NOENT)?))
            .and_then(|mark| {
                match over {
                    None => put_in_place(&folder, &unfinished, name)?,
                    Some(over) => exchange(&folder, &unfinished, name, [over, mark])?,
                }
                Ok(mark)
            });
        let is_kept = part.is_some() && matches!(written, Err(SourceError::CutOff));
        if is_kept {
            self.keeps_part(place, &unfinished);
        } else if written.is_err() {
            // It may be in place, and then isn't there any more.
            let _ = unlinkat(&folder, &unfinished, AtFlags::empty());
        }
        written
    }

    /// Removes a file that is still as `mark` says.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn remove(&self, place: &str, mark: Mark) -> Result<(), SourceError> {
        let (folder, name) = self.parent(place, false)?;
        if mark_at(&folder, name).ok() != Some(mark) {
            return Err(SourceError::Changed);
        }
        // What is put there meanwhile is put back.
        let aside = aside::named(name, [mark, mark]);
        if let Err(error) = rename(&folder, name, &aside) {
            return Err(match error {
                Errno::NOENT => SourceError::Changed,
                other => other.into(),
            });
        }
        if mark_at(&folder, &aside).ok() == Some(mark) {
            unlinkat(&folder, &aside, AtFlags::empty())?;
            return Ok(());
        }
        aside::settle(&folder, &aside);
        Err(SourceError::Changed)
    }

    /// Writes everything of this file system to its medium.
    ///
    /// # Errors
    /// What the file system says.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(self.root()?)?)
    }

    fn parent<'a>(&self, place: &'a str, make: bool) -> io::Result<(OwnedFd, &'a str)> {
        if !names::is_mirrored_path(place) {
            return Err(Errno::INVAL.into());
        }
        let (folder, name) = place.rsplit_once('/').unwrap_or(("", place));
        Ok((self.folder(folder, make)?, name))
    }
}

/// The state of a regular file; nothing if it is none.
///
/// # Errors
/// What the file system says.
pub fn mark_of(file: &File) -> io::Result<Option<Mark>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let seconds = metadata.mtime().saturating_mul(1_000_000_000);
    let mark = Mark {
        modified: seconds.saturating_add(metadata.mtime_nsec()),
        size: metadata.len(),
        inode: metadata.ino(),
        mode: metadata.permissions().mode() & 0o777,
    };
    Ok(Some(mark.kept(keeps(file)?)))
}

/// What the file system of what is open keeps.
fn keeps(open: impl AsFd) -> io::Result<Keeps> {
    // The number is signed on some machines, and has 32 bits at most.
    Ok(Keeps::of(rustix::fs::fstatfs(open)?.f_type as u64 & 0xffff_ffff))
}

/// The device number of what is open.
///
/// # Errors
/// What the file system says.
pub fn device(folder: &OwnedFd) -> io::Result<u64> {
    Ok(File::from(folder.try_clone()?).metadata()?.dev())
}

fn put_in_place(folder: &OwnedFd, new: &str, name: &str) -> Result<(), SourceError> {
    match reveal(folder, new, name) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(taken::in_the_way(folder, name)),
        Err(error) if lies(folder, new).is_ok() => Err(taken::unless_unnameable(folder, error).into()),
        Err(error) => Err(error.into()),
    }
}

/// Puts a new file in the place of one that is still as the first mark says; the second is the new one's.
fn exchange(folder: &OwnedFd, new: &str, name: &str, marks: [Mark; 2]) -> Result<(), SourceError> {
    let [over, _] = marks;
    // Under a name by which, after a kill, the next start tells an edit from what was to go.
    let aside = aside::named(name, marks);
    rename(folder, new, &aside)?;
    let exchanged = exchange_aside(folder, &aside, name, over);
    aside::settle(folder, &aside);
    exchanged
}

fn exchange_aside(folder: &OwnedFd, aside: &str, name: &str, over: Mark) -> Result<(), SourceError> {
    // Both change places, so that an edit of the last moment is seen, and put back.
    match renameat_with(folder, aside, folder, name, RenameFlags::EXCHANGE) {
        Ok(()) if mark_at(folder, aside).ok() == Some(over) => Ok(()),
        Ok(()) => {
            renameat_with(folder, aside, folder, name, RenameFlags::EXCHANGE)?;
            Err(SourceError::Changed)
        }
        Err(Errno::NOENT) => Err(SourceError::Changed),
        // A file system that can't: the look beforehand has to do.
        Err(Errno::INVAL | Errno::NOSYS) => match mark_at(folder, name).ok() == Some(over) {
            true => Ok(rustix::fs::renameat(folder, aside, folder, name)?),
            false => Err(SourceError::Changed),
        },
        Err(error) => Err(error.into()),
    }
}

fn lies(folder: &OwnedFd, name: &str) -> Result<(), Errno> {
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(drop)
}

fn mark_at(folder: &OwnedFd, name: &str) -> io::Result<Mark> {
    match kind_at(folder, name)? {
        Kind::File(mark) => Ok(mark),
        Kind::Folder | Kind::Other => Err(Errno::NOENT.into()),
    }
}

/// Removes what an earlier run left half-done under a name of ours, but for what this boot kept to go on from; an edit that lies there is put back.
pub fn sweep(folder: &OwnedFd, name: &str, boot: &str) {
    if names::is_ours(name) || names::is_old_part(name, boot) || part::is_in_place(folder, name) {
        let _ = unlinkat(folder, name, AtFlags::empty());
    }
    aside::settle(folder, name);
}

/// What lies in a folder under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File(Mark),
    /// A folder.
    Folder,
    /// A link, which isn't followed, or a special file.
    Other,
}

/// What lies in a folder under a name.
///
/// # Errors
/// What the file system says.
pub fn kind_at(folder: &OwnedFd, name: impl Arg) -> io::Result<Kind> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(folder, name, flags, Mode::empty())?);
    Ok(match mark_of(&file)? {
        Some(mark) => Kind::File(mark),
        None if file.metadata()?.is_dir() => Kind::Folder,
        None => Kind::Other,
    })
}
