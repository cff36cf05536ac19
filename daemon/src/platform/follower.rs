//! Follows something of the system: what it is now is shown in a watch, and read afresh whenever a signal hints that
//! it changed.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::clock::unix_seconds;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::select_all;
use tokio::sync::watch;
use zbus::{Message, MessageStream};

use super::clock::Time;
use super::{Answer, PlatformError};
use crate::actor::{Actor, Inbox, Never};

/// A reading that failed is tried again after this at first, and in the end this seldom.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(600));

/// What is followed.
pub(super) trait Subject: Debug + Send + Sync + 'static {
    /// What it is now. The default is shown where nobody speaks for it.
    type View: Default + PartialEq + Send + Sync + 'static;

    /// What to call it in the log.
    const NAME: &'static str;

    /// The signals after which it may be another: only hints, as anybody may send belayd a signal.
    fn hints(&self) -> Answer<'_, Vec<MessageStream>>;

    /// Whether what a hint says can make it another one: each reading wakes two processes.
    fn concerns(&self, _hint: &Message) -> bool {
        true
    }

    /// What is shown before it was read.
    fn unread() -> Self::View {
        Self::View::default()
    }

    /// Whether the wall clock's being set is a hint too.
    const FOLLOWS_CLOCK: bool = false;

    /// After how long it is read again without a hint, at first and in the end; `None`: its hints tell all.
    fn again(&self, _view: &Self::View) -> Option<(Duration, Duration)> {
        None
    }

    /// Reads it.
    fn read(&self) -> Answer<'_, Self::View>;
}

/// The actor.
#[derive(Debug)]
pub(super) struct Follower<S: Subject> {
    subject: Arc<S>,
    view: watch::Sender<S::View>,
    clock: Time,
}

impl<S: Subject> Follower<S> {
    pub(super) fn new(subject: Arc<S>, clock: Time) -> (Self, watch::Receiver<S::View>) {
        let (view, shown) = watch::channel(S::unread());
        let follower = Self { subject, view, clock };
        (follower, shown)
    }

    fn show(&self, view: S::View) {
        self.view.send_if_modified(|old| {
            let changed = *old != view;
            *old = view;
            changed
        });
    }
}

impl<S: Subject> Follower<S> {
    fn wait(&self, wait: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clock.clone();
        let at = clock.boottime() + wait;
        Box::pin(async move { clock.sleep_until(at).await })
    }

    /// Ends when the wall clock may have been set, where that is a hint.
    fn when_set(&self) -> BoxFuture<'static, ()> {
        if !S::FOLLOWS_CLOCK {
            return Box::pin(std::future::pending());
        }
        let clock = self.clock.clone();
        // A waking from suspend looks like it.
        let base =
            |clock: &Time| i128::from(unix_seconds(clock.wall())) - i128::from(clock.boottime().as_secs());
        Box::pin(async move {
            let before = base(&clock);
            while base(&clock).abs_diff(before) <= 1 {
                clock.when_set().await;
            }
        })
    }
}

impl<S: Subject> Actor for Follower<S> {
    type Message = Never;

    /// Never waits for a reading alone: signals that nobody takes would fill their queue and stop the connection,
    /// the reading's own answer included.
    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let subject = Arc::clone(&self.subject);
        let hints = tokio::select! {
            hints = subject.hints() => hints,
            _ = inbox.recv() => return,
        };
        let mut hints = match hints {
            Ok(streams) => select_all(streams),
            Err(error) => {
                // The connection is gone, and belayd soon with it.
                tracing::warn!(
                    subject = S::NAME,
                    error = &error as &dyn std::error::Error,
                    "can't follow"
                );
                while inbox.recv().await.is_some() {}
                return;
            }
        };
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        let mut retry: Option<BoxFuture<'static, ()>> = None;
        let mut again: Option<Backoff> = None;
        let mut set = self.when_set();
        let mut is_wanted = true;
        let mut reading: Option<BoxFuture<'_, Result<S::View, PlatformError>>> = None;
        loop {
            if is_wanted && reading.is_none() {
                is_wanted = false;
                retry = None;
                reading = Some(subject.read());
            }
            tokio::select! {
                None = inbox.recv() => return,
                hint = hints.next() => match hint {
                    Some(hint) => is_wanted |= hint.is_ok_and(|hint| subject.concerns(&hint)),
                    None => {
                        while inbox.recv().await.is_some() {}
                        return;
                    }
                },
                outcome = running(&mut reading) => {
                    reading = None;
                    match outcome {
                        Ok(view) => {
                            backoff.reset();
                            again = match (subject.again(&view), again) {
                                (Some(_), Some(again)) => Some(again),
                                (wanted, _) => wanted.map(|(first, last)| Backoff::new(first, last)),
                            };
                            retry = again.as_mut().and_then(Backoff::next).map(|wait| self.wait(wait));
                            self.show(view);
                        }
                        // Whoever comes is announced by the bus.
                        Err(PlatformError::NotSupported(_)) => {
                            backoff.reset();
                            self.show(S::View::default());
                        }
                        Err(error) => {
                            tracing::warn!(subject = S::NAME, error = &error as &dyn std::error::Error, "reading");
                            retry = Some(self.wait(backoff.next().unwrap_or(RETRY.1)));
                        }
                    }
                }
                () = &mut set => {
                    set = self.when_set();
                    is_wanted = true;
                }
                () = running(&mut retry) => {
                    retry = None;
                    is_wanted = true;
                }
            }
        }
    }
}

/// What is under way; never answers when there is nothing.
async fn running<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
