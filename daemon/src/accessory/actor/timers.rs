//! Waits that count suspend.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::Clock;

use crate::accessory::state::TimerOf;

/// The timers that run, each with its end by the boot clock.
pub(super) struct Timers {
    clock: Arc<dyn Clock>,
    ends: BTreeMap<TimerOf, Duration>,
}

impl Timers {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            ends: BTreeMap::new(),
        }
    }

    pub(super) fn wake(&mut self, timer: TimerOf, after: Duration) {
        self.ends.insert(timer, self.clock.boottime() + after);
    }

    pub(super) fn sleep(&mut self, timer: TimerOf) {
        self.ends.remove(&timer);
    }

    /// The next that runs out. Cancelling the call loses nothing.
    pub(super) async fn next(&mut self) -> TimerOf {
        let first = self.ends.iter().min_by_key(|(_, end)| **end);
        let Some((timer, end)) = first.map(|(timer, end)| (*timer, *end)) else {
            return pending().await;
        };
        self.clock.sleep_until(end).await;
        self.ends.remove(&timer);
        timer
    }
}
