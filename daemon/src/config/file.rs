//! One file of the configuration, as it is written.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::Error as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use belay_proto::wire::DeviceKind;

use super::ConfigError;
use super::commands::CommandsLayer;
use crate::accessory::link::Choice;
use crate::cloud::{CloudError, check_url};

/// Which bus belayd and the warden use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// The system bus (`DBUS_SYSTEM_BUS_ADDRESS` is honoured).
    System,
    /// The session bus, for development.
    Session,
}

/// Who carries out what only the operating system can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A part's command where one is configured, else its service on the system's bus.
    Auto,
    /// The services alone.
    Systemd,
    /// The commands of `[platform.exec]` alone.
    Exec,
    /// As `auto`, on a machine that is the same for every test; only in builds for tests.
    Simulated,
}

/// Who makes the operating system follow lost mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// systemd where it runs, else the commands, else nobody.
    Auto,
    /// systemd and logind.
    Systemd,
    /// The commands of `[warden.exec]`.
    Exec,
    /// Nobody.
    None,
}

/// Argon2id's price for new accounts; parallelism is always 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kdf {
    /// Memory in KiB.
    #[serde(deserialize_with = "memory")]
    pub memory_kib: u32,
    /// Passes.
    #[serde(deserialize_with = "iterations")]
    pub iterations: u32,
}

impl Kdf {
    /// What accounts get unless configured otherwise.
    pub const DEFAULT: Self = Self {
        memory_kib: belay_proto::keys::KdfParameters::DEFAULT.memory_kib,
        iterations: belay_proto::keys::KdfParameters::DEFAULT.iterations,
    };
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Layer {
    pub(super) cloud: CloudLayer,
    pub(super) bus: BusLayer,
    pub(super) paths: PathsLayer,
    pub(super) device: DeviceLayer,
    pub(super) platform: PlatformLayer,
    pub(super) accessories: AccessoriesLayer,
    pub(super) warden: WardenLayer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CloudLayer {
    pub(super) url: Option<CloudUrl>,
    #[serde(deserialize_with = "absolute_or_empty")]
    pub(super) ca: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct BusLayer {
    pub(super) kind: Option<BusKind>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct PathsLayer {
    #[serde(deserialize_with = "absolute")]
    pub(super) state: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct DeviceLayer {
    #[serde(deserialize_with = "name")]
    pub(super) name: Option<String>,
    #[serde(deserialize_with = "name")]
    pub(super) model: Option<String>,
    #[serde(deserialize_with = "kind")]
    pub(super) kind: Option<DeviceKind>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct PlatformLayer {
    #[serde(deserialize_with = "backend")]
    pub(super) backend: Option<Backend>,
    pub(super) exec: CommandsLayer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct AccessoriesLayer {
    pub(super) enabled: Option<bool>,
    #[serde(deserialize_with = "adapter")]
    pub(super) adapter: Option<Choice>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct WardenLayer {
    #[serde(deserialize_with = "absolute")]
    pub(super) state: Option<PathBuf>,
    #[serde(deserialize_with = "absolute")]
    pub(super) runtime: Option<PathBuf>,
    #[serde(deserialize_with = "absolute_or_empty")]
    pub(super) reset_proof_dir: Option<PathBuf>,
    #[serde(deserialize_with = "absolute")]
    pub(super) sysfs: Option<PathBuf>,
    pub(super) idle_exit: Option<u64>,
    pub(super) lost_screen_user: Option<String>,
    pub(super) new_account_kdf: Option<Kdf>,
    pub(super) enforcement: Option<Enforcement>,
    pub(super) exec: Option<ExecLayer>,
    #[serde(deserialize_with = "absolute")]
    pub(super) wipe_journal: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ExecLayer {
    #[serde(deserialize_with = "program")]
    pub(super) lost: Option<Vec<String>>,
    #[serde(deserialize_with = "program")]
    pub(super) unlock: Option<Vec<String>>,
    #[serde(deserialize_with = "program")]
    pub(super) watch: Option<Vec<String>>,
    #[serde(deserialize_with = "program")]
    pub(super) wipe_prepare: Option<Vec<String>>,
    pub(super) wipe: Option<Vec<String>>,
    #[serde(deserialize_with = "program")]
    pub(super) wipe_class: Option<Vec<String>>,
}

/// The cloud's address; the inner value is `None` for an empty text, which takes an earlier layer's back.
#[derive(Debug)]
pub(super) struct CloudUrl(pub(super) Option<reqwest::Url>);

impl<'de> Deserialize<'de> for CloudUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        match check_url(&text) {
            Ok(url) => Ok(Self(Some(url))),
            Err(CloudError::Misconfigured(why)) => Err(D::Error::custom(why)),
            Err(other) => Err(D::Error::custom(other)),
        }
    }
}

/// Parses one file.
pub(super) fn parse(path: &Path, text: &str) -> Result<Layer, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let before = text.get(..span.start).unwrap_or(text);
        ConfigError::Content {
            file: path.to_owned(),
            line: before.matches('\n').count() + 1,
            key: key_at(text, &span),
            message: error.message().to_owned(),
        }
    })
}

fn absolute<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.is_absolute() {
        Ok(Some(path))
    } else {
        Err(D::Error::custom("expected an absolute path"))
    }
}

/// A program's absolute path and its arguments; empty: nothing to do.
fn program<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let command = Vec::<String>::deserialize(deserializer)?;
    match command
        .first()
        .is_none_or(|program| Path::new(program).is_absolute())
    {
        true => Ok(Some(command)),
        false => Err(D::Error::custom("expected an absolute path")),
    }
}

/// Where an empty text takes back what an earlier layer said.
fn absolute_or_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.is_absolute() || path.as_os_str().is_empty() {
        Ok(Some(path))
    } else {
        Err(D::Error::custom("expected an absolute path"))
    }
}

fn name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match crate::device::name::check(&text) {
        Ok(_) => Ok(Some(text)),
        Err(_) if text.is_empty() => Ok(Some(text)),
        Err(error) => Err(D::Error::custom(error)),
    }
}

