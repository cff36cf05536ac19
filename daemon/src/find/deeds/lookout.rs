//! Looks out for what belayd has to act on without being asked: another SIM, commands by text, a battery that is
//! about to be empty.

mod round;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, mpsc, watch};

use super::locate::Locator;
use super::machine::MachineParts;
use super::memory::Notes;
use crate::actor::{Actor, Inbox, Never};
use crate::find::Announcement;
use crate::platform::{Sim, Text};
use round::Round;

/// What wasn't done is tried again after this at first, and in the end this seldom.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(1800));

/// The actor; its messages say that a command has ended.
pub(super) struct Lookout {
    round: Arc<Round>,
}

/// What the lookout has in hand; it goes from round to round.
#[derive(Default)]
struct Desk {
    /// Of the present binding; `None`: not read yet.
    notes: Option<Notes>,
    /// Nothing is kept on disk, as the device is nobody's.
    is_clear: bool,
    /// Texts that are judged and that the modem didn't delete: what they say too, as a modem may call another one so.
    judged: HashSet<Text>,
    /// When what is owed to the trusted number is tried again, boot time.
    pay_at: Option<Duration>,
    /// With which SIMs it couldn't be sent: others are worth another try.
    unpaid_with: Vec<Sim>,
    /// Something wasn't done.
    is_unfinished: bool,
}

/// A command has ended: how, is in the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended;

/// Tells the lookout that commands ended.
#[derive(Debug)]
pub struct Endings {
    announcements: broadcast::Receiver<Announcement>,
    lookout: mpsc::Sender<Ended>,
}

impl Lookout {
    pub(super) fn new(parts: MachineParts, locator: Locator) -> (Self, watch::Receiver<u64>) {
        let (changes, shown) = watch::channel(0);
        let round = Round {
            parts,
            locator,
            changes,
        };
        let lookout = Self {
            round: Arc::new(round),
        };
        (lookout, shown)
    }
}

impl Endings {
    pub(super) fn new(
        announcements: broadcast::Receiver<Announcement>,
        lookout: mpsc::Sender<Ended>,
    ) -> Self {
        Self {
            announcements,
            lookout,
        }
    }
}

impl Actor for Endings {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        loop {
            let announced = tokio::select! {
                announced = self.announcements.recv() => announced,
                _ = inbox.recv() => return,
            };
            match announced {
                // Where the lookout is far behind it looks again anyway.
                Ok(Announcement::Finished(_)) | Err(broadcast::error::RecvError::Lagged(_)) => {
                    let _ = self.lookout.try_send(Ended);
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Closed) => {
                    while inbox.recv().await.is_some() {}
                    return;
                }
            }
        }
    }
}

impl Actor for Lookout {
    type Message = Ended;

    async fn run(&mut self, inbox: &mut Inbox<Ended>) {
        let parts = &self.round.parts;
        let mut modem = parts.platform.modem.view();
        let mut power = parts.platform.power.view();
        let mut warden = parts.warden.watch();
        let clock = Arc::clone(&parts.clock);
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        let mut desk = Some(Desk::default());
        let mut retry: Option<Duration> = None;
        let mut under_way: Option<BoxFuture<'static, Desk>> = None;
        let mut is_due = true;
        loop {
            if is_due && let Some(next) = desk.take() {
                is_due = false;
                retry = None;
                let round = Arc::clone(&self.round);
                under_way = Some(Box::pin(async move { round.make(next).await }));
            }
            let at = retry.unwrap_or(Duration::MAX);
            tokio::select! {
                ended = inbox.recv() => match ended {
                    Some(Ended) => is_due = true,
                    None => return,
                },
                Ok(()) = modem.changed() => is_due = true,
                Ok(()) = power.changed() => is_due = true,
                Ok(()) = warden.changed() => is_due = true,
                done = round_end(&mut under_way) => {
                    under_way = None;
                    if done.is_unfinished {
                        retry = Some(clock.boottime() + backoff.next().unwrap_or(RETRY.1));
                    } else {
                        backoff.reset();
                    }
                    retry = retry.into_iter().chain(done.pay_at).min();
                    desk = Some(done);
                }
                () = clock.sleep_until(at), if retry.is_some() => is_due = true,
            }
        }
    }
}

async fn round_end(under_way: &mut Option<BoxFuture<'static, Desk>>) -> Desk {
    match under_way {
        Some(round) => round.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
