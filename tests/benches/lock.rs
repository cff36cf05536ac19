//! How fast a lost phone locks, and what waiting for that costs.
//!
//! ```sh
//! cargo bench -p belay-tests --bench lock
//! ```
//!
//! The programs are processes of their own, built for release with the simulators of `belay-tests`, at the log level
//! that users have. systemd, logind and NetworkManager are simulated by the bench's process, which also is the owner
//! and passes on what belayd and the cloud say to each other (and holds it against `openapi.yaml`): what that adds is
//! measured and printed. Everything is on loopback and on the file system of `TMPDIR`.
//!
//! - **Lock**: a signed `lock` is posted to the cloud; until `org.belay1.Device.LockState` is `lost` on the bus. Each of
//!   the `ROUNDS` (200; the variable of that name changes it) then unlocks by a signed `unlock` and waits until both are
//!   done. Again with the warden not running, a tenth as often.
//! - **fsync**: what the warden writes meanwhile is seen through inotify; what that costs is timed with the warden's own
//!   way of writing, on the same file system.
//! - **Idle stream**: belayd on the kernel's clock, its stream open. The cloud's clock, a file, stands still but for
//!   being put forward by one heartbeat, again and again: each heartbeat that really takes up to 28 minutes comes at
//!   once. Counted are belayd's voluntary and involuntary context switches of all threads (`/proc/PID/task/*/status`),
//!   once it asks for the longest heartbeat; and in as long a time without heartbeats, for what else there is.

#[path = "lock/disk.rs"]
mod disk;
#[path = "lock/latency.rs"]
mod latency;
#[path = "lock/stream.rs"]
mod stream;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use belay_tests::app::{App, Options};
use belay_tests::stage::Plan;
use belay_tests::{Outcome, Stage};

const ADA: &str = "ada@example.org";
const PASSWORD: &str = "crane-lantern-49-orbit";

fn main() -> ExitCode {
    let rounds = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(measure(rounds.unwrap_or(200))));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(surprise) => {
            eprintln!("A surprise: {surprise}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(rounds: usize) -> Outcome {
    let mut plan = Plan::new(Path::new(env!("CARGO_BIN_EXE_playground")));
    plan.log_level = "info";
    let mut stage = plan.up().await?;
    let measured = measured(&mut stage, rounds).await;
    if measured.is_err() {
        eprintln!("the logs are in {}", stage.keep().display());
    }
    measured
}

async fn measured(stage: &mut Stage, rounds: usize) -> Outcome {
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!("load before: {}", load.trim());
    bind(stage).await?;
    stage.clock().run(1)?;
    latency::measure(stage, rounds).await?;
    stream::measure(stage).await
}

/// Ada registers.
async fn bind(stage: &Stage) -> Outcome {
    let app = App::new(stage.person());
    let id = app.register(ADA, PASSWORD, &Options::new()).await??;
    let code = stage.outbox().next(ADA).await?.code.unwrap_or_default();
    app.confirm(&id, &code).await??;
    app.acknowledge(&id).await??;
    Ok(())
}

/// Prints median and 99th percentile; the bench's aim is for the first of them.
fn print(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{what:<64} {:>5} times: median {:>8.2} ms, p99 {:>8.2} ms",
        times.len(),
        ms(at(50)),
        ms(at(99))
    );
}
