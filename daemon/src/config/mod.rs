//! The configuration: layers of TOML over defaults, and what is wrong with them.
//!
//! `/etc/belay/belay.toml`, then each `belay.d/*.toml` beside it in the order of their names, a later value
//! replacing an earlier one; then `STATE_DIRECTORY`, which systemd sets. Every key is optional and unknown keys
//! are errors. The warden reads the same files for its own section; belayd checks that section too, so that
//! `--check-config` speaks for both.

mod commands;
mod error;
mod file;
mod print;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use belay_proto::wire::DeviceKind;

use crate::accessory::link::Choice;
pub use commands::Commands;
pub use error::ConfigError;
use file::Layer;
pub use file::{Backend, BusKind, Enforcement, Kdf};

/// Where the configuration is looked for without `--config`.
pub const DEFAULT_FILE: &str = "/etc/belay/belay.toml";

/// The effective configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The account's cloud.
    pub cloud: Cloud,
    /// Which message bus.
    pub bus: BusKind,
    /// Where belayd keeps its files.
    pub paths: Paths,
    /// What the device says of itself.
    pub device: Device,
    /// Who carries out what only the operating system can do.
    pub backend: Backend,
    /// Commands for what the device has no service for.
    pub commands: Commands,
    /// Bands, scales and sensors.
    pub accessories: Accessories,
    /// The warden's section, which belayd only checks and prints.
    pub warden: Warden,
}

/// Section `[cloud]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cloud {
    /// The cloud's public address, `https://…` (plain `http` only to a loopback address); `None`: there is
    /// no cloud and each call that needs one answers `Offline`.
    pub url: Option<reqwest::Url>,
    /// A PEM file with the certificates to trust instead of the system's.
    pub ca: Option<PathBuf>,
}

/// Section `[paths]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The database and the sealing key.
    pub state: PathBuf,
}

/// Section `[device]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The name until the owner sets one; empty: the host's name.
    pub name: String,
    /// The model; empty: what the firmware says.
    pub model: String,
    /// What sort of device it is; unknown: what the machine says.
    pub kind: DeviceKind,
}

/// Section `[accessories]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accessories {
    /// Whether Bluetooth is looked at at all; if not, everything answers that there is no adapter.
    pub enabled: bool,
    /// The adapter to use.
    pub adapter: Choice,
}

/// Section `[warden]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warden {
    /// The first of the warden's two state folders is `a` in here, the second `b`.
    pub state: PathBuf,
    /// Run files of the warden.
    pub runtime: PathBuf,
    /// A folder that survives a factory reset, where the device has one.
    pub reset_proof_dir: Option<PathBuf>,
    /// Where the kernel's device tree of objects is mounted.
    pub sysfs: PathBuf,
    /// Seconds without work after which the warden leaves.
    pub idle_exit: u64,
    /// The user that shows the lost screen.
    pub lost_screen_user: String,
    /// Argon2id's price for new accounts.
    pub new_account_kdf: Kdf,
    /// Who makes the operating system follow lost mode.
    pub enforcement: Enforcement,
    /// The commands for that, where there is no systemd.
    pub exec: Exec,
    /// Where `belay-wipe` keeps its journal.
    pub wipe_journal: PathBuf,
}

/// Section `[warden.exec]`: each a program and its arguments; empty: nothing to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    /// Ends each session and shows the lost screen.
    pub lost: Vec<String>,
    /// Undoes that.
    pub unlock: Vec<String>,
    /// Starts the watch.
    pub watch: Vec<String>,
    /// Everything that may refuse a wipe.
    pub wipe_prepare: Vec<String>,
    /// Wipes.
    pub wipe: Vec<String>,
    /// Prints what a wipe is worth.
    pub wipe_class: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cloud: Cloud::default(),
            bus: BusKind::System,
            paths: Paths {
                state: "/var/lib/belay".into(),
            },
            device: Device::default(),
            backend: Backend::Auto,
            commands: Commands::default(),
            accessories: Accessories {
                enabled: true,
                adapter: Choice::default(),
            },
            warden: Warden {
                state: "/var/lib/belay-warden".into(),
                runtime: "/run/belay-warden".into(),
                reset_proof_dir: None,
                sysfs: "/sys".into(),
                idle_exit: 30,
                lost_screen_user: "belay-screen".into(),
                new_account_kdf: Kdf::DEFAULT,
                enforcement: Enforcement::Auto,
                exec: Exec::default(),
                wipe_journal: "/var/lib/belay-wipe".into(),
            },
        }
    }
}

