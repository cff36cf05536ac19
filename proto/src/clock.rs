//! Time that counts suspend and that nobody can set: `CLOCK_BOOTTIME`, behind a trait.

mod boottime;
#[cfg(any(test, feature = "simulated"))]
mod fake;
#[cfg(feature = "simulated")]
mod file;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use boottime::BoottimeClock;
#[cfg(any(test, feature = "simulated"))]
pub use fake::FakeClock;
#[cfg(feature = "simulated")]
pub use file::FileClock;

/// A boxed future, so that [`Clock`] stays usable as `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What time it is, and waiting.
pub trait Clock: Send + Sync {
    /// Since boot, suspend included.
    fn boottime(&self) -> Duration;

    /// The wall clock, for display only: anyone may set it.
    fn wall(&self) -> SystemTime;

    /// The kernel's name for this boot; another one means that the boot clock started again.
    fn boot_id(&self) -> String;

    /// Waits until the boot clock shows at least this.
    fn sleep_until(&self, boottime: Duration) -> BoxFuture<'_, ()>;

    /// Waits for as long as somebody is given to answer: `within`, by the boot clock. One that a test hurries lets no call end for
    /// want of a processor.
    fn give(&self, within: Duration) -> BoxFuture<'_, ()> {
        self.sleep_until(self.boottime().saturating_add(within))
    }

    /// Waits until the wall clock may have been set: by a person, a network or a waking from suspend. Only a hint, which
    /// a clock that can't tell never gives; what was set before the call isn't told.
    fn when_set(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// The clock of a program: the kernel's boot clock, or with the feature `simulated` the file that
/// `BELAY_SIMULATED_CLOCK` names, if it is set.
pub fn system_clock() -> Arc<dyn Clock> {
    #[cfg(feature = "simulated")]
    if let Some(simulated) = FileClock::from_environment() {
        return Arc::new(simulated);
    }
    Arc::new(BoottimeClock::new())
}

/// Whether a test steers this program: [`system_clock`] is one that a file moves, or a file has the program die. Never without
/// the feature `simulated`.
pub fn is_simulated() -> bool {
    #[cfg(feature = "simulated")]
    let simulated = FileClock::from_environment().is_some() || crate::failpoint::can_be_armed();
    #[cfg(not(feature = "simulated"))]
    let simulated = false;
    simulated
}

/// The wall clock in whole seconds since the Unix epoch, the bus's unit; 0 before it.
pub fn unix_seconds(wall: SystemTime) -> u64 {
    wall.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The wall clock in whole milliseconds since the Unix epoch, the cloud's unit; 0 before it.
pub fn unix_millis(wall: SystemTime) -> u64 {
    wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis)
}

/// How old something is in whole milliseconds, the bus's unit, rounded up: an age is never understated.
pub fn millis_up(age: Duration) -> u64 {
    u64::try_from(age.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// A duration in whole milliseconds, the bus's unit.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
