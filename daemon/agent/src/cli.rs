//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use belay_proto::clock::system_clock;
use belay_proto::sysexits;

use crate::agent::{AgentError, Manner, run as run_agent};
use crate::config::{Config, ConfigError, Folders};
use crate::state::Gone;

const USAGE: &str = "usage: belay-agent [--config FILE] [--once] [--emptied SOURCE | --refill SOURCE | --refill-here SOURCE]
       belay-agent [--config FILE] --check-config | --print-config

Mirrors your contacts, calendars, notes and files into the collections that belayd syncs, and back. Only what is on is
mirrored (belayctl sync enable).

  --config FILE      instead of ~/.config/belay-agent/config.toml
  --once             mirror everything that is on, then end
  --emptied SOURCE   likewise, and believe that what is gone from this source is gone
  --refill SOURCE    likewise, and bring back what was gone from this source all at once
  --refill-here SOURCE
                     likewise, though the medium that its folder lay on isn't mounted: into the folder in its place
  --check-config     say what is wrong with the configuration, and end
  --print-config     print the effective configuration, and end";

/// Runs the program; `args` begin with its name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let wish = match parse(args.into_iter().skip(1)) {
        Ok(Parsed::Run(wish)) => wish,
        Ok(Parsed::Say(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("belay-agent: {mistake}\n{USAGE}");
            return ExitCode::from(sysexits::USAGE);
        }
    };
    match perform(&wish) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("belay-agent: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    config: Option<PathBuf>,
    manner: Manner,
    show: Option<Show>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Check,
    Print,
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Run(Wish),
    Say(String),
}

fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Parsed, String> {
    let mut wish = Wish::default();
    while let Some(argument) = args.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Parsed::Say(USAGE.to_owned())),
            Some("--version" | "-V") => {
                return Ok(Parsed::Say(format!("belay-agent {}", env!("CARGO_PKG_VERSION"))));
            }
            Some("--config") => wish.config = Some(args.next().ok_or("--config needs a file")?.into()),
            Some("--once") => wish.manner.once = true,
            Some(argument @ ("--emptied" | "--refill" | "--refill-here")) => {
                let gone = match argument {
                    "--emptied" => Gone::Meant,
                    "--refill-here" => Gone::ByMistakeHere,
                    _ => Gone::ByMistake,
                };
                let source = args.next().and_then(|source| source.into_string().ok());
                let source = source.ok_or_else(|| format!("{argument} needs a source"))?;
                if wish.manner.gone.replace((source, gone)).is_some() {
                    return Err("one of --emptied, --refill and --refill-here, for one source".to_owned());
                }
                wish.manner.once = true;
            }
            Some("--check-config") => wish.show = Some(Show::Check),
            Some("--print-config") => wish.show = Some(Show::Print),
            _ => return Err(format!("unknown argument {}", argument.display())),
        }
    }
    Ok(Parsed::Run(wish))
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("there is no source {0}")]
    NoSource(String),
    #[error("no runtime: {0}")]
    Runtime(std::io::Error),
    #[error("{0}")]
    Agent(#[from] AgentError),
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            Self::Config(_) => sysexits::CONFIG,
            Self::NoSource(_) => sysexits::USAGE,
            Self::Runtime(_) | Self::Agent(AgentError::Mirror) => sysexits::SOFTWARE,
            Self::Agent(AgentError::State(_)) => sysexits::IO,
            Self::Agent(_) => sysexits::UNAVAILABLE,
        }
    }
}

fn perform(wish: &Wish) -> Result<(), Failure> {
    let config = Config::load(wish.config.as_deref(), &Folders::of_environment()?)?;
    match wish.show {
        Some(Show::Check) => return Ok(()),
        Some(Show::Print) => {
            print!("{}", config.to_toml());
            return Ok(());
        }
        None => {}
    }
    if let Some((name, _)) = &wish.manner.gone
        && !config.sources.contains_key(name)
    {
        return Err(Failure::NoSource(name.clone()));
    }
    log_to_stderr();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // A scan each, long ones four each; they wait for the medium.
        .max_blocking_threads(32)
        .thread_keep_alive(std::time::Duration::from_secs(1))
        .build()
        .map_err(Failure::Runtime)?;
    let ended = runtime.block_on(run_agent(&config, &wish.manner, system_clock()));
    // A content that is still coming in is given up.
    runtime.shutdown_background();
    Ok(ended?)
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
    fn arguments_are_read_and_unknown_ones_refused() {
        let wish = |gone| Wish {
            config: Some("c".into()),
            manner: Manner {
                once: true,
                gone: Some(("notes".to_owned(), gone)),
            },
            show: None,
        };
        let all = [
            ("--emptied", Gone::Meant),
            ("--refill", Gone::ByMistake),
            ("--refill-here", Gone::ByMistakeHere),
        ];
        for (argument, gone) in all {
            assert_eq!(
                parsed(&["--config", "c", argument, "notes"]),
                Ok(Parsed::Run(wish(gone)))
            );
            assert!(parsed(&[argument]).is_err());
        }
        assert!(matches!(parsed(&["--help"]), Ok(Parsed::Say(_))));
        let both = ["--emptied", "notes", "--refill", "notes"];
        for args in [&["--config"][..], &both, &["--twice"], &["notes"]] {
            assert!(parsed(args).is_err(), "{args:?}");
        }
    }
}
