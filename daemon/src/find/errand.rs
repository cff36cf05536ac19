//! Work that is done one at a time: again when it was asked for meanwhile, and after a pause when it failed.

use std::time::Duration;

use belay_proto::backoff::Backoff;

/// The first wait after a failure, at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// One kind of such work.
#[derive(Clone, Debug)]
pub struct Errand {
    phase: Phase,
    pauses: Backoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// Under way; `again` when it was asked for once more.
    Busy {
        again: bool,
    },
    /// Waits for this point of the boot clock.
    Resting {
        until: Duration,
    },
}

impl Default for Errand {
    fn default() -> Self {
        Self::up_to(LONGEST_PAUSE)
    }
}

impl Errand {
    /// Work that rests at most so long.
    #[must_use]
    pub fn up_to(longest: Duration) -> Self {
        Self {
            phase: Phase::Idle,
            pauses: Backoff::new(FIRST_PAUSE, longest),
        }
    }

    /// Asks for it, now even where it rests after a failure. Answers whether to start.
    pub fn urge(&mut self) -> bool {
        match self.phase {
            Phase::Idle | Phase::Resting { .. } => {
                self.phase = Phase::Busy { again: false };
                true
            }
            Phase::Busy { .. } => {
                self.phase = Phase::Busy { again: true };
                false
            }
        }
    }

    /// Asks for it, once a rest is over. Answers whether to start.
    pub fn want(&mut self) -> bool {
        !matches!(self.phase, Phase::Resting { .. }) && self.urge()
    }

    /// Begins again where it rests after a failure; otherwise nothing is owed.
    pub fn hurry(&mut self) -> bool {
        matches!(self.phase, Phase::Resting { .. }) && self.urge()
    }

    /// It has succeeded. Answers whether to start again, and counts as started then.
    #[must_use]
    pub fn done(&mut self) -> bool {
        self.pauses.reset();
        let again = self.phase == Phase::Busy { again: true };
        self.phase = Phase::Idle;
        again && self.urge()
    }

    /// It has succeeded. Answers whether it was asked for meanwhile: whoever wants it once more asks again.
    #[must_use]
    pub fn over(&mut self) -> bool {
        let again = self.phase == Phase::Busy { again: true };
        self.finish();
        again
    }

    /// Begins at this point of the boot clock, unless it is under way.
    pub fn rest(&mut self, until: Duration) {
        if !self.is_busy() {
            self.phase = Phase::Resting { until };
        }
    }

    /// It has succeeded, and what comes next is another matter: whoever has more asks again.
    pub fn finish(&mut self) {
        self.pauses.reset();
        self.phase = Phase::Idle;
    }

    /// It has failed and is tried again after a pause, of `asked` at least.
    pub fn failed(&mut self, now: Duration, asked: Option<Duration>) {
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE);
        self.phase = Phase::Resting {
            until: now.saturating_add(pause.max(asked.unwrap_or_default())),
        };
    }

    /// It goes well, though it isn't over: after a failure the pauses begin anew.
    pub fn well(&mut self) {
        self.pauses.reset();
    }

    /// It can't succeed until something else changes.
    pub fn give_up(&mut self) {
        self.phase = Phase::Idle;
    }

    /// Whether it is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Busy { .. })
    }

    /// When to look again.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        match self.phase {
            Phase::Resting { until } => Some(until),
            Phase::Idle | Phase::Busy { .. } => None,
        }
    }

    /// Answers whether to start, where a rest is over.
    pub fn wake(&mut self, now: Duration) -> bool {
        self.due().is_some_and(|until| until <= now) && self.urge()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_meanwhile_is_done_once_more() {
        let mut errand = Errand::default();
        assert!(errand.want() && !errand.want() && !errand.urge());
        assert!(errand.done() && !errand.done());
    }

    #[test]
    fn a_failure_rests_until_its_time_or_until_it_is_urged() {
        let mut errand = Errand::default();
        let now = Duration::from_secs(100);
        errand.urge();
        errand.failed(now, Some(Duration::from_secs(60)));
        let due = errand.due().unwrap();
        assert!(due >= now + Duration::from_secs(60));
        assert!(!errand.want() && !errand.wake(now) && errand.wake(due));
        errand.failed(now, None);
        assert!(
            errand.hurry() && !errand.hurry(),
            "an idle or busy one is owed nothing"
        );
        errand.failed(now, None);
        assert!(errand.urge());
    }

    #[test]
    fn pauses_have_a_cap() {
        let mut errand = Errand::up_to(Duration::from_secs(30));
        for _ in 0..40 {
            errand.urge();
            errand.failed(Duration::ZERO, None);
            assert!(errand.due().unwrap() <= Duration::from_secs(30));
        }
    }
}
