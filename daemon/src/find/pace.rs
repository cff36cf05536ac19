//! How often the cloud may have the device fetch commands.
//!
//! Hints are no authority: a cloud that sends them without end must not keep a device awake. The first after a while is
//! followed at once, and so is a number of them; beyond that the waits grow for as long as it goes on.

use std::time::Duration;

/// So many fetches are made at once.
const BURST: u32 = 32;
/// A further one is earned each such time.
const EARNED_EACH: Duration = Duration::from_secs(15);
/// The first wait when none is left; the next is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A cloud that asked for nothing so long has come to its senses.
const QUIET: Duration = Duration::from_secs(5 * 60);

/// What is left of the fetches.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    left: u32,
    /// Up to when what was earned is counted, boot time.
    counted: Duration,
    /// When a fetch was asked for last, boot time.
    asked: Duration,
    pause: Duration,
    /// The end of the wait that stands.
    until: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            left: BURST,
            counted: Duration::ZERO,
            asked: Duration::ZERO,
            pause: FIRST_PAUSE,
            until: None,
        }
    }
}

impl Pace {
    /// Takes one fetch, to be made at the boot time that it answers; `now`: at once. Until then all that are asked for
    /// are that one.
    pub fn take(&mut self, now: Duration) -> Duration {
        if now.saturating_sub(self.asked) >= QUIET {
            *self = Self::default();
        }
        self.asked = now;
        if let Some(until) = self.until.filter(|until| now < *until) {
            return until;
        }
        self.until = None;
        self.earn(now);
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return now;
        }
        let until = now.saturating_add(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.until = Some(until);
        until
    }

    /// A fetch brought what nobody but the owner can make: it and the one that looked for more cost nothing.
    pub fn was_worth_it(&mut self) {
        self.left = self.left.saturating_add(2).min(BURST);
    }

    fn earn(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.counted).as_secs() / EARNED_EACH.as_secs();
        let earned = u32::try_from(passed).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(earned).min(BURST);
        self.counted += EARNED_EACH.saturating_mul(earned);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BURST, LONGEST_PAUSE, Pace, QUIET};

    const NOW: Duration = Duration::from_secs(1000);

    /// How many fetches are made in `time` where one is asked for each millisecond.
    fn flood(pace: &mut Pace, from: Duration, time: Duration) -> u32 {
        let (mut fetches, mut standing) = (0, None);
        let mut now = from;
        while now < from + time {
            if standing.is_some_and(|until| until <= now) {
                (fetches, standing) = (fetches + 1, None);
            }
            match pace.take(now) {
                until if until <= now => fetches += 1,
                until => standing = Some(until),
            }
            now += Duration::from_millis(1);
        }
        fetches
    }

    #[test]
    fn a_flood_has_its_burst_and_then_ever_fewer() {
        let mut pace = Pace::default();
        let first = flood(&mut pace, NOW, Duration::from_secs(60));
        assert!((BURST..BURST + 12).contains(&first), "{first}");
        let then = flood(&mut pace, NOW + Duration::from_secs(60), Duration::from_secs(600));
        assert!(then <= 60, "{then}");
    }

    #[test]
    fn the_first_after_a_while_is_made_at_once() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(NOW), NOW);
        flood(&mut pace, NOW, Duration::from_secs(30));
        let later = NOW + Duration::from_secs(30) + QUIET;
        for _ in 0..BURST {
            assert_eq!(pace.take(later), later);
        }
        assert!(pace.take(later) > later);
    }

    #[test]
    fn a_wait_that_stands_is_the_same_for_all_and_has_a_cap() {
        let mut pace = Pace::default();
        let mut now = NOW;
        for _ in 0..100 {
            // What is left and what was earned.
            let until = (0..=BURST)
                .map(|_| pace.take(now))
                .find(|until| *until > now)
                .unwrap();
            assert_eq!(pace.take(now), until);
            assert!(until - now <= LONGEST_PAUSE);
            now = until;
        }
    }

    #[test]
    fn an_owner_who_sends_much_never_waits() {
        let mut pace = Pace::default();
        for _ in 0..1000 {
            // The hint's fetch, the one that looks for more, and one for a further hint.
            for _ in 0..2 {
                assert_eq!(pace.take(NOW), NOW);
            }
            pace.was_worth_it();
        }
    }
}
