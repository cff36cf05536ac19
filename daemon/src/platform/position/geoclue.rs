//! GeoClue, with an agent of our own: whether belayd may know the place is decided by the owner's commands, not by
//! what the session allows its apps.

use std::time::{Duration, UNIX_EPOCH};

use belay_proto::wire::LocationSource;
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use zbus::{Connection, OwnedObjectPath, OwnedVariant, interface};

use super::{Coordinates, Fix, Position};
use crate::platform::clock::Time;
use crate::platform::service::{Service, Signal, take};
use crate::platform::{Answer, PlatformError};

const NAME: &str = "org.freedesktop.GeoClue2";
const MANAGER_PATH: &str = "/org/freedesktop/GeoClue2/Manager";
const AGENT_PATH: &str = "/org/freedesktop/GeoClue2/Agent";
const MANAGER: &str = "org.freedesktop.GeoClue2.Manager";
const CLIENT: &str = "org.freedesktop.GeoClue2.Client";
const LOCATION: &str = "org.freedesktop.GeoClue2.Location";
/// As agent and as client: the id that a distribution puts on the whitelist in geoclue.conf.
const DESKTOP_ID: &str = "org.belay1";
/// `GClueAccuracyLevel`: as exact as can be.
const EXACT: u32 = 8;

/// GeoClue on the system's bus.
#[derive(Debug)]
pub(in crate::platform) struct GeoClue {
    service: Service,
    clock: Time,
}

/// Answers GeoClue's question whether a client of belayd's user may know the place: belayd's own may.
#[derive(Debug)]
struct Agent;

#[interface(name = "org.freedesktop.GeoClue2.Agent", introspection_docs = false)]
impl Agent {
    #[zbus(out_args("authorized", "allowed_accuracy_level"))]
    fn authorize_app(&self, desktop_id: &str, requested: u32) -> (bool, u32) {
        match desktop_id == DESKTOP_ID {
            true => (true, requested),
            false => (false, 0),
        }
    }

    #[zbus(property)]
    fn max_accuracy_level(&self) -> u32 {
        EXACT
    }
}

impl GeoClue {
    pub(in crate::platform) fn new(connection: &Connection, clock: Time) -> Self {
        Self {
            service: Service::new(connection, NAME),
            clock,
        }
    }
}

impl Position for GeoClue {
    fn track(&self, fixes: mpsc::Sender<Fix>) -> Answer<'_> {
        Box::pin(async {
            let (_end, ended) = oneshot::channel::<()>();
            let search = Search {
                service: self.service.clone(),
                clock: self.clock.clone(),
                fixes,
            };
            // In a task of its own, which tells GeoClue when nobody wants to know any more: that is when this
            // future, and with it `_end`, is dropped.
            let search = tokio::spawn(search.run(ended));
            search
                .await
                .map_err(|_| PlatformError::Unreadable("the search died"))?
        })
    }
}

struct Search {
    service: Service,
    clock: Time,
    fixes: mpsc::Sender<Fix>,
}

impl Search {
    async fn run(self, mut ended: oneshot::Receiver<()>) -> Result<(), PlatformError> {
        let client = tokio::select! {
            client = self.client() => client?,
            _ = &mut ended => return Ok(()),
        };
        let outcome = tokio::select! {
            outcome = self.listen(&client) => outcome,
            _ = ended => Ok(()),
        };
        // Stops it too.
        let deleted: Result<(), _> = self
            .service
            .call(MANAGER_PATH, MANAGER, "DeleteClient", &client)
            .await;
        if let Err(error) = deleted {
            tracing::debug!(error = &error as &dyn std::error::Error, "leaving GeoClue");
        }
        outcome
    }

    async fn client(&self) -> Result<OwnedObjectPath, PlatformError> {
        let objects = self.service.connection.object_server();
        objects.at(AGENT_PATH, Agent).await?;
        // Each time: GeoClue forgets its agents when it leaves for want of work.
        let added: Result<(), _> = self
            .service
            .call(MANAGER_PATH, MANAGER, "AddAgent", &DESKTOP_ID)
            .await;
        match added {
            Ok(()) => {}
            // Where the distribution configured it as a system's component it needs no agent.
            Err(PlatformError::Denied(error)) => {
                tracing::debug!(%error, "not on GeoClue's whitelist of agents")
            }
            Err(error) => return Err(error),
        }
        self.service
            .call(MANAGER_PATH, MANAGER, "CreateClient", &())
            .await
    }

