//! NetworkManager.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::wire::AccessPoint;
use futures_util::StreamExt;
use tokio::sync::watch;
use zbus::{MessageStream, OwnedObjectPath};

use super::{Network, NetworkView, Scan};
use crate::actor::Supervisor;
use crate::platform::clock::Time;
use crate::platform::follower::{Follower, Subject};
use crate::platform::service::{Properties, Service, Signal, take};
use crate::platform::{Answer, PlatformError};

const NAME: &str = "org.freedesktop.NetworkManager";
const PATH: &str = "/org/freedesktop/NetworkManager";
const ACTIVE: &str = "org.freedesktop.NetworkManager.Connection.Active";
const DEVICE: &str = "org.freedesktop.NetworkManager.Device";
const WIRELESS: &str = "org.freedesktop.NetworkManager.Device.Wireless";
const ACCESS_POINT: &str = "org.freedesktop.NetworkManager.AccessPoint";

/// The types of connections that go through a modem.
const MOBILE: [&str; 2] = ["gsm", "cdma"];
/// `NMDeviceType`: Wi-Fi.
const WIFI: u32 = 2;
/// A radio needs a few seconds for all its channels.
const SCAN_WITHIN: Duration = Duration::from_secs(15);
/// More say nothing about the place that these don't.
const MOST_ACCESS_POINTS: usize = 40;

/// NetworkManager on the system's bus.
#[derive(Debug)]
pub(in crate::platform) struct NetworkManager {
    subject: Arc<Connections>,
    view: watch::Receiver<NetworkView>,
    clock: Time,
}

#[derive(Debug)]
struct Connections(Service);

impl NetworkManager {
    pub(in crate::platform) fn start(
        connection: &zbus::Connection,
        supervisor: &mut Supervisor,
        clock: Time,
    ) -> Self {
        let subject = Arc::new(Connections(Service::new(connection, NAME)));
        let (follower, view) = Follower::new(Arc::clone(&subject), clock.clone());
        supervisor.start("network", follower);
        Self { subject, view, clock }
    }

    fn service(&self) -> &Service {
        &self.subject.0
    }

    async fn wifi(&self) -> Result<OwnedObjectPath, PlatformError> {
        let devices: Vec<OwnedObjectPath> = self.service().call(PATH, NAME, "GetDevices", &()).await?;
        for device in devices {
            let mut properties = self.service().all(device.as_str(), DEVICE).await?;
            if take::<u32>(&mut properties, "DeviceType") == Some(WIFI) {
                return Ok(device);
            }
        }
        Err(PlatformError::NotSupported("no Wi-Fi"))
    }

    /// Asks for a scan and waits until one has been. Where none is possible, which NetworkManager answers when the
    /// last one is fresh, the last one has to do.
    async fn fresh(&self, device: &str) -> Result<(), PlatformError> {
        let changes = Signal::changes(WIRELESS).at(device);
        let mut changes = self.service().signals(changes).await?;
        let options = std::collections::HashMap::<&str, zbus::Variant<'_>>::new();
        let before = self.last_scan(device).await?;
        let asked: Result<(), _> = self
            .service()
            .call(device, WIRELESS, "RequestScan", &options)
            .await;
        if let Err(error) = asked {
            tracing::debug!(error = &error as &dyn std::error::Error, "no new scan");
            return Ok(());
        }
        let until = self.clock.boottime() + SCAN_WITHIN;
        loop {
            tokio::select! {
                change = changes.next() => {
                    if change.is_none() || self.last_scan(device).await? != before {
                        return Ok(());
                    }
                }
                () = self.clock.sleep_until(until) => return Ok(()),
            }
        }
    }

    /// When the device last scanned, boot time in ms; -1: never.
    async fn last_scan(&self, device: &str) -> Result<Option<i64>, PlatformError> {
        let mut properties = self.service().all(device, WIRELESS).await?;
        Ok(take(&mut properties, "LastScan"))
    }

    async fn look(&self) -> Result<Scan, PlatformError> {
        let device = self.wifi().await?;
        let device = device.as_str();
        self.fresh(device).await?;
        let at = self.last_scan(device).await?;
        let paths: Vec<OwnedObjectPath> = self
            .service()
            .call(device, WIRELESS, "GetAllAccessPoints", &())
            .await?;
        let mut access_points = Vec::new();
        for path in paths {
            // One that is gone meanwhile is no reason to say nothing of the others.
            if let Ok(properties) = self.service().all(path.as_str(), ACCESS_POINT).await {
                access_points.extend(access_point(properties));
            }
        }
        access_points.sort_by_key(|point| std::cmp::Reverse(point.strength));
        access_points.truncate(MOST_ACCESS_POINTS);
        Ok(Scan {
            access_points,
            at: at
                .and_then(|at| u64::try_from(at).ok())
                .map(Duration::from_millis),
        })
    }
}

