//! The program itself, on a private bus: what it exits with, what it tells the service manager, how it stops.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use belay_proto::dbus::DeviceProxy;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use zbus::proxy::CacheProperties;
use zbus::{Connection, connection};

#[path = "belayd/warden.rs"]
mod warden;

/// How long a stop may take.
const STOPS_WITHIN: Duration = Duration::from_secs(2);
/// How often it is stopped before that counts as late: the machine may have been busy with something else.
const TRIES: usize = 10;

/// A bus, a folder of state and a service manager's socket.
struct Stage {
    bus: Child,
    address: String,
    folder: TempDir,
    manager: UnixDatagram,
}

impl Stage {
    fn new() -> Self {
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("belay.toml"), "").unwrap();
        let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        // Long enough for a loaded machine, short enough to fail a test instead of hanging it.
        manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self {
            bus,
            address: address.trim().to_owned(),
            folder,
            manager,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = belayd();
        command
            .arg("--config")
            .arg(self.path("belay.toml"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
            .env("STATE_DIRECTORY", self.path("state"))
            .env("NOTIFY_SOCKET", self.path("notify"));
        command
    }

    /// Starts belayd and waits until it says that it is ready.
    fn start(&self) -> Child {
        let child = self.command().spawn().unwrap();
        assert_eq!(self.told(), "READY=1");
        child
    }

    /// The next word to the service manager.
    fn told(&self) -> String {
        let mut buffer = [0; 256];
        // With a time limit on the socket this call alone isn't begun again after SIGCONT (signal(7)), as when
        // the machine was suspended.
        let length = loop {
            match self.manager.recv(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => break received.unwrap(),
            }
        };
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    }

    async fn connect(&self) -> Connection {
        connection::Builder::address(self.address.as_str())
            .build()
            .await
            .unwrap()
    }

    async fn device(&self) -> DeviceProxy<'static> {
        let client = self.connect().await;
        DeviceProxy::builder(&client)
            .cache_properties(CacheProperties::No)
            .build()
            .await
            .unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

fn belayd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belayd"));
    for name in [
        "STATE_DIRECTORY",
        "RUNTIME_DIRECTORY",
        "CREDENTIALS_DIRECTORY",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
    ] {
        command.env_remove(name);
    }
    command
}

fn terminate(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn usage_and_help_have_their_exit_codes() {
    let output = belayd().arg("--confg").output().unwrap();
    assert_eq!(code(&output), 64);
    assert!(
        stderr(&output).contains("--config"),
        "a hint: {}",
        stderr(&output)
    );
    let output = belayd().arg("--help").output().unwrap();
    assert_eq!(code(&output), 0);
    assert!(String::from_utf8_lossy(&output.stdout).contains("--print-config"));
}

#[test]
fn check_config_names_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("belay.toml");
    let check = |content: &str| {
        std::fs::write(&file, content).unwrap();
        belayd()
            .arg("--config")
            .arg(&file)
            .arg("--check-config")
            .output()
            .unwrap()
    };
    assert_eq!(code(&check("[cloud]\nurl = 'https://cloud.example.org'\n")), 0);
    let output = check("[cloud]\n\nuri = 'https://cloud.example.org'\n");
    assert_eq!(code(&output), 78);
    let expected = format!("belayd: {}:3: cloud.uri: unknown field", file.display());
    assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
    std::fs::remove_file(&file).unwrap();
    let output = belayd()
        .arg("--config")
        .arg(&file)
        .arg("--check-config")
        .output()
        .unwrap();
    assert_eq!(code(&output), 78, "a file that was asked for and isn't there");
}

#[test]
fn what_is_printed_is_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("belay.toml");
    let print = |content: &str| {
        std::fs::write(&file, content).unwrap();
        let output = belayd()
            .arg("--config")
            .arg(&file)
            .arg("--print-config")
            .output()
            .unwrap();
        assert_eq!(code(&output), 0);
        String::from_utf8(output.stdout).unwrap()
    };
    let first = print("[device]\nname = 'Ada'\n");
    assert!(
        first.contains("name = \"Ada\"") && first.contains("# "),
        "{first}"
    );
    assert_eq!(print(&first), first);
}

#[test]
fn without_a_bus_it_is_unavailable() {
    let stage = Stage::new();
    let output = stage
        .command()
        .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .output()
        .unwrap();
    assert_eq!(code(&output), 69);
    assert!(
        stderr(&output).contains("can't connect to the message bus"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_second_belayd_is_told_that_the_store_or_the_name_is_taken() {
    let stage = Stage::new();
    let mut first = stage.start();
    let output = stage
        .command()
        .env("STATE_DIRECTORY", stage.path("other"))
        .output()
        .unwrap();
    assert_eq!(code(&output), 69);
    assert!(
        stderr(&output).contains("another belayd is running"),
        "{}",
        stderr(&output)
    );
    let output = stage.command().output().unwrap();
    assert_eq!(code(&output), 74);
    assert!(
        stderr(&output).contains("in use by another belayd"),
        "{}",
        stderr(&output)
    );
    terminate(&first);
    assert!(first.wait().unwrap().success());
}

#[test]
fn a_store_sealed_with_another_key_is_an_error_that_changes_nothing() {
    let stage = Stage::new();
    let mut child = stage.start();
    terminate(&child);
    assert!(child.wait().unwrap().success());
    let read = |name: &str| std::fs::read(stage.path("state").join(name)).unwrap();
    let before = read("belay.sqlite3");
    std::fs::write(stage.path("state/sealing.key"), [1; 32]).unwrap();
    let output = stage.command().output().unwrap();
    assert_eq!(code(&output), 74);
    assert!(
        stderr(&output).contains("sealed with another key"),
        "{}",
        stderr(&output)
    );
    assert_eq!(read("belay.sqlite3"), before);
}

#[tokio::test]
async fn ready_means_that_a_call_is_answered_and_a_stop_loses_nothing() {
    let stage = Stage::new();
    let (mut took, mut name) = (Vec::<Duration>::new(), String::new());
    while took.iter().all(|took| *took >= STOPS_WITHIN) {
        assert!(took.len() < TRIES, "{took:?}");
        let mut child = stage.start();
        name = format!("kept {}", took.len());
        // No retry and no wait: ready was said when this works.
        let device = stage.device().await;
        device.set_name(&name, &HashMap::new()).await.unwrap();
        let asked = Instant::now();
        terminate(&child);
        assert_eq!(stage.told(), "STOPPING=1");
        assert!(child.wait().unwrap().success());
        took.push(asked.elapsed());
    }
    let mut child = stage.start();
    assert_eq!(stage.device().await.name().await.unwrap(), name);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = stage.start();
    assert_eq!(
        stage.device().await.name().await.unwrap(),
        name,
        "after a kill as well"
    );
    terminate(&child);
    child.wait().unwrap();
}

#[test]
fn the_watchdog_is_pinged_while_the_actors_answer() {
    let stage = Stage::new();
    let mut child = stage.command().env("WATCHDOG_USEC", "100000").spawn().unwrap();
    assert_eq!(stage.told(), "READY=1");
    assert_eq!(stage.told(), "WATCHDOG=1");
    assert_eq!(stage.told(), "WATCHDOG=1");
    terminate(&child);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_bus_that_goes_away_ends_it_as_unavailable() {
    let mut stage = Stage::new();
    let mut child = stage.start();
    stage.bus.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(69));
}

#[test]
fn the_state_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new();
    let mut child = stage.start();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&stage.path("state")), 0o700);
    for entry in std::fs::read_dir(stage.path("state")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    terminate(&child);
    child.wait().unwrap();
}
