//! When to look again: once nothing happened for a while, but not never, and less often the longer it goes on.

use std::time::Duration;

use tokio::time::Instant;

/// However much goes on, it is looked this often.
const PATIENCE: Duration = Duration::from_secs(10);
/// However long it goes on, it is looked this often.
const SLOWEST: Duration = Duration::from_secs(60);

/// The pace of looking.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    settle: Duration,
    /// The first thing that was noticed since the last look.
    first: Option<Instant>,
    due: Option<Instant>,
    ended: Option<Instant>,
    gap: Duration,
}

impl Pace {
    pub(super) const fn new(settle: Duration) -> Self {
        Self {
            settle,
            first: None,
            due: None,
            ended: None,
            gap: Duration::ZERO,
        }
    }

    pub(super) fn at_once(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.due = Some(now);
    }

    /// Something happened.
    pub(super) fn notice(&mut self, now: Instant) {
        let first = *self.first.get_or_insert(now);
        let quiet = (now + self.settle).min(first + PATIENCE);
        self.due = Some(self.ended.map_or(quiet, |ended| quiet.max(ended + self.gap)));
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn begin(&mut self) {
        self.first = None;
        self.due = None;
    }

    /// A look ended: the next one waits the longer the sooner it is wanted.
    pub(super) fn end(&mut self, now: Instant) {
        let is_soon = self
            .ended
            .is_some_and(|before| now < before + self.gap * 2 + PATIENCE * 2);
        self.gap = match is_soon {
            true => (self.gap * 2).max(self.settle).min(SLOWEST),
            false => Duration::ZERO,
        };
        self.ended = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_waits_until_nothing_happens_but_not_for_ever() {
        let mut pace = Pace::new(SECOND);
        let start = Instant::now();
        assert_eq!(pace.due(), None);
        pace.notice(start);
        pace.notice(start + SECOND / 2);
        assert_eq!(pace.due(), Some(start + SECOND * 3 / 2));
        for tenth in 0..200 {
            pace.notice(start + SECOND * tenth / 10);
        }
        assert_eq!(pace.due(), Some(start + PATIENCE));
    }

    #[test]
    fn what_never_ends_is_looked_at_less_and_less_often() {
        let mut pace = Pace::new(SECOND);
        let start = Instant::now();
        let (mut now, mut looks) = (start, 0);
        while now < start + SECOND * 3600 {
            pace.notice(now);
            if pace.due().is_some_and(|due| due <= now) {
                pace.begin();
                pace.end(now);
                looks += 1;
            }
            now += SECOND / 4;
        }
        assert!((50..100).contains(&looks), "{looks}");
        // After a rest it is as quick as ever.
        pace.notice(now + SECOND * 600);
        pace.begin();
        pace.end(now + SECOND * 600);
        pace.notice(now + SECOND * 601);
        assert_eq!(pace.due(), Some(now + SECOND * 602));
    }
}