fn access_point(mut properties: Properties) -> Option<AccessPoint> {
    let ssid: Vec<u8> = take(&mut properties, "Ssid").unwrap_or_default();
    Some(AccessPoint {
        bssid: take(&mut properties, "HwAddress")?,
        ssid: String::from_utf8(ssid).unwrap_or_default(),
        strength: take(&mut properties, "Strength").unwrap_or(0),
        frequency: take(&mut properties, "Frequency").unwrap_or(0),
    })
}

impl Network for NetworkManager {
    fn view(&self) -> watch::Receiver<NetworkView> {
        self.view.clone()
    }

    fn scan(&self) -> Answer<'_, Scan> {
        Box::pin(self.look())
    }
}

impl Connections {
    /// What is known of an object, nothing of one that is gone.
    async fn there(&self, path: &str, interface: &str) -> Result<Properties, PlatformError> {
        match self.0.all(path, interface).await {
            Err(PlatformError::NotSupported(_)) => Ok(Properties::new()),
            all => all,
        }
    }

    /// The modem that a connection goes through, as ModemManager calls it: that is what NetworkManager knows it by.
    async fn modem(&self, mut active: Properties) -> Result<Option<String>, PlatformError> {
        let kind: Option<String> = take(&mut active, "Type");
        if !kind.is_some_and(|kind| MOBILE.contains(&kind.as_str())) {
            return Ok(None);
        }
        let devices: Vec<OwnedObjectPath> = take(&mut active, "Devices").unwrap_or_default();
        let Some(device) = devices.first() else {
            return Ok(None);
        };
        let mut device = self.there(device.as_str(), DEVICE).await?;
        Ok(take(&mut device, "Udi"))
    }
}

impl Subject for Connections {
    type View = NetworkView;

    const NAME: &'static str = "network";

    fn hints(&self) -> Answer<'_, Vec<MessageStream>> {
        Box::pin(async {
            let changes = Signal::changes(NAME).at(PATH);
            Ok(vec![self.0.owners().await?, self.0.signals(changes).await?])
        })
    }

    fn read(&self) -> Answer<'_, NetworkView> {
        Box::pin(async {
            let mut all = self.0.all(PATH, NAME).await?;
            let primary: Option<OwnedObjectPath> = take(&mut all, "PrimaryConnection");
            let mut active = match primary.filter(|path| path.as_str() != "/") {
                // It may be gone again: then a change of this property follows.
                Some(path) => self.there(path.as_str(), ACTIVE).await?,
                None => Properties::new(),
            };
            let number = |all: &mut Properties, name: &str| take::<u32>(all, name).unwrap_or(0);
            Ok(NetworkView {
                id: take(&mut active, "Uuid"),
                roaming: false,
                modem: self.modem(active).await?,
                // Yes, and guessed yes.
                metered: matches!(number(&mut all, "Metered"), 1 | 3),
                online: online(number(&mut all, "State"), number(&mut all, "Connectivity")),
            })
        })
    }
}

/// What `NMState` and `NMConnectivityState` say together. Behind a portal, or where the internet isn't reached, the
/// owner's own cloud may well be.
fn online(state: u32, connectivity: u32) -> Option<bool> {
    match (state, connectivity) {
        // Asleep, disconnected, disconnecting, connecting.
        (10..=40, _) | (_, 1) => Some(false),
        (_, 4) => Some(true),
        (_, 2 | 3) => None,
        (70, _) => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::online;

    #[test]
    fn only_what_is_sure_counts_as_online_or_offline() {
        for (state, connectivity, expected) in [
            (70, 4, Some(true)),
            (70, 0, Some(true)),
            (70, 3, None),
            (60, 2, None),
            (50, 0, None),
            (20, 0, Some(false)),
            (20, 4, Some(false)),
            (10, 0, Some(false)),
            (70, 1, Some(false)),
            (0, 0, None),
        ] {
            assert_eq!(online(state, connectivity), expected, "{state} {connectivity}");
        }
    }
}
