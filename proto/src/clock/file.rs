//! A clock that whole-system tests move through a file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::{BoxFuture, Clock, unix_seconds};

/// How often the file is read while somebody waits.
const TURN: Duration = Duration::from_millis(10);
/// Of the time that somebody is given to answer, the part that has to pass really, however fast the file's does.
const REALLY: u32 = 4;
/// But at least this, and all of what is shorter: on a busy machine the quickest answer takes seconds.
const AT_LEAST: Duration = Duration::from_secs(5);

/// Reads one line `boottime_ms wall_s boot_id` from the file at each question, so that several
/// processes share a time. Whoever moves the time writes another file and renames it over this one.
#[derive(Debug, Clone)]
pub struct FileClock {
    path: PathBuf,
    /// The file, read for all who wait.
    followed: Arc<Mutex<Option<watch::Receiver<Time>>>>,
}

#[derive(Debug, PartialEq, Eq)]
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
        Self {
            path: path.into(),
            followed: Arc::default(),
        }
    }

    /// Over the file that `BELAY_SIMULATED_CLOCK` names, if it names one.
    pub fn from_environment() -> Option<Self> {
        std::env::var_os(Self::VARIABLE).map(Self::new)
    }

    /// What the file says from turn to turn, of one task for all.
    fn follow(&self) -> watch::Receiver<Time> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(follows) = followed.as_ref().filter(|times| times.has_changed().is_ok()) {
            return follows.clone();
        }
        let times = watch::Sender::new(Time::read(&self.path));
        let follows = times.subscribe();
        let path = self.path.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TURN).await;
                // Every clone of the clock is gone.
                if times.is_closed() {
                    break;
                }
                let time = Time::read(&path);
                times.send_if_modified(|before| {
                    let moves = *before != time;
                    *before = time;
                    moves
                });
            }
        });
        followed.insert(follows).clone()
    }

    /// Waits until `is_time` says yes of what the file says.
    async fn wait(&self, is_time: impl Fn(&Time) -> bool) {
        let mut follows = self.follow();
        // What was followed may be a turn behind, so that it is read again before it is believed.
        while !is_time(&Time::read(&self.path)) {
            while let Ok(()) = follows.changed().await {
                if is_time(&follows.borrow_and_update()) {
                    break;
                }
            }
            // Where the task has ended with its runtime there is another one.
            follows = self.follow();
        }
    }
}

/// What has to pass really of the time that somebody is given.
fn really(within: Duration) -> Duration {
    (within / REALLY).max(within.min(AT_LEAST))
}

impl Time {
    /// An unreadable file is time zero of a boot without a name.
    fn read(path: &Path) -> Self {
        let line = std::fs::read_to_string(path).unwrap_or_default();
        let mut words = line.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let boottime = Duration::from_millis(number());
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(number());
        Self {
            boottime,
            wall,
            boot_id: words.next().unwrap_or_default().to_owned(),
        }
    }
}

impl Clock for FileClock {
    fn boottime(&self) -> Duration {
        Time::read(&self.path).boottime
    }

    fn wall(&self) -> SystemTime {
        Time::read(&self.path).wall
    }

    fn boot_id(&self) -> String {
        Time::read(&self.path).boot_id
    }

    fn sleep_until(&self, boottime: Duration) -> BoxFuture<'_, ()> {
        Box::pin(self.wait(move |time| time.boottime >= boottime))
    }

    fn give(&self, within: Duration) -> BoxFuture<'_, ()> {
        let until = self.boottime().saturating_add(within);
        Box::pin(async move {
            tokio::time::sleep(really(within)).await;
            self.sleep_until(until).await;
        })
    }

    fn when_set(&self) -> BoxFuture<'_, ()> {
        let before = Time::read(&self.path).base();
        Box::pin(self.wait(move |time| time.base().abs_diff(before) > 1))
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Handle;
    use tokio::time::{advance, timeout};

    use super::*;

    #[test]
    fn a_short_wait_is_had_whole_and_of_a_long_one_a_quarter() {
        for (given, passes) in [(0, 0), (4, 4), (10, 5), (20, 5), (40, 10), (600, 150)] {
            let [given, passes] = [given, passes].map(Duration::from_secs);
            assert_eq!(really(given), passes, "{given:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_reads_the_file_any_more_once_the_clock_is_gone() {
        let tasks = Handle::current().metrics();
        // A file that isn't there: time zero.
        let clock = FileClock::new("");
        let waits = clock.sleep_until(Duration::from_secs(1));
        assert!(timeout(3 * TURN, waits).await.is_err());
        let other = clock.clone();
        drop(clock);
        advance(2 * TURN).await;
        assert_eq!(tasks.num_alive_tasks(), 1, "somebody may wait again");
        drop(other);
        // One turn more, and the end of the task.
        advance(2 * TURN).await;
        tokio::task::yield_now().await;
        assert_eq!(tasks.num_alive_tasks(), 0);
    }
}
