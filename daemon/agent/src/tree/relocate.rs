//! Moving a file to another place below the root.

use std::fs::File;
use std::io;

use rustix::fs::RenameFlags;
use rustix::io::Errno;

use super::{Tree, mark_at, mark_of, rename_across, taken};
use crate::model::Mark;
use crate::ports::SourceError;

impl Tree {
    /// Moves a file that is still as `mark` says to where nothing is, and dresses it there; answers how it is then.
    ///
    /// # Errors
    /// [`SourceError`]. One that is changed at the last moment is put back, or stays at its new place if something has its old one.
    pub fn relocate(
        &self,
        (from, mark): (&str, Mark),
        to: &str,
        dress: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<Mark, SourceError> {
        let (old, old_name) = self.parent(from, false)?;
        if mark_at(&old, old_name).ok() != Some(mark) {
            return Err(SourceError::Changed);
        }
        let (new, new_name) = self.new_parent(to)?;
        match rename_across([&old, &new], old_name, new_name, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(taken::in_the_way(&new, new_name)),
            Err(Errno::NOENT) => return Err(SourceError::Changed),
            Err(error) => return Err(error.into()),
        }
        if mark_at(&new, new_name).ok() != Some(mark) {
            let _ = rename_across([&new, &old], new_name, old_name, RenameFlags::NOREPLACE);
            return Err(SourceError::Changed);
        }
        let (file, _) = self.open(to)?;
        if let Err(error) = dress(&file) {
            tracing::warn!(%error, "a file that was moved keeps its permissions");
        }
        Ok(mark_of(&file)?.ok_or(Errno::NOENT)?)
    }
}
