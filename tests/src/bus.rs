//! A private message bus: the real `dbus-daemon` with a configuration of its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use belay_proto::clock::FileClock;
use tokio::net::UnixStream;

use crate::clock;
use crate::place::Place;
use crate::process::{Process, Program};
use crate::services;
use crate::stage::{Plan, arms};
use crate::until::until;
use crate::{Outcome, Surprise};

/// The name under which the warden is started by the bus.
const WARDEN: &str = "org.belay1.Warden";

/// A running `dbus-daemon`.
#[derive(Debug)]
pub struct Bus {
    process: Process,
    socket: PathBuf,
}

/// What the bus allows between its users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// Everything, as on a session bus: what is tested is the programs themselves.
    Open,
    /// The policy file that the package installs, with `belay` and `root` replaced by the stage's users.
    Installed(PathBuf),
}

impl Bus {
    /// Starts a bus in `place`, as the stage's plan says, that starts the warden when somebody calls it.
    ///
    /// # Errors
    /// Where `dbus-daemon` isn't installed or doesn't start.
    pub async fn start(place: &Place, exe: &Path, plan: &Plan) -> Outcome<Self> {
        let socket = place.at("bus.sock");
        activation(place, exe)?;
        let config = place.write("bus.conf", &config(place, &socket, &plan.policy)?, 0o644)?;
        let args = [
            "role".as_ref(),
            "exec".as_ref(),
            "dbus-daemon".as_ref(),
            "--nofork".as_ref(),
            "--nopidfile".as_ref(),
            "--nosyslog".as_ref(),
            "--config-file".as_ref(),
            config.as_os_str(),
        ];
        // What the bus starts inherits its environment.
        let program = Program::new("dbus-daemon", exe, args, &place.at("logs/bus.log"));
        let process = arms(program, place, plan.failpoints)
            .env("DBUS_SYSTEM_BUS_ADDRESS", address(&socket))
            .env("BELAY_LOG", plan.log_level)
            .env(FileClock::VARIABLE, place.at(clock::DEVICE))
            .start()?;
        let mut bus = Self { process, socket };
        bus.listening().await?;
        Ok(bus)
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The address, for `DBUS_SYSTEM_BUS_ADDRESS`.
    #[must_use]
    pub fn address(&self) -> String {
        address(&self.socket)
    }

    /// The process id of `dbus-daemon`.
    ///
    /// # Errors
    /// Once it has ended.
    pub fn pid(&self) -> Outcome<u32> {
        self.process.pid()
    }

    /// Stops it, and with it whatever depends on it.
    ///
    /// # Errors
    /// Where it doesn't end.
    pub async fn stop(self) -> Outcome {
        self.process.stop().await?;
        Ok(())
    }

    async fn listening(&mut self) -> Outcome {
        let socket = self.socket.clone();
        let answered = until("dbus-daemon to listen", async || {
            UnixStream::connect(&socket).await.ok()
        })
        .await;
        if let Some(status) = self.process.ended()? {
            let said = std::fs::read_to_string(self.process.log()).unwrap_or_default();
            return Err(Surprise::new(format!(
                "dbus-daemon ended ({status}): {}",
                said.trim()
            )));
        }
        answered.map(drop)
    }
}

fn address(socket: &Path) -> String {
    format!("unix:path={}", socket.display())
}

/// The file by which the bus starts the warden, through a script that gives it a log of its own.
fn activation(place: &Place, exe: &Path) -> Outcome {
    let script = format!(
        "#!/bin/sh\nexec '{}' role belay-warden --config '{}' >>'{}' 2>&1\n",
        exe.display(),
        place.at("belay.toml").display(),
        place.at("logs/belay-warden.log").display(),
    );
    let script = place.write("warden.sh", &script, 0o755)?;
    let service = format!("[D-BUS Service]\nName={WARDEN}\nExec={}\n", script.display());
    place.write(&format!("services/{WARDEN}.service"), &service, 0o644)?;
    Ok(())
}

fn config(place: &Place, socket: &Path, policy: &Policy) -> Outcome<String> {
    let mut text = String::from("<busconfig>\n");
    writeln!(text, "  <listen>{}</listen>", address(socket))?;
    writeln!(text, "  <auth>EXTERNAL</auth>")?;
    writeln!(
        text,
        "  <servicedir>{}</servicedir>",
        place.at("services").display()
    )?;
    writeln!(text, "  <policy context=\"default\">")?;
    writeln!(text, "    <allow user=\"*\"/>")?;
    match policy {
        Policy::Open => writeln!(
            text,
            "    <allow own=\"*\"/>\n    <allow send_destination=\"*\"/>"
        )?,
        Policy::Installed(_) => {
            // What /usr/share/dbus-1/system.conf gives everybody.
            writeln!(
                text,
                "    <deny own=\"*\"/>\n    <deny send_type=\"method_call\"/>"
            )?;
            writeln!(
                text,
                "    <allow send_type=\"signal\"/>\n    <allow send_requested_reply=\"true\" send_type=\"method_return\"/>"
            )?;
            writeln!(
                text,
                "    <allow send_requested_reply=\"true\" send_type=\"error\"/>"
            )?;
            writeln!(text, "    <allow send_destination=\"org.freedesktop.DBus\"/>")?;
            for name in ["org.freedesktop.PolicyKit1"].iter().chain(&services::NAMES) {
                writeln!(
                    text,
                    "    <allow own=\"{name}\"/>\n    <allow send_destination=\"{name}\"/>"
                )?;
            }
            // As GeoClue's own policy says for its user.
            writeln!(
                text,
                "    <allow send_interface=\"org.freedesktop.GeoClue2.Agent\"/>"
            )?;
        }
    }
    for kind in ["method_call", "method_return", "error", "signal"] {
        writeln!(text, "    <allow receive_type=\"{kind}\"/>")?;
    }
    writeln!(text, "  </policy>")?;
    if let Policy::Installed(file) = policy {
        writeln!(text, "  <include>{}</include>", file.display())?;
    }
    // 200 parallel calls, and a test may have them all waiting.
    for (limit, value) in [
        ("max_replies_per_connection", 4096),
        ("max_connections_per_user", 1024),
    ] {
        writeln!(text, "  <limit name=\"{limit}\">{value}</limit>")?;
    }
    text.push_str("</busconfig>\n");
    Ok(text)
}
