//! Where the file system of a folder is mounted.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{Mode, OFlags, openat};

/// How many folders below the root of its file system's mount a folder lies; 0: it is that root. A folder of the same file
/// system that is bound there counts as none.
///
/// # Errors
/// What the file system says.
pub fn below_mount(folder: &OwnedFd) -> io::Result<u32> {
    // A folder on the way may be one that nobody but its owner may list.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let (mut folder, mut steps) = (folder.try_clone()?, 0);
    loop {
        let above = openat(&folder, "..", flags, Mode::empty())?;
        let (here, there) = (identity(&folder)?, identity(&above)?);
        // What is above the root of all is itself.
        if here.0 != there.0 || here == there {
            return Ok(steps);
        }
        (folder, steps) = (above, steps + 1);
    }
}

/// Device number and inode.
pub(super) fn identity(folder: &OwnedFd) -> io::Result<(u64, u64)> {
    let metadata = File::from(folder.try_clone()?).metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &std::path::Path) -> u32 {
        below_mount(&File::open(path).unwrap().into()).unwrap()
    }

    #[test]
    fn a_mounted_file_systems_root_is_told_from_a_folder_in_it() {
        assert_eq!((of("/".as_ref()), of("/proc".as_ref())), (0, 0));
        assert_eq!(of("/proc/self/task".as_ref()), 2);
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(of(&below), of(folder.path()) + 2);
    }
}
