//! Each program of Belay as a role of one executable.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::process::PARENT;

/// The exit code of a wrong call, as in sysexits(3).
const USAGE: u8 = 64;

/// Plays the role `args[0]` with `args` as its command line, until it ends.
///
/// Besides the programs of Belay there is `exec`, which becomes the program its arguments name. It exists for
/// `dbus-daemon` and `chromedriver`, so that these too die with the process that started them.
#[must_use]
pub fn play(args: Vec<OsString>) -> ExitCode {
    die_with_parent();
    let role = args
        .first()
        .map(OsString::as_os_str)
        .and_then(OsStr::to_str)
        .unwrap_or_default()
        .to_owned();
    match role.as_str() {
        "belayd" => belay::daemon::run(args),
        "belayctl" => belay::ctl::run(args),
        "belay-agent" => belay_agent::run(args),
        "belay-warden" => belay_warden::run(args),
        "belay-cloud" => belay_cloud::run(args),
        "belay-watch" => belay_watch::run(args),
        "belay-wipe" => belay_wipe::run(args),
        "belay-ring" => belay_ring::run(args),
        "exec" => become_program(&args),
        _ => {
            eprintln!(
                "there is no role {role:?}: belayd, belayctl, belay-agent, belay-warden, belay-cloud, belay-watch, belay-wipe, belay-ring"
            );
            ExitCode::from(USAGE)
        }
    }
}

fn become_program(args: &[OsString]) -> ExitCode {
    let Some(program) = args.get(1) else {
        eprintln!("exec needs a program");
        return ExitCode::from(USAGE);
    };
    let error = Command::new(program)
        .args(args.get(2..).unwrap_or_default())
        .exec();
    eprintln!("{}: {error}", program.display());
    ExitCode::from(USAGE)
}

/// A killed test must leave no process behind. The kernel forgets the wish when the user changes, hence here,
/// after that. A program that the bus starts isn't meant: its parent is the bus.
fn die_with_parent() {
    let Some(parent) = std::env::var(PARENT).ok().and_then(|p| p.parse::<i32>().ok()) else {
        return;
    };
    let is_parent = || getppid().is_some_and(|p| p.as_raw_nonzero().get() == parent);
    if is_parent() {
        let wish = set_parent_process_death_signal(Some(Signal::KILL));
        if wish.is_err() || !is_parent() {
            std::process::exit(i32::from(USAGE));
        }
    }
}
