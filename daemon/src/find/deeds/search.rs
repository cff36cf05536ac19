//! Which of several fixes tells best where the device is, and when to stop looking for a better one.

use std::time::Duration;

use belay_proto::wire::LocationSource;

use crate::platform::Fix;

/// How long it is looked for.
pub(super) const SEARCH: Duration = Duration::from_secs(60);
/// As good as this nobody needs it better.
const GOOD: f64 = 50.0;
/// How fast a device may have moved since it was measured, m/s: as fast as a bus in a town.
const SPEED: f64 = 10.0;

/// A search for the place.
#[derive(Clone, Debug)]
pub(super) struct Search {
    asked_at: Duration,
    deadline: Duration,
    best: Option<Fix>,
}

impl Search {
    /// One that is asked for at boot time `asked_at` and begins `now`.
    pub(super) fn new(asked_at: Duration, now: Duration) -> Self {
        Self {
            asked_at,
            deadline: now + SEARCH,
            best: None,
        }
    }

    /// When to stop looking, boot time.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The best fix so far.
    pub(super) fn best(&self) -> Option<Fix> {
        self.best
    }

    /// Takes a fix at boot time `now`; `true` when a better one needn't be looked for.
    pub(super) fn found(&mut self, now: Duration, fix: Fix) -> bool {
        if self
            .best
            .is_none_or(|best| radius(&fix, now) < radius(&best, now))
        {
            self.best = Some(fix);
        }
        self.is_enough()
    }

    /// Whether what was found is as good as anybody needs it, and new.
    pub(super) fn is_enough(&self) -> bool {
        self.best
            .is_some_and(|best| best.coordinates.accuracy <= GOOD && is_after(&best, self.asked_at))
    }
}

/// Whether it was measured after `asked_at`, boot time.
pub(super) fn is_after(fix: &Fix, asked_at: Duration) -> bool {
    fix.source != LocationSource::Last && fix.measured >= asked_at
}

/// How far from the fix the device may be at boot time `now`, m.
pub(super) fn radius(fix: &Fix, now: Duration) -> f64 {
    fix.coordinates.accuracy + SPEED * now.saturating_sub(fix.measured).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use belay_proto::wire::LocationSource;

    use super::{SEARCH, Search, is_after};
    use crate::platform::{Coordinates, Fix};

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fix(accuracy: f64, measured: u64, source: LocationSource) -> Fix {
        Fix {
            coordinates: Coordinates {
                latitude: 1.0,
                longitude: 2.0,
                accuracy,
                altitude: None,
            },
            source,
            measured: at(measured),
        }
    }

    #[test]
    fn the_fix_that_leaves_the_least_room_is_the_best() {
        use LocationSource::{Gnss, Last, Network};
        let now = at(1000);
        for (fixes, best) in [
            // The more exact of two fresh ones, whatever the order.
            (vec![fix(2000.0, 1000, Network), fix(30.0, 1000, Gnss)], Some(1)),
            (vec![fix(30.0, 1000, Gnss), fix(2000.0, 1000, Network)], Some(0)),
            // A rough fresh one loses against an exact one of two minutes ago, and wins against one of an hour ago.
            (vec![fix(2000.0, 1000, Network), fix(10.0, 880, Gnss)], Some(1)),
            (
                vec![fix(2000.0, 4600 - 3600, Network), fix(10.0, 0, Last)],
                Some(0),
            ),
            // Of equals the first stays.
            (vec![fix(30.0, 1000, Gnss), fix(30.0, 1000, Network)], Some(0)),
            (vec![], None),
        ] {
            let mut search = Search::new(at(900), now);
            for fix in &fixes {
                search.found(now, *fix);
            }
            assert_eq!(search.best(), best.map(|n: usize| fixes[n]), "{fixes:?}");
        }
    }

    #[test]
    fn only_an_exact_fix_of_after_the_command_ends_the_search_early() {
        use LocationSource::{Gnss, Last, Network};
        for (fix, ends) in [
            (fix(50.0, 1000, Gnss), true),
            (fix(50.1, 1000, Network), false),
            (fix(5.0, 999, Gnss), false),
            (fix(5.0, 1000, Last), false),
        ] {
            let mut search = Search::new(at(1000), at(1001));
            assert_eq!(search.found(at(1002), fix), ends, "{fix:?}");
            assert_eq!(search.deadline(), at(1001) + SEARCH);
        }
        assert!(
            !is_after(&fix(1.0, 1000, Last), at(0)),
            "what was known before is never after"
        );
    }
}
