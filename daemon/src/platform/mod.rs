//! What the operating system gives: a trait a part, implemented by the system's services over D-Bus and by
//! configured commands.
//!
//! Nothing here tries again by itself, and nothing hangs: an absent part answers
//! [`NotSupported`](PlatformError::NotSupported), one that doesn't answer [`TimedOut`](PlatformError::TimedOut), and
//! a service that comes later is found then.

pub mod audio;
mod clock;
mod error;
mod exec;
mod follower;
mod host;
pub mod modem;
pub mod network;
pub mod position;
pub mod power;
mod service;
mod surroundings;
pub mod time;

use std::sync::Arc;

use belay_proto::clock::Clock;
use tokio::sync::watch;

use crate::actor::Supervisor;
use crate::config::{Backend, Commands, Config};
use audio::{AnyAudio, Feedbackd, Units};
use clock::Time;
use exec::{Command, ExecModem, ExecNetwork, ExecPosition, ExecPower};

pub use audio::{Audio, Sound};
pub use error::{Answer, PlatformError};
pub use host::{Host, SystemHost, host};
pub use modem::{Incoming, Modem, ModemView, Sim, Text};
pub use network::{Network, NetworkView, Scan};
pub use position::{Coordinates, Fix, Position};
pub use power::{BatteryState, Power, PowerView, Warning};
pub use surroundings::Surroundings;
pub use time::{TimeView, Timekeeping};

/// The parts of the device; clones share them.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The modem.
    pub modem: Arc<dyn Modem>,
    /// The network.
    pub network: Arc<dyn Network>,
    /// What finds out where the device is.
    pub position: Arc<dyn Position>,
    /// The battery.
    pub power: Arc<dyn Power>,
    /// What plays.
    pub audio: Arc<dyn Audio>,
    /// Who keeps the wall clock right.
    pub time: watch::Receiver<TimeView>,
}

/// The buses that the platform talks over.
#[derive(Clone, Debug, Default)]
pub struct Buses {
    /// The system's; `None`: its services are absent.
    pub system: Option<zbus::Connection>,
    /// The address of the session's; `None`: the environment's.
    pub session: Option<String>,
}

impl Platform {
    /// Connects to the system's bus and starts what follows its services, as [`Platform::over`]. Without a system's
    /// bus the services are absent.
    pub async fn start(config: &Config, supervisor: &mut Supervisor, clock: Arc<dyn Clock>) -> Self {
        let system = match config.backend {
            Backend::Exec => None,
            _ => service::connect()
                .await
                .inspect_err(|error| tracing::warn!(%error, "no system's bus: its services count as absent"))
                .ok(),
        };
        let buses = Buses {
            system,
            session: None,
        };
        Self::over(buses, config, supervisor, clock)
    }

    /// The parts over `buses`.
    ///
    /// `backend` says who stands for them: `systemd` the services alone, `exec` the commands alone; `auto` and
    /// `simulated` a part's command where one is configured for it, else its service.
    pub fn over(buses: Buses, config: &Config, supervisor: &mut Supervisor, clock: Arc<dyn Clock>) -> Self {
        let clock = Time::new(clock);
        let nothing = Commands::default();
        let exec = match config.backend {
            Backend::Systemd => &nothing,
            _ => &config.commands,
        };
        let service = |has_command: bool| {
            let may = config.backend != Backend::Exec && !has_command;
            buses.system.as_ref().filter(|_| may)
        };
        let modem: Arc<dyn Modem> = match service(exec.has_modem()) {
            Some(bus) => {
                let state = &config.paths.state;
                Arc::new(modem::ModemManager::start(bus, supervisor, clock.clone(), state))
            }
            None => Arc::new(ExecModem::start(exec, supervisor, clock.clone())),
        };
        let network: Arc<dyn Network> = match service(exec.has_network()) {
            Some(bus) => Arc::new(network::NetworkManager::start(bus, supervisor, clock.clone())),
            None => Arc::new(ExecNetwork::start(exec, supervisor, clock.clone())),
        };
        let power: Arc<dyn Power> = match service(exec.has_power()) {
            Some(bus) => Arc::new(power::UPower::start(bus, supervisor, clock.clone())),
            None => Arc::new(ExecPower::start(exec, supervisor, clock.clone())),
        };
        // No command tells of it.
        let time = match service(false) {
            Some(bus) => time::Timedate::start(bus, supervisor, clock.clone()),
            None => time::unknown(),
        };
        let position: Arc<dyn Position> = match service(!exec.locate.is_empty()) {
            Some(bus) => Arc::new(position::GeoClue::new(bus, clock)),
            None => Arc::new(ExecPosition::new(exec, clock)),
        };
        let has_session = config.backend != Backend::Exec;
        let audio = Arc::new(AnyAudio {
            session: has_session.then(|| Arc::new(Feedbackd::new(buses.session.clone()))),
            // Also beside feedbackd, which needs a session; so with every back end.
            command: Command::new("ring", &config.commands.ring),
            units: service(!config.commands.ring.is_empty()).map(Units::new),
            mark: config.paths.state.clone(),
        });
        Self {
            modem,
            network,
            position,
            power,
            audio,
            time,
        }
    }
}
