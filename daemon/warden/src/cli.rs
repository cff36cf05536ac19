//! The command line: `belay-warden [--config FILE] [init | verify-log | reset-allowed]`.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use belay_proto::clock::{is_simulated, system_clock, unix_seconds};
use belay_proto::sysexits;
use belay_proto::text::with_causes;

use crate::commands::{self, CommandError};
use crate::config::{BusKind, Config, ConfigError};
use crate::disk::places::Places;
use crate::serve::{ServeError, serve};

const USAGE: &str = "usage: belay-warden [--config FILE] [init | verify-log | reset-allowed]

Without a command: serve org.belay1.Warden until there is nothing to do.
  init           make the first state; refused where there is any trace of one
  verify-log     check the chain of the audit log; exit 1 when it is broken
  reset-allowed  exit 0 when a factory reset is allowed now, else 1";

/// The name of systemd's credential with the sealing key.
const CREDENTIAL: &str = "belay-warden.key";

/// Runs the program; `args` begin with its name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let invocation = match parse(args.into_iter().skip(1)) {
        Ok(Parsed::Run(invocation)) => invocation,
        Ok(Parsed::Say(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("belay-warden: {mistake}\n{USAGE}");
            return ExitCode::from(sysexits::USAGE);
        }
    };
    log_to_stderr();
    match perform(&invocation) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("belay-warden: {}", with_causes(&failure));
            ExitCode::from(failure.code())
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Run(Invocation),
    Say(String),
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Invocation {
    config: Option<PathBuf>,
    command: Option<Command>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Init,
    VerifyLog,
    ResetAllowed,
}

fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Parsed, String> {
    let mut invocation = Invocation::default();
    while let Some(argument) = args.next() {
        let command = match argument.to_str() {
            Some("--help" | "-h") => return Ok(Parsed::Say(USAGE.to_owned())),
            Some("--version" | "-V") => {
                return Ok(Parsed::Say(format!("belay-warden {}", env!("CARGO_PKG_VERSION"))));
            }
            Some("--config") => {
                let file = args.next().ok_or("--config needs a file")?;
                invocation.config = Some(file.into());
                continue;
            }
            Some("init") => Command::Init,
            Some("verify-log") => Command::VerifyLog,
            Some("reset-allowed") => Command::ResetAllowed,
            _ => return Err(format!("unknown argument {}", argument.display())),
        };
        if invocation.command.replace(command).is_some() {
            return Err("one command at a time".to_owned());
        }
    }
    Ok(Parsed::Run(invocation))
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("configuration")]
    Config(#[from] ConfigError),
    #[error("refused as root: {0}")]
    Unsafe(String),
    #[error("no runtime")]
    Runtime(#[source] std::io::Error),
    #[error("serving failed")]
    Serve(#[from] ServeError),
    #[error("the command failed")]
    Command(#[from] CommandError),
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Unsafe(_) => sysexits::CONFIG,
            Self::Command(_) | Self::Serve(ServeError::State(_)) => sysexits::IO,
            Self::Serve(ServeError::Bus(_)) => sysexits::UNAVAILABLE,
            Self::Runtime(_) | Self::Serve(_) => sysexits::SOFTWARE,
        }
    }
}

fn perform(invocation: &Invocation) -> Result<ExitCode, Failure> {
    let config = Config::load(invocation.config.as_deref())?;
    let places = places(&config);
    if rustix::process::geteuid().is_root() {
        safe_for_root(&config, &places)?;
    }
    let clock = system_clock();
    match invocation.command {
        None => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Failure::Runtime)?;
            let served = runtime.block_on(serve(&config, places, clock));
            // A key derivation under way isn't waited for: its try is counted already.
            runtime.shutdown_background();
            served?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Init) => {
            commands::init(&places, clock.as_ref(), unix_seconds(clock.wall()))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::VerifyLog) => Ok(said(commands::verify_log(&places)?)),
        Some(Command::ResetAllowed) => Ok(said(commands::reset_allowed(&places, clock.as_ref()))),
    }
}

