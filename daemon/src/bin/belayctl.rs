//! `belayctl`, the command-line face: arguments go to the library, which also serves the tests.

fn main() -> std::process::ExitCode {
    belay::ctl::run(std::env::args_os())
}
