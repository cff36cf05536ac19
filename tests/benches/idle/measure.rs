//! One row of the table.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use zbus::fdo::DBusProxy;

use crate::bus::Bus;
use crate::daemon::{Daemon, Running};

const READS: usize = 2_000;

/// What one daemon costs.
pub struct Row {
    pub start: Duration,
    pub cpu: Duration,
    pub dirty_kib: u64,
    pub pss_kib: u64,
    pub threads: usize,
    pub switches: u64,
    pub p50: Duration,
    pub p99: Duration,
    pub size_kib: u64,
}

pub async fn measure(daemon: &Daemon, folder: &Path, starts: usize, idle: Duration) -> Row {
    let folder = folder.join(daemon.label);
    fs::create_dir_all(&folder).unwrap();
    let bus = Bus::start(&folder).with_polkit();
    let watcher = connect(&bus).await;
    // The first start makes the database; the measured ones find it.
    started(daemon, &bus, &watcher, &folder).await.0.stop();

    let mut times = Vec::new();
    for _ in 0..starts {
        let (running, time) = started(daemon, &bus, &watcher, &folder).await;
        times.push(time);
        running.stop();
    }
    times.sort();

    let (running, _) = started(daemon, &bus, &watcher, &folder).await;
    // What it costs to start goes on for a while after its name is there, and no signal tells its end.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let cpu = cpu(running.pid());
    // The warden leaves when idle; its coming and going is not the daemon's idle cost.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let before = switches(running.pid());
    // The kernel counts in real time.
    tokio::time::sleep(idle).await;
    let after = switches(running.pid());
    let memory = memory(running.pid());
    let threads = after.len();
    let switched = after
        .iter()
        .map(|(thread, count)| count - before.get(thread).copied().unwrap_or(0))
        .sum();
    let mut reads = reads(daemon, &bus).await;
    reads.sort();
    running.stop();
    Row {
        start: times[times.len() / 2],
        cpu,
        dirty_kib: memory.0,
        pss_kib: memory.1,
        threads,
        switches: switched,
        p50: reads[reads.len() / 2],
        p99: reads[reads.len() * 99 / 100],
        size_kib: stripped(&daemon.program, &folder),
    }
}

/// A connection of the bench's own.
pub async fn connect(bus: &Bus) -> zbus::Connection {
    zbus::connection::Builder::address(bus.address.as_str())
        .build()
        .await
        .unwrap()
}

/// Starts the daemon; the time until its name has an owner.
async fn started(
    daemon: &Daemon,
    bus: &Bus,
    watcher: &zbus::Connection,
    folder: &Path,
) -> (Running, Duration) {
    let proxy = DBusProxy::new(watcher).await.unwrap();
    let mut changes = proxy
        .receive_name_owner_changed_with_args(&[(0, daemon.name)])
        .await
        .unwrap();
    // Whoever stopped before has left the bus for certain once the name is free.
    while proxy
        .name_has_owner(daemon.name.try_into().unwrap())
        .await
        .unwrap()
    {
        changes.next().await.unwrap();
    }
    let begin = Instant::now();
    let running = daemon.start(&bus.address, folder);
    loop {
        let change = tokio::time::timeout(Duration::from_secs(20), changes.next())
            .await
            .unwrap_or_else(|_| panic!("{} took no name, see {}", daemon.label, folder.display()))
            .unwrap();
        if change.args().unwrap().new_owner().is_some() {
            return (running, begin.elapsed());
        }
    }
}

/// CPU time of all threads so far.
fn cpu(pid: u32) -> Duration {
    let nanoseconds = tasks(pid)
        .filter_map(|task| fs::read_to_string(task.join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    Duration::from_nanos(nanoseconds)
}

/// Voluntary and involuntary context switches, thread by thread.
fn switches(pid: u32) -> BTreeMap<std::path::PathBuf, u64> {
    tasks(pid)
        .map(|task| {
            let status = fs::read_to_string(task.join("status")).unwrap();
            let count = status
                .lines()
                .filter(|line| line.contains("voluntary_ctxt_switches"))
                .filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok())
                .sum();
            (task, count)
        })
        .collect()
}

fn tasks(pid: u32) -> impl Iterator<Item = std::path::PathBuf> {
    fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
}

/// Private dirty and PSS in KiB.
fn memory(pid: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
            .unwrap()
    };
    (field("Private_Dirty:"), field("Pss:"))
}

async fn reads(daemon: &Daemon, bus: &Bus) -> Vec<Duration> {
    let connection = connect(bus).await;
    let mut times = Vec::with_capacity(READS);
    for _ in 0..READS {
        let begin = Instant::now();
        connection
            .call_method(
                Some(daemon.name),
                daemon.path,
                Some("org.freedesktop.DBus.Properties"),
                "Get",
                &(daemon.interface, daemon.property),
            )
            .await
            .unwrap();
        times.push(begin.elapsed());
    }
    times
}

fn stripped(program: &Path, folder: &Path) -> u64 {
    let copy = folder.join("stripped");
    let status = Command::new("strip")
        .arg("-o")
        .arg(&copy)
        .arg(program)
        .status()
        .expect("strip, of binutils");
    assert!(status.success());
    fs::metadata(copy).unwrap().len() / 1024
}
