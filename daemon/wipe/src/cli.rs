//! The command line: `belay-wipe [--config FILE] [--preflight | --prepare | --resume | --class]`.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use belay_proto::sysexits;
use rustix::fs::FlockOperation;

use crate::journal::Refusal;
use crate::plan::{Class, Plan, PlanError};
use crate::preflight;
use crate::system::System;
use crate::wipe::{Ended, Mode, WipeError, note_refusal, wipe};

const USAGE: &str = "usage: belay-wipe [--config FILE] [--preflight | --prepare | --resume | --class]

Wipes this device as the warden's intent says, or goes on with a wipe that was cut off.
  --preflight  say whether a wipe could begin; change nothing
  --prepare    refuse, or write down that this device is being wiped, which then holds; destroy nothing yet
  --resume     only go on with a wipe that was begun
  --class      print what the plan is worth: crypto, discard, overwrite, files or none";

/// Where the plan lies unless `--config` says otherwise.
pub const DEFAULT_FILE: &str = "/etc/belay/wipe.toml";
/// The folder that a boot empties, unless systemd gives one: a refusal for the warden, and the lock.
const RUNTIME: &str = "/run/belay-wipe";

/// Runs the program; `args` begin with its name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (config, task) = match parse(args.into_iter().skip(1)) {
        Ok(Parsed::Run(config, task)) => (config, task),
        Ok(Parsed::Say(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("belay-wipe: {mistake}\n{USAGE}");
            return ExitCode::from(sysexits::USAGE);
        }
    };
    log_to_stderr();
    match perform(config.as_deref().unwrap_or(Path::new(DEFAULT_FILE)), task) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("belay-wipe: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Wipe(Mode),
    Preflight,
    Class,
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Run(Option<PathBuf>, Task),
    Say(String),
}

fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Parsed, String> {
    let mut config = None;
    let mut task = None;
    while let Some(argument) = args.next() {
        let asked = match argument.to_str() {
            Some("--help" | "-h") => return Ok(Parsed::Say(USAGE.to_owned())),
            Some("--version" | "-V") => {
                return Ok(Parsed::Say(format!("belay-wipe {}", env!("CARGO_PKG_VERSION"))));
            }
            Some("--config") => {
                config = Some(PathBuf::from(args.next().ok_or("--config needs a file")?));
                continue;
            }
            Some("--preflight") => Task::Preflight,
            Some("--prepare") => Task::Wipe(Mode::Prepare),
            Some("--resume") => Task::Wipe(Mode::Resume),
            Some("--class") => Task::Class,
            _ => return Err(format!("unknown argument {}", argument.display())),
        };
        if task.replace(asked).is_some() {
            return Err("one task at a time".to_owned());
        }
    }
    Ok(Parsed::Run(config, task.unwrap_or(Task::Wipe(Mode::Start))))
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}: there is no plan", .0.display())]
    NoPlan(PathBuf),
    #[error("{}: {why}", .path.display())]
    Config { path: PathBuf, why: String },
    #[error("{0}")]
    Unfit(#[from] preflight::Unfit),
    #[error("{0}")]
    Wipe(#[from] WipeError),
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            Self::NoPlan(_) | Self::Config { .. } | Self::Unfit(_) | Self::Wipe(WipeError::Refused(_)) => {
                sysexits::CONFIG
            }
            Self::Wipe(WipeError::Unfinished(_)) => sysexits::IO,
            Self::Wipe(WipeError::PowerLeft) => sysexits::UNAVAILABLE,
        }
    }
}

fn perform(file: &Path, task: Task) -> Result<String, Failure> {
    let plan = load(file);
    let mode = match (task, plan) {
        (Task::Class, Err(Failure::NoPlan(_))) => return Ok(Class::None.to_string()),
        (Task::Class, plan) => return Ok(plan?.class().to_string()),
        (Task::Preflight, plan) => {
            preflight::check(&System::new(), &plan?)?;
            return Ok("a wipe could begin".to_owned());
        }
        (Task::Wipe(Mode::Resume), Err(Failure::NoPlan(_))) => return Ok(said(Ended::Nothing)),
        (Task::Wipe(mode), plan) => (mode, plan),
    };
    let runtime = env::var_os("RUNTIME_DIRECTORY").map_or_else(|| PathBuf::from(RUNTIME), PathBuf::from);
    let mut system = System::new();
    let (mode, plan) = match mode {
        (mode, Ok(plan)) => (mode, plan),
        (mode, Err(failure)) => {
            if mode != Mode::Resume {
                let refusal = Refusal {
                    command: String::new(),
                    reason: match failure {
                        Failure::NoPlan(_) => "no-plan".to_owned(),
                        _ => "plan-malformed".to_owned(),
                    },
                    detail: failure.to_string(),
                };
                note_refusal(&mut system, &refusal, None, &runtime);
            }
            return Err(failure);
        }
    };
    let _alone = alone(&runtime);
    Ok(said(wipe(&mut system, &plan, mode, &runtime)?))
}

fn said(ended: Ended) -> String {
    match ended {
        Ended::Nothing => "nothing to resume".to_owned(),
        Ended::Prepared => "nothing refuses; from here on it is being wiped".to_owned(),
        Ended::Wiped => "wiped".to_owned(),
    }
}

/// Two runs must never write one journal. Only root can open the file, so that nobody else holds the lock; where there
/// is none a wipe isn't held up for that.
fn alone(runtime: &Path) -> Option<File> {
    let locked = || {
        fs::create_dir_all(runtime)?;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(runtime.join("lock"))?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        io::Result::Ok(file)
    };
    locked()
        .inspect_err(|error| tracing::warn!(%error, "not locked"))
        .ok()
}

/// Reads a plan that nobody but root, or whoever runs this, can have written.
fn load(file: &Path) -> Result<Plan, Failure> {
    let wrong = |why: String| Failure::Config {
        path: file.to_owned(),
        why,
    };
    let found = match fs::metadata(file) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::NoPlan(file.to_owned()));
        }
        Err(error) => return Err(wrong(error.to_string())),
    };
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own && found.uid() != 0 {
        return Err(wrong("isn't root's".to_owned()));
    }
    if found.mode() & 0o022 != 0 {
        return Err(wrong("can be written by others".to_owned()));
    }
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    Plan::parse(&text).map_err(|error: PlanError| wrong(error.to_string()))
}

fn log_to_stderr() {
    use tracing_subscriber::filter::EnvFilter;
    let filter = EnvFilter::try_from_env("BELAY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // In a test somebody may have done it before us.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .try_init();
}
