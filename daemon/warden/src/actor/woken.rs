//! The pause after a waking whose work couldn't be stored: the time of what it was for stays in the past.

use std::time::Duration;

use belay_proto::backoff::Backoff;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// How the last waking went.
pub(super) struct Woken {
    backoff: Backoff,
    again_at: Option<Duration>,
}

impl Woken {
    pub(super) fn new() -> Self {
        Self {
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
            again_at: None,
        }
    }

    /// It went well, or not, `now` after the boot.
    pub(super) fn so(&mut self, well: bool, now: Duration) {
        if well {
            self.backoff.reset();
            self.again_at = None;
        } else {
            let wait = self.backoff.next().unwrap_or(LONGEST_WAIT).max(SHORTEST_WAIT);
            self.again_at = Some(now.saturating_add(wait));
        }
    }

    /// The boot time of the next try, if the last one failed.
    pub(super) const fn again_at(&self) -> Option<Duration> {
        self.again_at
    }
}
