//! The few keys of `/etc/belay/belay.toml` and `belay.d/*.toml` that the warden reads: its own
//! section, the bus, the cloud's URL and the device's model. The rest is belayd's.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_proto::keys::KdfParameters;
use serde::Deserialize;

use crate::enforce::exec::Commands;

/// Where the configuration lies unless `--config` says otherwise.
pub const DEFAULT_FILE: &str = "/etc/belay/belay.toml";

/// The effective configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The cloud's URL; `None` without a cloud.
    pub cloud_url: Option<String>,
    /// Which bus.
    pub bus: BusKind,
    /// The model's name, if the configuration gives one.
    pub model: Option<String>,
    /// The state folder, or two joined by `:`.
    pub state: String,
    /// The folder that a boot empties.
    pub runtime: PathBuf,
    /// The folder that a factory reset leaves alone.
    pub reset_proof: Option<PathBuf>,
    /// Where sysfs is mounted.
    pub sysfs: PathBuf,
    /// How long to stay without work; zero: for ever.
    pub idle_exit: Duration,
    /// The user whom the lost screen runs as.
    pub lost_screen_user: String,
    /// Argon2id's price for new accounts.
    pub new_account_kdf: KdfParameters,
    /// Who makes the operating system follow.
    pub enforcement: Enforcement,
    /// The commands for that, where there is no systemd.
    pub exec: Commands,
    /// The folder where `belay-wipe` keeps its journal, its tombstone and why it refused.
    pub wipe_journal: PathBuf,
    /// The files it was read from, for the check of their owners.
    pub files: Vec<PathBuf>,
}

/// Who makes the operating system follow lost mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// systemd where it runs, else the commands where there are any, else nobody.
    #[default]
    Auto,
    /// systemd and logind.
    Systemd,
    /// The commands of `[warden.exec]`.
    Exec,
    /// Nobody: the warden says what is, and nothing outside changes.
    None,
}

/// The bus to serve on.
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
    #[error("{path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A mistake in a file; the message names line and key.
    #[error("{path}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A value that isn't allowed.
    #[error("{path}: {key}: {why}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl Config {
    /// Reads `file`, or [`DEFAULT_FILE`] where it exists, and the drop-ins in `belay.d` beside it in
    /// the order of their names; later ones win.
    ///
    /// # Errors
    /// [`ConfigError`]; a file named explicitly must exist.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let base = file.unwrap_or(Path::new(DEFAULT_FILE));
        let mut config = Self::default();
        if file.is_some() || base.exists() {
            config.overlay(base)?;
        }
        for drop_in in drop_ins(base)? {
            config.overlay(&drop_in)?;
        }
        Ok(config)
    }

    fn overlay(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let file: FileFormat = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        self.files.push(path.to_owned());
        let FileFormat {
            cloud,
            bus,
            device,
            warden,
        } = file;
        set(&mut self.bus, bus.kind);
        set(&mut self.cloud_url, cloud.url.map(non_empty));
        set(&mut self.model, device.model.map(non_empty));
        set(&mut self.state, warden.state);
        set(&mut self.runtime, warden.runtime);
        set(
            &mut self.reset_proof,
            warden
                .reset_proof_dir
                .map(|text| non_empty(text).map(PathBuf::from)),
        );
        set(&mut self.sysfs, warden.sysfs);
        set(&mut self.idle_exit, warden.idle_exit.map(Duration::from_secs));
        set(&mut self.lost_screen_user, warden.lost_screen_user);
        set(&mut self.enforcement, warden.enforcement);
        set(&mut self.wipe_journal, warden.wipe_journal);
        if let Some(exec) = warden.exec {
            set(&mut self.exec.lost, exec.lost);
            set(&mut self.exec.unlock, exec.unlock);
            set(&mut self.exec.watch, exec.watch);
            set(&mut self.exec.wipe_prepare, exec.wipe_prepare);
            set(&mut self.exec.wipe, exec.wipe);
            set(&mut self.exec.wipe_class, exec.wipe_class);
        }
        if self
            .exec
            .programs()
            .any(|program| !Path::new(program).is_absolute())
        {
            return Err(ConfigError::Value {
                path: path.to_owned(),
                key: "warden.exec",
                why: "expected absolute paths".to_owned(),
            });
        }
        if let Some(kdf) = warden.new_account_kdf {
            let KdfSection {
                memory_kib,
                iterations,
            } = kdf;
            let parameters = KdfParameters {
                memory_kib,
                iterations,
                ..self.new_account_kdf
            };
            parameters.check(None).map_err(|refused| ConfigError::Value {
                path: path.to_owned(),
                key: "warden.new-account-kdf",
                why: refused.to_string(),
            })?;
            self.new_account_kdf = parameters;
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cloud_url: None,
            bus: BusKind::System,
            model: None,
            state: "/var/lib/belay-warden".to_owned(),
            runtime: PathBuf::from("/run/belay-warden"),
            reset_proof: None,
            sysfs: PathBuf::from("/sys"),
            idle_exit: Duration::from_secs(30),
            lost_screen_user: "belay-screen".to_owned(),
            new_account_kdf: KdfParameters::DEFAULT,
            enforcement: Enforcement::Auto,
            exec: Commands::default(),
            wipe_journal: PathBuf::from("/var/lib/belay-wipe"),
            files: Vec::new(),
        }
    }
}

