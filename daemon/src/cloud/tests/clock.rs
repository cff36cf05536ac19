//! A clock on which short waits pass at once and long ones when a test says so.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use belay_proto::clock::{BoxFuture, Clock};
use tokio::sync::watch;

/// Waits up to this long pass at once, where a test doesn't say otherwise.
const SHORT: Duration = Duration::from_secs(3);

pub struct SkippingClock {
    now: watch::Sender<Duration>,
    waits: Mutex<Vec<Duration>>,
    boots: Mutex<u32>,
    wall: Mutex<Duration>,
    short: Duration,
}

impl Default for SkippingClock {
    fn default() -> Self {
        Self {
            now: watch::Sender::new(Duration::from_secs(3600)),
            waits: Mutex::default(),
            boots: Mutex::default(),
            wall: Mutex::new(Duration::from_secs(1_795_000_000)),
            short: SHORT,
        }
    }
}

impl SkippingClock {
    /// One on which waits up to `short` pass at once.
    pub fn skipping(short: Duration) -> Self {
        Self {
            short,
            ..Self::default()
        }
    }

    /// Lets the long waits pass too.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now += by);
    }

    /// Moves the wall clock, which stands still otherwise.
    pub fn advance_wall(&self, by: Duration) {
        *self.wall.lock().unwrap() += by;
    }

    /// Another boot, whose clock begins at zero.
    pub fn reboot(&self) {
        *self.boots.lock().unwrap() += 1;
        self.now.send_replace(Duration::ZERO);
    }

    /// The short waits so far.
    pub fn waits(&self) -> Vec<Duration> {
        self.waits.lock().unwrap().clone()
    }
}

impl Clock for SkippingClock {
    fn boottime(&self) -> Duration {
        *self.now.borrow()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + *self.wall.lock().unwrap()
    }

    fn boot_id(&self) -> String {
        format!("boot {}", self.boots.lock().unwrap())
    }

    fn sleep_until(&self, until: Duration) -> BoxFuture<'_, ()> {
        let wait = until.saturating_sub(self.boottime());
        let mut now = self.now.subscribe();
        Box::pin(async move {
            if wait <= self.short {
                self.waits.lock().unwrap().push(wait);
                self.advance(wait);
            } else {
                let _ = now.wait_for(|now| *now >= until).await;
            }
        })
    }
}
