//! belayd with nothing to do but to listen.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use belay_tests::app::{App, DEVICE};
use belay_tests::process::Program;
use belay_tests::until::until;
use belay_tests::{Outcome, Stage};

/// The longest heartbeat, which belayd asks for in the end.
const LONGEST: Duration = Duration::from_secs(28 * 60);
/// Heartbeats until it does, and some more: it asks for a longer one after every two.
const LEARNING: usize = 14;
/// Heartbeats that are counted.
const COUNTED: usize = 20;
/// Real time for each of them.
const EACH: Duration = Duration::from_millis(1500);
/// What comes after the start is over by then.
const SETTLED: Duration = Duration::from_secs(5);

/// Counts the switches of belayd.
pub async fn measure(stage: &mut Stage) -> Outcome {
    stage.stop_belayd().await?;
    let config = stage.place().at("belay.toml").display().to_string();
    let log = stage.place().at("logs/belayd-idle.log");
    // As Stage::program, but for the simulated clock: a clock in a file has to be looked at again and again.
    let belayd = Program::new(
        "belayd",
        stage.exe(),
        ["role", "belayd", "--config", &config],
        &log,
    )
    .env("DBUS_SYSTEM_BUS_ADDRESS", stage.bus().address())
    .env("DBUS_SESSION_BUS_ADDRESS", stage.bus().address())
    .env("BELAY_LOG", "info")
    .start()?;
    let app = App::new(stage.person());
    until("belayd's stream", async || {
        let connected = app.read(DEVICE, "Connected").await.ok()?.ok()?;
        bool::try_from(connected).ok().filter(|up| *up)
    })
    .await?;
    tokio::time::sleep(SETTLED).await;
    heartbeats(stage, LEARNING).await?;
    tokio::time::sleep(SETTLED).await;
    let pid = belayd.pid()?;
    let before = switches(pid)?;
    heartbeats(stage, COUNTED).await?;
    let between = switches(pid)?;
    // What the kernel counts goes on in real time alone, here and between the heartbeats.
    tokio::time::sleep(EACH * u32::try_from(COUNTED)?).await;
    let after = switches(pid)?;
    let (busy, quiet) = (rise(&before, &between), rise(&between, &after));
    println!(
        "belayd with an idle stream: {} voluntary and {} involuntary context switches in {COUNTED} heartbeats = {:.1} a \
         heartbeat; {} in the same {:.0} s without one",
        busy.voluntary,
        busy.involuntary,
        f64::from(u32::try_from(busy.sum())?) / f64::from(u32::try_from(COUNTED)?),
        quiet.sum(),
        (EACH * u32::try_from(COUNTED)?).as_secs_f64(),
    );
    Ok(())
}

/// Has the cloud send heartbeats, one after the other.
async fn heartbeats(stage: &Stage, count: usize) -> Outcome {
    for _ in 0..count {
        stage.clock().advance(LONGEST)?;
        tokio::time::sleep(EACH).await;
    }
    Ok(())
}

/// Context switches.
#[derive(Clone, Copy, Default)]
struct Count {
    /// The thread had to wait.
    voluntary: u64,
    /// Somebody else's turn.
    involuntary: u64,
}

impl Count {
    const fn sum(self) -> u64 {
        self.voluntary + self.involuntary
    }
}

/// Thread by thread.
type Switches = BTreeMap<PathBuf, Count>;

fn rise(before: &Switches, after: &Switches) -> Count {
    after.iter().fold(Count::default(), |sum, (task, count)| {
        let before = before.get(task).copied().unwrap_or_default();
        Count {
            voluntary: sum.voluntary + count.voluntary.saturating_sub(before.voluntary),
            involuntary: sum.involuntary + count.involuntary.saturating_sub(before.involuntary),
        }
    })
}

/// The switches of all threads so far.
fn switches(pid: u32) -> Outcome<Switches> {
    let mut all = Switches::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?.path();
        let status = fs::read_to_string(task.join("status"))?;
        let field = |name: &str| {
            let mut lines = status.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            value.unwrap_or_default()
        };
        let count = Count {
            voluntary: field("voluntary_ctxt_switches:"),
            involuntary: field("nonvoluntary_ctxt_switches:"),
        };
        all.insert(task, count);
    }
    Ok(all)
}
