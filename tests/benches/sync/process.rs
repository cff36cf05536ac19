//! What a process takes of the machine, and what a bench is asked to do.

use std::fs;
use std::time::Duration;

use belay_tests::Outcome;

/// Sets a process's VmHWM back to what it has now.
pub fn forget_peak(pid: u32) -> Outcome {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// VmHWM of a process, KiB.
pub fn peak(pid: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok());
    Ok(number.unwrap_or_default())
}

/// What a process has used of the processors, user and system. The kernel counts hundredths of a second.
pub fn cpu(pid: u32) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name comes second, in parentheses, and may hold anything (proc_pid_stat(5)).
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_ascii_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// The variable of this name, or the usual number.
pub fn number(name: &str, usual: usize) -> usize {
    let said = std::env::var(name).ok().and_then(|text| text.parse().ok());
    said.unwrap_or(usual)
}
