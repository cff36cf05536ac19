//! The network: which one, what it costs, whether it leads anywhere, and the access points around.

mod manager;

use std::fmt::Debug;
use std::time::Duration;

use belay_proto::wire::AccessPoint;
use serde::Deserialize;
use tokio::sync::watch;

use super::Answer;
pub(super) use manager::NetworkManager;

/// What is known of the network. The default: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct NetworkView {
    /// The connection in use, by a name that stays the same; `None`: none or not known.
    pub id: Option<String>,
    /// Each byte costs money.
    pub metered: bool,
    /// It is a mobile network that isn't the SIM's own, as the network itself tells; NetworkManager doesn't.
    pub roaming: bool,
    /// The modem that it goes through, as [`ModemView::roaming`](super::ModemView::roaming) names it; `None`: none, or not
    /// known.
    #[serde(skip)]
    pub modem: Option<String>,
    /// Whether the internet is reached; `None`: not known.
    pub online: Option<bool>,
}

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scan {
    /// The strongest first.
    pub access_points: Vec<AccessPoint>,
    /// The boot time of the scan; `None`: not known.
    #[serde(skip)]
    pub at: Option<Duration>,
}

/// The network of the device.
pub trait Network: Debug + Send + Sync + 'static {
    /// What is known, with its changes.
    fn view(&self) -> watch::Receiver<NetworkView>;

    /// Looks which access points are around; what the last scan found where no new one is possible.
    fn scan(&self) -> Answer<'_, Scan>;
}
