//! Sound that is meant to be heard.

mod feedbackd;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::exec::{Command, Running, stop_marked};
use super::{Answer, PlatformError};
pub(super) use feedbackd::Feedbackd;

/// What ends sooner than this wasn't heard: a player without a sink, a theme without the sound, a unit that isn't
/// there. Long enough for a program to find that out.
const HEARD_AFTER: Duration = Duration::from_secs(1);

/// Something that is being played. Dropping it without [`Sound::stop`] ends it too, perhaps less gently.
pub trait Sound: Debug + Send + Sync {
    /// Answers once it has ended by itself. Cancelling the call changes nothing.
    fn ended(&mut self) -> BoxFuture<'_, ()>;

    /// Answers whether it is heard: whether it still plays after a moment.
    fn heard(&mut self) -> BoxFuture<'_, bool> {
        Box::pin(async { timeout(HEARD_AFTER, self.ended()).await.is_err() })
    }

    /// Ends it, and answers once it has.
    fn stop(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What plays.
pub trait Audio: Debug + Send + Sync + 'static {
    /// Plays an alarm, aloud whatever the profile is, until it is stopped. Answers once it plays.
    ///
    /// `attempt` counts from 0 how often the alarm ended by itself before: from 1 on another way to play it is
    /// taken where there is one.
    fn alarm(&self, attempt: u32) -> Answer<'_, Box<dyn Sound>>;

    /// Ends what an earlier belayd has left playing.
    fn hush(&self) -> BoxFuture<'_, ()>;
}

/// feedbackd where a session has one that plays, else the configured command, which needs no session.
#[derive(Debug)]
pub(super) struct AnyAudio {
    pub(super) session: Option<Arc<Feedbackd>>,
    pub(super) direct: Option<Command>,
    /// What this device's own commands are known by: belayd's folder.
    pub(super) mark: PathBuf,
}

impl Audio for AnyAudio {
    fn alarm(&self, attempt: u32) -> Answer<'_, Box<dyn Sound>> {
        Box::pin(async move {
            let direct = |command: &Command| -> Result<Box<dyn Sound>, PlatformError> {
                Ok(Box::new(Direct(command.start_guarded(&self.mark)?)))
            };
            match (&self.session, &self.direct) {
                (Some(_), Some(command)) if attempt > 0 => direct(command),
                (Some(session), other) => match (session.alarm().await, other) {
                    (Err(error), Some(command)) => {
                        tracing::debug!(error = &error as &dyn std::error::Error, "feedbackd doesn't play");
                        direct(command)
                    }
                    (played, _) => played,
                },
                (None, Some(command)) => direct(command),
                (None, None) => Err(PlatformError::NotSupported("nothing plays a sound")),
            }
        })
    }

    fn hush(&self) -> BoxFuture<'_, ()> {
        let mark: &Path = &self.mark;
        // feedbackd silences who leaves the bus.
        Box::pin(async move {
            if self.direct.is_some() {
                stop_marked(mark).await;
            }
        })
    }
}

/// A command that plays.
#[derive(Debug)]
struct Direct(Running);

impl Sound for Direct {
    fn ended(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async { drop(self.0.wait().await) })
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.0.stop())
    }
}
