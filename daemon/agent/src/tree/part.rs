//! The file that a content comes into: a new one, or one that is kept until all of it has come.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::PoisonError;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat, unlinkat};
use rustix::io::Errno;

use super::Tree;
use crate::model::folder_of;
use crate::names;

impl Tree {
    /// How many bytes are in the file `part` beside `place`, one of [`names::part`], of a content of at most `most` bytes. Other
    /// parts of the same record go.
    #[must_use]
    pub fn kept(&self, place: &str, (id, part): (&str, &str), most: u64) -> u64 {
        let Ok((folder, _)) = self.parent(place, false) else {
            return 0;
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let length = openat(&folder, part, flags, Mode::empty())
            .map_err(io::Error::from)
            .and_then(|file| own(&File::from(file)));
        match length {
            Ok(length) if length <= most => return length,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Nothing that can be gone on from.
            _ => drop(unlinkat(&folder, part, AtFlags::empty())),
        }
        self.remove_parts(&folder, folder_of(place), id);
        0
    }

    /// Whether there is room for so many bytes more, as far as that can be told.
    #[must_use]
    pub fn has_room(&self, length: u64) -> bool {
        self.root()
            .and_then(|root| has_room(root, length))
            .unwrap_or(true)
    }

    /// Removes all parts of a record beside `place`: its content came otherwise.
    pub fn forget_parts(&self, place: &str, id: &str) {
        if let Ok((folder, _)) = self.parent(place, false) {
            self.remove_parts(&folder, folder_of(place), id);
        }
    }

    /// A content was cut off, and what came of it stays in this file beside `place`.
    pub(super) fn keeps_part(&self, place: &str, part: &str) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        // A folder that wasn't searched yet will be.
        if let Some(parts) = parts.get_mut(folder_of(place)) {
            parts.insert(part.to_owned());
        }
    }

    /// A folder of ten thousand photos isn't searched for each that comes into it.
    fn remove_parts(&self, folder: &OwnedFd, path: &str, id: &str) {
        let parts = || self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_searched = parts().contains_key(path);
        if !is_searched {
            let found = parts_in(folder);
            parts().entry(path.to_owned()).or_default().extend(found);
        }
        let of = names::parts_of(id);
        let mut gone = Vec::new();
        if let Some(parts) = parts().get_mut(path) {
            gone.extend(parts.iter().filter(|name| name.starts_with(&of)).cloned());
            parts.retain(|name| !name.starts_with(&of));
        }
        for name in gone {
            let _ = unlinkat(folder, name.as_str(), AtFlags::empty());
        }
    }
}

/// Whether the file system of what is open has room for so many bytes more. One that tells nothing of its size may have.
///
/// # Errors
/// What the file system says.
pub fn has_room(open: impl AsFd, length: u64) -> io::Result<bool> {
    let told = rustix::fs::fstatvfs(open)?;
    Ok(told.f_blocks == 0 || told.f_bavail.saturating_mul(told.f_frsize) >= length)
}

/// What was begun in a folder and not ended, and what is being written there.
fn parts_in(folder: &OwnedFd) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for entry in Dir::read_from(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_str().unwrap_or_default();
        if name.starts_with(names::OURS) && name.ends_with(".part") {
            parts.insert(name.to_owned());
        }
    }
    parts
}

/// Whether it is a part whose content has another name too, as after a kill while it was put in place: nothing goes on from it, and as
/// long as it is there it keeps the room of what its owner removes.
pub(super) fn is_in_place(folder: &OwnedFd, name: &str) -> bool {
    let stat = || statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    names::is_part(name)
        && stat().is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink > 1
        })
}

/// A new file, or one that has so many bytes already, to write on after them.
pub(super) fn open(folder: &OwnedFd, name: &str, from: Option<u64>) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let Some(from) = from.filter(|from| *from > 0) else {
        let anew = || openat(folder, name, flags | OFlags::EXCL, mode);
        return match anew() {
            Err(Errno::EXIST) => {
                unlinkat(folder, name, AtFlags::empty())?;
                Ok(anew()?.into())
            }
            other => Ok(other?.into()),
        };
    };
    let mut file = File::from(openat(folder, name, flags | OFlags::NONBLOCK, mode)?);
    if own(&file)? < from {
        return Err(Errno::AGAIN.into());
    }
    file.set_len(from)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// The length of a regular file that nobody else has made, nor has under another name.
fn own(file: &File) -> io::Result<u64> {
    let metadata = file.metadata()?;
    let is_own = metadata.uid() == rustix::process::geteuid().as_raw() && metadata.nlink() == 1;
    match metadata.is_file() && is_own {
        true => Ok(metadata.len()),
        false => Err(Errno::PERM.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::listings::Listings;
    use super::*;

    #[test]
    fn a_folder_is_searched_for_parts_once_between_two_looks() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path().to_owned());
        let listings = Listings::of(root.path());
        let kept = |id: &str| tree.kept("film", (id, &format!("{}1-2.part", names::parts_of(id))), 9);
        kept("one");
        assert!(listings.came());
        kept("another");
        assert!(!listings.came());
        tree.forget_seen();
        kept("one");
        assert!(listings.came());
    }

    #[test]
    fn a_file_system_has_room_for_little_and_not_for_what_none_is_as_large_as() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path().to_owned());
        assert!(tree.has_room(1) && !tree.has_room(1 << 62));
    }
}
