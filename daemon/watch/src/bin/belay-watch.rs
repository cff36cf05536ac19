//! `belay-watch`.

use std::process::ExitCode;

fn main() -> ExitCode {
    belay_watch::run(std::env::args_os())
}