/// Prints a verdict: exit 0 when it is good, else 1.
fn said(verdict: Result<String, String>) -> ExitCode {
    match verdict {
        Ok(good) => {
            println!("{good}");
            ExitCode::SUCCESS
        }
        Err(bad) => {
            println!("{bad}");
            ExitCode::FAILURE
        }
    }
}

/// systemd's folders win over the configuration's.
fn places(config: &Config) -> Places {
    let state = env::var("STATE_DIRECTORY").unwrap_or_else(|_| config.state.clone());
    let runtime = env::var_os("RUNTIME_DIRECTORY").map_or_else(|| config.runtime.clone(), PathBuf::from);
    let credential = env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(CREDENTIAL));
    Places {
        credential: credential.filter(|file| file.exists()),
        reset_proof: config.reset_proof.clone(),
        ..Places::new(&state, &runtime)
    }
}

/// As root nothing may be steered by somebody who isn't: no simulated clock, no session bus, no
/// state or configuration that others may write.
fn safe_for_root(config: &Config, places: &Places) -> Result<(), Failure> {
    if is_simulated() {
        return Err(Failure::Unsafe("a simulator".to_owned()));
    }
    if config.bus == BusKind::Session {
        return Err(Failure::Unsafe("the session bus".to_owned()));
    }
    let ours = places
        .folders
        .iter()
        .chain([&places.key_file, &places.runtime])
        .chain(&places.reset_proof)
        .chain(&config.files)
        .chain([&config.wipe_journal]);
    let programs = config.exec.programs().map(Path::new);
    match ours
        .map(PathBuf::as_path)
        .chain(programs)
        .find(|path| !only_of(path, 0))
    {
        Some(path) => Err(Failure::Unsafe(format!("{} isn't root's alone", path.display()))),
        None => Ok(()),
    }
}

/// Whether nobody but `owner` can change what lies at `path`, or put something there. Every folder above
/// counts; a sticky one, like `/tmp`, only keeps what already is in it.
fn only_of(path: &Path, owner: u32) -> bool {
    let mut below_is_there = false;
    path.ancestors().all(|path| {
        let Ok(found) = path.metadata() else {
            below_is_there = false;
            return true;
        };
        let keeps = found.mode() & 0o1000 != 0 && below_is_there;
        below_is_there = true;
        [0, owner].contains(&found.uid()) && (found.mode() & 0o022 == 0 || keeps)
    })
}

fn log_to_stderr() {
    use tracing_subscriber::filter::EnvFilter;
    let filter = EnvFilter::try_from_env("BELAY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // In a test somebody may have done it before us.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Parsed, String> {
        parse(args.iter().map(OsString::from))
    }

    #[test]
    fn one_command_and_one_configuration_are_understood() {
        let run = Invocation {
            config: Some("/x".into()),
            command: Some(Command::Init),
        };
        assert_eq!(parsed(&["--config", "/x", "init"]), Ok(Parsed::Run(run)));
        assert_eq!(parsed(&[]), Ok(Parsed::Run(Invocation::default())));
    }

    #[test]
    fn a_place_is_ones_own_only_with_every_folder_above() {
        let folder = tempfile::tempdir().unwrap();
        let own = rustix::process::geteuid().as_raw();
        let state = folder.path().join("a/b/state");
        std::fs::create_dir_all(&state).unwrap();
        let mode = |name: &str, mode: u32| {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(folder.path().join(name), permissions).unwrap();
        };
        assert!(only_of(&state, own) && only_of(&state.join("new"), own));
        mode("a", 0o777);
        assert!(!only_of(&state, own), "somebody may put another b there");
        mode("a", 0o1777);
        assert!(only_of(&state, own));
        mode("a/b/state", 0o1777);
        assert!(!only_of(&state, own) && !only_of(&state.join("new"), own));
    }

    #[test]
    fn anything_else_is_a_mistake() {
        for args in [
            &["wipe"][..],
            &["--config"],
            &["init", "verify-log"],
            &["--verbose"],
        ] {
            assert!(parsed(args).is_err(), "{args:?}");
        }
    }
}
