//! The parts of a device that configured commands stand for.

use belay_proto::wire::{Cell, LocationSource};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};

use super::Command;
use super::views::follow;
use crate::actor::Supervisor;
use crate::config::Commands;
use crate::platform::clock::Time;
use crate::platform::position::Coordinates;
use crate::platform::{
    Answer, Fix, Modem, ModemView, Network, NetworkView, PlatformError, Position, Power, PowerView, Scan,
    modem,
};

/// The network by commands.
#[derive(Debug)]
pub(in crate::platform) struct ExecNetwork {
    scan: Option<Command>,
    view: watch::Receiver<NetworkView>,
    clock: Time,
    _silent: Option<watch::Sender<NetworkView>>,
}

/// The battery by a command.
#[derive(Debug)]
pub(in crate::platform) struct ExecPower {
    view: watch::Receiver<PowerView>,
    _silent: Option<watch::Sender<PowerView>>,
}

/// The modem by commands.
#[derive(Debug)]
pub(in crate::platform) struct ExecModem {
    call: Option<Command>,
    hang_up: Option<Command>,
    send_text: Option<Command>,
    delete_text: Option<Command>,
    cells: Option<Command>,
    view: watch::Receiver<ModemView>,
    _silent: Option<watch::Sender<ModemView>>,
}

/// The place by a command.
#[derive(Debug)]
pub(in crate::platform) struct ExecPosition {
    locate: Option<Command>,
    clock: Time,
}

/// What the command prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Place {
    latitude: f64,
    longitude: f64,
    accuracy: f64,
    altitude: Option<f64>,
    #[serde(default)]
    age_ms: u64,
    #[serde(default)]
    source: LocationSource,
}

fn configured<'a>(command: &'a Option<Command>, missing: &'static str) -> Result<&'a Command, PlatformError> {
    command.as_ref().ok_or(PlatformError::NotSupported(missing))
}

impl ExecNetwork {
    pub(in crate::platform) fn start(exec: &Commands, supervisor: &mut Supervisor, clock: Time) -> Self {
        let command = Command::new("follow-network", &exec.follow_network);
        let (silent, view) = follow("network", command, supervisor, clock.clone());
        Self {
            scan: Command::new("wifi", &exec.wifi),
            view,
            clock,
            _silent: silent,
        }
    }
}

impl Network for ExecNetwork {
    fn view(&self) -> watch::Receiver<NetworkView> {
        self.view.clone()
    }

    fn scan(&self) -> Answer<'_, Scan> {
        Box::pin(async {
            let asked = self.clock.boottime();
            let scan: Scan = configured(&self.scan, "no command wifi")?.ask().await?;
            Ok(Scan {
                at: Some(asked),
                ..scan
            })
        })
    }
}

impl ExecPower {
    pub(in crate::platform) fn start(exec: &Commands, supervisor: &mut Supervisor, clock: Time) -> Self {
        let command = Command::new("follow-battery", &exec.follow_battery);
        let (silent, view) = follow("battery", command, supervisor, clock);
        Self {
            view,
            _silent: silent,
        }
    }
}

impl Power for ExecPower {
    fn view(&self) -> watch::Receiver<PowerView> {
        self.view.clone()
    }
}

impl ExecModem {
    pub(in crate::platform) fn start(exec: &Commands, supervisor: &mut Supervisor, clock: Time) -> Self {
        let command = Command::new("follow-modem", &exec.follow_modem);
        let (silent, view) = follow("modem", command, supervisor, clock);
        Self {
            call: Command::new("call", &exec.call),
            hang_up: Command::new("hang-up", &exec.hang_up),
            send_text: Command::new("send-text", &exec.send_text),
            delete_text: Command::new("delete-text", &exec.delete_text),
            cells: Command::new("cells", &exec.cells),
            view,
            _silent: silent,
        }
    }
}

impl Modem for ExecModem {
    fn view(&self) -> watch::Receiver<ModemView> {
        self.view.clone()
    }

    fn call<'a>(&'a self, number: &'a str) -> Answer<'a> {
        Box::pin(async move {
            modem::dialable(number)?;
            let call = configured(&self.call, "no command call")?;
            // As ModemManager's: one that was dialled before makes way.
            if let Some(hang_up) = &self.hang_up
                && let Err(error) = hang_up.run(&[]).await
            {
                tracing::debug!(error = &error as &dyn std::error::Error, "the call before");
            }
            call.run(&[("number", number)]).await
        })
    }

    fn hang_up(&self) -> Answer<'_> {
        Box::pin(async { configured(&self.hang_up, "no command hang-up")?.run(&[]).await })
    }

    fn can_text(&self) -> Answer<'_> {
        Box::pin(async { configured(&self.send_text, "no command send-text").map(drop) })
    }

    fn send_text<'a>(&'a self, number: &'a str, text: &'a str) -> Answer<'a> {
        Box::pin(async move {
            modem::dialable(number)?;
            let send = configured(&self.send_text, "no command send-text")?;
            send.run(&[("number", number), ("text", text)]).await
        })
    }

    fn delete_text<'a>(&'a self, id: &'a str) -> Answer<'a> {
        Box::pin(async move {
            let delete = configured(&self.delete_text, "no command delete-text")?;
            delete.run(&[("id", id)]).await
        })
    }

    fn cells(&self) -> Answer<'_, Vec<Cell>> {
        Box::pin(async { configured(&self.cells, "no command cells")?.ask().await })
    }

    fn track(&self, _fixes: mpsc::Sender<Fix>) -> Answer<'_> {
        // Satellites are the command locate's to ask.
        Box::pin(async { Err(PlatformError::NotSupported("a command locates")) })
    }
}

impl ExecPosition {
    pub(in crate::platform) fn new(exec: &Commands, clock: Time) -> Self {
        Self {
            locate: Command::new("locate", &exec.locate),
            clock,
        }
    }
}

impl Position for ExecPosition {
    fn track(&self, fixes: mpsc::Sender<Fix>) -> Answer<'_> {
        Box::pin(async move {
            // What the command calls new may be as old as its beginning.
            let asked = self.clock.boottime();
            let place: Place = configured(&self.locate, "no command locate")?.ask().await?;
            let age = std::time::Duration::from_millis(place.age_ms);
            let coordinates = Coordinates {
                latitude: place.latitude,
                longitude: place.longitude,
                accuracy: place.accuracy,
                altitude: place.altitude,
            };
            let fix = Fix {
                coordinates: coordinates.checked()?,
                source: place.source,
                measured: asked.saturating_sub(age),
            };
            // Whoever has heard enough has gone.
            let _ = fixes.send(fix).await;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use belay_proto::clock::FakeClock;

    use super::{ExecModem, Time};
    use crate::actor::Supervisor;
    use crate::config::Commands;
    use crate::platform::Modem;

    #[tokio::test]
    async fn the_call_before_is_ended_before_another_is_dialled() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("note");
        let script = |what: &str| -> Vec<String> {
            let script = format!("echo {what} >>{}", note.display());
            vec!["/bin/sh".into(), "-c".into(), script]
        };
        let commands = Commands {
            call: script("call"),
            hang_up: script("hang-up"),
            ..Commands::default()
        };
        let mut supervisor = Supervisor::default();
        let clock = Time::new(Arc::new(FakeClock::new()));
        let modem = ExecModem::start(&commands, &mut supervisor, clock);
        modem.call("+491701234567").await.unwrap();
        assert_eq!(std::fs::read_to_string(&note).unwrap(), "hang-up\ncall\n");
        supervisor.stop().await;
    }
}
