//! Whether a name is taken. A file system that can't tell letters' case, as FAT, answers to names that it doesn't list.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, StatxFlags, mkdirat, openat, statx, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::mount::identity;
use super::{Kind, keeps, kind_at, lies, mark_at};
use crate::model::Keeps;
use crate::names::folded;
use crate::ports::SourceError;

/// Folders in folders that are looked into.
const DEPTH: usize = 64;

/// By what name a folder lists what answers to one.
#[derive(Debug, PartialEq, Eq)]
enum Listed {
    /// By the same.
    AsNamed,
    /// By this one, which differs in its case alone.
    InAnotherCase(String),
    /// By one that the file system takes for the same, as FAT does one without the dots at its end.
    ByAnother,
    /// By none: perhaps not all that is there is listed.
    Not,
}

/// What is on the way to a new file.
pub(super) enum Way {
    /// Folders that are all listed as they are called.
    Listed,
    /// One is still to be made.
    New,
    /// One that was in the way has gone.
    Cleared,
}

/// Whether no file answers to this path below a root, nor anything that may lead to one.
pub(super) fn is_free_below(root: OwnedFd, place: &str) -> bool {
    let (mut folder, mut names) = (root, place.split('/').peekable());
    while let Some(name) = names.next() {
        match (kind_at(&folder, name), names.peek()) {
            (Err(error), _) => return error.kind() == io::ErrorKind::NotFound,
            (Ok(Kind::Folder), None) | (Ok(Kind::File(_)), Some(_)) => return true,
            (Ok(Kind::File(_)), None) | (Ok(Kind::Other), _) => return false,
            (Ok(Kind::Folder), Some(_)) => match open(&folder, name) {
                Ok(below) => folder = below,
                Err(error) => return error == Errno::NOENT,
            },
        }
    }
    false
}

/// Whether what answers to this path below a root has another one: a name of it is listed in another case alone, or the file
/// system takes it for one that is. Of what isn't listed at all that can't be said.
///
/// # Errors
/// What the file system says; then nothing can be said.
pub(super) fn is_another(root: OwnedFd, place: &str) -> io::Result<bool> {
    let (mut folder, mut names) = (root, place.split('/').peekable());
    while let Some(name) = names.next() {
        match listed(&folder, name)? {
            Listed::AsNamed => {}
            Listed::InAnotherCase(_) | Listed::ByAnother => return Ok(true),
            Listed::Not => return Ok(false),
        }
        if names.peek().is_some() {
            folder = open(&folder, name)?;
        }
    }
    Ok(false)
}

/// Sees to it that what is written to a folder below a root will be listed by its path: no folder on the way may have another name. One
/// that differs in its case alone goes if nothing but empty folders is in it, as after all in it was renamed.
///
/// # Errors
/// [`SourceError::Refused`] where one has; `EAGAIN` where one isn't listed by any, or can't be removed yet.
pub(super) fn clear_way(root: OwnedFd, above: &str) -> Result<Way, SourceError> {
    let mut folder = root;
    for name in above.split('/').filter(|name| !name.is_empty()) {
        // What isn't there will be made by its name; what is no folder tells so itself.
        let Ok(below) = open(&folder, name) else {
            return Ok(Way::New);
        };
        match listed(&folder, name)? {
            Listed::AsNamed => folder = below,
            // It went a moment ago.
            _ if open(&folder, name).is_err() => return Ok(Way::New),
            Listed::InAnotherCase(other) => {
                let other_one = open(&folder, other.as_str())?;
                // FUSE may have an inode for each way of writing a name.
                let is_it = identity(&below)? == identity(&other_one)? || keeps(&folder)? == Keeps::NoInodes;
                if is_it && is_hollow(&other_one, DEPTH)? {
                    return match remove_hollow(&folder, other.as_str(), DEPTH) {
                        // To make it asks the file system, to open it perhaps only what is remembered of it.
                        Ok(()) => mkdirat(&folder, name, Mode::RWXU)
                            .map(|()| Way::Cleared)
                            .map_err(|error| io::Error::from(error).into()),
                        Err(_) => Err(Errno::AGAIN.into()),
                    };
                }
                return Err(SourceError::Refused("a folder on the way has another name"));
            }
            Listed::ByAnother => return Err(SourceError::Refused("a folder on the way has another name")),
            Listed::Not => return Err(Errno::AGAIN.into()),
        }
    }
    Ok(Way::Listed)
}

/// Whether what answers to a name is listed by whatever name. Else it may be gone: over FUSE what was removed in one case answers in
/// others for a second.
///
/// # Errors
/// What the file system says.
pub(super) fn is_listed(folder: &OwnedFd, name: &str) -> io::Result<bool> {
    Ok(lies(folder, name).is_ok() && listed(folder, name)? != Listed::Not)
}

/// What it means that a name is taken: a file that a scan will show, or something that none ever does, such as a link, a
/// folder, or a name that differs in its case alone.
pub(super) fn in_the_way(folder: &OwnedFd, name: &str) -> SourceError {
    let is_file = mark_at(folder, name).is_ok();
    match is_file && listed(folder, name).is_ok_and(|listed| listed == Listed::AsNamed) {
        true => SourceError::Changed,
        false => SourceError::Refused("something else lies there"),
    }
}

