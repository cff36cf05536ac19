//! Waiting with a deadline: nothing in this package waits longer, and nothing waits a fixed time.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::{Outcome, Surprise};

/// How long anything may take before it counts as not happening. Generous, because two cores may be shared by
/// many builds; nothing waits this long unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for `future`, at most [`PATIENCE`].
///
/// # Errors
/// A [`Surprise`] that names `what` once the time is over.
#[track_caller]
pub fn within<T>(what: &str, future: impl Future<Output = T>) -> impl Future<Output = Outcome<T>> {
    let late = Surprise::new(format!("waited {} s for {what}, in vain", PATIENCE.as_secs()));
    async move { timeout(PATIENCE, future).await.map_err(|_| late) }
}

/// Asks `probe` again until it answers `Some`, at most [`PATIENCE`]. For what sends no event: files of other
/// processes, `/proc`.
///
/// # Errors
/// A [`Surprise`] that names `what` once the time is over.
#[track_caller]
pub fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = Outcome<T>> {
    within(what, async move {
        let mut turns = turns();
        loop {
            turns.tick().await;
            if let Some(found) = probe().await {
                return found;
            }
        }
    })
}

/// The turns in which something is tried again, the first at once.
#[must_use]
pub fn turns() -> Interval {
    let mut turns = interval(Duration::from_millis(10));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    turns
}
