//! The way to a new file: folders that are listed as they are called.

use std::os::fd::OwnedFd;
use std::sync::PoisonError;

use super::Tree;
use super::taken::{self, Way};
use crate::model::folder_of;
use crate::names;
use crate::ports::SourceError;

impl Tree {
    /// The folder for a new file, which will be listed as it is called.
    pub(super) fn new_parent<'a>(&self, place: &'a str) -> Result<(OwnedFd, &'a str), SourceError> {
        if names::is_mirrored_path(place) {
            self.clear_way(folder_of(place))?;
        }
        Ok(self.parent(place, true)?)
    }

    /// See [`taken::clear_way`]. A folder of ten thousand files isn't listed for each that comes into another one in it.
    pub(super) fn clear_way(&self, folder: &str) -> Result<(), SourceError> {
        let ways = || self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if ways().contains(folder) {
            return Ok(());
        }
        match taken::clear_way(self.root()?, folder)? {
            Way::Listed => {
                ways().insert(folder.to_owned());
            }
            Way::New => {}
            // It was on the way to others.
            Way::Cleared => ways().clear(),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::listings::Listings;
    use super::*;

    #[test]
    fn the_folders_on_the_way_to_new_files_are_listed_once_between_two_looks() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path().to_owned());
        let write = |place: &str| {
            let written = tree.replace(place, None, |file| Ok(file.write_all(b"x")?));
            written.unwrap();
        };
        write("a/b/first");
        let listings = Listings::of(root.path());
        write("a/b/second");
        assert!(listings.came());
        write("a/b/third");
        assert!(!listings.came());
        tree.forget_seen();
        write("a/b/fourth");
        assert!(listings.came());
    }
}
