//! The configuration: `$XDG_CONFIG_HOME/belay-agent/config.toml`. Every key is optional and unknown keys are errors.

mod folders;
mod print;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_proto::steps::SYNCED;
use serde::{Deserialize, Serialize};

pub use folders::Folders;

/// For how long nothing may change before it is looked at, ms.
const SETTLE: u64 = 1000;
/// At most, ms.
const LONGEST_SETTLE: u64 = 60_000;

/// The effective configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which bus belayd is on.
    pub bus: BusKind,
    /// For how long nothing may change before it is looked at.
    pub settle: Duration,
    /// Where the memory of the sources is kept.
    pub state: PathBuf,
    /// The sources, by name.
    pub sources: BTreeMap<String, Origin>,
}

/// The bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BusKind {
    /// The system bus; `DBUS_SYSTEM_BUS_ADDRESS` is honoured.
    #[default]
    System,
    /// The session bus, for development.
    Session,
}

/// How a source keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeping {
    /// A vdir: files of contacts or events.
    Vdir,
    /// KPeople's folder of contacts.
    Kpeople,
    /// A folder of `.md` and `.txt` files.
    Notes,
    /// A folder of any files.
    Folder,
}

/// Where a collection's data comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Which collection.
    pub collection: String,
    /// How it is kept.
    pub kind: Keeping,
    /// Where.
    pub path: PathBuf,
}

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A mistake in it; the message names line and key.
    #[error("{}: {source}", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// A source that can't be.
    #[error("source {name}: {why}")]
    Source {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// A value that can't be.
    #[error("{0}")]
    Value(&'static str),
    /// There is no home folder.
    #[error("neither HOME nor the XDG base folders are set")]
    Homeless,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct FileFormat {
    bus: Option<BusKind>,
    settle: Option<u64>,
    state: Option<PathBuf>,
    sources: BTreeMap<String, SourceFormat>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct SourceFormat {
    collection: Option<String>,
    kind: Option<Keeping>,
    path: Option<String>,
    off: bool,
}

impl Config {
    /// Reads `file`, which must exist, or the usual one, which needn't.
    ///
    /// # Errors
    /// The first mistake.
    pub fn load(file: Option<&Path>, folders: &Folders) -> Result<Self, ConfigError> {
        let path = file.map_or_else(|| folders.config.join("belay-agent/config.toml"), Path::to_owned);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => String::new(),
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        let written: FileFormat = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path,
            source: Box::new(source),
        })?;
        Self::of(written, folders)
    }

    fn of(written: FileFormat, folders: &Folders) -> Result<Self, ConfigError> {
        let mut sources = folders.sources();
        for (name, source) in written.sources {
            let before = sources.remove(&name);
            if !source.off {
                let source = source.over(&name, before, folders)?;
                sources.insert(name, source);
            }
        }
        let settle = written.settle.unwrap_or(SETTLE);
        if settle > LONGEST_SETTLE {
            return Err(ConfigError::Value("settle: at most 60000 ms"));
        }
        let config = Self {
            bus: written.bus.unwrap_or_default(),
            settle: Duration::from_millis(settle),
            state: written.state.unwrap_or_else(|| folders.state.join("belay-agent")),
            sources,
        };
        config.check()?;
        Ok(config)
    }

    /// This configuration as TOML, each key with a comment.
    #[must_use]
    pub fn to_toml(&self) -> String {
        print::render(self)
    }

    /// The folders of other sources that lie below this one's, by their paths below it.
    #[must_use]
    pub fn below(&self, name: &str) -> Vec<String> {
        let Some(own) = self.sources.get(name) else {
            return Vec::new();
        };
        let others = self.sources.iter().filter(|(other, _)| *other != name);
        let below = others.filter_map(|(_, other)| other.path.strip_prefix(&own.path).ok()?.to_str());
        below.filter(|path| !path.is_empty()).map(str::to_owned).collect()
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (name, origin) in &self.sources {
            let wrong = |why: String| {
                Err(ConfigError::Source {
                    name: name.clone(),
                    why,
                })
            };
            let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if name.is_empty() || name.len() > 32 || !name.bytes().all(is_name) {
                return wrong("a name is 1 to 32 of a to z, 0 to 9 and -".to_owned());
            }
            if !SYNCED.contains(&origin.collection.as_str()) {
                return wrong(format!("there is no collection {:?}", origin.collection));
            }
            let fits = match origin.kind {
                Keeping::Vdir => ["contacts", "calendars"].contains(&origin.collection.as_str()),
                Keeping::Kpeople => origin.collection == "contacts",
                Keeping::Notes => origin.collection == "notes",
                Keeping::Folder => ["documents", "pictures", "videos"].contains(&origin.collection.as_str()),
            };
            if !fits {
                return wrong(format!("{:?} can't be kept so", origin.collection));
            }
            if !origin.path.is_absolute() {
                return wrong("its path is neither absolute nor below ~".to_owned());
            }
            if self.state.starts_with(&origin.path) && origin.kind == Keeping::Folder {
                return wrong("the state folder lies in it".to_owned());
            }
            let same = |(other, it): &(&String, &Origin)| *other < name && it.path == origin.path;
            if let Some((other, _)) = self.sources.iter().find(same) {
                return wrong(format!("source {other} has the same path"));
            }
            let twice =
                |(other, it): &(&String, &Origin)| *other < name && it.collection == origin.collection;
            if let Some((other, _)) = self.sources.iter().find(twice) {
                // Each would bring all of the other's into its own folder.
                return wrong(format!(
                    "source {other} has the same collection: one of them needs `off = true`"
                ));
            }
        }
        Ok(())
    }
}

impl SourceFormat {
    fn over(self, name: &str, before: Option<Origin>, folders: &Folders) -> Result<Origin, ConfigError> {
        let missing = |key: &str| ConfigError::Source {
            name: name.to_owned(),
            why: format!("{key} is missing"),
        };
        let path = match self.path {
            Some(path) => Some(folders.expand(&path)),
            None => before.as_ref().map(|before| before.path.clone()),
        };
        let collection = self
            .collection
            .or_else(|| before.as_ref().map(|before| before.collection.clone()));
        let kind = self.kind.or_else(|| before.map(|before| before.kind));
        Ok(Origin {
            collection: collection.ok_or_else(|| missing("collection"))?,
            kind: kind.ok_or_else(|| missing("kind"))?,
            path: path.ok_or_else(|| missing("path"))?,
        })
    }
}

#[cfg(test)]
mod tests;
