//! Walking folders without following symlinks, descriptor by descriptor: whoever still runs as the owner of a file
//! can't turn the walk elsewhere.

use std::collections::BTreeSet;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat, unlinkat};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// The file itself, or each regular file below the folder.
pub(super) fn below(path: &Path) -> io::Result<Vec<PathBuf>> {
    match kind_at(path)? {
        Some(FileType::RegularFile) => Ok(vec![path.to_owned()]),
        Some(FileType::Directory) => {
            let mut found = Vec::new();
            let mut folders = vec![path.to_owned()];
            while let Some(folder) = folders.pop() {
                let rest = folder.strip_prefix(path).unwrap_or(Path::new(""));
                let open = folder_below(path, rest)?;
                for (name, kind) in entries(&open)? {
                    let path = folder.join(OsStr::from_bytes(name.to_bytes()));
                    match kind {
                        FileType::RegularFile => found.push(path),
                        FileType::Directory => folders.push(path),
                        _ => {}
                    }
                }
            }
            Ok(found)
        }
        _ => Ok(Vec::new()),
    }
}

/// A folder below another one, symlinks followed on the way to that other one at most.
fn folder_below(folder: &Path, rest: &Path) -> io::Result<OwnedFd> {
    let mut open = openat(CWD, folder, FOLDER, Mode::empty())?;
    for name in rest.components() {
        open = openat(&open, name.as_os_str(), FOLDER, Mode::empty())?;
    }
    Ok(open)
}

/// Opens what lies below a folder, which is there as itself, and not by a symlink.
pub(super) fn open_below(folder: &Path, rest: &Path, flags: OFlags) -> io::Result<File> {
    let (Some(inner), Some(name)) = (rest.parent(), rest.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    // Nor does a pipe in its place make us wait for its other end.
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = openat(folder_below(folder, inner)?, name, flags, Mode::empty())?.into();
    Ok(file)
}

/// Removes what is at `path`; `points` are mounted and stay. Everything that can go goes, then the first failure is
/// told.
pub(super) fn remove(path: &Path, points: &BTreeSet<PathBuf>) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let outcome = match kind_at(path)? {
        None => return Ok(()),
        Some(FileType::Directory) => empty(&openat(CWD, path, FOLDER, Mode::empty())?, path, points)
            .and_then(|()| gone(unlinkat(CWD, path, AtFlags::REMOVEDIR))),
        Some(_) => {
            let folder = openat(CWD, folder, FOLDER, Mode::empty())?;
            gone(unlinkat(&folder, name, AtFlags::empty()))
        }
    };
    File::open(folder)?.sync_all()?;
    outcome
}

fn empty(folder: &OwnedFd, path: &Path, points: &BTreeSet<PathBuf>) -> io::Result<()> {
    let mut failed = None;
    for (name, kind) in entries(folder)? {
        let path = path.join(OsStr::from_bytes(name.to_bytes()));
        let outcome = if points.contains(&path) {
            Ok(())
        } else if kind == FileType::Directory {
            openat(folder, &name, FOLDER, Mode::empty())
                .map_err(io::Error::from)
                .and_then(|inner| empty(&inner, &path, points))
                .and_then(|()| gone(unlinkat(folder, &name, AtFlags::REMOVEDIR)))
        } else {
            gone(unlinkat(folder, &name, AtFlags::empty()))
        };
        if let Err(error) = outcome {
            failed
                .get_or_insert_with(|| io::Error::new(error.kind(), format!("{}: {error}", path.display())));
        }
    }
    failed.map_or(Ok(()), Err)
}

/// A folder that something is mounted on, or below, stays, empty otherwise.
fn gone(outcome: Result<(), Errno>) -> io::Result<()> {
    match outcome {
        Ok(()) | Err(Errno::NOENT | Errno::BUSY | Errno::NOTEMPTY) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn entries(folder: &OwnedFd) -> io::Result<Vec<(std::ffi::CString, FileType)>> {
    let dots: [&CStr; 2] = [c".", c".."];
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_owned();
        if dots.contains(&name.as_c_str()) {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => kind(folder, &name)?,
            known => known,
        };
        found.push((name, kind));
    }
    Ok(found)
}

fn kind(folder: &OwnedFd, name: &CStr) -> io::Result<FileType> {
    let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(found.st_mode))
}

fn kind_at(path: &Path) -> io::Result<Option<FileType>> {
    match statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_symlink_goes_and_what_it_points_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("home/ada/photos")).unwrap();
        fs::create_dir_all(at("other")).unwrap();
        fs::write(at("home/ada/photos/1"), "x").unwrap();
        fs::write(at("other/kept"), "x").unwrap();
        symlink(at("other"), at("home/ada/link")).unwrap();
        symlink(at("home"), at("link")).unwrap();
        assert_eq!(below(&at("home")).unwrap(), [at("home/ada/photos/1")]);
        remove(&at("link"), &BTreeSet::new()).unwrap();
        assert!(at("home/ada/photos/1").exists() && !at("link").exists());
        remove(&at("home"), &BTreeSet::new()).unwrap();
        assert!(!at("home").exists() && at("other/kept").exists());
        remove(&at("home"), &BTreeSet::new()).unwrap();
    }

    #[test]
    fn what_is_mounted_below_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("home/card")).unwrap();
        fs::write(at("home/card/photo"), "x").unwrap();
        fs::write(at("home/letter"), "x").unwrap();
        remove(&at("home"), &[at("home/card")].into()).unwrap();
        assert!(at("home/card/photo").exists() && !at("home/letter").exists());
    }
}
