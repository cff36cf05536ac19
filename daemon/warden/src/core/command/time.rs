//! Time that nobody can set: the warden's own, and spans that are counted over reboots.

use std::time::Duration;

use belay_proto::clock::millis;

use crate::moment::Moment;

/// How far ahead a signed point in time may be and still be believed, ms: 400 days.
const FARTHEST_AHEAD: u64 = 400 * 24 * 60 * 60 * 1000;

/// The warden's own time: the greatest of the build's time and each point in time accepted under the owner's
/// signature, advanced by the boot clock. A lower bound of the true time: a device that was off is behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnTime(Span);

/// A span that goes on counting in each boot, from where it was last written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// What was counted up to `since`.
    pub counted: Duration,
    /// When it was written down; `None`: before this boot.
    pub since: Option<Moment>,
}

impl Span {
    /// One that begins now.
    #[must_use]
    pub fn beginning(at: &Moment) -> Self {
        Self {
            counted: Duration::ZERO,
            since: Some(at.clone()),
        }
    }

    /// How long it is by now. In another boot than the one it was written down in, that boot's time is added;
    /// the time in between, when the device was off or nothing was written down, is unknown and isn't.
    #[must_use]
    pub fn elapsed(&self, at: &Moment) -> Duration {
        let passed = match &self.since {
            Some(since) if since.boot_id == at.boot_id => at.boottime.saturating_sub(since.boottime),
            _ => at.boottime,
        };
        self.counted.saturating_add(passed)
    }

    /// The same span, written down now.
    #[must_use]
    pub fn at(&self, at: &Moment) -> Self {
        Self {
            counted: self.elapsed(at),
            since: Some(at.clone()),
        }
    }

    /// How long ago it was written down, in this boot.
    #[must_use]
    pub fn age(&self, at: &Moment) -> Duration {
        let unwritten = Self {
            counted: Duration::ZERO,
            since: self.since.clone(),
        };
        unwritten.elapsed(at)
    }
}

impl OwnTime {
    /// From its stored form.
    #[must_use]
    pub const fn of(span: Span) -> Self {
        Self(span)
    }

    /// Its stored form.
    #[must_use]
    pub const fn span(&self) -> &Span {
        &self.0
    }

    /// Now, in ms since the Unix epoch.
    #[must_use]
    pub fn now(&self, at: &Moment) -> u64 {
        millis(self.0.elapsed(at))
    }

    /// Not before this build was made.
    #[must_use]
    pub fn not_before(self, build_ms: u64, at: &Moment) -> Self {
        if self.now(at) < build_ms {
            Self::set(build_ms, at)
        } else {
            self
        }
    }

    /// The owner has signed that it is at least this late. What is over 400 days ahead moves nothing.
    pub fn reach(&mut self, signed_ms: u64, at: &Moment) {
        let ahead = signed_ms.saturating_sub(self.now(at));
        if ahead > 0 && ahead <= FARTHEST_AHEAD {
            *self = Self::set(signed_ms, at);
        }
    }

    /// The same time, written down now, so that the next boot goes on from here.
    pub fn write_down(&mut self, at: &Moment) {
        self.0 = self.0.at(at);
    }

    fn set(ms: u64, at: &Moment) -> Self {
        Self(Span {
            counted: Duration::from_millis(ms),
            since: Some(at.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn at(boot: &str, seconds: u64) -> Moment {
        Moment {
            boottime: Duration::from_secs(seconds),
            boot_id: boot.to_owned(),
        }
    }

    #[test]
    fn time_advances_with_the_boot_clock_and_over_reboots() {
        let mut time = OwnTime::default().not_before(1_000_000, &at("a", 10));
        assert_eq!(time.now(&at("a", 15)), 1_005_000);
        time.write_down(&at("a", 15));
        assert_eq!(time.now(&at("b", 2)), 1_007_000);
        time.write_down(&at("b", 2));
        assert_eq!(time.now(&at("b", 3)), 1_008_000);
    }

    #[test]
    fn a_signature_moves_it_forward_only_and_never_over_four_hundred_days() {
        let now = at("a", 0);
        let mut time = OwnTime::default().not_before(1_000_000, &now);
        time.reach(900_000, &now);
        assert_eq!(time.now(&now), 1_000_000);
        time.reach(1_000_000 + 400 * DAY * 1000 + 1, &now);
        assert_eq!(time.now(&now), 1_000_000);
        time.reach(1_000_000 + 400 * DAY * 1000, &now);
        assert_eq!(time.now(&now), 1_000_000 + 400 * DAY * 1000);
    }

    #[test]
    fn a_boot_clock_that_ran_backwards_takes_nothing_back() {
        let span = Span::beginning(&at("a", 100));
        assert_eq!(span.elapsed(&at("a", 50)), Duration::ZERO);
        assert_eq!(span.elapsed(&at("a", 160)), Duration::from_secs(60));
        assert_eq!(
            span.at(&at("a", 160)).elapsed(&at("b", 5)),
            Duration::from_secs(65)
        );
    }

    #[test]
    fn a_span_knows_when_it_was_written_down() {
        let span = Span::beginning(&at("a", 100)).at(&at("a", 160));
        assert_eq!(span.age(&at("a", 170)), Duration::from_secs(10));
        assert_eq!(span.age(&at("b", 7)), Duration::from_secs(7));
    }
}
