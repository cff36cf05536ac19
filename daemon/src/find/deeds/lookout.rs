//! Looks out for what belayd has to act on without being asked: another SIM, commands by text, a battery that is
//! about to be empty.

mod round;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{broadcast, mpsc, watch};

use super::locate::Locator;
use super::machine::MachineParts;
use super::memory::Notes;
use crate::actor::{Actor, Inbox, Never};
use crate::find::Announcement;
use crate::platform::{PlatformError, Sim, Text};
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
    /// The text that is being sent, to this number: no round waits for it.
    sending: Option<(String, String)>,
    /// How sending it ended.
    sent: Option<Result<(), PlatformError>>,
    /// How far the search for a place before the battery is empty has come.
    search: Search,
    /// Something wasn't done.
    is_unfinished: bool,
}

/// A search that no round waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Search {
    #[default]
    No,
    UnderWay,
    Over,
}

/// What goes on beside the rounds has ended.
enum Beside {
    /// This text, or not.
    Sent(String, Result<(), PlatformError>),
    Searched,
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
        let (mut beside, mut ends) = (FuturesUnordered::new(), Vec::new());
        let (mut is_sending, mut is_searching) = (false, false);
        loop {
            if is_due && let Some(mut next) = desk.take() {
                is_due = false;
                retry = None;
                for end in ends.drain(..) {
                    next.take(end);
                }
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
                mut done = round_end(&mut under_way) => {
                    under_way = None;
                    // What ended while this round went on isn't begun once more.
                    for end in ends.drain(..) {
                        done.take(end);
                    }
                    if done.is_unfinished {
                        retry = Some(clock.boottime() + backoff.next().unwrap_or(RETRY.1));
                    } else {
                        backoff.reset();
                    }
                    retry = retry.into_iter().chain(done.pay_at).min();
                    if !is_sending && let Some((number, text)) = done.unsent() {
                        is_sending = true;
                        beside.push(Arc::clone(&self.round).send(number, text));
                    }
                    if done.search == Search::UnderWay && !is_searching {
                        is_searching = true;
                        beside.push(Arc::clone(&self.round).search());
                    }
                    desk = Some(done);
                }
                Some(end) = beside.next() => {
                    match &end {
                        Beside::Sent(..) => is_sending = false,
                        Beside::Searched => is_searching = false,
                    }
                    ends.push(end);
                    is_due = true;
                }
                () = clock.sleep_until(at), if retry.is_some() => is_due = true,
            }
        }
    }
}

impl Desk {
    /// Takes the end of what went on beside, where it is this desk's.
    fn take(&mut self, end: Beside) {
        match end {
            Beside::Sent(text, sent) if self.sending.as_ref().is_some_and(|(_, ours)| *ours == text) => {
                self.sent = Some(sent);
            }
            Beside::Searched if self.search == Search::UnderWay => self.search = Search::Over,
            Beside::Sent(..) | Beside::Searched => {}
        }
    }

    /// The text that is to be sent and whose end isn't known: a round that fails early leaves the end for the next.
    fn unsent(&self) -> Option<(String, String)> {
        self.sending.clone().filter(|_| self.sent.is_none())
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
