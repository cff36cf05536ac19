//! The last words of a binding that has ended: what became of its commands, the one that ended it among them.

use std::time::Duration;

use belay_proto::backoff::Backoff;
use futures_util::future::{BoxFuture, pending};

use crate::find::errand::LONGEST_PAUSE;
use crate::find::state::{Event, Told};
use crate::find::trouble::{Trouble, TroubleKind};
use crate::find::{Parts, work};
use crate::store::{StoreError, find};

/// The first wait before another try, at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Refusals in a row after which nobody wants to hear them.
const MOST_REFUSALS: u32 = 100;

/// Leaving a binding, until nothing of it is left.
pub(super) struct Leaving {
    is_done: bool,
    under_way: Option<BoxFuture<'static, Left>>,
    pauses: Backoff,
    refusals: u32,
}

/// How far it came.
pub(super) struct Left {
    /// What the warden said meanwhile; it is in the outbox, or was.
    pub(super) told: Vec<Told>,
    outcome: Result<(), Unsaid>,
}

enum Unsaid {
    /// The warden or the cloud couldn't be reached, or doesn't want it yet.
    Later(Trouble),
    Store(StoreError),
}

impl Default for Leaving {
    fn default() -> Self {
        Self {
            is_done: false,
            under_way: None,
            pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            refusals: 0,
        }
    }
}

impl Leaving {
    /// Goes on with it, unless it is done or under way.
    pub(super) fn go_on(&mut self, parts: &Parts) {
        if !self.is_done && self.under_way.is_none() {
            let give_up = self.refusals >= MOST_REFUSALS;
            self.under_way = Some(Box::pin(leave(parts.clone(), give_up)));
        }
    }

    /// Waits for the end of what is under way. Cancelling the call loses nothing.
    pub(super) async fn next(&mut self) -> Left {
        let left = match &mut self.under_way {
            Some(under_way) => under_way.await,
            None => pending().await,
        };
        self.under_way = None;
        left
    }

    /// Takes how far it came. Answers how long to wait before going on.
    pub(super) fn came(&mut self, left: &Left) -> Option<Duration> {
        let asked = match &left.outcome {
            Ok(()) => {
                self.is_done = true;
                return None;
            }
            Err(Unsaid::Later(trouble)) => {
                self.refusals = match trouble.kind {
                    TroubleKind::Refused => self.refusals + 1,
                    _ => 0,
                };
                trouble.asked
            }
            Err(Unsaid::Store(error)) => {
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    "leaving a binding's channel"
                );
                None
            }
        };
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE);
        Some(pause.max(asked.unwrap_or_default()))
    }
}

/// Reads the outcomes that the warden still has, brings them and those that wait to the cloud, then forgets the
/// binding; where `give_up` only the last.
async fn leave(parts: Parts, give_up: bool) -> Left {
    let mut told = Vec::new();
    let outcome = async {
        let row = parts
            .store
            .transaction(find::leave)
            .await
            .map_err(Unsaid::Store)?;
        if let Some((epoch, sequence)) = row.filter(|_| !give_up) {
            match work::read_outcomes(parts.clone(), epoch, sequence, sequence).await {
                Event::OutcomesKept { told: said, .. } => told = said,
                _ => return Err(Unsaid::Later(Trouble::HERE)),
            }
            loop {
                match work::post_last(parts.clone()).await {
                    Event::Posted { .. } => {}
                    Event::NotPosted(trouble) if trouble.kind != TroubleKind::Hopeless => {
                        return Err(Unsaid::Later(trouble));
                    }
                    _ => break,
                }
            }
        }
        parts.store.transaction(find::clear).await.map_err(Unsaid::Store)
    };
    let outcome = outcome.await;
    Left { told, outcome }
}
