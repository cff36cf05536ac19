//! Whether there is a place for a file: a name that nothing else has, and whose letters the file system has.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, mknodat, unlinkat};
use rustix::io::Errno;

use super::{Tree, taken};
use crate::model::folder_of;
use crate::names;
use crate::ports::SourceError;

impl Tree {
    /// Whether a new file can have this place: what [`Tree::replace`] would say of it, said before there is a content. The file system says
    /// that it lacks a letter only of what gets a name with it, so an empty hidden file gets one for a moment.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn has_place_for(&self, place: &str) -> Result<(), SourceError> {
        if !names::is_mirrored_path(place) {
            return Err(Errno::INVAL.into());
        }
        self.has_letters_for(place)?;
        self.clear_way(folder_of(place))?;
        match self.parent(place, false) {
            Ok((folder, name)) if taken::is_listed(&folder, name)? => Err(taken::in_the_way(&folder, name)),
            Ok(_) => Ok(()),
            // Folders that aren't there will be made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn has_letters_for(&self, place: &str) -> io::Result<()> {
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
        for place in ["12:30.mp4", "a/b?/c*", "a/film"] {
            tree.has_place_for(place).unwrap();
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 0);
        fs::write(root.path().join("file"), "").unwrap();
        for place in ["a", "../film", "file/film", "file/a/film"] {
            tree.has_place_for(place).unwrap_err();
        }
    }
}
