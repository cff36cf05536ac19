//! `belayd` itself: arguments, logging, wiring, supervision, shutdown.

mod arguments;
mod error;
mod logging;
mod serve;
mod watchdog;

use std::ffi::OsString;
use std::process::ExitCode;

use belay_proto::sysexits;
use belay_proto::text::with_causes;
use clap::Parser;
use clap::error::ErrorKind;

use arguments::Arguments;
pub use error::DaemonError;

use crate::config::{BusKind, Config};

/// Runs `belayd` with `args` (the program's name first) until it is told to stop, and returns its exit code
/// (sysexits).
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Where even the terminal is gone, the exit code has to do.
            let _ = error.print();
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked_for { sysexits::OK } else { sysexits::USAGE });
        }
    };
    match act(arguments) {
        Ok(()) => ExitCode::from(sysexits::OK),
        Err(error) => {
            report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn act(arguments: Arguments) -> Result<(), DaemonError> {
    let mut config = Config::load(arguments.config.as_deref())?;
    if arguments.session {
        config.bus = BusKind::Session;
    }
    if arguments.check_config {
        return Ok(());
    }
    if arguments.print_config {
        return print(&config.to_toml());
    }
    logging::start(arguments.verbose);
    // What belayd makes is its own.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DaemonError::Runtime)?;
    let outcome = runtime.block_on(serve::serve(&config));
    // What still waits for a name to resolve isn't waited for.
    runtime.shutdown_background();
    outcome
}

fn print(text: &str) -> Result<(), DaemonError> {
    use std::io::Write;
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(DaemonError::Print)
}

/// The error and its causes on one line, to the journal or the terminal.
fn report(error: &DaemonError) {
    let text = with_causes(error);
    if logging::has_started() {
        tracing::error!("{text}");
    } else {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "belayd: {text}");
    }
}
