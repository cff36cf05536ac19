//! The simulated clock: a file that the programs read instead of the kernel's clocks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::Outcome;
use crate::place::Place;

/// The time of a stage. It stands still unless moved, or told to [run](StageClock::run).
#[derive(Debug)]
pub struct StageClock {
    shared: Arc<Shared>,
    running: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    place: Arc<Place>,
    now: Mutex<Now>,
}

/// The device's file.
pub(crate) const DEVICE: &str = "clock";

/// The cloud's.
const CLOUD: &str = "cloud-clock";

/// How often a running clock moves.
const TICK: Duration = Duration::from_millis(50);

#[derive(Debug)]
struct Now {
    boottime: Duration,
    /// Since the epoch.
    wall: Duration,
    boot: u32,
    /// The cloud is another machine, which doesn't start again.
    cloud_boottime: Duration,
    cloud_wall: Duration,
    /// What both would show had nobody set them.
    right: Duration,
}

impl StageClock {
    /// A device that was started an hour ago.
    ///
    /// # Errors
    /// What the file system says.
    pub fn new(place: Arc<Place>) -> Outcome<Self> {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let now = Now {
            boottime: Duration::from_secs(3600),
            wall,
            boot: 1,
            cloud_boottime: Duration::from_secs(86_400),
            cloud_wall: wall,
            right: wall,
        };
        let shared = Arc::new(Shared {
            place,
            now: Mutex::new(now),
        });
        shared.change(|_| ())?;
        Ok(Self {
            shared,
            running: Mutex::new(None),
        })
    }

    /// From now on time passes by itself, `speed` times as fast as it really does. While a busy machine leaves this process no
    /// processor, none passes: no call, and no ticket, is given up for that.
    ///
    /// # Errors
    /// What the file system says.
    pub fn run(&self, speed: u32) -> Outcome {
        self.tick(TICK * speed)
    }

    /// From now on time passes by itself, a quarter as fast as it really does: no call is given up that only has to wait for a
    /// processor.
    ///
    /// # Errors
    /// What the file system says.
    pub fn crawl(&self) -> Outcome {
        self.tick(TICK / 4)
    }

    fn tick(&self, by: Duration) -> Outcome {
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            // What was missed isn't made up for: the network and the services of a stage live in this process too.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                if shared.change(|now| now.advance(by)).is_err() {
                    return;
                }
            }
        });
        if let Some(before) = lock(&self.running).replace(task) {
            before.abort();
        }
        Ok(())
    }

    /// The file by which the device lives.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.shared.place.at(DEVICE)
    }

    /// The file by which the cloud lives.
    #[must_use]
    pub fn cloud_file(&self) -> PathBuf {
        self.shared.place.at(CLOUD)
    }

    /// Time passes, on both clocks.
    ///
    /// # Errors
    /// What the file system says.
    pub fn advance(&self, by: Duration) -> Outcome {
        self.shared.change(|now| now.advance(by))
    }

    /// The wall clock is set, by a person, a network or a thief; boot time doesn't notice.
    ///
    /// # Errors
    /// What the file system says.
    pub fn set_wall(&self, seconds: u64) -> Outcome {
        self.shared.change(|now| now.wall = Duration::from_secs(seconds))
    }

    /// The same of the cloud's.
    ///
    /// # Errors
    /// What the file system says.
    pub fn set_cloud_wall(&self, seconds: u64) -> Outcome {
        self.shared
            .change(|now| now.cloud_wall = Duration::from_secs(seconds))
    }

    /// Sets the wall clock from elsewhere.
    #[must_use]
    pub fn handle(&self) -> ClockHandle {
        ClockHandle(Arc::clone(&self.shared))
    }

    /// The wall clock's seconds since the epoch.
    #[must_use]
    pub fn wall(&self) -> u64 {
        lock(&self.shared.now).wall.as_secs()
    }

    /// What both wall clocks would show had nobody set them, seconds since the epoch.
    #[must_use]
    pub fn right_wall(&self) -> u64 {
        lock(&self.shared.now).right.as_secs()
    }

    /// The device starts again: a new boot id, and boot time begins anew.
    ///
    /// # Errors
    /// What the file system says.
    pub fn reboot(&self) -> Outcome {
        self.shared.change(|now| {
            now.boot += 1;
            now.boottime = Duration::from_secs(20);
        })
    }
}

/// Sets the wall clock of a stage.
#[derive(Debug)]
pub struct ClockHandle(Arc<Shared>);

impl ClockHandle {
    /// As [`StageClock::set_wall`].
    ///
    /// # Errors
    /// What the file system says.
    pub fn set_wall(&self, seconds: u64) -> Outcome {
        self.0.change(|now| now.wall = Duration::from_secs(seconds))
    }
}

impl Drop for StageClock {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.running).take() {
            task.abort();
        }
    }
}

impl Now {
    fn advance(&mut self, by: Duration) {
        self.boottime += by;
        self.wall += by;
        self.cloud_boottime += by;
        self.cloud_wall += by;
        self.right += by;
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Now)) -> Outcome {
        let mut now = lock(&self.now);
        change(&mut now);
        // Still under the lock, so that no older time overwrites a newer one.
        let line = |boottime: Duration, wall: Duration, boot: u32| {
            format!(
                "{} {} 00000000-0000-4000-8000-{boot:012x}\n",
                boottime.as_millis(),
                wall.as_secs()
            )
        };
        self.place
            .write(DEVICE, &line(now.boottime, now.wall, now.boot), 0o644)?;
        self.place
            .write(CLOUD, &line(now.cloud_boottime, now.cloud_wall, 0), 0o644)?;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
