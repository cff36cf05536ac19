//! `belayd`, the daemon: arguments go to the library, which also serves the whole-system tests.

fn main() -> std::process::ExitCode {
    belay::daemon::run(std::env::args_os())
}
