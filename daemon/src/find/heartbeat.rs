//! How long an idle connection lives in a network, learned from the heartbeats that arrive and those that don't.

use std::time::Duration;

use crate::store::find::HeartbeatRow;

/// The heartbeat that is asked for where nothing is known: a little under what the shortest-lived translations of
/// addresses in the field allow.
pub const START: Duration = Duration::from_secs(4 * 60);
/// The longest heartbeat that is asked for.
pub const LONGEST: Duration = Duration::from_secs(28 * 60);
/// The shortest.
pub const SHORTEST: Duration = Duration::from_secs(30);

/// Heartbeats in a row after which a longer one is tried.
const GROW_AFTER: u32 = 2;
/// Heartbeats in a row after which what was once too long may have been an accident.
const FORGIVE_AFTER: u32 = 60;
/// Streams in a row that the other side closed before their first heartbeat, after which the heartbeat counts as
/// too long: one may be a restart of the cloud.
const CUTS: u32 = 2;

/// What is known of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    interval: Duration,
    /// What an idle connection didn't live to see.
    too_long: Option<Duration>,
    /// Heartbeats in a row at `interval`.
    heard: u32,
    /// Streams in a row that were closed without one.
    cuts: u32,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            interval: START,
            too_long: None,
            heard: 0,
            cuts: 0,
        }
    }
}

impl Heartbeat {
    /// What was remembered of a network; what a store must not hold is brought back within bounds.
    #[must_use]
    pub fn remembered(row: Option<HeartbeatRow>) -> Self {
        row.map_or_else(Self::default, |row| Self {
            interval: row.interval.clamp(SHORTEST, LONGEST),
            too_long: row.too_long,
            ..Self::default()
        })
    }

    /// What to remember.
    #[must_use]
    pub fn row(&self) -> HeartbeatRow {
        HeartbeatRow {
            interval: self.interval,
            too_long: self.too_long,
        }
    }

    /// The heartbeat to ask for; where traffic is to be spared a longer one to begin with.
    #[must_use]
    pub fn ask(&self, frugal: bool) -> Duration {
        let spared = (START * 2).min(self.limit());
        if frugal {
            self.interval.max(spared)
        } else {
            self.interval
        }
    }

    /// Whether no shorter heartbeat can be asked for.
    #[must_use]
    pub fn is_shortest(&self) -> bool {
        self.interval == SHORTEST
    }

    /// A heartbeat has arrived. Answers whether a longer one is to be asked for from now on.
    pub fn heard(&mut self) -> bool {
        self.cuts = 0;
        self.heard = self.heard.saturating_add(1);
        if self.heard >= FORGIVE_AFTER {
            self.too_long = None;
        }
        let next = (self.interval * 3 / 2).min(self.limit());
        // A step that hardly spares anything isn't worth a new connection.
        if self.heard < GROW_AFTER || next < self.interval * 11 / 10 {
            return false;
        }
        self.interval = next;
        self.heard = 0;
        true
    }

    /// A heartbeat is overdue on a connection that said nothing of its end.
    pub fn died(&mut self) {
        self.too_long = Some(self.interval);
        self.interval = (self.interval / 2).max(SHORTEST);
        self.heard = 0;
        self.cuts = 0;
    }

    /// The other side, or something between, has closed a stream before its first heartbeat. Answers whether the
    /// heartbeat counts as too long now.
    pub fn cut(&mut self) -> bool {
        self.cuts += 1;
        let is_too_long = self.cuts >= CUTS;
        if is_too_long {
            self.died();
        }
        is_too_long
    }

    /// Some distance from what was too long.
    fn limit(&self) -> Duration {
        self.too_long
            .map_or(LONGEST, |too_long| (too_long * 4 / 5).clamp(SHORTEST, LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A network that forgets connections that were idle for `lives`; answers what is asked for after `heartbeats`.
    fn learn(lives: Duration, heartbeats: u32) -> (Heartbeat, u32) {
        let (mut heartbeat, mut deaths) = (Heartbeat::default(), 0);
        for _ in 0..heartbeats {
            if heartbeat.ask(false) > lives {
                heartbeat.died();
                deaths += 1;
            } else {
                heartbeat.heard();
            }
        }
        (heartbeat, deaths)
    }

    #[test]
    fn where_connections_live_long_the_heartbeat_grows_to_28_minutes_in_steps() {
        let (heartbeat, deaths) = learn(Duration::from_secs(86_400), 12);
        assert_eq!((heartbeat.ask(false), deaths), (LONGEST, 0));
    }

    #[test]
    fn what_was_too_long_is_approached_and_not_tried_again_for_long() {
        let lives = Duration::from_secs(10 * 60);
        let (heartbeat, deaths) = learn(lives, 60);
        assert!(deaths <= 2, "{deaths}");
        assert!(heartbeat.ask(false) > START && heartbeat.ask(false) <= lives);
    }

    #[test]
    fn a_heartbeat_that_is_overdue_is_halved_down_to_the_shortest() {
        let mut heartbeat = Heartbeat::default();
        heartbeat.died();
        assert_eq!(heartbeat.ask(false), START / 2);
        for _ in 0..20 {
            heartbeat.died();
        }
        assert_eq!(heartbeat.ask(false), SHORTEST);
        assert!(heartbeat.is_shortest());
    }

    #[test]
    fn one_stream_that_is_cut_is_an_accident_and_two_in_a_row_are_none() {
        let mut heartbeat = Heartbeat::default();
        assert!(!heartbeat.cut());
        heartbeat.heard();
        assert!(!heartbeat.cut() && heartbeat.cut());
        assert_eq!(heartbeat.ask(false), START / 2);
    }

    #[test]
    fn an_accident_is_forgiven_after_many_heartbeats() {
        let mut heartbeat = Heartbeat::default();
        heartbeat.died();
        for _ in 0..FORGIVE_AFTER * 2 + 20 {
            heartbeat.heard();
        }
        assert_eq!(heartbeat.ask(false), LONGEST);
    }

    #[test]
    fn a_frugal_device_begins_with_longer_waits_but_not_with_one_that_was_too_long() {
        let mut heartbeat = Heartbeat::default();
        assert_eq!(heartbeat.ask(true), START * 2);
        heartbeat.died();
        assert!(heartbeat.ask(true) < START);
    }

    #[test]
    fn what_is_remembered_is_what_was_learned() {
        let (heartbeat, _) = learn(Duration::from_secs(10 * 60), 60);
        let again = Heartbeat::remembered(Some(heartbeat.row()));
        assert_eq!(again.row(), heartbeat.row());
        let strange = HeartbeatRow {
            interval: Duration::from_millis(u64::MAX),
            too_long: Some(Duration::ZERO),
        };
        assert_eq!(Heartbeat::remembered(Some(strange)).ask(false), LONGEST);
    }

    proptest! {
        #[test]
        fn whatever_happens_the_heartbeat_stays_within_bounds(events in prop::collection::vec(0..3_u8, 0..300)) {
            let mut heartbeat = Heartbeat::default();
            for event in events {
                match event {
                    0 => { heartbeat.heard(); }
                    1 => heartbeat.died(),
                    _ => { heartbeat.cut(); }
                }
                for frugal in [false, true] {
                    prop_assert!((SHORTEST..=LONGEST).contains(&heartbeat.ask(frugal)));
                }
            }
        }
    }
}
