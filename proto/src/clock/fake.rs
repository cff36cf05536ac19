//! A clock that a test moves by hand.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::{BoxFuture, Clock};

/// Stands still until [`FakeClock::advance`]; copies share one time.
#[derive(Debug, Clone)]
pub struct FakeClock {
    time: Arc<watch::Sender<Time>>,
}

#[derive(Debug, Clone)]
struct Time {
    boottime: Duration,
    wall: SystemTime,
    boot_id: String,
}

impl FakeClock {
    /// An hour after boot, on 2026-01-01.
    pub fn new() -> Self {
        let time = Time {
            boottime: Duration::from_secs(3600),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600),
            boot_id: "00000000-0000-4000-8000-000000000001".to_owned(),
        };
        Self {
            time: Arc::new(watch::Sender::new(time)),
        }
    }

    /// Moves boot clock and wall clock on, and wakes who waited for it.
    pub fn advance(&self, by: Duration) {
        self.time.send_modify(|time| {
            time.boottime += by;
            time.wall += by;
        });
    }

    /// Sets the wall clock alone, as an attacker would.
    pub fn set_wall(&self, wall: SystemTime) {
        self.time.send_modify(|time| time.wall = wall);
    }

    /// Another boot: its id, and the boot clock at zero.
    pub fn set_boot_id(&self, boot_id: &str) {
        self.time.send_modify(|time| {
            time.boot_id = boot_id.to_owned();
            time.boottime = Duration::ZERO;
        });
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FakeClock {
    fn boottime(&self) -> Duration {
        self.time.borrow().boottime
    }

    fn wall(&self) -> SystemTime {
        self.time.borrow().wall
    }

    fn boot_id(&self) -> String {
        self.time.borrow().boot_id.clone()
    }

    fn sleep_until(&self, boottime: Duration) -> BoxFuture<'_, ()> {
        let mut time = self.time.subscribe();
        Box::pin(async move {
            // The sender lives as long as this clock, which the future borrows.
            let _ = time.wait_for(|time| time.boottime >= boottime).await;
        })
    }

    fn when_set(&self) -> BoxFuture<'_, ()> {
        let mut time = self.time.subscribe();
        let base = |time: &Time| time.wall.checked_sub(time.boottime);
        let before = base(&time.borrow_and_update());
        Box::pin(async move {
            let _ = time.wait_for(|time| base(time) != before).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, FakeClock};
    use std::time::Duration;

    #[test]
    fn waking_comes_with_the_time_and_not_before() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let clock = FakeClock::new();
            let until = clock.boottime() + Duration::from_secs(60);
            let waiting = tokio::spawn({
                let clock = clock.clone();
                async move { clock.sleep_until(until).await }
            });
            clock.advance(Duration::from_secs(59));
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            clock.advance(Duration::from_secs(1));
            waiting.await.unwrap();
        });
    }

    #[test]
    fn a_clock_that_is_set_is_told_of_and_one_that_goes_on_is_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let clock = FakeClock::new();
            let waiting = tokio::spawn({
                let clock = clock.clone();
                async move { clock.when_set().await }
            });
            tokio::task::yield_now().await;
            clock.advance(Duration::from_secs(59));
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            clock.set_wall(clock.wall() - Duration::from_secs(3600));
            waiting.await.unwrap();
        });
    }

    #[test]
    fn a_new_boot_starts_its_clock_again() {
        let clock = FakeClock::new();
        clock.set_boot_id("another");
        assert_eq!(
            (clock.boottime(), clock.boot_id()),
            (Duration::ZERO, "another".to_owned())
        );
    }
}
