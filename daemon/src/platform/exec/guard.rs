//! What ends a command that must not outlive belayd, however belayd ends: a guard beside it while it runs, and a mark by
//! which the next belayd finds what both left.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::process::{Child, Command};

use super::command::STOPS_WITHIN;

/// The variable that marks what is ended by the next belayd; its value says whose it is.
pub(super) const MARK: &str = "BELAY_RINGS_FOR";

/// Waits for the end of its input, whose other end belayd alone holds: the kernel closes it when belayd dies, even by
/// SIGKILL. The kernel's own signal at a parent's death reaches one process and not what it started, and can't be asked
/// for between fork and exec without unsafe code.
const SCRIPT: &str = r#"read -r _; kill -s TERM -- "-$1"; sleep 2; kill -s KILL -- "-$1""#;

/// Ends the process group `group` once belayd is gone. Dropping it dismisses it.
#[derive(Debug)]
pub(super) struct Guard {
    // Its input, which ends with this process.
    _child: Child,
}

impl Guard {
    pub(super) fn over(group: Pid) -> io::Result<Self> {
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(group.as_raw_nonzero().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { _child: child })
    }
}

/// Stops the processes of this user that carry `mark`, and kills what doesn't stop.
pub(in crate::platform) async fn stop_marked(mark: &Path) {
    let entry = [MARK.as_bytes(), b"=", mark.as_os_str().as_bytes()].concat();
    let stopped = tokio::task::spawn_blocking(move || {
        let marked = marked(&entry);
        stop(&marked);
        marked.len()
    });
    match stopped.await {
        Ok(0) | Err(_) => {}
        Ok(count) => tracing::warn!(count, "stopped what an earlier belayd had left playing"),
    }
}

/// The processes with this entry in their environment, held so that none can be taken for another.
fn marked(entry: &[u8]) -> Vec<OwnedFd> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let held = numbers.filter_map(|number: i32| {
        // First, so that the environment that is read is of the process that is held, or of none.
        let process = pidfd_open(Pid::from_raw(number)?, PidfdFlags::empty()).ok()?;
        let environment = std::fs::read(format!("/proc/{number}/environ")).ok()?;
        let is_marked = environment.split(|byte| *byte == 0).any(|each| each == entry);
        let lives = ends_within(&process, Duration::ZERO).is_ok_and(|ended| !ended);
        (is_marked && lives).then_some(process)
    });
    held.collect()
}

fn stop(processes: &[OwnedFd]) {
    let signal = |process: &OwnedFd, signal| {
        // Who has ended needs no signal.
        let _ = pidfd_send_signal(process, signal);
    };
    for process in processes {
        signal(process, Signal::TERM);
    }
    let begun = Instant::now();
    for process in processes {
        let left = STOPS_WITHIN.saturating_sub(begun.elapsed());
        if !ends_within(process, left).unwrap_or(false) {
            signal(process, Signal::KILL);
        }
    }
}

/// Whether the process ends in this time. A signal to belayd, as at the end of a child of its own, neither ends the wait nor
/// begins the time anew.
fn ends_within(process: &OwnedFd, time: Duration) -> rustix::io::Result<bool> {
    let begun = Instant::now();
    let mut polled = [PollFd::new(process, PollFlags::IN)];
    let ended = retry_on_intr(|| {
        let left = time.saturating_sub(begun.elapsed());
        let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        poll(&mut polled, Some(&left))
    })?;
    Ok(ended > 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::path::Path;

    use rustix::process::{Pid, Signal};

    use super::{Guard, MARK, stop_marked};

    fn sleeper(mark: Option<&Path>) -> std::process::Child {
        std::process::Command::new("/bin/sleep")
            .arg("1000")
            .envs(mark.map(|mark| (MARK, mark)))
            .process_group(0)
            .spawn()
            .unwrap()
    }

    fn group(child: &std::process::Child) -> Pid {
        Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn the_guard_stops_the_group_once_nobody_holds_its_input() {
        let mut child = sleeper(None);
        let mut guard = Guard::over(group(&child)).unwrap();
        // As the kernel does when belayd is killed.
        drop(guard._child.stdin.take());
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
        assert_eq!(ended.await.unwrap().signal(), Some(Signal::TERM.as_raw()));
    }

    #[tokio::test]
    async fn a_guard_that_is_dismissed_does_nothing() {
        let mut child = sleeper(None);
        let mut guard = Guard::over(group(&child)).unwrap();
        guard._child.start_kill().unwrap();
        guard._child.wait().await.unwrap();
        drop(guard);
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn what_carries_the_mark_is_stopped_and_what_carries_another_isn_t() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut left = sleeper(Some(own.path()));
        let mut strange = sleeper(Some(other.path()));
        stop_marked(own.path()).await;
        assert_eq!(left.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
        assert_eq!(strange.try_wait().unwrap(), None);
        strange.kill().unwrap();
        strange.wait().unwrap();
    }
}
