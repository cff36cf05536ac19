//! A daemon to measure: how it is started and found.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What is known of a daemon before it runs.
pub struct Daemon {
    pub label: &'static str,
    pub program: PathBuf,
    /// Where the program comes from, for whoever misses it.
    pub from: &'static str,
    pub name: &'static str,
    pub path: &'static str,
    pub interface: &'static str,
    /// A property that is cheap to answer.
    pub property: &'static str,
}

/// Ends with its child.
pub struct Running(Child);

impl Daemon {
    /// Starts it on the bus at `address`, its state and its output in `folder`.
    pub fn start(&self, address: &str, folder: &Path) -> Running {
        let log = std::fs::File::create(folder.join(format!("{}.log", self.label))).unwrap();
        let child = Command::new(&self.program)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("DBUS_SYSTEM_BUS_ADDRESS", address)
            .env("STATE_DIRECTORY", folder.join("state"))
            .env("RUNTIME_DIRECTORY", folder.join("run"))
            .args(
                (self.name == "org.belay1")
                    .then(|| ["--config".into(), folder.join("belay.toml")])
                    .into_iter()
                    .flatten(),
            )
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Running(child)
    }
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to end, and waits.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
