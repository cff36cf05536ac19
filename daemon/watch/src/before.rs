//! How things were before the device was lost: on disk, durably, before the first of them is changed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const NAME: &str = "before.json";

/// What NetworkManager switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Radio {
    /// Everything at once.
    Networking,
    /// Wi-Fi.
    Wireless,
    /// Mobile broadband.
    Wwan,
}

/// Former values, of what was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Before {
    /// Whether a radio was on.
    pub radios: BTreeMap<Radio, bool>,
    /// What USBGuard did with unknown devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usb: Option<String>,
}

impl Before {
    /// Nothing has to be put back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.radios.is_empty() && self.usb.is_none()
    }
}

/// The file.
#[derive(Clone, Debug)]
pub struct BeforeFile {
    path: PathBuf,
}

impl BeforeFile {
    /// In this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            path: folder.join(NAME),
        }
    }

    /// What it holds; nothing where there is none.
    ///
    /// # Errors
    /// It can't be read, or isn't ours.
    pub fn load(&self) -> io::Result<Before> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Before::default()),
            Err(error) => Err(error),
        }
    }

    /// As [`Self::load`]; what can't be read is put aside: it can't be put back then, and the device is kept all the
    /// same.
    #[must_use]
    pub fn load_or_put_aside(&self) -> Before {
        self.load().unwrap_or_else(|error| {
            tracing::error!(%error, "what was before can't be read, and so it won't be put back");
            if let Err(error) = fs::rename(&self.path, self.path.with_extension("unreadable")) {
                tracing::error!(%error, "nor be put aside");
            }
            Before::default()
        })
    }

    /// Makes it hold this, durably; nothing to hold: removes it.
    ///
    /// # Errors
    /// It may still hold what it did.
    pub fn save(&self, before: &Before) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        if before.is_empty() {
            match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => return File::open(folder)?.sync_all(),
            }
        }
        fs::create_dir_all(folder)?;
        let fresh = self.path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(&serde_json::to_vec(before)?)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_back_and_nothing_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = BeforeFile::new(&folder.path().join("new"));
        assert_eq!(file.load().unwrap(), Before::default());
        let before = Before {
            radios: [(Radio::Wireless, false), (Radio::Networking, true)].into(),
            usb: Some("allow".to_owned()),
        };
        file.save(&before).unwrap();
        assert_eq!(file.load().unwrap(), before);
        file.save(&Before::default()).unwrap();
        assert!(!file.path.exists());
        file.save(&Before::default()).unwrap();
    }

    #[test]
    fn a_file_that_is_not_ours_is_an_error_and_not_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "{\"radios\":").unwrap();
        assert!(BeforeFile::new(folder.path()).load().is_err());
    }
}
