//! What the daemon costs, beside two daemons that every phone already runs.
//!
//! ```sh
//! cargo build --profile dist -p belay -p belay-warden
//! cargo bench -p belay-tests --bench idle
//! ```
//!
//! Each daemon runs alone on a private bus, with a database that exists. Printed for each: median time from
//! `exec` to the name being owned (20 starts), CPU time burnt by then and 2 s later, private dirty memory and PSS
//! after `IDLE` seconds (60; the variable of that name changes it), threads, context switches in those seconds,
//! p50 and p99 of 2,000 property reads, size of the stripped executable. Other daemons are measured where they are
//! installed (`accountsservice`, `upower`), else the row says so. The warden, which belayd asks at its start, runs
//! during the starts and has left before the idle window. Last come belayd and the warden together, neither running
//! before: median time of 20 starts from `exec` of belayd to its own name being owned, and to the warden's, which the
//! bus starts because belayd asks. Numbers are for comparing rows of one run.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench ends at the first surprise"
)]

#[path = "idle/bus.rs"]
mod bus;
#[path = "idle/cold.rs"]
mod cold;
#[path = "idle/daemon.rs"]
mod daemon;
#[path = "idle/measure.rs"]
mod measure;

use std::path::{Path, PathBuf};
use std::time::Duration;

use daemon::Daemon;

const STARTS: usize = 20;

fn main() {
    let idle = std::env::var("IDLE")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        println!(
            "{:<16} {:>9} {:>9} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9} {:>10}",
            "daemon",
            "start ms",
            "cpu ms",
            "dirty KiB",
            "pss KiB",
            "threads",
            "switches",
            "p50 us",
            "p99 us",
            "size KiB"
        );
        for daemon in daemons() {
            if !daemon.program.exists() {
                println!(
                    "{:<16} SKIPPED: {} is not there ({})",
                    daemon.label,
                    daemon.program.display(),
                    daemon.from
                );
                continue;
            }
            let row = measure::measure(&daemon, folder.path(), STARTS, Duration::from_secs(idle)).await;
            println!(
                "{:<16} {:>9.1} {:>9.1} {:>9} {:>9} {:>7} {:>9} {:>9.0} {:>9.0} {:>10}",
                daemon.label,
                row.start.as_secs_f64() * 1e3,
                row.cpu.as_secs_f64() * 1e3,
                row.dirty_kib,
                row.pss_kib,
                row.threads,
                row.switches,
                row.p50.as_secs_f64() * 1e6,
                row.p99.as_secs_f64() * 1e6,
                row.size_kib,
            );
        }
        cold_start(folder.path()).await;
    });
}

async fn cold_start(folder: &Path) {
    let all = daemons();
    let Some(belayd) = all.iter().find(|daemon| daemon.label == "belayd") else {
        return;
    };
    let warden = belayd.program.with_file_name("belay-warden");
    if let Some(missing) = [&belayd.program, &warden]
        .into_iter()
        .find(|program| !program.exists())
    {
        println!(
            "cold start       SKIPPED: {} is not there ({})",
            missing.display(),
            belayd.from
        );
        return;
    }
    let (names, wardens) = cold::measure(belayd, folder, STARTS).await;
    let median = |times: &[Duration]| times[times.len() / 2].as_secs_f64() * 1e3;
    println!(
        "cold start of belayd and the warden, median of {STARTS}: org.belay1 owned after {:.1} ms, org.belay1.Warden \
         after {:.1} ms",
        median(&names),
        median(&wardens)
    );
}

fn daemons() -> Vec<Daemon> {
    let dist = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/dist");
    vec![
        Daemon {
            label: "belayd",
            program: dist.join("belayd"),
            from: "cargo build --profile dist -p belay -p belay-warden",
            name: "org.belay1",
            path: "/org/belay1/account",
            interface: "org.belay1.Account",
            property: "State",
        },
        Daemon {
            label: "accounts-daemon",
            program: "/usr/libexec/accounts-daemon".into(),
            from: "package accountsservice",
            name: "org.freedesktop.Accounts",
            path: "/org/freedesktop/Accounts",
            interface: "org.freedesktop.Accounts",
            property: "DaemonVersion",
        },
        Daemon {
            label: "upowerd",
            program: "/usr/libexec/upowerd".into(),
            from: "package upower",
            name: "org.freedesktop.UPower",
            path: "/org/freedesktop/UPower",
            interface: "org.freedesktop.UPower",
            property: "DaemonVersion",
        },
    ]
}
