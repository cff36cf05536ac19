//! What sync costs: 10,000 contacts of 280 B, 2,000 photos of 500 kB, and collections of up to 100,000 records.
//!
//! ```sh
//! tests/benches/sync.sh
//! ```
//!
//! which also measures what others take for the same (`sync/peers.py`). Everything is on loopback and on the file system of
//! `TMPDIR`; the cloud is a process of its own on the kernel's clock, built for release with the simulators of `belay-tests`,
//! with nothing between it and whoever calls it.
//!
//! - **Floor**: the same bytes as plain HTTP: one connection that posts contacts by 500, four that put photos, a server in this
//!   thread of its own that writes each body into a file and syncs it.
//! - **Cloud**: the reference cloud and the wire alone. This process seals the records, in the session of a device that belayd
//!   registered, and keeps nothing on disk.
//! - **belayd**: from the call on the bus, `PutMany` for contacts and `Put` for photos, four at once, to the end of `SyncNow`.
//! - **Growth**: nothing and ten changed records in collections of `GROWTH` records (1000,10000,100000), of belayd and
//!   of the cloud alone.
//!
//! Memory is VmHWM, which is set back before each measurement. CPU is user and system time of the process, which depends least
//! on what else the machine does.

#[path = "sync/cloud.rs"]
mod cloud;
#[path = "sync/device.rs"]
mod device;
#[path = "sync/floor.rs"]
mod floor;
#[path = "sync/growth.rs"]
mod growth;
#[path = "sync/place.rs"]
mod place;

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use belay_tests::Outcome;

fn main() -> ExitCode {
    // One thread, as belayd has.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(measure()));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(surprise) => {
            eprintln!("A surprise: {surprise}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Outcome {
    println!("load before: {}", fs::read_to_string("/proc/loadavg")?.trim());
    floor::measure().await?;
    let mut place = place::Place::new().await?;
    let measured = with_cloud(&mut place).await;
    if measured.is_err() {
        eprintln!("the logs are in {}", place.keep().display());
    }
    measured
}

async fn with_cloud(place: &mut place::Place) -> Outcome {
    cloud::measure(place).await?;
    device::measure(place).await?;
    growth::measure(place).await
}

/// Sets a process's VmHWM back to what it has now.
fn forget_peak(pid: u32) -> Outcome {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// VmHWM of a process, KiB.
fn peak(pid: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok());
    Ok(number.unwrap_or_default())
}

/// What a process has used of the processors, user and system. The kernel counts hundredths of a second.
fn cpu(pid: u32) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name comes second, in parentheses, and may hold anything (proc_pid_stat(5)).
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_ascii_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// What a process used until now, and from now on.
struct Used {
    pid: u32,
    before: Duration,
}

impl Used {
    /// Counts from now on; the peak too.
    fn since_now(pid: u32) -> Outcome<Self> {
        forget_peak(pid)?;
        Ok(Self {
            pid,
            before: cpu(pid)?,
        })
    }

    /// The end of a row.
    fn said(&self) -> Outcome<String> {
        let (peak, cpu) = (peak(self.pid)? as f64 / 1024.0, cpu(self.pid)?);
        let cpu = cpu.saturating_sub(self.before).as_secs_f64();
        Ok(format!("   peak {peak:>6.1} MiB   cpu {cpu:>6.2} s"))
    }
}

/// One row.
fn print(who: &str, what: &str, took: Duration, used: Option<&Used>) -> Outcome {
    let used = used.map(Used::said).transpose()?.unwrap_or_default();
    println!("{who:<28} {what:<28} {:>9.3} s{used}", took.as_secs_f64());
    Ok(())
}

/// The variable of this name, or the usual number.
fn number(name: &str, usual: usize) -> usize {
    let said = std::env::var(name).ok().and_then(|text| text.parse().ok());
    said.unwrap_or(usual)
}
