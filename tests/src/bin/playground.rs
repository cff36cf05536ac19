//! `playground` walks the story of a device and its owners, without a phone.
//!
//! `playground role NAME ARGS…` runs one program of Belay instead; the story and the tests start their
//! processes so.

use std::process::ExitCode;

use belay_tests::{role, story};

const USAGE: &str = "usage: playground [--stay]
       playground role PROGRAM ARGS…

Walks the story of a phone and its owners; --stay leaves everything up afterwards, until Ctrl-C. With role it is one of
Belay's programs instead: belayd, belayctl and the others.";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.peek().is_some_and(|a| a == "role") {
        return role::play(args.skip(1).collect());
    }
    let args: Vec<String> = args.map(|a| a.to_string_lossy().into_owned()).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => story::run(false),
        ["--stay"] => story::run(true),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(64)
        }
    }
}
