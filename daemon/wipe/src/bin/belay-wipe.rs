//! `belay-wipe`.

use std::process::ExitCode;

fn main() -> ExitCode {
    belay_wipe::run(std::env::args_os())
}
