//! How long a wrong password makes the next one wait. Pure: a table and two counters.
//!
//! The session and the lost screen are counted apart, so that an app which burns the session's
//! tries never locks the owner out of the lost screen. Nothing is ever erased for guessing.

use std::time::Duration;

use crate::moment::Moment;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const FREE_TRIES: u32 = 5;

/// Who types: decides which counter a try is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presenter {
    /// The active local session, through polkit.
    Session,
    /// The lost screen and root.
    Screen,
}

impl Presenter {
    /// The name used in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Screen => "screen",
        }
    }
}

/// Both counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// Tries of the active session.
    pub session: Counter,
    /// Tries of the lost screen and of root.
    pub screen: Counter,
}

impl Throttle {
    /// The counter that `presenter` is charged to.
    #[must_use]
    pub const fn of(&self, presenter: Presenter) -> &Counter {
        match presenter {
            Presenter::Session => &self.session,
            Presenter::Screen => &self.screen,
        }
    }

    /// The same, to change it.
    pub const fn of_mut(&mut self, presenter: Presenter) -> &mut Counter {
        match presenter {
            Presenter::Session => &mut self.session,
            Presenter::Screen => &mut self.screen,
        }
    }

    /// Both counters as they must read in this boot: see [`Counter::rearmed`].
    #[must_use]
    pub fn rearmed(&self, now: &Moment) -> Self {
        Self {
            session: self.session.rearmed(now),
            screen: self.screen.rearmed(now),
        }
    }
}

/// Wrong tries since the last right one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// How many.
    pub failures: u32,
    /// When the wait after the last one began; `None` without a failure.
    pub since: Option<Moment>,
}

impl Counter {
    /// How long until another try is allowed; zero: now.
    #[must_use]
    pub fn wait_left(&self, now: &Moment) -> Duration {
        let wait = wait_after(self.failures);
        self.since.as_ref().map_or(wait, |since| since.left_of(wait, now))
    }

    /// Wrong tries that are left before the next wait begins, once [`Self::wait_left`] is zero.
    #[must_use]
    pub fn tries_left(&self) -> u32 {
        FREE_TRIES.saturating_sub(self.failures).max(1)
    }

    /// One more failure.
    pub fn charge(&mut self, now: &Moment) {
        self.failures = self.failures.saturating_add(1);
        self.since = Some(now.clone());
    }

    /// After a reboot the current wait starts again in full: its old start means nothing on the
    /// new boot's clock.
    #[must_use]
    pub fn rearmed(&self, now: &Moment) -> Self {
        match &self.since {
            Some(since) if since.boot_id == now.boot_id && since.boottime <= now.boottime => self.clone(),
            Some(_) => Self {
                failures: self.failures,
                since: Some(now.clone()),
            },
            None => self.clone(),
        }
    }
}

/// The wait after the n-th failure (security.md, "The local password check").
const fn wait_after(failures: u32) -> Duration {
    Duration::from_secs(match failures {
        0..=4 => 0,
        5 => MINUTE,
        6 => 5 * MINUTE,
        7..=8 => 15 * MINUTE,
        9..=19 => HOUR,
        _ => 24 * HOUR,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: &str, seconds: u64) -> Moment {
        Moment {
            boottime: Duration::from_secs(seconds),
            boot_id: boot.to_owned(),
        }
    }

    fn failed(times: u32, when: &Moment) -> Counter {
        let mut counter = Counter::default();
        for _ in 0..times {
            counter.charge(when);
        }
        counter
    }

    #[test]
    fn the_wait_follows_the_table() {
        let table = [
            (0, 0),
            (1, 0),
            (4, 0),
            (5, 60),
            (6, 300),
            (7, 900),
            (8, 900),
            (9, 3600),
            (19, 3600),
            (20, 86_400),
            (21, 86_400),
            (5000, 86_400),
        ];
        for (failures, seconds) in table {
            let now = at("a", 100);
            assert_eq!(
                failed(failures, &now).wait_left(&now),
                Duration::from_secs(seconds),
                "after {failures}"
            );
        }
    }

    #[test]
    fn the_wait_runs_down_on_boot_time() {
        let counter = failed(5, &at("a", 100));
        assert_eq!(counter.wait_left(&at("a", 130)), Duration::from_secs(30));
        assert_eq!(counter.wait_left(&at("a", 160)), Duration::ZERO);
    }

    #[test]
    fn another_boot_starts_the_wait_again_in_full() {
        let counter = failed(6, &at("a", 1_000_000));
        assert_eq!(counter.wait_left(&at("b", 2_000_000)), Duration::from_secs(300));
        let rearmed = counter.rearmed(&at("b", 10));
        assert_eq!(rearmed.wait_left(&at("b", 10)), Duration::from_secs(300));
        assert_eq!(rearmed.wait_left(&at("b", 310)), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_ran_backwards_gains_nothing() {
        let counter = failed(5, &at("a", 100));
        assert_eq!(counter.wait_left(&at("a", 10)), Duration::from_secs(60));
        assert_eq!(counter.rearmed(&at("a", 10)).since, Some(at("a", 10)));
    }

    #[test]
    fn rearming_in_the_same_boot_changes_nothing() {
        let counter = failed(5, &at("a", 100));
        assert_eq!(counter.rearmed(&at("a", 150)), counter);
    }

    #[test]
    fn the_counter_never_wraps() {
        let mut counter = Counter {
            failures: u32::MAX,
            since: None,
        };
        counter.charge(&at("a", 0));
        assert_eq!(counter.failures, u32::MAX);
        assert_eq!(counter.wait_left(&at("a", 0)), Duration::from_secs(86_400));
    }

    #[test]
    fn the_session_cannot_burn_the_lost_screens_tries() {
        let now = at("a", 0);
        let mut throttle = Throttle::default();
        for _ in 0..30 {
            throttle.of_mut(Presenter::Session).charge(&now);
        }
        assert!(throttle.of(Presenter::Session).wait_left(&now) > Duration::ZERO);
        assert_eq!(throttle.of(Presenter::Screen).wait_left(&now), Duration::ZERO);
        assert_eq!(throttle.of(Presenter::Screen).tries_left(), 5);
    }
}
