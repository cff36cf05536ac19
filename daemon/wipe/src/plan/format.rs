//! The text of `wipe.toml`, field by field.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::{PowerOffMethod, ResetMethod, Step, Work};

/// How long a command may take unless the plan says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);
/// More passes than this only wear the medium.
const MOST_PASSES: u32 = 7;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileFormat {
    pub(super) journal: PathSection,
    pub(super) intent: PathSection,
    pub(super) data: DataSection,
    #[serde(default)]
    pub(super) step: Vec<StepFormat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PathSection {
    pub(super) path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DataSection {
    pub(super) places: Vec<PathBuf>,
}

/// Every field that any kind knows; [`StepFormat::check`] says which belong together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepFormat {
    pub(super) kind: String,
    #[serde(default)]
    external: bool,
    #[serde(default)]
    esim: bool,
    device: Option<PathBuf>,
    path: Option<PathBuf>,
    paths: Option<Vec<PathBuf>>,
    passes: Option<u32>,
    mounted: Option<bool>,
    method: Option<String>,
    command: Option<Vec<String>>,
    timeout: Option<u64>,
}

impl StepFormat {
    pub(super) fn check(mut self) -> Result<Step, String> {
        let (external, esim) = (self.external, self.esim);
        let work = match self.kind.as_str() {
            "luks-keyslots" => Work::LuksKeyslots {
                device: self.device()?,
            },
            "discard" => Work::Discard {
                device: self.device()?,
                mounted: self.mounted.take().unwrap_or(false),
            },
            "overwrite" => self.overwrite()?,
            "remove" => Work::Remove { paths: self.paths()? },
            "factory-reset" => Work::FactoryReset {
                method: match self.method.take().as_deref() {
                    None | Some("repart") => ResetMethod::Repart,
                    Some("target") => ResetMethod::Target,
                    Some(other) => return Err(format!("method {other:?}: it is repart or target")),
                },
            },
            "exec" => Work::Exec {
                command: self.command()?,
                timeout: self.timeout.take().map_or(PATIENCE, Duration::from_secs),
            },
            "power-off" => Work::PowerOff {
                method: match self.method.take().as_deref() {
                    None | Some("kernel") => PowerOffMethod::Kernel,
                    Some("systemd") => PowerOffMethod::Systemd,
                    Some("exec") => PowerOffMethod::Exec(self.command()?),
                    Some(other) => return Err(format!("method {other:?}: it is kernel, systemd or exec")),
                },
            },
            _ => return Err("there is no such kind".to_owned()),
        };
        if (external || esim) && matches!(work, Work::PowerOff { .. }) {
            return Err("is never left out".to_owned());
        }
        self.nothing_left()?;
        Ok(Step { work, external, esim })
    }

    fn overwrite(&mut self) -> Result<Work, String> {
        let target = match (self.device.take(), self.path.take()) {
            (Some(target), None) | (None, Some(target)) => target,
            _ => return Err("needs either device or path".to_owned()),
        };
        absolute(&target)?;
        let passes = self.passes.take().unwrap_or(1);
        if !(1..=MOST_PASSES).contains(&passes) {
            return Err(format!("passes is 1 to {MOST_PASSES}"));
        }
        Ok(Work::Overwrite {
            target,
            passes,
            mounted: self.mounted.take().unwrap_or(false),
        })
    }

    fn device(&mut self) -> Result<PathBuf, String> {
        let device = self.device.take().ok_or("needs a device")?;
        absolute(&device).map(|()| device)
    }

    fn paths(&mut self) -> Result<Vec<PathBuf>, String> {
        let paths = self
            .paths
            .take()
            .filter(|paths| !paths.is_empty())
            .ok_or("needs paths")?;
        paths.iter().try_for_each(|path| absolute(path)).map(|()| paths)
    }

    fn command(&mut self) -> Result<Vec<String>, String> {
        let command = self.command.take().unwrap_or_default();
        let program = command.first().ok_or("needs a command")?;
        absolute(Path::new(program)).map(|()| command)
    }

    fn nothing_left(&self) -> Result<(), String> {
        let left = [
            (self.device.is_some(), "device"),
            (self.path.is_some(), "path"),
            (self.paths.is_some(), "paths"),
            (self.passes.is_some(), "passes"),
            (self.mounted.is_some(), "mounted"),
            (self.method.is_some(), "method"),
            (self.command.is_some(), "command"),
            (self.timeout.is_some(), "timeout"),
        ];
        match left.iter().find(|(there, _)| *there) {
            Some((_, key)) => Err(format!("`{key}` doesn't belong here")),
            None => Ok(()),
        }
    }
}

/// Refuses what isn't an absolute path without `..`, and the root.
pub(super) fn absolute(path: &Path) -> Result<(), String> {
    let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    if path.is_absolute() && path.components().all(plain) && path != Path::new("/") {
        Ok(())
    } else {
        Err(format!("{} isn't an absolute path to something", path.display()))
    }
}
