//! Whether a name is taken. A file system that can't tell letters' case, as FAT, answers to names that it doesn't list.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, Mode, OFlags, openat};
use rustix::io::Errno;

use super::{Kind, kind_at, mark_at};
use crate::ports::SourceError;

/// Whether no file answers to this path below a root, nor anything that may lead to one.
pub(super) fn is_free_below(root: OwnedFd, place: &str) -> bool {
    let (mut folder, mut names) = (root, place.split('/').peekable());
    while let Some(name) = names.next() {
        match (kind_at(&folder, name), names.peek()) {
            (Err(error), _) => return error.kind() == io::ErrorKind::NotFound,
            (Ok(Kind::Folder), None) | (Ok(Kind::File(_)), Some(_)) => return true,
            (Ok(Kind::File(_)), None) | (Ok(Kind::Other), _) => return false,
            (Ok(Kind::Folder), Some(_)) => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                match openat(&folder, name, flags, Mode::empty()) {
                    Ok(below) => folder = below,
                    Err(error) => return error == Errno::NOENT,
                }
            }
        }
    }
    false
}

/// Whether each folder on the way below a root lists the next name as it is written.
///
/// # Errors
/// What the file system says; then nothing can be said.
pub(super) fn is_listed(root: OwnedFd, place: &str) -> io::Result<bool> {
    let (mut folder, mut names) = (root, place.split('/').peekable());
    while let Some(name) = names.next() {
        if !lists(&folder, name)? {
            return Ok(false);
        }
        if names.peek().is_some() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            folder = openat(&folder, name, flags, Mode::empty())?;
        }
    }
    Ok(true)
}

/// What it means that a name is taken: a file that a scan will show, or something that none ever does, such as a link, a
/// folder, or a name that differs in its case alone.
pub(super) fn in_the_way(folder: &OwnedFd, name: &str) -> SourceError {
    let is_file = mark_at(folder, name).is_ok();
    match is_file && lists(folder, name).unwrap_or(false) {
        true => SourceError::Changed,
        false => SourceError::Refused("something else lies there"),
    }
}

fn lists(folder: &OwnedFd, name: &str) -> io::Result<bool> {
    let mut is_there = false;
    for entry in Dir::read_from(folder)? {
        is_there |= entry?.file_name().to_bytes() == name.as_bytes();
    }
    Ok(is_there)
}
