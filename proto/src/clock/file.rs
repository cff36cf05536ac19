//! A clock that whole-system tests move through a file.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::{BoxFuture, Clock, unix_seconds};

/// Reads one line `boottime_ms wall_s boot_id` from the file at each question, so that several
/// processes share a time. Whoever moves the time writes another file and renames it over this one.
#[derive(Debug, Clone)]
pub struct FileClock {
    path: PathBuf,
}

struct Time {
    boottime: Duration,
    wall: SystemTime,
    boot_id: String,
}

impl Time {
    /// What the wall clock showed when the boot clock began, give or take the second that the file leaves away.
    fn base(&self) -> i128 {
        i128::from(unix_seconds(self.wall)) - i128::from(self.boottime.as_secs())
    }
}

impl FileClock {
    /// The variable that names the file.
    pub const VARIABLE: &'static str = "BELAY_SIMULATED_CLOCK";

    /// Over a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Over the file that `BELAY_SIMULATED_CLOCK` names, if it names one.
    pub fn from_environment() -> Option<Self> {
        std::env::var_os(Self::VARIABLE).map(Self::new)
    }

    /// An unreadable file is time zero of a boot without a name.
    fn read(&self) -> Time {
        let line = std::fs::read_to_string(&self.path).unwrap_or_default();
        let mut words = line.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let boottime = Duration::from_millis(number());
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(number());
        Time {
            boottime,
            wall,
            boot_id: words.next().unwrap_or_default().to_owned(),
        }
    }
}

impl Clock for FileClock {
    fn boottime(&self) -> Duration {
        self.read().boottime
    }

    fn wall(&self) -> SystemTime {
        self.read().wall
    }

    fn boot_id(&self) -> String {
        self.read().boot_id
    }

    fn sleep_until(&self, boottime: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            while self.boottime() < boottime {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    }

    fn when_set(&self) -> BoxFuture<'_, ()> {
        let before = self.read().base();
        Box::pin(async move {
            while self.read().base().abs_diff(before) <= 1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    }
}
