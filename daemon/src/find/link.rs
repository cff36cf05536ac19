//! The way to the cloud: a stream of hints, and where none can be had a long poll, and where that can't either a
//! poll now and then. Decides alone; what it orders is carried out elsewhere.

mod moves;

use std::time::Duration;

use belay_proto::backoff::Backoff;

use super::conditions::{Conditions, NetworkKey};
use super::errand::Errand;
use super::heartbeat::Heartbeat;
use super::pace::Pace;
use super::trouble::Trouble;
use crate::store::find::HeartbeatRow;

/// How long a stream's first words may take: one that is silent longer is held back on its way.
const GREETING_WITHIN: Duration = Duration::from_secs(10);
/// How much later than promised a heartbeat may come.
const GRACE: Duration = Duration::from_secs(30);
/// Who looks this much later than he meant to was asleep, and the silence says nothing of the network.
const OVERSLEPT: Duration = Duration::from_secs(60);
/// Tries in a row that come to nothing, though the cloud can be reached, before the next best way is taken.
const TRIES: u32 = 3;
/// How long a long poll waits.
pub const LONG_POLL: Duration = Duration::from_secs(50);
/// Time between two polls, and where traffic is to be spared.
const POLL_EACH: Duration = Duration::from_secs(5 * 60);
const POLL_EACH_FRUGAL: Duration = Duration::from_secs(15 * 60);
/// The least wait before another try where traffic is to be spared.
const FRUGAL_PAUSE: Duration = Duration::from_secs(30);
/// A stream that ends sooner than this after its first words was hardly worth opening.
const BRIEF: Duration = Duration::from_secs(30);
/// After such ones the next waits up to this at first, and in the end up to a minute: a cloud that ends each of them
/// mustn't keep a device opening others.
const BRIEF_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A stream may say so much at once, and a further sign each such time; what says more keeps a device awake.
const SIGNS: u32 = 64;
const SIGN_EACH: Duration = Duration::from_secs(15);
/// How long the next best way is good enough.
const STREAM_AGAIN: Duration = Duration::from_secs(3600);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Open a stream, in the place of any other.
    Open {
        /// The heartbeat to ask for.
        heartbeat: Duration,
        /// The event to go on after.
        last_event: Option<String>,
    },
    /// Close the stream.
    Close,
    /// Fetch commands, in the place of a fetch that is under way.
    Fetch {
        /// How long the cloud may wait for one.
        wait: Duration,
    },
    /// Leave the connections for new ones.
    Renew,
    /// Remember this of a network.
    Remember(NetworkKey, HeartbeatRow),
    /// The cloud has just been heard from.
    Heard {
        /// It couldn't be for a while.
        again: bool,
    },
}

/// How commands arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Stream,
    LongPoll { stream_again: Duration },
    TimedPoll { stream_again: Duration, next: Duration },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Opening,
    Open {
        /// The heartbeat that was granted; nothing before the first words.
        granted: Option<Duration>,
        /// When the last sign came.
        last: Duration,
        /// Signs after the first words.
        signs: u32,
    },
}

/// The way and what was learned of it.
#[derive(Clone, Debug)]
pub struct Link {
    heart: Heartbeat,
    conditions: Conditions,
    way: Way,
    phase: Phase,
    last_event: Option<String>,
    /// How long the cloud wants streams that it has ended to stay away, about.
    retry: Duration,
    /// How often it said so on this stream.
    retries: u32,
    /// Busy while a stream is opened or open.
    stream: Errand,
    /// When a stream last said its first words.
    greeted: Duration,
    /// The waits after brief streams.
    brief: Backoff,
    fetch: Errand,
    /// How often the cloud may ask for one.
    pace: Pace,
    /// Tries in a row of the present way that came to nothing.
    failures: u32,
    /// A stream came to nothing; whether that was the network's fault shows when commands are fetched.
    is_suspect: bool,
    /// The last word of the cloud was one.
    is_reached: bool,
}

