//! The cloud's time: it starts at the wall clock and then counts on its own.
//!
//! A step of the wall clock while the cloud runs (NTP, an operator's mistake) neither shortens nor
//! prolongs a code, a wait or a token.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::{Clock, millis, unix_millis};

/// Milliseconds since 1970-01-01T00:00:00Z, as stored in the database.
pub type Millis = u64;

/// One second.
pub const SECOND: Millis = 1000;
/// One minute.
pub const MINUTE: Millis = 60 * SECOND;
/// One hour.
pub const HOUR: Millis = 60 * MINUTE;
/// One day.
pub const DAY: Millis = 24 * HOUR;

/// The source of time of one running cloud.
#[derive(Clone)]
pub struct CloudClock {
    clock: Arc<dyn Clock>,
    wall_at_start: Millis,
    boottime_at_start: Duration,
}

impl CloudClock {
    /// Starts counting at the wall clock's present value.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            wall_at_start: unix_millis(clock.wall()),
            boottime_at_start: clock.boottime(),
            clock,
        }
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Millis {
        let passed = self.clock.boottime().saturating_sub(self.boottime_at_start);
        self.wall_at_start.saturating_add(millis(passed))
    }

    /// The kernel's name for this boot of the machine.
    #[must_use]
    pub fn boot_id(&self) -> String {
        self.clock.boot_id()
    }

    /// Waits until [`Self::now`] reaches `then`.
    pub async fn sleep_until(&self, then: Millis) {
        let from_start = Duration::from_millis(then.saturating_sub(self.wall_at_start));
        self.clock
            .sleep_until(self.boottime_at_start.saturating_add(from_start))
            .await;
    }
}
