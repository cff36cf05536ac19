//! Moving a file to another place below the root.

use std::fs::File;
use std::io;

use rustix::io::Errno;

use super::rename::rename_across;
use super::{Tree, mark_at, mark_of, taken};
use crate::model::Mark;
use crate::ports::SourceError;

impl Tree {
    /// Moves a file that is still as `mark` says to where nothing is, and gives it its permissions there; answers how it was
    /// then, from which an edit since differs.
    ///
    /// # Errors
    /// [`SourceError`]. One that is changed at the last moment is put back, or stays at its new place if something has its old one.
    pub fn relocate(
        &self,
        (from, mark): (&str, Mark),
        to: &str,
        permit: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<Mark, SourceError> {
        let (old, old_name) = self.parent(from, false)?;
        if mark_at(&old, old_name).ok() != Some(mark) {
            return Err(SourceError::Changed);
        }
        let (new, new_name) = self.new_parent(to)?;
        match rename_across([&old, &new], old_name, new_name) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(taken::in_the_way(&new, new_name)),
            Err(Errno::NOENT) if mark_at(&old, old_name).ok() != Some(mark) => {
                return Err(SourceError::Changed);
            }
            Err(error @ Errno::NOENT) => return Err(taken::unless_unnameable(&new, error).into()),
            Err(error) => return Err(error.into()),
        }
        if mark_at(&new, new_name).ok() != Some(mark) {
            let _ = rename_across([&new, &old], new_name, old_name);
            return Err(SourceError::Changed);
        }
        let permitted = self.open_as(to, mark).and_then(|file| {
            permit(&file)?;
            Ok(mark_of(&file)?.ok_or(Errno::NOENT)?)
        });
        match permitted {
            // An edit from now on has to differ from what is answered, or nobody would ever see it.
            Ok(Mark { mode, .. }) => Ok(Mark { mode, ..mark }),
            Err(error) => {
                tracing::warn!(%error, "a file that was moved keeps its permissions");
                Ok(mark)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_edit_right_after_a_file_was_moved_is_seen() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path().to_owned());
        fs::write(root.path().join("film"), "film").unwrap();
        let (_, mark) = tree.open("film").unwrap();
        let edit = |_: &File| fs::write(root.path().join("new"), "film, edited");
        assert_eq!(tree.relocate(("film", mark), "new", edit).unwrap(), mark);
        assert!(!tree.is_still("new", mark));
    }

    #[test]
    fn a_file_that_was_moved_and_cant_get_its_permissions_is_moved_all_the_same() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path().to_owned());
        fs::write(root.path().join("film"), "film").unwrap();
        let (_, mark) = tree.open("film").unwrap();
        let fails = |_: &File| Err(io::Error::from(Errno::PERM));
        assert_eq!(tree.relocate(("film", mark), "new", fails).unwrap(), mark);
        assert!(tree.is_still("new", mark) && tree.is_free("film"));
    }
}