impl Config {
    /// Reads the layers. `file` is the argument of `--config`, which must exist; without it
    /// [`DEFAULT_FILE`] needn't.
    ///
    /// # Errors
    /// The first mistake, with its file, line and key.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config = Self::from_files(file.unwrap_or(Path::new(DEFAULT_FILE)), file.is_some())?;
        config.take_environment(std::env::var_os("STATE_DIRECTORY"));
        Ok(config)
    }

    /// Reads `base` (which may be absent unless `required`) and the drop-ins beside it.
    ///
    /// # Errors
    /// The first mistake, with its file, line and key.
    pub fn from_files(base: &Path, required: bool) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(text) = read(base, required)? {
            file::parse(base, &text)?.apply(&mut config);
        }
        for path in drop_ins(base)? {
            if let Some(text) = read(&path, true)? {
                file::parse(&path, &text)?.apply(&mut config);
            }
        }
        Ok(config)
    }

    /// This configuration as TOML, each key with a comment; reading it gives the same configuration.
    pub fn to_toml(&self) -> String {
        print::render(self)
    }

    /// systemd names its state folders in the environment, several separated by colons; the first is ours.
    fn take_environment(&mut self, state: Option<OsString>) {
        let first = |list: OsString| {
            use std::os::unix::ffi::OsStrExt;
            let bytes = list.as_bytes().split(|byte| *byte == b':').next()?;
            (!bytes.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(bytes)))
        };
        if let Some(path) = state.and_then(first) {
            self.paths.state = path;
        }
    }
}

impl Layer {
    fn apply(self, config: &mut Config) {
        fn set<T>(to: &mut T, from: Option<T>) {
            if let Some(value) = from {
                *to = value;
            }
        }
        /// An empty text takes back what an earlier layer said.
        fn set_path(to: &mut Option<PathBuf>, from: Option<PathBuf>) {
            if let Some(path) = from {
                *to = Some(path).filter(|path| !path.as_os_str().is_empty());
            }
        }
        set(&mut config.cloud.url, self.cloud.url.map(|url| url.0));
        set_path(&mut config.cloud.ca, self.cloud.ca);
        set(&mut config.bus, self.bus.kind);
        set(&mut config.paths.state, self.paths.state);
        set(&mut config.device.name, self.device.name);
        set(&mut config.device.model, self.device.model);
        set(&mut config.device.kind, self.device.kind);
        set(&mut config.backend, self.platform.backend);
        self.platform.exec.apply(&mut config.commands);
        set(&mut config.accessories.enabled, self.accessories.enabled);
        set(&mut config.accessories.adapter, self.accessories.adapter);
        let warden = &mut config.warden;
        set(&mut warden.state, self.warden.state);
        set(&mut warden.runtime, self.warden.runtime);
        set_path(&mut warden.reset_proof_dir, self.warden.reset_proof_dir);
        set(&mut warden.sysfs, self.warden.sysfs);
        set(&mut warden.idle_exit, self.warden.idle_exit);
        set(&mut warden.lost_screen_user, self.warden.lost_screen_user);
        set(&mut warden.new_account_kdf, self.warden.new_account_kdf);
        set(&mut warden.enforcement, self.warden.enforcement);
        set(&mut warden.wipe_journal, self.warden.wipe_journal);
        if let Some(exec) = self.warden.exec {
            set(&mut warden.exec.lost, exec.lost);
            set(&mut warden.exec.unlock, exec.unlock);
            set(&mut warden.exec.watch, exec.watch);
            set(&mut warden.exec.wipe_prepare, exec.wipe_prepare);
            set(&mut warden.exec.wipe, exec.wipe);
            set(&mut warden.exec.wipe_class, exec.wipe_class);
        }
    }
}

fn read(path: &Path, required: bool) -> Result<Option<String>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => Ok(None),
        Err(source) => Err(ConfigError::Read {
            file: path.to_owned(),
            source,
        }),
    }
}

/// The files `belay.d/*.toml` beside `base`, sorted by name.
fn drop_ins(base: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let folder = base.with_file_name("belay.d");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ConfigError::Read { file: folder, source }),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|source| ConfigError::Read {
                file: folder.clone(),
                source,
            })?
            .path();
        if path.extension() == Some(OsStr::new("toml")) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests;
