//! Sound that is meant to be heard.

mod feedbackd;
mod unit;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::exec::{Command, Running, stop_marked};
use super::{Answer, PlatformError};
pub(super) use feedbackd::Feedbackd;
pub(super) use unit::Units;

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

/// feedbackd where a session has one that plays, else what needs no session: the configured command, or where there is
/// none the units that ring.
#[derive(Debug)]
pub(super) struct AnyAudio {
    pub(super) session: Option<Arc<Feedbackd>>,
    pub(super) command: Option<Command>,
    pub(super) units: Option<Units>,
    /// What this device's own commands are known by: belayd's folder.
    pub(super) mark: PathBuf,
}

/// A way to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Feedbackd,
    Command,
    Card,
    Session,
}

impl AnyAudio {
    fn ways(&self, attempt: u32) -> Vec<Way> {
        let direct: &[Way] = match (&self.command, &self.units) {
            (Some(_), _) => &[Way::Command],
            (None, Some(_)) => &[Way::Card, Way::Session],
            (None, None) => &[],
        };
        ways(self.session.is_some(), direct, attempt)
    }

    async fn play(&self, way: Way) -> Result<Box<dyn Sound>, PlatformError> {
        match (way, &self.session, &self.command, &self.units) {
            (Way::Feedbackd, Some(session), ..) => session.alarm().await,
            (Way::Command, _, Some(command), _) => Ok(Box::new(Direct(command.start_guarded(&self.mark)?))),
            (Way::Card, .., Some(units)) => units.card().await,
            (Way::Session, .., Some(units)) => units.session().await,
            _ => Err(PlatformError::NotSupported("nothing plays a sound")),
        }
    }
}

impl Audio for AnyAudio {
    fn alarm(&self, attempt: u32) -> Answer<'_, Box<dyn Sound>> {
        Box::pin(async move {
            let mut outcome = Err(PlatformError::NotSupported("nothing plays a sound"));
            for way in self.ways(attempt) {
                outcome = self.play(way).await;
                match &outcome {
                    Ok(_) => break,
                    Err(error) => {
                        let error = error as &dyn std::error::Error;
                        tracing::debug!(error, ?way, "no sound this way");
                    }
                }
            }
            outcome
        })
    }

    fn hush(&self) -> BoxFuture<'_, ()> {
        let mark: &Path = &self.mark;
        // feedbackd silences who leaves the bus.
        Box::pin(async move {
            if self.command.is_some() {
                stop_marked(mark).await;
            }
            if let Some(units) = &self.units {
                units.hush().await;
            }
        })
    }
}

/// The ways in the order in which they are tried at this attempt. feedbackd comes first, and only then: what ended by
/// itself begins anew by the others in turn.
fn ways(has_feedbackd: bool, direct: &[Way], attempt: u32) -> Vec<Way> {
    let mut ways = direct.to_vec();
    let count = u32::try_from(ways.len()).unwrap_or(u32::MAX);
    match attempt.checked_sub(1).and_then(|turns| turns.checked_rem(count)) {
        Some(turns) => ways.rotate_left(turns as usize),
        None if has_feedbackd => ways.insert(0, Way::Feedbackd),
        None => {}
    }
    ways
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedbackd_is_tried_first_and_what_broke_off_begins_anew_by_the_others_in_turn() {
        use Way::{Card, Command, Feedbackd, Session};
        let units = [Card, Session];
        for (has_feedbackd, direct, attempt, expected) in [
            (true, &units[..], 0, &[Feedbackd, Card, Session][..]),
            (true, &units, 1, &[Card, Session]),
            (true, &units, 2, &[Session, Card]),
            (true, &units, 3, &[Card, Session]),
            (false, &units, 0, &[Card, Session]),
            (true, &[Command], 0, &[Feedbackd, Command]),
            (true, &[Command], 7, &[Command]),
            (true, &[], 0, &[Feedbackd]),
            (true, &[], 7, &[Feedbackd]),
            (false, &[], 0, &[]),
        ] {
            assert_eq!(
                ways(has_feedbackd, direct, attempt),
                expected,
                "{direct:?} {attempt}"
            );
        }
    }
}
