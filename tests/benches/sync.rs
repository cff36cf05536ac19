//! What sync costs: 10,000 contacts of 280 B, 2,000 photos of 500 kB, and collections of up to 1,000,000 records.
//!
//! ```sh
//! tests/benches/sync.sh
//! ```
//!
//! which also measures what others take for the same (`sync/peers.py`). Everything is on loopback and on the file system of
//! `TMPDIR`; the cloud is a process of its own on the kernel's clock, built for release with the simulators of `belay-tests`,
//! with nothing between it and whoever calls it.
//!
//! - **Floor**: the same bytes as plain HTTP: one connection that posts contacts by 500, eight that put photos, a server in this
//!   thread of its own that writes each body into a file and syncs it.
//! - **Cloud**: the reference cloud and the wire alone. This process seals the records, in the session of a device that belayd
//!   registered, and keeps nothing on disk.
//! - **belayd**: from the call on the bus, `PutMany` for contacts and `Put` for photos, eight at once, to the end of `SyncNow`.
//! - **Growth**: nothing and ten changed records in collections of `GROWTH` records (1000,10000,100000,1000000), of
//!   belayd and of the cloud alone.
//!
//! Memory is VmHWM, which is set back before each measurement. CPU is user and system time of the process, which depends least
//! on what else the machine does. `BELAYD` and `BELAY_CLOUD` name programs as they are shipped, to be measured instead:
//!
//! ```sh
//! cargo build --profile dist -p belay --bins && cargo build --profile dist -p belay-cloud
//! BELAYD=target/dist/belayd BELAY_CLOUD=target/dist/belay-cloud cargo bench -p belay-tests --bench sync
//! ```

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
#[path = "sync/process.rs"]
mod process;

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use belay_tests::Outcome;
use process::{cpu, forget_peak, number, peak};

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
    let _files = floor::measure().await?;
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
