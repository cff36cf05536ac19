//! The cloud as a process of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;
use crate::device::exchange;
use crate::fleet::address;

pub struct Served {
    child: Child,
}

impl Served {
    pub fn start(data: &Path, origin: &str) -> Outcome<Self> {
        let port = data.join("port");
        // What a run before left would name a cloud that isn't there.
        drop(fs::remove_file(&port));
        let child = Command::new(env!("CARGO_BIN_EXE_belay-cloud"))
            .args(["--listen", &address(origin)?.to_string(), "--public-url", origin])
            .arg("--data")
            .arg(data)
            .arg("--port-file")
            .arg(&port)
            .arg("--outbox")
            .arg(data.join("outbox"))
            .env("BELAY_LOG", "warn")
            .stdin(Stdio::null())
            .spawn()?;
        let served = Self { child };
        let begin = Instant::now();
        while !port.exists() {
            if begin.elapsed() > Duration::from_secs(30) {
                return Err("the cloud doesn't come up".into());
            }
            std::thread::yield_now();
        }
        Ok(served)
    }

    /// Resident memory, KiB.
    pub fn resident(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.ok_or("no VmRSS")?.parse()?)
    }

    /// SIGTERM, and the end.
    pub fn stop(mut self) -> Outcome<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).ok_or("no process id")?;
        kill_process(pid, Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already, or this process fails.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The nonce that the cloud gives out now.
pub async fn nonce(cloud: SocketAddr) -> Outcome<String> {
    let answer = exchange(
        cloud,
        "GET /v1/config HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await?;
    answer.nonce.ok_or_else(|| "no nonce".into())
}
