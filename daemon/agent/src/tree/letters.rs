//! Whether a file system has the letters of a name.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, mknodat, unlinkat};
use rustix::io::Errno;

use super::{Tree, taken};
use crate::names;

impl Tree {
    /// Whether the file system has letters for those names on a path that aren't there yet. It says so only of what gets such a name, and
    /// a long content would have been fetched for that; so an empty hidden file gets it for a moment.
    ///
    /// # Errors
    /// `EINVAL` or `ILSEQ` where it has none; what is said of the root.
    pub fn can_name(&self, place: &str) -> io::Result<()> {
        if !names::is_mirrored_path(place) {
            return Err(Errno::INVAL.into());
        }
        let mut folder = self.root()?;
        let mut names = place.split('/').peekable();
        while let Some(name) = names.peek().copied()
            && let Ok(below) = taken::open(&folder, name)
        {
            folder = below;
            names.next();
        }
        for name in names {
            has_letters_of(&folder, name)?;
        }
        Ok(())
    }
}

fn has_letters_of(folder: &OwnedFd, name: &str) -> io::Result<()> {
    let Some(probe) = names::with_letters_of(name) else {
        return Ok(());
    };
    let mode = Mode::RUSR | Mode::WUSR;
    match mknodat(folder, probe.as_str(), FileType::RegularFile, mode, 0) {
        Ok(()) => {
            // What stays is swept away at the next start.
            let _ = unlinkat(folder, probe.as_str(), AtFlags::empty());
            Ok(())
        }
        Err(error) => match taken::unless_unnameable(folder, error) {
            error @ (Errno::INVAL | Errno::ILSEQ) => Err(error.into()),
            // Full, or for reading alone: that says nothing of the name.
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_system_that_has_all_letters_is_asked_and_left_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path().to_owned());
        fs::create_dir(root.path().join("a")).unwrap();
        for place in ["12:30.mp4", "a/b?/c*", "a/film", "a"] {
            tree.can_name(place).unwrap();
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 0);
        tree.can_name("../film").unwrap_err();
    }
}
