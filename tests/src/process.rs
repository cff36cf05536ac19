//! The programs as processes: started, watched, killed, never left behind.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::surprise::During;
use crate::terminal::Terminal;
use crate::until::within;
use crate::{Outcome, Surprise, guest};

/// The variable that tells a program which process started it, see [`crate::role`].
pub const PARENT: &str = "BELAY_TESTS_PARENT";

/// How to start a program: arguments, environment, the file its output goes to.
#[derive(Debug)]
pub struct Program {
    name: String,
    exe: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    log: PathBuf,
    user: Option<u32>,
}

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// The program `name`, run by `exe` with the arguments `args`, as the programs' user, with nothing of this
    /// process's environment. What it prints is added to `log`.
    #[must_use]
    pub fn new(
        name: &str,
        exe: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        log: &Path,
    ) -> Self {
        Self {
            name: name.to_owned(),
            exe: exe.to_owned(),
            args: args.into_iter().map(|a| a.as_ref().to_owned()).collect(),
            env: Vec::new(),
            log: log.to_owned(),
            user: guest::programs(),
        }
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.into(), value.as_ref().to_owned()));
        self
    }

    /// Runs it as this user of the tests (root, where they are root).
    #[must_use]
    pub fn as_ourselves(mut self) -> Self {
        self.user = None;
        self
    }

    /// Runs it in a session of its own, where `/dev/tty` can't be opened whatever terminal the tests run on.
    #[must_use]
    pub fn without_terminal(mut self) -> Self {
        let program = std::mem::replace(&mut self.exe, "setsid".into());
        self.args.splice(0..0, ["--wait".into(), program.into()]);
        self
    }

    /// Has each write fail that would make a file longer than so many KiB, its log as well, as where the disk has no room.
    #[must_use]
    pub fn with_files_of(mut self, kib: u32) -> Self {
        // Whoever ignores the signal is told of it by an error, and goes on ignoring it as another program (execve(2)).
        const LIMITED: &str = "trap '' XFSZ; ulimit -S -f \"$1\"; shift; exec \"$@\"";
        // In halves of a KiB (sh(1)).
        let blocks = kib.saturating_mul(2).to_string();
        let program = std::mem::replace(&mut self.exe, "sh".into());
        let before = [
            "-c".into(),
            LIMITED.into(),
            "sh".into(),
            blocks.into(),
            program.into(),
        ];
        self.args.splice(0..0, before);
        self
    }

    /// Runs it as `uid`, where the tests are root.
    #[must_use]
    pub fn as_user(mut self, uid: u32) -> Self {
        self.user = guest::is_root().then_some(uid);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn start(self) -> Outcome<Process> {
        let log = self.open_log()?;
        let child = self
            .command(log)?
            .spawn()
            .during(format!("starting {}", self.name))?;
        Ok(Process {
            name: self.name,
            child,
            log: self.log,
        })
    }

    /// Starts it in a session of its own on a terminal of its own, where its output goes too.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn start_on_terminal(self) -> Outcome<(Process, Terminal)> {
        self.start_before(Terminal::open()?)
    }

    /// The same on this one.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn start_before(mut self, terminal: Terminal) -> Outcome<(Process, Terminal)> {
        let program = std::mem::replace(&mut self.exe, "setsid".into());
        self.args.splice(0..0, ["--ctty".into(), program.into()]);
        let log = self.open_log()?;
        let mut command = self.command(log)?;
        command
            .stdin(terminal.end()?)
            .stdout(terminal.end()?)
            .stderr(terminal.end()?);
        let child = command.spawn().during(format!("starting {}", self.name))?;
        let process = Process {
            name: self.name,
            child,
            log: self.log,
        };
        Ok((process, terminal))
    }

    /// Runs it to its end with nothing on its standard input; its standard output comes back, its errors go to
    /// the log.
    ///
    /// # Errors
    /// Where it can't be started, or doesn't end.
    pub async fn output(self) -> Outcome<(ExitStatus, String)> {
        let log = self.open_log()?;
        let mut command = self.command(log)?;
        command.stdout(Stdio::piped());
        let child = command.spawn().during(format!("starting {}", self.name))?;
        let output = within(&format!("the end of {}", self.name), child.wait_with_output()).await??;
        Ok((
            output.status,
            String::from_utf8_lossy(&output.stdout).into_owned(),
        ))
    }

    /// Adds to the log, which the programs' user may add to as well: the bus starts the warden by itself.
    fn open_log(&self) -> Outcome<File> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .during(self.log.display())?;
        guest::give(&self.log)?;
        Ok(log)
    }

    fn command(&self, log: File) -> Outcome<Command> {
        let mut command = Command::new(&self.exe);
        command
            .args(&self.args)
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
            )
            .env(PARENT, std::process::id().to_string())
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .kill_on_drop(true);
        if let Some(uid) = self.user {
            command.uid(uid).gid(uid);
        }
        Ok(command)
    }
}

impl Process {
    /// The process id.
    ///
    /// # Errors
    /// Once it has ended.
    pub fn pid(&self) -> Outcome<u32> {
        self.child
            .id()
            .ok_or_else(|| Surprise::new(format!("{} has ended", self.name)))
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    /// Where the kernel won't say.
    pub fn ended(&mut self) -> Outcome<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to end with `SIGTERM` and waits for it.
    ///
    /// # Errors
    /// Where it doesn't end.
    pub async fn stop(mut self) -> Outcome<ExitStatus> {
        signal(self.pid()?, Signal::TERM)?;
        let what = format!("{} to stop", self.name);
        Ok(within(&what, self.child.wait()).await??)
    }

    /// Kills it with `SIGKILL` and waits for it.
    ///
    /// # Errors
    /// Where it doesn't end.
    pub async fn kill(mut self) -> Outcome {
        self.child.start_kill()?;
        let what = format!("{} to die", self.name);
        within(&what, self.child.wait()).await??;
        Ok(())
    }

    /// Waits for its end, however long it runs.
    ///
    /// # Errors
    /// Where the kernel won't say.
    pub async fn ends(&mut self) -> Outcome<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Where it doesn't end.
    pub async fn wait(&mut self) -> Outcome<ExitStatus> {
        let what = format!("{} to end", self.name);
        Ok(within(&what, self.child.wait()).await??)
    }
}

/// Sends a signal to one process that this package started.
///
/// # Errors
/// Where there is no such process.
pub fn signal(pid: u32, signal: Signal) -> Outcome {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| Surprise::new("a bad process id"))?;
    kill_process(pid, signal)?;
    Ok(())
}

/// Kills one process that this package had started, and that may have ended by itself meanwhile.
///
/// # Errors
/// What the kernel says.
pub fn kill(pid: u32) -> Outcome {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| Surprise::new("a bad process id"))?;
    match kill_process(pid, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
