//! Where a user's folders are: the XDG base folders and user folders.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::{ConfigError, Keeping, Origin};

/// The user's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// `$HOME`.
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME`.
    pub config: PathBuf,
    /// `$XDG_STATE_HOME`.
    pub state: PathBuf,
    /// `$XDG_DATA_HOME`.
    pub data: PathBuf,
    /// What `user-dirs.dirs` says.
    user: BTreeMap<String, PathBuf>,
}

impl Folders {
    /// Those of this process's environment.
    ///
    /// # Errors
    /// [`ConfigError::Homeless`].
    pub fn of_environment() -> Result<Self, ConfigError> {
        let home = absolute("HOME").ok_or(ConfigError::Homeless)?;
        let or = |name: &str, below: &str| absolute(name).unwrap_or_else(|| home.join(below));
        Ok(Self::new(
            home.clone(),
            or("XDG_CONFIG_HOME", ".config"),
            or("XDG_STATE_HOME", ".local/state"),
            or("XDG_DATA_HOME", ".local/share"),
        ))
    }

    /// These, and the user folders that are configured there.
    #[must_use]
    pub fn new(home: PathBuf, config: PathBuf, state: PathBuf, data: PathBuf) -> Self {
        let text = fs::read_to_string(config.join("user-dirs.dirs")).unwrap_or_default();
        let user = user_folders(&text, &home);
        Self {
            home,
            config,
            state,
            data,
            user,
        }
    }

    /// A path that may begin with `~/`.
    pub(super) fn expand(&self, path: &str) -> PathBuf {
        match path.strip_prefix("~/") {
            Some(below) => self.home.join(below),
            None => PathBuf::from(path),
        }
    }

    /// The sources of a phone that is as most are. They do nothing until their collections are on.
    pub(super) fn sources(&self) -> BTreeMap<String, Origin> {
        let kpeople = self.data.join("kpeoplevcard");
        let (kind, contacts) = match kpeople.is_dir() {
            true => (Keeping::Kpeople, kpeople),
            false => (Keeping::Vdir, self.home.join(".contacts")),
        };
        let user = |word: &str, name: &str| match self.user.get(word) {
            // xdg-user-dirs: a folder that is the home folder is none.
            Some(folder) => Some(folder.clone()).filter(|folder| *folder != self.home),
            None => Some(self.home.join(name)),
        };
        let all = [
            ("contacts", kind, Some(contacts)),
            ("calendars", Keeping::Vdir, Some(self.home.join(".calendars"))),
            ("notes", Keeping::Notes, Some(self.home.join("Notes"))),
            ("documents", Keeping::Folder, user("DOCUMENTS", "Documents")),
            ("pictures", Keeping::Folder, user("PICTURES", "Pictures")),
            ("videos", Keeping::Folder, user("VIDEOS", "Videos")),
        ];
        let origin = |(name, kind, path): (&str, Keeping, Option<PathBuf>)| {
            let origin = Origin {
                collection: name.to_owned(),
                kind,
                path: path?,
            };
            Some((name.to_owned(), origin))
        };
        all.into_iter().filter_map(origin).collect()
    }
}

fn absolute(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// Reads `user-dirs.dirs`: `XDG_PICTURES_DIR="$HOME/Bilder"`, or an absolute path.
fn user_folders(text: &str, home: &Path) -> BTreeMap<String, PathBuf> {
    let folder = |line: &str| {
        let (name, value) = line.trim().strip_prefix("XDG_")?.split_once("_DIR=")?;
        let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
        let path = match value.strip_prefix("$HOME") {
            Some(below) => home.join(below.trim_matches('/')),
            None => PathBuf::from(value),
        };
        // Without the slash at the end that `join` leaves.
        let path: PathBuf = path.components().collect();
        path.is_absolute().then(|| (name.to_owned(), path))
    };
    text.lines().filter_map(folder).collect()
}
