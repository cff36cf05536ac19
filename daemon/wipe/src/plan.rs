//! `wipe.toml`: where journal and intent lie, the steps in order, and what they are worth.

mod format;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use format::{FileFormat, absolute};

/// A plan whose order and fields were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The folder of journal, tombstone and refusal; outside everything that is wiped.
    pub journal: PathBuf,
    /// The file in which the warden says which command it is, and its options.
    pub intent: PathBuf,
    /// What the owner's data lies on: devices or folders.
    pub data: Vec<PathBuf>,
    /// In the order they are carried out.
    pub steps: Vec<Step>,
}

/// One step and when it is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub work: Work,
    /// Only when the command says so: cards and other media that can be pulled out.
    pub external: bool,
    /// Deletes the eSIM profile: left out when the command says to keep it.
    pub esim: bool,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Destroys every keyslot and both headers of a LUKS2 device.
    LuksKeyslots {
        /// The encrypted device.
        device: PathBuf,
    },
    /// Tells the medium that nothing on a device is needed any more.
    Discard {
        /// The device.
        device: PathBuf,
        /// Even while it is mounted.
        mounted: bool,
    },
    /// Writes random bytes over a device, a file, or each file below a folder.
    Overwrite {
        /// The device, file or folder.
        target: PathBuf,
        /// How often.
        passes: u32,
        /// Even while it is mounted.
        mounted: bool,
    },
    /// Removes files and folders.
    Remove {
        /// Which.
        paths: Vec<PathBuf>,
    },
    /// Hands over to the system's own factory reset.
    FactoryReset {
        /// By which program.
        method: ResetMethod,
    },
    /// Runs a command of the device's maker: TPM objects, `mmc sanitize`, the eSIM profile.
    Exec {
        /// Program and arguments.
        command: Vec<String>,
        /// How long it may take.
        timeout: Duration,
    },
    /// Ends it all: what is decrypted in memory goes with the power.
    PowerOff {
        /// How.
        method: PowerOffMethod,
    },
}

/// The system's factory reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetMethod {
    /// `systemd-repart --factory-reset=yes`.
    Repart,
    /// `systemctl start factory-reset.target` (systemd 258).
    Target,
}

/// How the power is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PowerOffMethod {
    /// The system call: works when the root file system is gone.
    Kernel,
    /// `systemctl poweroff`.
    Systemd,
    /// A command.
    Exec(Vec<String>),
}

/// What a wipe by this plan is worth; the words of `Device.WipeClass`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nothing reaches the data.
    None,
    /// Files are removed.
    Files,
    /// The medium is overwritten.
    Overwrite,
    /// The medium is discarded.
    Discard,
    /// The keys are destroyed.
    Crypto,
}

impl Class {
    /// The word on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Files => "files",
            Self::Overwrite => "overwrite",
            Self::Discard => "discard",
            Self::Crypto => "crypto",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A plan that can't be carried out as written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not this file's format; the message names line and key.
    #[error("{0}")]
    Format(#[from] Box<toml::de::Error>),
    /// A step that makes no sense.
    #[error("step {number} ({kind}): {why}")]
    Step {
        /// Counted from 1.
        number: usize,
        /// Its kind.
        kind: String,
        /// What is wrong.
        why: String,
    },
    /// A place that makes no sense.
    #[error("{key}: {why}")]
    Place {
        /// Section and key.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl Plan {
    /// Reads the text of `wipe.toml`.
    ///
    /// # Errors
    /// [`PlanError`]: a key nobody knows, a field that doesn't belong to its step, keys that aren't first, a
    /// power-off that isn't last.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let file: FileFormat = toml::from_str(text).map_err(Box::new)?;
        let place = |key, path: PathBuf| match absolute(&path) {
            Ok(()) => Ok(path),
            Err(why) => Err(PlanError::Place { key, why }),
        };
        let journal = place("journal.path", file.journal.path)?;
        let intent = place("intent.path", file.intent.path)?;
        let data = file.data.places.into_iter();
        let data = data
            .map(|path| place("data.places", path))
            .collect::<Result<_, _>>()?;
        let mut steps = Vec::with_capacity(file.step.len());
        for (index, format) in file.step.into_iter().enumerate() {
            let kind = format.kind.clone();
            let step = format.check().and_then(|step| in_order(&steps, step));
            steps.push(step.map_err(|why| PlanError::Step {
                number: index + 1,
                kind,
                why,
            })?);
        }
        if steps.is_empty() {
            return Err(PlanError::Place {
                key: "step",
                why: "there is none".to_owned(),
            });
        }
        Ok(Self {
            journal,
            intent,
            data,
            steps,
        })
    }

    /// What this plan is worth: for the place of the owner's data that fares worst, the best that any step does to
    /// it. A plan that doesn't say where the data lies promises nothing.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class_of(|_| true)
    }

    /// The same of those steps alone that `counts` says; by their numbers from 0.
    #[must_use]
    pub fn class_of(&self, counts: impl Fn(usize) -> bool) -> Class {
        let worth = |place: &PathBuf| {
            let steps = self.steps.iter().enumerate();
            let internal = steps.filter(|(number, step)| !step.external && counts(*number));
            internal
                .map(|(_, step)| step.work.worth(place))
                .max()
                .unwrap_or(Class::None)
        };
        self.data.iter().map(worth).min().unwrap_or(Class::None)
    }
}

impl Step {
    /// Whether the wipe is irrevocable only once this step is done.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        matches!(self.work, Work::LuksKeyslots { .. }) && !self.external
    }
}

impl Work {
    /// The kind, as in `wipe.toml`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::LuksKeyslots { .. } => "luks-keyslots",
            Self::Discard { .. } => "discard",
            Self::Overwrite { .. } => "overwrite",
            Self::Remove { .. } => "remove",
            Self::FactoryReset { .. } => "factory-reset",
            Self::Exec { .. } => "exec",
            Self::PowerOff { .. } => "power-off",
        }
    }

    fn worth(&self, place: &Path) -> Class {
        let (reaches, class) = match self {
            Self::LuksKeyslots { device } => (device == place, Class::Crypto),
            Self::Discard { device, .. } => (device == place, Class::Discard),
            Self::Overwrite { target, .. } => (place.starts_with(target), Class::Overwrite),
            Self::Remove { paths } => (paths.iter().any(|path| place.starts_with(path)), Class::Files),
            // It deletes partitions, and systemd's own manual says that this isn't an erasure.
            Self::FactoryReset { .. } => (true, Class::Files),
            Self::Exec { .. } | Self::PowerOff { .. } => (false, Class::None),
        };
        if reaches { class } else { Class::None }
    }
}

/// Keys go first, and nothing comes after the power is cut.
fn in_order(before: &[Step], step: Step) -> Result<Step, String> {
    let last = before.last();
    if last.is_some_and(|last| matches!(last.work, Work::PowerOff { .. })) {
        return Err("comes after the power-off".to_owned());
    }
    if step.is_key() && last.is_some_and(|last| !last.is_key()) {
        return Err("keys go first".to_owned());
    }
    Ok(step)
}

#[cfg(test)]
mod tests;
