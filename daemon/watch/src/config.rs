//! The few keys of `/etc/belay/belay.toml` and `belay.d/*.toml` that the watch reads: the bus, and the lost screen's
//! user. The rest is belayd's and the warden's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where the configuration lies unless `--config` says otherwise.
pub const DEFAULT_FILE: &str = "/etc/belay/belay.toml";

/// The effective configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which bus.
    pub bus: BusKind,
    /// The user whose sessions stay while the device is lost.
    pub lost_screen_user: String,
    /// The files it was read from, for the check of their owners.
    pub files: Vec<PathBuf>,
}

/// The bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BusKind {
    /// The system bus; `DBUS_SYSTEM_BUS_ADDRESS` is honoured.
    #[default]
    System,
    /// The session bus, for development.
    Session,
}

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or folder can't be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A mistake in a file; the message names line and key.
    #[error("{}: {source}", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
}

impl Config {
    /// Reads `file`, or [`DEFAULT_FILE`] where it exists, and the drop-ins in `belay.d` beside it in the order of their
    /// names; later ones win.
    ///
    /// # Errors
    /// [`ConfigError`]; a file named explicitly must exist.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let base = file.unwrap_or(Path::new(DEFAULT_FILE));
        let mut config = Self::default();
        let own = (file.is_some() || base.exists()).then(|| base.to_owned());
        for path in own.into_iter().chain(drop_ins(base)?) {
            config.overlay(path)?;
        }
        Ok(config)
    }

    fn overlay(&mut self, path: PathBuf) -> Result<(), ConfigError> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        match toml::from_str::<FileFormat>(&text) {
            Ok(FileFormat { bus, warden }) => {
                self.bus = bus.kind.unwrap_or(self.bus);
                if let Some(user) = warden.lost_screen_user {
                    self.lost_screen_user = user;
                }
                self.files.push(path);
                Ok(())
            }
            Err(source) => Err(ConfigError::Parse {
                path,
                source: Box::new(source),
            }),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bus: BusKind::System,
            lost_screen_user: "belay-screen".to_owned(),
            files: Vec::new(),
        }
    }
}

/// The sections that matter here; every key is judged by whom it belongs to.
#[derive(Default, Deserialize)]
#[serde(default)]
struct FileFormat {
    bus: BusSection,
    warden: WardenSection,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BusSection {
    kind: Option<BusKind>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct WardenSection {
    lost_screen_user: Option<String>,
}

fn drop_ins(base: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let folder = base.parent().unwrap_or(Path::new("")).join("belay.d");
    let listed = fs::read_dir(&folder).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()
    });
    let mut files = match listed {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ConfigError::Read { path: folder, source }),
    };
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_others_is_left_to_them_and_drop_ins_win() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("belay.toml");
        let text = "[cloud]\nurl = 1\n[warden]\nstate = \"/s\"\nlost-screen-user = \"a\"\n[bus]\nkind = \"session\"\n";
        fs::write(&file, text).unwrap();
        fs::create_dir(folder.path().join("belay.d")).unwrap();
        let drop_in = folder.path().join("belay.d/10-a.toml");
        fs::write(&drop_in, "[warden]\nlost-screen-user = \"b\"\n").unwrap();
        fs::write(folder.path().join("belay.d/20-b.conf"), "not toml at all").unwrap();
        let expected = Config {
            bus: BusKind::Session,
            lost_screen_user: "b".to_owned(),
            files: vec![file.clone(), drop_in],
        };
        assert_eq!(Config::load(Some(&file)).unwrap(), expected);
    }

    #[test]
    fn a_mistake_is_named_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("belay.toml");
        fs::write(&file, "[bus]\nkind = \"telephone\"\n").unwrap();
        let complaint = Config::load(Some(&file)).unwrap_err().to_string();
        assert!(
            complaint.contains("belay.toml") && complaint.contains("line 2"),
            "{complaint}"
        );
    }
}