/// What it means that nothing could be made in a folder under a name. The driver of exFAT over FUSE says `ENOENT` where a name has
/// letters that exFAT hasn't, as a colon; others say `EINVAL`, and will say it again.
pub(super) fn unless_unnameable(folder: &OwnedFd, error: Errno) -> Errno {
    // A folder that was removed meanwhile says the same; what is remembered of it needn't.
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC;
    let is_there = || statx(folder, "", flags, StatxFlags::NLINK).is_ok_and(|told| told.stx_nlink > 0);
    match error == Errno::NOENT && is_there() {
        true => Errno::INVAL,
        false => error,
    }
}

/// A folder in a folder.
pub(super) fn open(folder: &OwnedFd, name: impl Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

/// Whether nothing is in a folder but folders, so many in each other at most, of which the same is true.
fn is_hollow(folder: &OwnedFd, depth: usize) -> io::Result<bool> {
    for name in names_in(folder)? {
        // What FUSE keeps of a removed file until nobody has it open: soon it is gone.
        if name.as_bytes().starts_with(b".fuse_hidden") {
            continue;
        }
        let is_hollow = match open(folder, &name) {
            Ok(below) if depth > 0 => is_hollow(&below, depth - 1)?,
            _ => false,
        };
        if !is_hollow {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes such a folder. Where something came into it meanwhile, that stays with the folders above it.
fn remove_hollow(above: &OwnedFd, name: impl Arg + Copy, depth: usize) -> io::Result<()> {
    let folder = open(above, name)?;
    for below in names_in(&folder)?.iter().filter(|_| depth > 0) {
        remove_hollow(&folder, below.as_c_str(), depth - 1)?;
    }
    Ok(unlinkat(above, name, AtFlags::REMOVEDIR)?)
}

fn names_in(folder: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

fn listed(folder: &OwnedFd, name: &str) -> io::Result<Listed> {
    let (wanted, mut found) = (folded(name), Listed::Not);
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if entry.file_name().to_bytes() == name.as_bytes() {
            return Ok(Listed::AsNamed);
        }
        if let Ok(other) = entry.file_name().to_str()
            && folded(other) == wanted
        {
            found = Listed::InAnotherCase(other.to_owned());
        }
    }
    let is_by_another = found == Listed::Not
        && match open_path(folder, name) {
            Ok(open) => lists(folder, &open)?,
            Err(Errno::NOENT) => false,
            Err(error) => return Err(error.into()),
        };
    Ok(match is_by_another {
        true => Listed::ByAnother,
        false => found,
    })
}

/// Whether a folder lists what is open, by whatever name. Of a file of several names that says nothing.
fn lists(folder: &OwnedFd, open: &OwnedFd) -> io::Result<bool> {
    let metadata = File::from(open.try_clone()?).metadata()?;
    if !metadata.is_dir() && metadata.nlink() > 1 {
        return Ok(false);
    }
    // As long as it is open it keeps its inode, which FAT draws anew else.
    let is_it = |other: &OwnedFd| identity(other).is_ok_and(|is| is == (metadata.dev(), metadata.ino()));
    for entry in Dir::read_from(folder)? {
        if open_path(folder, entry?.file_name()).is_ok_and(|other| is_it(&other)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whatever it is; it is neither read nor followed.
fn open_path(folder: &OwnedFd, name: impl Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_listed_in_another_case_is_another_and_what_isnt_listed_at_all_is_not() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("Photos")).unwrap();
        fs::write(root.path().join("Photos/Käse.jpg"), "cheese").unwrap();
        let is_another = |place: &str| {
            let root = OwnedFd::from(File::open(root.path()).unwrap());
            is_another(root, place).unwrap()
        };
        for place in ["photos/Käse.jpg", "PHOTOS/x", "Photos/KÄSE.JPG"] {
            assert!(is_another(place), "{place}");
        }
        for place in ["Photos/Käse.jpg", "Photos", "Photos/Kase.jpg", "other", "other/x"] {
            assert!(!is_another(place), "{place}");
        }
        // Where both are there each is itself.
        fs::create_dir(root.path().join("photos")).unwrap();
        assert!(!is_another("photos") && !is_another("Photos"));
    }

    #[test]
    fn a_folder_of_empty_folders_goes_and_one_with_a_file_stays_whole() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("empty/a/b")).unwrap();
        fs::create_dir_all(at("full/a/b")).unwrap();
        fs::write(at("full/a/file"), "").unwrap();
        let folder = |name: &str| OwnedFd::from(File::open(at(name)).unwrap());
        assert!(!is_hollow(&folder("full"), DEPTH).unwrap() && !is_hollow(&folder("empty"), 1).unwrap());
        assert!(is_hollow(&folder("empty"), DEPTH).unwrap());
        remove_hollow(&folder(""), "empty", DEPTH).unwrap();
        assert!(!at("empty").exists());
        remove_hollow(&folder("full"), "a", DEPTH).unwrap_err();
        assert!(at("full/a/file").exists());
    }

    #[test]
    fn what_a_folder_has_is_found_whatever_it_is_called() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let open = |name: &str| OwnedFd::from(File::open(at(name)).unwrap());
        fs::create_dir_all(at("folder/below")).unwrap();
        fs::write(at("file"), "").unwrap();
        fs::write(at("folder/file"), "").unwrap();
        let folder = open("");
        for (name, is_listed) in [
            ("folder", true),
            ("file", true),
            ("folder/below", false),
            ("folder/file", false),
        ] {
            assert_eq!(lists(&folder, &open(name)).unwrap(), is_listed, "{name}");
        }
        // A second name of a file needn't be the one that isn't listed.
        fs::hard_link(at("file"), at("link")).unwrap();
        assert!(!lists(&folder, &open("file")).unwrap());
    }
}
