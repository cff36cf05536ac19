//! The command line: `belay-watch [--config FILE]`.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use belay_proto::clock::system_clock;
use belay_proto::sysexits;

use crate::before::BeforeFile;
use crate::bus::Services;
use crate::config::{BusKind, Config, ConfigError};
use crate::state::State;
use crate::watch::{WatchError, watch};

const USAGE: &str = "usage: belay-watch [--config FILE]

Keeps a lost device lost, and ends by itself when nothing is left to watch.";

/// The folder of the former values, unless systemd gives one. It outlives a boot, as NetworkManager's switches do.
const STATE: &str = "/var/lib/belay-watch";

/// Runs the program; `args` begin with its name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let config = match parse(args.into_iter().skip(1)) {
        Ok(Parsed::Run(config)) => config,
        Ok(Parsed::Say(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("belay-watch: {mistake}\n{USAGE}");
            return ExitCode::from(sysexits::USAGE);
        }
    };
    log_to_stderr();
    match perform(config.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("belay-watch: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

enum Parsed {
    Run(Option<PathBuf>),
    Say(String),
}

fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Parsed, String> {
    let mut config = None;
    while let Some(argument) = args.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Parsed::Say(USAGE.to_owned())),
            Some("--version" | "-V") => {
                return Ok(Parsed::Say(format!("belay-watch {}", env!("CARGO_PKG_VERSION"))));
            }
            Some("--config") => config = Some(args.next().ok_or("--config needs a file")?.into()),
            _ => return Err(format!("unknown argument {}", argument.display())),
        }
    }
    Ok(Parsed::Run(config))
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("refused as root: {0}")]
    Unsafe(String),
    #[error("no runtime: {0}")]
    Runtime(std::io::Error),
    #[error("the bus can't be used: {0}")]
    Bus(#[from] zbus::Error),
    #[error("{0}")]
    Watch(#[from] WatchError),
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Unsafe(_) => sysexits::CONFIG,
            Self::Runtime(_) => sysexits::SOFTWARE,
            Self::Bus(_) | Self::Watch(_) => sysexits::UNAVAILABLE,
        }
    }
}

fn perform(config: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(config)?;
    let folder = env::var_os("STATE_DIRECTORY").map_or_else(|| PathBuf::from(STATE), PathBuf::from);
    if rustix::process::geteuid().is_root() {
        safe_for_root(&config, &folder)?;
    }
    let file = BeforeFile::new(&folder);
    let state = State::new(file.load_or_put_aside());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(async {
        let services = Services::connect(&config).await?;
        // Not being told is no reason not to watch.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        watch(services, file, state, system_clock()).await?;
        Ok(())
    })
}

/// As root nothing may be steered by somebody who isn't.
fn safe_for_root(config: &Config, folder: &Path) -> Result<(), Failure> {
    if config.bus == BusKind::Session {
        return Err(Failure::Unsafe("the session bus".to_owned()));
    }
    let mut ours = config.files.iter().map(PathBuf::as_path).chain([folder]);
    let others = ours.find(|path| {
        path.metadata()
            .is_ok_and(|found| found.uid() != 0 || found.mode() & 0o022 != 0)
    });
    match others {
        Some(path) => Err(Failure::Unsafe(format!("{} isn't root's alone", path.display()))),
        None => Ok(()),
    }
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