    async fn listen(&self, client: &OwnedObjectPath) -> Result<(), PlatformError> {
        let client = client.as_str();
        let set = async |name: &str, value: zbus::Variant<'static>| {
            self.service.set(client, CLIENT, name, value).await
        };
        set("DesktopId", DESKTOP_ID.into()).await?;
        set("RequestedAccuracyLevel", EXACT.into()).await?;
        let updates = Signal::new(CLIENT, "LocationUpdated").at(client);
        let mut updates = self.service.signals(updates).await?;
        let mut owners = self.service.owners().await?;
        self.service.call::<_, ()>(client, CLIENT, "Start", &()).await?;
        let mut last = None;
        loop {
            tokio::select! {
                Some(_) = updates.next() => {
                    let asked = self.clock.boottime();
                    if let Some(fix) = self.read(client, last).await? {
                        last = Some(asked);
                        if self.fixes.send(fix).await.is_err() {
                            return Ok(());
                        }
                    }
                }
                _ = owners.next() => return Err(PlatformError::NotSupported("GeoClue has left")),
                () = self.fixes.closed() => return Ok(()),
            }
        }
    }

    /// The place, as the client's own property names it: anybody may send belayd a signal. `last` is when the one
    /// before was asked for.
    async fn read(&self, client: &str, last: Option<Duration>) -> Result<Option<Fix>, PlatformError> {
        let mut properties = self.service.all(client, CLIENT).await?;
        let path: Option<OwnedObjectPath> = take(&mut properties, "Location");
        let Some(path) = path.filter(|path| path.as_str() != "/") else {
            return Ok(None);
        };
        let mut all = self.service.all(path.as_str(), LOCATION).await?;
        let mut number = |name: &str| take::<f64>(&mut all, name);
        let missing = PlatformError::Unreadable("a location without a place");
        let (Some(latitude), Some(longitude)) = (number("Latitude"), number("Longitude")) else {
            return Err(missing);
        };
        let coordinates = Coordinates {
            latitude,
            longitude,
            accuracy: number("Accuracy").ok_or(missing)?,
            // The least of all numbers stands for unknown.
            altitude: number("Altitude").filter(|altitude| *altitude > f64::MIN),
        };
        let measured = take::<OwnedVariant>(&mut all, "Timestamp")
            .and_then(|value| <(u64, u64)>::try_from(value).ok())
            .map(|(seconds, micros)| {
                Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros))
            });
        let wall = self.clock.wall().duration_since(UNIX_EPOCH);
        let now = (self.clock.boottime(), wall.unwrap_or_default());
        Ok(Some(Fix {
            coordinates: coordinates.checked()?,
            source: LocationSource::Network,
            measured: measured_at(measured, now, last),
        }))
    }
}

/// When a place was measured, boot time, by its timestamp (since the epoch) and the clocks now.
///
/// One that comes first may be an old one that GeoClue had; what its timestamp says is believed only where it lies in
/// the past. One that comes later wasn't there yet when the one before was asked for, at boot time `last`, whatever
/// the wall clock says.
fn measured_at(
    timestamp: Option<Duration>,
    (boot, wall): (Duration, Duration),
    last: Option<Duration>,
) -> Duration {
    match timestamp.and_then(|at| wall.checked_sub(at)) {
        Some(age) => boot.saturating_sub(age),
        None => last.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Agent, measured_at};

    #[test]
    fn the_agent_allows_belayd_alone() {
        assert_eq!(Agent.authorize_app("org.belay1", 8), (true, 8));
        assert_eq!(Agent.authorize_app("org.example.Maps", 8), (false, 0));
    }

    #[test]
    fn the_age_of_a_place_is_never_understated() {
        let at = Duration::from_millis;
        // Half a second past the full one.
        let now = (at(1_000_000), at(5_000_500));
        for (timestamp, last, expected) in [
            (Some(5_000_500), None, 1_000_000),
            // Whoever tells full seconds tells the beginning of one.
            (Some(5_000_000), None, 999_500),
            (Some(4_999_900), None, 999_400),
            (Some(4_900_000), Some(990_000), 899_500),
            (Some(10), None, 0),
            (Some(5_000_501), None, 0),
            (Some(5_001_000), Some(990_000), 990_000),
            (None, None, 0),
            (None, Some(990_000), 990_000),
        ] {
            let measured = measured_at(timestamp.map(at), now, last.map(at));
            assert_eq!(measured, at(expected), "{timestamp:?} {last:?}");
        }
    }
}