impl Link {
    /// A way under these conditions, in a network of which `row` is remembered.
    #[must_use]
    pub fn new(conditions: Conditions, row: Option<HeartbeatRow>) -> Self {
        Self {
            heart: Heartbeat::remembered(row),
            conditions,
            way: Way::Stream,
            phase: Phase::Closed,
            last_event: None,
            retry: Duration::ZERO,
            retries: 0,
            stream: Errand::default(),
            greeted: Duration::ZERO,
            brief: Backoff::new(BRIEF_PAUSES.0, BRIEF_PAUSES.1),
            fetch: Errand::default(),
            pace: Pace::default(),
            failures: 0,
            is_suspect: false,
            is_reached: false,
        }
    }

    /// Whether commands would arrive now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        match self.way {
            Way::Stream => matches!(self.phase, Phase::Open { granted: Some(_), .. }),
            Way::LongPoll { .. } | Way::TimedPoll { .. } => self.is_reached,
        }
    }

    /// When to look again.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let silence = match self.phase {
            Phase::Closed | Phase::Opening => None,
            Phase::Open { granted, last, .. } => {
                Some(last + granted.map_or(GREETING_WITHIN, |granted| granted + GRACE))
            }
        };
        let way = match self.way {
            Way::Stream => None,
            Way::LongPoll { stream_again } => Some(stream_again),
            Way::TimedPoll { stream_again, next } => Some(stream_again.min(next)),
        };
        [silence, way, self.stream.due(), self.fetch.due()]
            .into_iter()
            .flatten()
            .min()
    }

    fn poll(&mut self, now: Duration) -> Vec<Order> {
        let stream_again = now + STREAM_AGAIN;
        self.failures = 0;
        self.phase = Phase::Closed;
        self.stream.give_up();
        if self.conditions.is_frugal() {
            let next = now + self.poll_each();
            self.way = Way::TimedPoll { stream_again, next };
            return vec![Order::Close];
        }
        self.way = Way::LongPoll { stream_again };
        self.fetch.urge();
        vec![Order::Close, Order::Fetch { wait: LONG_POLL }]
    }

    fn open(&mut self) -> Vec<Order> {
        if self.stream.urge() {
            vec![self.opening()]
        } else {
            Vec::new()
        }
    }

    fn opening(&mut self) -> Order {
        self.phase = Phase::Opening;
        Order::Open {
            heartbeat: self.heart.ask(self.conditions.is_frugal()),
            last_event: self.last_event.clone(),
        }
    }

    fn fetch_now(&mut self) -> Vec<Order> {
        if self.fetch.urge() {
            vec![Order::Fetch { wait: Duration::ZERO }]
        } else {
            Vec::new()
        }
    }

    /// Has commands fetched because the cloud gave a reason to: at once or, where it gives too many, after a while. What
    /// it asks for while a fetch is under way is one more.
    fn fetch_as_told(&mut self, now: Duration) -> Option<Order> {
        if self.fetch.is_busy() {
            self.fetch.urge();
            return None;
        }
        let at = self.pace.take(now);
        if at > now {
            self.fetch.rest(at);
            return None;
        }
        let wait = self.wait();
        self.fetch.urge().then_some(Order::Fetch { wait })
    }

    fn wait(&self) -> Duration {
        match self.way {
            Way::LongPoll { .. } => LONG_POLL,
            Way::Stream | Way::TimedPoll { .. } => Duration::ZERO,
        }
    }

    fn remember(&self) -> Option<Order> {
        let network = self.conditions.network?;
        Some(Order::Remember(network, self.heart.row()))
    }

    fn reached(&mut self) -> Order {
        let again = !std::mem::replace(&mut self.is_reached, true);
        Order::Heard { again }
    }

    fn pause(&self, trouble: Option<Trouble>) -> Option<Duration> {
        let asked = trouble.and_then(|trouble| trouble.asked);
        let frugal = self.conditions.is_frugal().then_some(FRUGAL_PAUSE);
        asked.max(frugal)
    }

    fn poll_each(&self) -> Duration {
        if self.conditions.is_frugal() {
            POLL_EACH_FRUGAL
        } else {
            POLL_EACH
        }
    }
}

#[cfg(test)]
mod tests;
