//! A call about chunks that is tried again while the cloud can't be reached.

use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::clock::Clock;

use crate::sync::ports::SyncFailure;

/// Failures in a row after which a content counts as not moved; whoever waits for it asks again, and what came stays.
const TRIES: u32 = 6;
/// The first wait at most.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait, also where the cloud asks for one: somebody waits.
const LONGEST: Duration = Duration::from_secs(30);

/// Waits between tries.
pub(super) struct Retry<'a> {
    clock: &'a dyn Clock,
    waits: Backoff,
    failures: u32,
}

impl<'a> Retry<'a> {
    pub(super) fn new(clock: &'a dyn Clock) -> Self {
        Self {
            clock,
            waits: Backoff::new(FIRST, LONGEST),
            failures: 0,
        }
    }

    /// Begins to count anew, since something was reached.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
        self.waits.reset();
    }

    /// Waits before another try.
    ///
    /// # Errors
    /// The failure, when it doesn't pass, or hasn't passed for too long.
    pub(super) async fn after(&mut self, failure: SyncFailure) -> Result<(), SyncFailure> {
        self.failures += 1;
        let asked = match failure {
            SyncFailure::Offline(wait) => wait.unwrap_or_default(),
            _ => return Err(failure),
        };
        if self.failures >= TRIES || asked > LONGEST {
            return Err(failure);
        }
        let wait = asked + self.waits.next().unwrap_or(LONGEST);
        self.clock.sleep_until(self.clock.boottime() + wait).await;
        Ok(())
    }
}
