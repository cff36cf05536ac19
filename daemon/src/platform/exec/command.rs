//! A configured command.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use super::guard::{Guard, MARK};
use crate::platform::PlatformError;

/// How long a command may take that is to end by itself.
const ENDS_WITHIN: Duration = Duration::from_secs(60);
/// How long one may take to stop when told.
pub(super) const STOPS_WITHIN: Duration = Duration::from_secs(2);
/// More is no answer.
const LONGEST_ANSWER: u64 = 256 * 1024;

/// A command: what to run, and its key in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::platform) struct Command {
    key: &'static str,
    words: Vec<String>,
}

/// A command that runs, in a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub(in crate::platform) struct Running {
    key: &'static str,
    child: Child,
    group: Option<Pid>,
    guard: Option<Guard>,
}

impl Command {
    /// The command of `key`; `None` where none is configured.
    pub(in crate::platform) fn new(key: &'static str, words: &[String]) -> Option<Self> {
        (!words.is_empty()).then(|| Self {
            key,
            words: words.to_vec(),
        })
    }

    /// Starts it as one that ends with belayd, or that the next belayd finds by `mark`.
    pub(in crate::platform) fn start_guarded(&self, mark: &Path) -> Result<Running, PlatformError> {
        let mut running = self.spawn(&[], Stdio::null(), Some(mark))?;
        if let Some(group) = running.group {
            // Without one it would ring on when belayd is killed.
            let guard = Guard::over(group);
            running.guard = Some(guard.map_err(|source| self.not_started(source))?);
        }
        Ok(running)
    }

    fn not_started(&self, source: std::io::Error) -> PlatformError {
        PlatformError::Start {
            key: self.key,
            source,
        }
    }

    fn spawn(
        &self,
        values: &[(&str, &str)],
        output: Stdio,
        mark: Option<&Path>,
    ) -> Result<Running, PlatformError> {
        let mut words = self.words.iter().map(|word| fill(word, values));
        let program = words.next().unwrap_or_default();
        let child = tokio::process::Command::new(program)
            .args(words)
            .envs(mark.map(|mark| (MARK, mark)))
            .stdin(Stdio::null())
            .stdout(output)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| self.not_started(source))?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Running {
            key: self.key,
            child,
            group,
            guard: None,
        })
    }

    /// Runs it to its end.
    pub(in crate::platform) async fn run(&self, values: &[(&str, &str)]) -> Result<(), PlatformError> {
        let mut running = self.spawn(values, Stdio::null(), None)?;
        let status = timeout(ENDS_WITHIN, running.wait());
        let status = status.await.map_err(|_| PlatformError::TimedOut)??;
        running.judge(status)
    }

    /// Runs it to its end and reads what it printed.
    pub(in crate::platform) async fn ask<T: DeserializeOwned>(&self) -> Result<T, PlatformError> {
        let mut running = self.spawn(&[], Stdio::piped(), None)?;
        let answer = timeout(ENDS_WITHIN, async {
            let mut answer = Vec::new();
            if let Some(output) = running.child.stdout.take() {
                let read = output.take(LONGEST_ANSWER).read_to_end(&mut answer).await;
                read.map_err(|source| PlatformError::Start {
                    key: self.key,
                    source,
                })?;
            }
            let status = running.wait().await?;
            running.judge(status)?;
            Ok::<_, PlatformError>(answer)
        });
        let answer = answer.await.map_err(|_| PlatformError::TimedOut)??;
        serde_json::from_slice(&answer).map_err(|_| PlatformError::Unreadable("what the command printed"))
    }

    /// Starts it as one that prints a line now and then.
    pub(super) fn follow(&self) -> Result<(Running, Lines<BufReader<ChildStdout>>), PlatformError> {
        let mut running = self.spawn(&[], Stdio::piped(), None)?;
        let output = running.child.stdout.take();
        let output = output.ok_or(PlatformError::Unreadable("the command has no output"))?;
        Ok((running, BufReader::new(output).lines()))
    }
}

