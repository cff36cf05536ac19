//! A program that plays what is written to its standard input.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::tone::{FRAME, RATE, second};

/// Bytes that are written at once: 20 ms.
const CHUNK: usize = RATE as usize / 50 * FRAME;
/// A player that takes nothing for so long plays nothing: its card is somebody else's, or hangs.
const STUCK: Duration = Duration::from_secs(2);
/// No player gets more ahead: one that takes everything at once isn't to keep the processor busy.
const AHEAD: Duration = Duration::from_secs(1);
/// How long one may take to stop when told; the rest of a second is for the volume.
const STOPS_WITHIN: Duration = Duration::from_millis(300);

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    program: &'static str,
    args: Vec<String>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was told to.
    Stopped,
    /// It wasn't; why, for the log.
    Broken(String),
}

impl Player {
    /// The program `program`, looked up in `PATH`.
    pub fn new<'a>(program: &'static str, args: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            program,
            args: args.into_iter().map(ToOwned::to_owned).collect(),
        }
    }

    /// Plays the alarm until `stop` holds true. `heard` is called once the player has taken a second of it, more than
    /// what lies between here and the loudspeaker can hold.
    pub async fn play(&self, stop: &mut watch::Receiver<bool>, mut heard: impl FnMut()) -> End {
        let spawned = Command::new(self.program)
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => return End::Broken(format!("{}: {error}", self.program)),
        };
        let Some(input) = child.stdin.take() else {
            return End::Broken(format!("{}: no input", self.program));
        };
        let end = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => End::Stopped,
            ended = child.wait() => End::Broken(match ended {
                Ok(status) => format!("{} ended: {status}", self.program),
                Err(error) => format!("{}: {error}", self.program),
            }),
            why = feed(input, &mut heard) => End::Broken(format!("{} {why}", self.program)),
        };
        finish(&mut child).await;
        end
    }
}

/// Writes the alarm without end; answers why it can't go on.
async fn feed(mut input: ChildStdin, heard: &mut impl FnMut()) -> String {
    let second = second();
    let begun = Instant::now();
    let mut seconds = Duration::ZERO;
    loop {
        for chunk in second.chunks(CHUNK) {
            match timeout(STUCK, input.write_all(chunk)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return format!("takes no more: {error}"),
                Err(_) => return "takes nothing".to_owned(),
            }
        }
        seconds += Duration::from_secs(1);
        if seconds == AHEAD {
            heard();
        }
        sleep_until(begun + seconds.saturating_sub(AHEAD)).await;
    }
}

/// Has it end: told, then killed.
async fn finish(child: &mut Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let Some(pid) = pid else { return };
    // Who has ended needs no signal.
    let _ = kill_process(pid, Signal::TERM);
    if timeout(STOPS_WITHIN, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}
