//! What a process used so far.

use std::fs;
use std::time::Duration;

use belay_tests::{Outcome, Surprise};

/// Time on the processors of all threads, those that have ended included.
pub fn cpu(pid: u32) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // After the name, which may hold anything: state is field 3, utime and stime are 14 and 15 (proc_pid_stat(5)).
    let rest = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u64>().ok());
    let (user, system) = ticks()
        .zip(ticks())
        .ok_or_else(|| Surprise::new("no times in stat"))?;
    Ok(Duration::from_secs(user + system) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

/// Its proportional share of memory, and what of it only this process has, KiB.
pub fn memory(pid: u32) -> Outcome<(u64, u64)> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok());
        value.ok_or_else(|| Surprise::new(format!("no {name} in smaps_rollup")))
    };
    Ok((field("Pss:")?, field("Private_Dirty:")?))
}

/// Threads now.
pub fn threads(pid: u32) -> Outcome<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/task"))?.count())
}
