//! `belay-cloud`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    belay_cloud::run(std::env::args_os())
}
