//! `belay-ring`.

use std::process::ExitCode;

fn main() -> ExitCode {
    belay_ring::run(std::env::args_os())
}