/// The sections that matter here; the keys of `cloud` and `device` are judged by belayd.
#[derive(Default, Deserialize)]
#[serde(default)]
struct FileFormat {
    cloud: CloudSection,
    bus: BusSection,
    device: DeviceSection,
    warden: WardenSection,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CloudSection {
    url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DeviceSection {
    model: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BusSection {
    kind: Option<BusKind>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct WardenSection {
    state: Option<String>,
    runtime: Option<PathBuf>,
    reset_proof_dir: Option<String>,
    sysfs: Option<PathBuf>,
    idle_exit: Option<u64>,
    lost_screen_user: Option<String>,
    new_account_kdf: Option<KdfSection>,
    enforcement: Option<Enforcement>,
    exec: Option<ExecSection>,
    wipe_journal: Option<PathBuf>,
}

/// Each a program and its arguments; empty: nothing to do.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct ExecSection {
    lost: Option<Vec<String>>,
    unlock: Option<Vec<String>>,
    watch: Option<Vec<String>>,
    wipe_prepare: Option<Vec<String>>,
    wipe: Option<Vec<String>>,
    wipe_class: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct KdfSection {
    memory_kib: u32,
    iterations: u32,
}

fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn drop_ins(base: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let folder = base.parent().unwrap_or(Path::new("")).join("belay.d");
    let failed = |source| ConfigError::Read {
        path: folder.clone(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("belay.toml");
        fs::write(&file, text).unwrap();
        Config::load(Some(&file))
    }

    fn complaint(text: &str) -> String {
        let error = load(text).unwrap_err();
        let source = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        format!("{error}: {source}")
    }

    #[test]
    fn every_key_is_optional_and_sections_of_others_are_left_to_them() {
        let config =
            load("[platform]\nbackend = \"auto\"\n[paths]\nwhatever = 1\n[cloud]\nca = \"/x\"\n").unwrap();
        assert_eq!(
            Config {
                files: Vec::new(),
                ..config
            },
            Config::default()
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_file_and_line() {
        let complaint = complaint("[warden]\nstate = \"/s\"\nidle_exit = 3\n");
        assert!(
            complaint.contains("belay.toml")
                && complaint.contains("line 3")
                && complaint.contains("idle_exit"),
            "{complaint}"
        );
    }

    #[test]
    fn a_price_below_the_floor_is_refused() {
        let complaint = complaint("[warden]\nnew-account-kdf = { memory-kib = 1024, iterations = 1 }\n");
        assert!(complaint.contains("warden.new-account-kdf"), "{complaint}");
    }

    #[test]
    fn commands_are_absolute_programs_and_later_layers_replace_single_ones() {
        let config =
            load("[warden]\nenforcement = \"exec\"\n[warden.exec]\nlost = [\"/bin/lost\", \"-x\"]\n")
                .unwrap();
        assert_eq!(config.enforcement, Enforcement::Exec);
        assert_eq!(config.exec.programs().collect::<Vec<_>>(), ["/bin/lost"]);
        assert!(complaint("[warden.exec]\nlost = [\"lost\"]\n").contains("warden.exec"));
        assert!(complaint("[warden.exec]\nlocked = []\n").contains("locked"));
    }

    #[test]
    fn drop_ins_win_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("belay.toml");
        fs::write(&file, "[warden]\nidle-exit = 1\nstate = \"/one\"\n").unwrap();
        fs::create_dir(folder.path().join("belay.d")).unwrap();
        fs::write(
            folder.path().join("belay.d/20-b.toml"),
            "[warden]\nidle-exit = 3\n",
        )
        .unwrap();
        fs::write(
            folder.path().join("belay.d/10-a.toml"),
            "[warden]\nidle-exit = 2\n",
        )
        .unwrap();
        fs::write(folder.path().join("belay.d/30-c.conf"), "not toml at all").unwrap();
        let config = Config::load(Some(&file)).unwrap();
        assert_eq!(
            (config.idle_exit, config.state.as_str()),
            (Duration::from_secs(3), "/one")
        );
    }
}
