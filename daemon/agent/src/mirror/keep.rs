//! Keeping the memory: when, one at a time, and less and less often where it fails.

use std::time::Duration;

use belay_proto::backoff::Backoff;
use tokio::time::Instant;

use super::RETRY;

/// While work goes on, the memory is kept this often.
const BETWEEN: Duration = Duration::from_secs(5);

/// Whether the memory is as it is on disk.
pub(super) struct Keep {
    /// Since when it isn't.
    unsaved: Option<Instant>,
    is_running: bool,
    /// After a failure: not before.
    again_at: Option<Instant>,
    waits: Backoff,
}

impl Keep {
    pub(super) fn new() -> Self {
        Self {
            unsaved: None,
            is_running: false,
            again_at: None,
            waits: Backoff::new(RETRY.0, RETRY.1),
        }
    }

    /// It changed.
    pub(super) fn want(&mut self, now: Instant) {
        self.unsaved.get_or_insert(now);
    }

    /// Whether all of it is on disk.
    pub(super) const fn is_over(&self) -> bool {
        self.unsaved.is_none() && !self.is_running
    }

    pub(super) const fn is_running(&self) -> bool {
        self.is_running
    }

    pub(super) const fn is_wanted(&self) -> bool {
        self.unsaved.is_some()
    }

    /// Whether the last time failed.
    pub(super) const fn failed(&self) -> bool {
        self.again_at.is_some()
    }

    /// Whether it begins now.
    pub(super) fn begins(&mut self, now: Instant, is_busy: bool) -> bool {
        let is_time = |since: Instant| !is_busy || since + BETWEEN <= now;
        let begins =
            !self.is_running && self.unsaved.is_some_and(is_time) && self.again_at.is_none_or(|at| at <= now);
        if begins {
            self.unsaved = None;
            self.is_running = true;
        }
        begins
    }

    /// When it is due at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.unsaved.filter(|_| !self.is_running)? + BETWEEN;
        Some(self.again_at.unwrap_or(due))
    }

    pub(super) fn end(&mut self, now: Instant, failed: bool) {
        self.is_running = false;
        self.again_at = None;
        match failed {
            true => {
                self.want(now);
                // Not at once, whatever is drawn.
                let wait = self.waits.next().unwrap_or(RETRY.1).max(RETRY.0 / 4);
                self.again_at = Some(now + wait);
            }
            false => self.waits.reset(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_fails_it_is_tried_again_later_and_less_and_less_often() {
        let (mut keep, mut now) = (Keep::new(), Instant::now());
        let end = now + Duration::from_secs(24 * 60 * 60);
        keep.want(now);
        let mut tries = 0;
        while now < end {
            if keep.begins(now, false) {
                tries += 1;
                keep.end(now, true);
                assert!(keep.failed() && !keep.begins(now, false), "at once");
            }
            let due = keep.due().unwrap();
            assert!(due > now);
            now = due;
        }
        assert!((90..2000).contains(&tries), "{tries}");
        assert!(keep.begins(now, false));
        keep.end(now, false);
        assert!(keep.is_over() && !keep.failed());
    }

    #[test]
    fn while_work_goes_on_it_waits_and_it_never_runs_twice() {
        let (mut keep, now) = (Keep::new(), Instant::now());
        keep.want(now);
        assert!(!keep.begins(now, true) && keep.begins(now, false));
        keep.want(now);
        assert!(keep.is_wanted() && !keep.begins(now, false) && keep.due().is_none());
        keep.end(now, false);
        assert!(!keep.begins(now, true) && keep.begins(now + BETWEEN, true));
    }
}
