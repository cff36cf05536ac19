//! Looking at one of both sides: when, and what came of it.

use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;

/// Looking at one of both sides.
#[derive(Default)]
pub(super) struct Look {
    pace: Pace,
    pub(super) is_running: bool,
    pub(super) failed: bool,
    pub(super) make: bool,
    seen: bool,
}

impl Look {
    /// Whether it was seen, and is as it was seen.
    pub(super) fn is_over(&self) -> bool {
        self.seen && !self.is_running && self.pace.due().is_none()
    }

    pub(super) fn new(settle: Duration) -> Self {
        Self {
            pace: Pace::new(settle),
            ..Self::default()
        }
    }

    pub(super) fn want(&mut self) {
        match self.seen {
            true => self.pace.notice(Instant::now()),
            // The first look waits for nothing.
            false => self.pace.at_once(Instant::now()),
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.pace.due().filter(|_| !self.is_running)
    }

    /// Whether it begins now.
    pub(super) fn begins(&mut self) -> bool {
        let begins = self.due().is_some_and(|due| due <= Instant::now());
        if begins {
            self.pace.begin();
            self.is_running = true;
        }
        begins
    }

    pub(super) fn end(&mut self, failed: bool) {
        self.is_running = false;
        self.failed = failed;
        self.make = false;
        self.seen = true;
        self.pace.end(Instant::now());
    }
}
