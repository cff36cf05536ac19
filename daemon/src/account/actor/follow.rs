//! News of the commands that were sent from here.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::clock::unix_millis;
use belay_proto::id::CommandId;
use belay_proto::wire::CommandLife;

use super::Desk;
use crate::account::command::SentCommand;
use crate::account::errand;
use crate::account::state::Event;
use crate::cloud::{CloudError, ProblemKind};

/// The first wait before the cloud is asked again about a command of which there was nothing new.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest such wait: a command to a device that is off for weeks costs little.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// How the news of one command are waited for.
pub(super) struct Following {
    pauses: Backoff,
    /// The revision of its life that was seen.
    seen: Option<u64>,
}

impl Desk {
    /// Asks for news of each command that isn't at its end; the others are let go.
    pub(super) fn follow(&mut self) {
        let new: Vec<_> = self
            .state
            .followed()
            .filter(|sent| !self.following.contains_key(&sent.id))
            .map(|sent| sent.id)
            .collect();
        for id in new {
            let following = Following {
                pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
                seen: None,
            };
            self.following.insert(id, following);
            self.listen_for(id, Duration::ZERO);
        }
    }

    /// Takes what the cloud said about a command, and asks on while there is more to come.
    pub(super) async fn heard(&mut self, id: CommandId, life: Result<CommandLife, CloudError>) {
        let Some(sent) = self.state.followed().find(|sent| sent.id == id).cloned() else {
            self.following.remove(&id);
            return;
        };
        let mut asked = None;
        let event = match life {
            Ok(life) => self.believed(&sent, life),
            Err(CloudError::Problem(problem)) if problem.kind == ProblemKind::NotFound => {
                Some(Event::Unheard { id })
            }
            Err(CloudError::SessionEnded) => {
                // Asked again once there is another session.
                self.following.remove(&id);
                self.state
                    .word
                    .account
                    .map(|account| Event::SessionEnded { account })
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "no news of a command");
                asked = error.retry_after();
                None
            }
        };
        if let Some(event) = event {
            self.note(event).await;
        }
        let after = self.state.followed().find(|after| after.id == id);
        let Some(after) = after else {
            self.following.remove(&id);
            return;
        };
        let changed = after.state != sent.state || after.reason != sent.reason;
        let Some(following) = self.following.get_mut(&id) else {
            return;
        };
        let pause = if changed {
            following.pauses.reset();
            Duration::ZERO
        } else {
            let pause = following.pauses.next().unwrap_or(LONGEST_PAUSE);
            // What the cloud says once its time is over is believed: that is asked for when it is.
            match sent.left(self.now()) {
                Some(left) if !left.is_zero() => pause.min(left + FIRST_PAUSE),
                _ => pause,
            }
        };
        self.listen_for(id, pause.max(asked.unwrap_or_default()));
    }

    /// What of a life is the device's own word, or at least nothing that only the device may say.
    fn believed(&mut self, sent: &SentCommand, life: CommandLife) -> Option<Event> {
        let account = self.state.word.account?;
        let over = sent.left(self.now()).is_some_and(|left| left.is_zero());
        match sent.witness(account).fate(sent.id, &life, over) {
            Ok(fate) => {
                if let Some(following) = self.following.get_mut(&sent.id) {
                    following.seen = Some(life.revision);
                }
                Some(Event::Heard { id: sent.id, fate })
            }
            Err(error) => {
                tracing::warn!(%error, "what the cloud says about a command isn't believed");
                None
            }
        }
    }

    /// The wall clock, ms since the Unix epoch.
    fn now(&self) -> u64 {
        unix_millis(self.parts.clock.wall())
    }

    fn listen_for(&mut self, id: CommandId, pause: Duration) {
        let found = self.state.commands.iter().find(|sent| sent.id == id).cloned();
        let seen = self.following.get(&id).and_then(|following| following.seen);
        if let Some(sent) = found {
            let parts = Arc::clone(&self.parts);
            self.errands
                .push(Box::pin(errand::listen(parts, sent, seen, pause)));
        }
    }
}
