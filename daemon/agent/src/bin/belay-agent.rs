//! `belay-agent`.

use std::process::ExitCode;

fn main() -> ExitCode {
    belay_agent::run(std::env::args_os())
}