impl Running {
    /// Answers once it has ended.
    pub(in crate::platform) async fn wait(&mut self) -> Result<ExitStatus, PlatformError> {
        let key = self.key;
        let ended = self.child.wait().await;
        // From here on the group's number may be somebody else's.
        self.guard = None;
        ended.map_err(|source| PlatformError::Start { key, source })
    }

    fn judge(&self, status: ExitStatus) -> Result<(), PlatformError> {
        match status.success() {
            true => Ok(()),
            false => Err(PlatformError::Failed {
                key: self.key,
                status,
            }),
        }
    }

    /// Tells it and all it started to stop, and kills what doesn't.
    pub(in crate::platform) async fn stop(mut self) {
        self.signal(Signal::TERM);
        if timeout(STOPS_WITHIN, self.wait()).await.is_err() {
            self.signal(Signal::KILL);
            drop(timeout(STOPS_WITHIN, self.wait()).await);
        }
    }

    /// To the group while its leader hasn't been waited for: after that the number may be somebody else's.
    fn signal(&self, signal: Signal) {
        if let (Some(group), Some(_)) = (self.group, self.child.id()) {
            // Who has ended needs no signal.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// `word` with its placeholders filled, in one pass: what a value holds is not looked at again.
fn fill(word: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let known = values.iter().find_map(|(name, value)| {
            let after = from.strip_prefix('{')?.strip_prefix(name)?.strip_prefix('}')?;
            Some((value, after))
        });
        match known {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = &from[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::{Command, fill};
    use crate::platform::PlatformError;

    fn sh(script: &str) -> Command {
        let words: Vec<String> = ["/bin/sh", "-c", script, "sh", "{text}"].map(String::from).into();
        Command::new("test", &words).unwrap()
    }

    #[test]
    fn what_fills_a_placeholder_is_not_filled_again() {
        let values = [("number", "+49"), ("text", "{number} {")];
        for (word, filled) in [
            ("{number}", "+49"),
            ("to={number}:{text}", "to=+49:{number} {"),
            ("{other} {", "{other} {"),
            ("{{text}}", "{{number} {}"),
            ("", ""),
        ] {
            assert_eq!(fill(word, &values), filled, "{word}");
        }
    }

    #[tokio::test]
    async fn a_command_gets_its_words_as_they_are_and_no_shell_sees_them() {
        let command = sh("test \"$1\" = 'a; exit 9 $(id)'");
        command.run(&[("text", "a; exit 9 $(id)")]).await.unwrap();
        let failed = command.run(&[("text", "b")]).await.unwrap_err();
        assert!(
            matches!(failed, PlatformError::Failed { key: "test", .. }),
            "{failed}"
        );
    }

    #[tokio::test]
    async fn what_is_no_json_or_no_program_is_told_apart() {
        assert_eq!(sh("echo '[1, 2]'").ask::<Vec<u8>>().await.unwrap(), [1, 2]);
        let error = sh("echo hello").ask::<Vec<u8>>().await.unwrap_err();
        assert!(matches!(error, PlatformError::Unreadable(_)), "{error}");
        let none = Command::new("none", &["/nonexistent/program".to_owned()]).unwrap();
        let error = none.run(&[]).await.unwrap_err();
        assert!(
            matches!(error, PlatformError::Start { key: "none", .. }),
            "{error}"
        );
        assert_eq!(Command::new("empty", &[]), None);
    }

    #[tokio::test]
    async fn stopping_stops_what_the_command_started_too() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("alive");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let script = format!("(echo up; exec sleep 1000) >'{}' & wait", fifo.display());
        let running = sh(&script).start_guarded(folder.path()).unwrap();
        let mut alive = BufReader::new(std::fs::File::open(&fifo).unwrap());
        let mut line = String::new();
        alive.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        running.stop().await;
        // The end of the file: nobody holds its other end any more.
        assert_eq!(alive.read_line(&mut line).unwrap(), 0);
    }
}
