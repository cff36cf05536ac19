//! `belay-warden`.

use std::process::ExitCode;

fn main() -> ExitCode {
    belay_warden::run(std::env::args_os())
}
