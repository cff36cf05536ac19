//! The command line: `belay-ring [--session] [--card CARD] [--level PERCENT] [--runtime FOLDER] [--restore]`.

use std::env;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::outputs::SOUND;
use crate::ring::{RingError, Settings, Way, restore, ring};

const USAGE: &str =
    "usage: belay-ring [--session] [--card CARD] [--level PERCENT] [--runtime FOLDER] [--restore]

Plays an alarm at full volume until SIGTERM, then puts the volume back.
  --session          through PipeWire or PulseAudio of the user who runs it; else straight to the sound card
  --card CARD        this card alone, by number or id
  --level PERCENT    of the loudest, 1 to 100 (default 100)
  --runtime FOLDER   where volumes are kept meanwhile (default $RUNTIME_DIRECTORY)
  --restore          only put back what a ring left that was killed";

/// The exit codes of sysexits(3): a wrong call, nothing that plays, input and output.
const EX_USAGE: u8 = 64;
const EX_UNAVAILABLE: u8 = 69;
const EX_OSERR: u8 = 71;

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Ring(Settings),
    Restore(Settings),
    Say(String),
}

/// Runs the program; `args` begin with its name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = match parse(args.into_iter().skip(1), env::var_os("RUNTIME_DIRECTORY")) {
        Ok(Parsed::Say(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Ok(parsed) => parsed,
        Err(mistake) => {
            eprintln!("belay-ring: {mistake}\n{USAGE}");
            return ExitCode::from(EX_USAGE);
        }
    };
    log_to_stderr();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(perform(parsed)),
        Err(error) => Err(Failure::System(error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Ring(error)) => {
            eprintln!("belay-ring: {error}");
            ExitCode::from(EX_UNAVAILABLE)
        }
        Err(Failure::System(error)) => {
            eprintln!("belay-ring: {error}");
            ExitCode::from(EX_OSERR)
        }
    }
}

enum Failure {
    Ring(RingError),
    System(io::Error),
}

async fn perform(parsed: Parsed) -> Result<(), Failure> {
    match parsed {
        Parsed::Say(_) => Ok(()),
        Parsed::Restore(settings) => {
            restore(&settings, true).await;
            Ok(())
        }
        Parsed::Ring(settings) => {
            match DirBuilder::new().mode(0o700).create(&settings.runtime) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Failure::System(error));
                }
                _ => {}
            }
            // Before anything is changed, so that the volume is put back whenever it ends.
            let stop = told_to_stop().map_err(Failure::System)?;
            let heard = || drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
            ring(&settings, stop, heard).await.map_err(Failure::Ring)
        }
    }
}

/// Holds true once a signal says so.
fn told_to_stop() -> io::Result<watch::Receiver<bool>> {
    let (told, stop) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        told.send_replace(true);
        told.closed().await;
    });
    Ok(stop)
}

fn parse(mut args: impl Iterator<Item = OsString>, runtime: Option<OsString>) -> Result<Parsed, String> {
    let mut settings = Settings {
        way: Way::Card,
        card: None,
        level: 100,
        runtime: runtime.map(PathBuf::from).unwrap_or_default(),
        sound: SOUND.into(),
    };
    let mut restores = false;
    while let Some(argument) = args.next() {
        let mut value = |what: &str| {
            args.next()
                .ok_or_else(|| format!("{} needs {what}", argument.display()))
        };
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Parsed::Say(USAGE.to_owned())),
            Some("--version" | "-V") => {
                return Ok(Parsed::Say(format!("belay-ring {}", env!("CARGO_PKG_VERSION"))));
            }
            Some("--session") => settings.way = Way::Session,
            Some("--restore") => restores = true,
            Some("--card") => {
                let card = value("a card")?.into_string();
                settings.card = Some(card.map_err(|_| "a card is a number or an id")?);
            }
            Some("--level") => {
                let level = value("a number")?;
                let level = level.to_str().and_then(|level| level.parse().ok());
                settings.level = level
                    .filter(|level| (1..=100).contains(level))
                    .ok_or("a level lies between 1 and 100")?;
            }
            Some("--runtime") => settings.runtime = value("a folder")?.into(),
            // For trying it where there is no sound card.
            Some("--sound") => settings.sound = value("a folder")?.into(),
            _ => return Err(format!("unknown argument {}", argument.display())),
        }
    }
    if !settings.runtime.is_absolute() {
        return Err("--runtime, or RUNTIME_DIRECTORY, has to name a folder by its whole path".to_owned());
    }
    Ok(if restores {
        Parsed::Restore(settings)
    } else {
        Parsed::Ring(settings)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, runtime: Option<&str>) -> Result<Parsed, String> {
        parse(line.split_whitespace().map(Into::into), runtime.map(Into::into))
    }

    #[test]
    fn the_command_line_is_read_and_what_is_wrong_is_refused() {
        let Ok(Parsed::Ring(settings)) = read("--session --level 80", Some("/run/r")) else {
            panic!("a ring");
        };
        assert_eq!((settings.way, settings.level), (Way::Session, 80));
        assert_eq!(settings.runtime, PathBuf::from("/run/r"));
        let Ok(Parsed::Restore(settings)) = read("--runtime /x --card PinePhone --restore", None) else {
            panic!("a restoration");
        };
        assert_eq!(settings.card.as_deref(), Some("PinePhone"));
        for wrong in ["--level 0", "--level 101", "--level", "--loud", "--runtime x"] {
            assert!(read(wrong, Some("/run/r")).is_err(), "{wrong}");
        }
        assert!(read("", None).is_err(), "volumes have to be kept somewhere");
    }
}
