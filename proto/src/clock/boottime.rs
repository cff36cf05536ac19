//! The real clock.

use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::net::unix::pipe::Receiver;

use super::{BoxFuture, Clock};
use crate::keys::random;
use crate::text::hex;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Since the epoch: the year 2200.
const NEVER: Duration = Duration::from_secs(7_258_118_400);
/// Most waits are patience with something that comes sooner than this: it takes no timer of the kernel's, which costs as much as
/// a small call to the cloud. Who is suspended meanwhile wakes into a wait that is late by as much at most.
const SOON: Duration = Duration::from_millis(250);

/// `CLOCK_BOOTTIME`, waiting on a timerfd, so that a suspended device wakes into an expired wait.
#[derive(Debug, Clone)]
pub struct BoottimeClock {
    boot_id: String,
}

impl BoottimeClock {
    /// Reads this boot's id from the kernel. Where it can't be read each start counts as another boot,
    /// which starts waits again in full and voids what was good for one boot.
    pub fn new() -> Self {
        let boot_id =
            std::fs::read_to_string(BOOT_ID).map_or_else(|_| hex(&random::<16>()), |id| id.trim().to_owned());
        Self { boot_id }
    }
}

impl BoottimeClock {
    /// Waits, from `soon` on by a timer of the kernel's.
    async fn wait_until(&self, boottime: Duration, soon: Duration) {
        let left = boottime.saturating_sub(self.boottime());
        if !left.is_zero() {
            tokio::time::sleep(left.min(soon)).await;
        }
        while self.boottime() < boottime {
            if wait(TimerfdClockId::Boottime, TimerfdTimerFlags::ABSTIME, boottime)
                .await
                .is_err()
            {
                // No descriptor left: a coarse wait that looks at the boot clock again each second.
                let left = boottime.saturating_sub(self.boottime());
                tokio::time::sleep(left.min(Duration::from_secs(1))).await;
            }
        }
    }
}

impl Default for BoottimeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for BoottimeClock {
    fn boottime(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        Duration::new(
            u64::try_from(now.tv_sec).unwrap_or(0),
            u32::try_from(now.tv_nsec).unwrap_or(0),
        )
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn boot_id(&self) -> String {
        self.boot_id.clone()
    }

    fn sleep_until(&self, boottime: Duration) -> BoxFuture<'_, ()> {
        Box::pin(self.wait_until(boottime, SOON))
    }

    fn when_set(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
            match wait(TimerfdClockId::Realtime, flags, NEVER).await {
                Err(error) if Errno::from_io_error(&error) == Some(Errno::CANCELED) => {}
                // No descriptor left, or no such timer: nobody is told, and whoever looks now and then sees it.
                _ => std::future::pending().await,
            }
        })
    }
}

/// Waits on a timer of `clock` that ends at `end`.
async fn wait(clock: TimerfdClockId, flags: TimerfdTimerFlags, end: Duration) -> std::io::Result<()> {
    let timer = timerfd_create(clock, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let expiry = Itimerspec {
        it_interval: Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
        it_value: Timespec {
            tv_sec: i64::try_from(end.as_secs()).unwrap_or(i64::MAX),
            // Zero would disarm the timer.
            tv_nsec: i64::from(end.subsec_nanos().max(1)),
        },
    };
    timerfd_settime(&timer, flags, &expiry)?;
    // tokio's pipe end waits for and reads any descriptor that becomes readable; its general type for
    // that asks for `unsafe`.
    let timer = Receiver::from_owned_fd_unchecked(timer)?;
    loop {
        timer.readable().await?;
        match timer.try_read(&mut [0; 8]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            outcome => return outcome.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BoottimeClock, Clock, SOON};
    use std::time::Duration;

    #[test]
    fn waits_until_the_boot_clock_shows_the_time() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let clock = BoottimeClock::new();
        for soon in [Duration::ZERO, Duration::from_millis(1), SOON] {
            let until = clock.boottime() + Duration::from_millis(20);
            runtime.block_on(clock.wait_until(until, soon));
            assert!(clock.boottime() >= until);
        }
        runtime.block_on(clock.sleep_until(Duration::ZERO));
        assert_eq!(clock.boot_id().len(), 36);
    }
}
