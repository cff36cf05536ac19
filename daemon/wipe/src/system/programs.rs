//! Running programs of the system.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Where programs of the system lie. Not `PATH`: nobody chooses what root runs here.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// How much of what a program said goes into the journal.
const LONGEST_WORD: usize = 300;

pub(super) fn find(name: &str) -> Option<PathBuf> {
    let runnable =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|f| f.is_file() && f.permissions().mode() & 0o111 != 0);
    if Path::new(name).is_absolute() {
        return Some(PathBuf::from(name)).filter(runnable);
    }
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(runnable)
}

pub(super) fn run(program: &Path, arguments: &[&str], patience: Duration) -> io::Result<()> {
    let said = memory()?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone()?)
        .spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended = match pid {
        Some(pid) => wait(pid, patience)?,
        None => true,
    };
    if !ended {
        child.kill()?;
        child.wait()?;
        let seconds = patience.as_secs();
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{} took over {seconds} s", program.display()),
        ));
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(());
    }
    let said = last_words(said);
    Err(io::Error::other(format!(
        "{} {status}: {said}",
        program.display()
    )))
}

/// Whether the process has ended within `patience`.
fn wait(pid: Pid, patience: Duration) -> io::Result<bool> {
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let patience = Timespec {
        tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    };
    let mut polled = [PollFd::new(&process, PollFlags::IN)];
    loop {
        match poll(&mut polled, Some(&patience)) {
            Err(rustix::io::Errno::INTR) => {}
            ended => return Ok(ended? > 0),
        }
    }
}

/// A file without a name: a pipe would have to be read meanwhile, or the program could wait for it for ever.
fn memory() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(File::from(memfd_create("said", MemfdFlags::CLOEXEC)?))
}

fn last_words(mut said: File) -> String {
    let mut bytes = Vec::new();
    if said.rewind().is_err() || said.read_to_end(&mut bytes).is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim();
    let cut = text
        .char_indices()
        .rev()
        .nth(LONGEST_WORD)
        .map_or(0, |(at, _)| at);
    text[cut..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failing_program_said_is_told() {
        let sh = find("sh").unwrap();
        let minute = Duration::from_secs(60);
        run(&sh, &["-c", "exit 0"], minute).unwrap();
        let error = run(&sh, &["-c", "echo no such device >&2; exit 3"], minute).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("no such device") && text.contains("exit status: 3"),
            "{text}"
        );
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let sh = find("sh").unwrap();
        let error = run(
            &sh,
            &["-c", "read line <&2; kill -STOP $$"],
            Duration::from_millis(50),
        )
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn only_what_can_be_run_is_found() {
        assert_eq!(find("/etc/passwd"), None);
        assert_eq!(find("no-such-program-anywhere"), None);
    }
}
