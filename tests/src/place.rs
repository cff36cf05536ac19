//! Where a stage keeps its files, and the executable it runs.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::surprise::During;
use crate::{Outcome, guest};

/// How long the last of a stage's programs may take to die.
const REMOVED_WITHIN: Duration = Duration::from_secs(10);

/// Held while the executable is copied.
static COPIES: Mutex<()> = Mutex::new(());

/// The folder of one stage, removed with it unless kept.
#[derive(Debug)]
pub struct Place {
    /// `None` once kept.
    dir: Mutex<Option<TempDir>>,
    path: PathBuf,
}

impl Place {
    /// A new folder with the folders of each program in it, owned by the user they run as.
    ///
    /// # Errors
    /// What the file system says.
    pub fn new() -> Outcome<Self> {
        let dir = tempfile::Builder::new().prefix("belay-stage-").tempdir()?;
        let place = Self {
            path: dir.path().to_owned(),
            dir: Mutex::new(Some(dir)),
        };
        // Another user must reach the bus's socket.
        fs::set_permissions(&place.path, fs::Permissions::from_mode(0o755))?;
        guest::give(&place.path)?;
        for folder in ["services", "logs", "outbox", "cloud", "belay.d"] {
            place.folder(folder, 0o755)?;
        }
        for folder in ["belayd", "warden", "warden-run", "proof"] {
            place.folder(folder, 0o700)?;
        }
        Ok(place)
    }

    /// The path of `name` in it.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder `name`, owned by the programs' user.
    ///
    /// # Errors
    /// What the file system says.
    pub fn folder(&self, name: &str, mode: u32) -> Outcome<PathBuf> {
        let path = self.at(name);
        fs::create_dir_all(&path).during(path.display())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        guest::give(&path)?;
        Ok(path)
    }

    /// Writes the file `name`, owned by the programs' user, in one step: a reader sees the old or the new.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, name: &str, content: &str, mode: u32) -> Outcome<PathBuf> {
        let path = self.at(name);
        let fresh = self.at(&format!("{name}.new"));
        fs::write(&fresh, content).during(fresh.display())?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(mode))?;
        guest::give(&fresh)?;
        fs::rename(&fresh, &path)?;
        Ok(path)
    }

    /// Empties the folder `name`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn wipe(&self, name: &str) -> Outcome {
        let path = self.at(name);
        let mode = fs::metadata(&path).during(path.display())?.permissions().mode() & 0o777;
        fs::remove_dir_all(&path)?;
        self.folder(name, mode)?;
        Ok(())
    }

    /// Leaves the folder behind when the stage is gone, to read what happened.
    pub fn keep(&self) {
        if let Some(dir) = self.dir.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _kept = dir.keep();
        }
    }
}

impl Drop for Place {
    /// The programs have been killed, and one that isn't dead yet may put a file into a folder that was just emptied.
    fn drop(&mut self) {
        let dir = self.dir.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = dir.take().map(TempDir::keep) else {
            return;
        };
        let begun = Instant::now();
        while fs::remove_dir_all(&path).is_err() && path.exists() && begun.elapsed() < REMOVED_WITHIN {
            std::thread::yield_now();
        }
    }
}

/// The executable `playground` where the programs' user can start it: where it is, or, when a folder above it is
/// closed to others, a copy in the folder for temporary files.
///
/// # Errors
/// What the file system says.
pub fn executable(path: &Path) -> Outcome<PathBuf> {
    let path = fs::canonicalize(path).during(path.display())?;
    let open = path
        .ancestors()
        .all(|p| fs::metadata(p).is_ok_and(|m| m.permissions().mode() & 0o001 != 0));
    if open || guest::programs().is_none() {
        return Ok(path);
    }
    let meta = fs::metadata(&path)?;
    let name = format!("belay-playground-{}-{}-{}", meta.ino(), meta.len(), meta.mtime());
    let copy = std::env::temp_dir().join(name);
    // One after the other: a program that is started meanwhile holds what is written here until its own exec, and the kernel runs
    // no file that somebody writes.
    let _turn = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
    if !copy.exists() {
        // Written under another name first, since two processes may do this at once.
        let fresh = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o755))
            .tempfile()?;
        fs::copy(&path, fresh.path())?;
        fs::set_permissions(fresh.path(), fs::Permissions::from_mode(0o755))?;
        let (file, fresh) = fresh.keep().map_err(|e| e.error)?;
        drop(file);
        fs::rename(fresh, &copy)?;
    }
    Ok(copy)
}
