//! Through commands of the configuration, where there is no systemd. Each is a program and its arguments; no
//! shell, the same environment as the warden's, nothing on standard input. Exit code 0: it holds.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use belay_proto::CommandId;
use belay_proto::clock::BoxFuture;
use belay_proto::sysexits;

use super::refused::why_refused;
use super::{EnforceError, Enforcer, Job};

/// How long a command may take before it is ended and tried again; a wipe takes as long as it takes.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The commands; an empty one is nothing to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// Ends each session and shows the lost screen.
    pub lost: Vec<String>,
    /// Undoes that.
    pub unlock: Vec<String>,
    /// Starts the watch, and returns.
    pub watch: Vec<String>,
    /// Everything that may refuse the wipe, before the sessions end; exit code 78: refused, nothing was changed.
    pub wipe_prepare: Vec<String>,
    /// Wipes as the intent says; exit code 78: refused, nothing was changed.
    pub wipe: Vec<String>,
    /// Prints what a wipe is worth here, one word.
    pub wipe_class: Vec<String>,
}

impl Commands {
    /// Each program, for the check of its owner.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        [
            &self.lost,
            &self.unlock,
            &self.watch,
            &self.wipe_prepare,
            &self.wipe,
            &self.wipe_class,
        ]
        .into_iter()
        .filter_map(|command| command.first().map(String::as_str))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.programs().next().is_none()
    }
}

/// Runs them.
#[derive(Clone, Debug)]
pub struct Exec {
    commands: Arc<Commands>,
    wipe_journal: PathBuf,
}

impl Exec {
    /// With these commands, and the folder where the wipe says why it doesn't begin.
    #[must_use]
    pub fn new(commands: Commands, wipe_journal: PathBuf) -> Self {
        Self {
            commands: Arc::new(commands),
            wipe_journal,
        }
    }

    async fn run(&self, job: &Job) -> Result<(), EnforceError> {
        let (command, patience) = match job {
            Job::Lost => (&self.commands.lost, Some(PATIENCE)),
            Job::Unlock => (&self.commands.unlock, Some(PATIENCE)),
            Job::Watch => (&self.commands.watch, Some(PATIENCE)),
            Job::Prepare(_) | Job::Wipe(_) if self.commands.wipe.is_empty() => {
                return Err(EnforceError::Refused("no-wipe-plan".to_owned()));
            }
            Job::Prepare(_) => (&self.commands.wipe_prepare, Some(PATIENCE)),
            Job::Wipe(_) => (&self.commands.wipe, None),
        };
        let command = command.clone();
        let waited = tokio::task::spawn_blocking(move || wait_for(&command, patience)).await;
        let status = waited
            .map_err(|error| EnforceError::failed("command-not-run", error))?
            .map_err(|error| EnforceError::failed("command-not-run", error))?;
        match (status, job) {
            (None, _) => Ok(()),
            (Some(status), _) if status.success() => Ok(()),
            (Some(status), Job::Prepare(command) | Job::Wipe(command))
                if status.code() == Some(i32::from(sysexits::CONFIG)) =>
            {
                Err(EnforceError::Refused(self.why_refused(command)))
            }
            (Some(status), _) => Err(EnforceError::failed("command-failed", status)),
        }
    }

    fn why_refused(&self, command: &CommandId) -> String {
        why_refused(&self.wipe_journal, command).unwrap_or_else(|| "preflight".to_owned())
    }
}

impl Enforcer for Exec {
    fn enforce(&self, job: Job) -> BoxFuture<'_, Result<(), EnforceError>> {
        Box::pin(async move {
            if let Job::Wipe(_) = job
                && let Err(error) = self.run(&Job::Lost).await
            {
                // Its patience is over, or it never will: no session keeps the keys.
                tracing::warn!(%error, "the wipe begins though the lost mode's command failed");
            }
            self.run(&job).await
        })
    }
}

/// The first word that a command prints; `None`: there is no such command, or it fails.
#[must_use]
pub fn first_word_of(command: &[String]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let word = said.split_whitespace().next()?;
    output.status.success().then(|| word.to_owned())
}

/// `None`: there is nothing to run.
fn wait_for(command: &[String], patience: Option<Duration>) -> std::io::Result<Option<ExitStatus>> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(None);
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()?;
    let Some(patience) = patience else {
        return child.wait().map(Some);
    };
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    child.kill()?;
    child.wait()?;
    Err(std::io::ErrorKind::TimedOut.into())
}
