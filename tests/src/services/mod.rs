//! What a phone brings, simulated: the services of the system bus under their own names on the private bus, driven
//! and looked at by a test. The programs use their real adapters.

pub mod feedback;
pub mod geoclue;
pub mod login;
pub mod modem;
pub mod network;
pub mod power;
pub mod puppet;
mod serving;
pub mod systemd;
pub mod time;

use std::path::Path;

use crate::Outcome;

pub use feedback::Feedback;
pub use geoclue::Position;
pub use login::Login;
pub use modem::{Modem, SentText};
pub use network::Network;
pub use power::Power;
pub use systemd::Systemd;
pub use time::Timedate;

/// The names that the services own, for the bus's policy.
pub const NAMES: [&str; 9] = [
    "org.bluez",
    "org.freedesktop.GeoClue2",
    "org.freedesktop.ModemManager1",
    "org.freedesktop.NetworkManager",
    "org.freedesktop.UPower",
    "org.freedesktop.login1",
    "org.freedesktop.systemd1",
    "org.freedesktop.timedate1",
    "org.sigxcpu.Feedback",
];

/// All services of a device.
#[derive(Debug)]
pub struct Services {
    modem: Modem,
    network: Network,
    position: Position,
    power: Power,
    feedback: Feedback,
    login: Login,
    systemd: Systemd,
    time: Timedate,
}

impl Services {
    /// Has them all join the bus at the socket `bus`.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path) -> Outcome<Self> {
        let phone = async {
            tokio::try_join!(
                Modem::start(bus),
                Network::start(bus),
                Position::start(bus),
                Power::start(bus)
            )
        };
        let rest = async {
            tokio::try_join!(
                Feedback::start(bus),
                Login::start(bus),
                Systemd::start(bus),
                Timedate::start(bus)
            )
        };
        let ((modem, network, position, power), (feedback, login, systemd, time)) =
            tokio::try_join!(phone, rest)?;
        Ok(Self {
            modem,
            network,
            position,
            power,
            feedback,
            login,
            systemd,
            time,
        })
    }

    /// ModemManager.
    #[must_use]
    pub fn modem(&self) -> &Modem {
        &self.modem
    }

    /// NetworkManager.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// GeoClue.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// UPower.
    #[must_use]
    pub fn power(&self) -> &Power {
        &self.power
    }

    /// feedbackd, on the same bus as the others.
    #[must_use]
    pub fn feedback(&self) -> &Feedback {
        &self.feedback
    }

    /// logind.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// systemd.
    #[must_use]
    pub fn systemd(&self) -> &Systemd {
        &self.systemd
    }

    /// timedated.
    #[must_use]
    pub fn time(&self) -> &Timedate {
        &self.time
    }
}