fn kind<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<DeviceKind>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" => Ok(Some(DeviceKind::Unknown)),
        word => match DeviceKind::named(word) {
            Some(kind) => Ok(Some(kind)),
            None => Err(D::Error::custom(
                "expected phone, tablet, watch, laptop, desktop or nothing",
            )),
        },
    }
}

fn adapter<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Choice>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

fn backend<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Backend>, D::Error> {
    match Backend::deserialize(deserializer)? {
        Backend::Simulated if !cfg!(feature = "simulated") => {
            Err(D::Error::custom("this build holds no simulator"))
        }
        backend => Ok(Some(backend)),
    }
}

fn memory<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    use belay_proto::keys::KdfParameters;
    between(
        deserializer,
        KdfParameters::FLOOR.memory_kib,
        KdfParameters::CEILING.memory_kib,
    )
}

fn iterations<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    use belay_proto::keys::KdfParameters;
    between(
        deserializer,
        KdfParameters::FLOOR.iterations,
        KdfParameters::CEILING.iterations,
    )
}

fn between<'de, D: serde::Deserializer<'de>>(deserializer: D, low: u32, high: u32) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if (low..=high).contains(&number) {
        Ok(number)
    } else {
        Err(D::Error::custom(format!("expected {low} to {high}")))
    }
}

/// The dotted key whose name or value lies at `span`.
fn key_at(text: &str, span: &Range<usize>) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    let mut found = Vec::new();
    descend(root.get_ref(), span, &mut found);
    (!found.is_empty()).then(|| found.join("."))
}

fn descend(table: &DeTable<'_>, span: &Range<usize>, found: &mut Vec<String>) {
    let covers = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    for (key, value) in table {
        if covers(key.span()) {
            found.push(key.get_ref().to_string());
            return;
        }
        let depth = found.len();
        found.push(key.get_ref().to_string());
        if let DeValue::Table(inner) = value.get_ref() {
            descend(inner, span, found);
        }
        if found.len() > depth + 1 || covers(Spanned::span(value)) {
            return;
        }
        found.truncate(depth);
    }
}
