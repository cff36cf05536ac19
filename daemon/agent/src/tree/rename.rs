//! Renaming to where nothing is, also where a file system can't be told so.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, RenameFlags, Stat, linkat, renameat_with, statat, unlinkat};
use rustix::io::Errno;

use super::lies;

/// Renames within a folder; a file system that can't do so without replacing is looked at first.
pub(super) fn rename(folder: &OwnedFd, from: &str, to: &str) -> Result<(), Errno> {
    rename_across([folder, folder], from, to)
}

/// The same, from one folder to another.
pub(super) fn rename_across([old, new]: [&OwnedFd; 2], from: &str, to: &str) -> Result<(), Errno> {
    match renameat_with(old, from, new, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => look_and_rename([old, new], from, to),
        other => other,
    }
}

/// Gives what lies under a hidden name of ours the one that it is to have. Where a file system can't rename without replacing, as NFS, it
/// gets a second name for a moment, which never replaces anything. Of a file under its owner's name that would be no way to go: what
/// comes into its place meanwhile would lose the first name with it.
pub(super) fn reveal(folder: &OwnedFd, ours: &str, to: &str) -> Result<(), Errno> {
    match renameat_with(folder, ours, folder, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => link_and_unlink(folder, ours, to),
        // It has both, since a kill came between the two steps.
        Err(Errno::EXIST) if are_one(folder, ours, to) => {
            let _ = unlinkat(folder, ours, AtFlags::empty());
            Ok(())
        }
        other => other,
    }
}

fn link_and_unlink(folder: &OwnedFd, ours: &str, to: &str) -> Result<(), Errno> {
    match linkat(folder, ours, folder, to, AtFlags::empty()) {
        Ok(()) => {}
        // After a kill, or where a server says so of the second try of what it did at the first, whose answer was lost.
        Err(Errno::EXIST) if are_one(folder, ours, to) => {}
        Err(Errno::EXIST) => return Err(Errno::EXIST),
        // A folder, or a file system without second names, as exFAT: the look has to do.
        Err(_) => return look_and_rename([folder, folder], ours, to),
    }
    // What stays under our name is swept away at the next start.
    let _ = unlinkat(folder, ours, AtFlags::empty());
    Ok(())
}

/// Whether both are names of one file.
fn are_one(folder: &OwnedFd, one: &str, other: &str) -> bool {
    let stat = |name: &str| statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    stat(one).is_ok_and(|one| {
        let is_it = |other: Stat| (other.st_dev, other.st_ino) == (one.st_dev, one.st_ino);
        one.st_nlink > 1 && stat(other).is_ok_and(is_it)
    })
}

fn look_and_rename([old, new]: [&OwnedFd; 2], from: &str, to: &str) -> Result<(), Errno> {
    match lies(new, to) {
        Err(Errno::NOENT) => rustix::fs::renameat(old, from, new, to),
        Ok(()) => Err(Errno::EXIST),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn what_is_revealed_by_a_second_name_replaces_nothing_and_keeps_one_name() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let folder = OwnedFd::from(File::open(root.path()).unwrap());
        fs::write(at(".ours"), "new").unwrap();
        fs::write(at("taken"), "the owner's").unwrap();
        assert_eq!(link_and_unlink(&folder, ".ours", "taken"), Err(Errno::EXIST));
        assert_eq!(fs::read(at("taken")).unwrap(), b"the owner's");
        link_and_unlink(&folder, ".ours", "free").unwrap();
        assert_eq!(fs::read(at("free")).unwrap(), b"new");
        assert!(!at(".ours").exists());
        // As a kill between the two leaves it.
        fs::write(at(".ours"), "put back").unwrap();
        fs::hard_link(at(".ours"), at("back")).unwrap();
        link_and_unlink(&folder, ".ours", "back").unwrap();
        assert_eq!(fs::read(at("back")).unwrap(), b"put back");
        assert!(!at(".ours").exists());
        // Another file of two names is none of it.
        fs::write(at(".ours"), "new").unwrap();
        fs::hard_link(at(".ours"), at("other")).unwrap();
        assert_eq!(link_and_unlink(&folder, ".ours", "taken"), Err(Errno::EXIST));
        assert!(at(".ours").exists());
        fs::remove_file(at(".ours")).unwrap();
        // Folders have one name.
        fs::create_dir(at(".folder")).unwrap();
        assert_eq!(link_and_unlink(&folder, ".folder", "free"), Err(Errno::EXIST));
        link_and_unlink(&folder, ".folder", "folder").unwrap();
        assert!(at("folder").is_dir() && !at(".folder").exists());
        assert_eq!(link_and_unlink(&folder, ".ours", "nothing"), Err(Errno::NOENT));
    }
}
