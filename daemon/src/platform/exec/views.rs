//! A configured command that tells by a line of JSON whenever something changed.

use std::fmt::Debug;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::Command;
use crate::actor::{Actor, Inbox, Never, Supervisor};
use crate::platform::clock::Time;

/// A command that has ended is started again after this at first, and in the end this seldom.
const RESTART: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(600));
/// One that ran this long before it ended may be started again soon.
const RAN_WELL: Duration = Duration::from_secs(600);

/// What a follower shows: the default until its command has said something.
pub(super) trait View: DeserializeOwned + Default + Debug + PartialEq + Send + Sync + 'static {}

impl<V: DeserializeOwned + Default + Debug + PartialEq + Send + Sync + 'static> View for V {}

#[derive(Debug)]
struct Lines<V> {
    command: Command,
    view: watch::Sender<V>,
    clock: Time,
}

/// What `command` says; the default for ever where none is configured.
pub(super) fn follow<V: View>(
    name: &'static str,
    command: Option<Command>,
    supervisor: &mut Supervisor,
    clock: Time,
) -> (Option<watch::Sender<V>>, watch::Receiver<V>) {
    let (view, shown) = watch::channel(V::default());
    match command {
        Some(command) => {
            supervisor.start(name, Lines { command, view, clock });
            (None, shown)
        }
        // Kept, so that whoever waits for a change waits.
        None => (Some(view), shown),
    }
}

impl<V: View> Lines<V> {
    /// Shows what the command says until it ends.
    async fn listen(&self) {
        let (running, mut lines) = match self.command.follow() {
            Ok(started) => started,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "following");
                return;
            }
        };
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str::<V>(&line) {
                Ok(view) => {
                    self.view.send_if_modified(|old| {
                        let changed = *old != view;
                        *old = view;
                        changed
                    });
                }
                // The line itself may hold what no log may.
                Err(error) => tracing::warn!(%error, command = ?self.command, "a line that can't be read"),
            }
        }
        running.stop().await;
    }
}

impl<V: View> Actor for Lines<V> {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let mut backoff = Backoff::new(RESTART.0, RESTART.1);
        loop {
            let began = self.clock.boottime();
            tokio::select! {
                () = self.listen() => {}
                _ = inbox.recv() => return,
            }
            let now = self.clock.boottime();
            if now.saturating_sub(began) >= RAN_WELL {
                backoff.reset();
            }
            let again = now + backoff.next().unwrap_or(RESTART.1);
            tokio::select! {
                () = self.clock.sleep_until(again) => {}
                _ = inbox.recv() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use belay_proto::clock::FakeClock;

    use super::{Command, Time, follow};
    use crate::actor::Supervisor;
    use crate::platform::PowerView;

    #[tokio::test]
    async fn each_line_that_can_be_read_is_shown() {
        let script = r#"echo '{"percentage": 7, "warning": "low"}'; echo nonsense; echo '{"percentage": 3}'; exec sleep 1000"#;
        let words: Vec<String> = ["/bin/sh", "-c", script].map(String::from).into();
        let mut supervisor = Supervisor::default();
        let clock = Time::new(Arc::new(FakeClock::new()));
        let (_, mut view) = follow::<PowerView>("battery", Command::new("x", &words), &mut supervisor, clock);
        view.wait_for(|view| view.percentage == Some(3)).await.unwrap();
        supervisor.stop().await;
    }
}
