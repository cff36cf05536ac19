//! A simulated location service: `org.freedesktop.GeoClue2`, which asks the agent of the caller's user before it
//! tells anything.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use zbus::{ObjectPath, Variant};

use super::puppet::{Behaviour, Call, Puppet, Refusal, Strings, Values, lock, props};
use crate::Outcome;

const NAME: &str = "org.freedesktop.GeoClue2";
const BASE: &str = "/org/freedesktop/GeoClue2";
const MANAGER: &str = "org.freedesktop.GeoClue2.Manager";
const CLIENT: &str = "org.freedesktop.GeoClue2.Client";
const LOCATION: &str = "org.freedesktop.GeoClue2.Location";
const AGENT: &str = "org.freedesktop.GeoClue2.Agent";
/// What GeoClue says where the altitude isn't known.
const UNKNOWN: f64 = f64::MIN;

/// A place, as the service tells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
    /// Metres.
    pub accuracy: f64,
    /// Metres.
    pub altitude: Option<f64>,
    /// Seconds since the epoch.
    pub timestamp: u64,
}

/// The location service.
#[derive(Debug)]
pub struct Position {
    strings: Strings,
    service: GeoClue,
}

#[derive(Debug, Clone)]
struct GeoClue(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    place: Option<Place>,
    /// Desktop ids that may be an agent without being asked.
    whitelist: Vec<String>,
    /// The bus name of the agent.
    agent: Option<String>,
    /// Clients that have started, by path, with their owner.
    started: HashMap<String, String>,
    clients: u32,
    locations: u32,
}

impl Position {
    /// Joins the bus, knowing no place; `org.belay1` is on the whitelist of agents.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path) -> Outcome<Self> {
        let service = GeoClue(Arc::new(Mutex::new(Inner {
            whitelist: vec!["org.belay1".to_owned()],
            ..Inner::default()
        })));
        let strings = Strings::attach(bus, NAME, service.clone(), async |puppet| {
            let manager = props([("InUse", false.into()), ("AvailableAccuracyLevel", 8_u32.into())])?;
            puppet.add(&format!("{BASE}/Manager"), MANAGER, manager).await
        });
        Ok(Self {
            strings: strings.await?,
            service,
        })
    }

    /// The service itself.
    #[must_use]
    pub fn puppet(&self) -> &Puppet {
        self.strings.puppet()
    }

    /// The service finds out where the device is, and tells whoever has asked and will ask.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn found(&self, place: Place) -> Outcome {
        let waiting: Vec<String> = {
            let mut inner = lock(&self.service.0);
            inner.place = Some(place);
            inner.started.keys().cloned().collect()
        };
        for client in waiting {
            self.service.tell(self.puppet(), &client).await?;
        }
        Ok(())
    }

    /// The service doesn't know any more.
    pub fn lose(&self) {
        lock(&self.service.0).place = None;
    }

    /// Takes everybody off the whitelist, as where the distribution forgot to put belayd on it.
    pub fn forget_whitelist(&self) {
        let mut inner = lock(&self.service.0);
        inner.whitelist.clear();
        inner.agent = None;
    }

    /// How many clients there are that haven't been deleted.
    #[must_use]
    pub fn clients(&self) -> usize {
        let first = (1..=lock(&self.service.0).clients).map(|n| format!("{BASE}/Client/{n}"));
        first.filter(|path| self.puppet().has(path)).count()
    }
}

impl GeoClue {
    /// Tells `client` where it is.
    async fn tell(&self, puppet: &Puppet, client: &str) -> Outcome {
        let (place, path) = {
            let mut inner = lock(&self.0);
            inner.locations += 1;
            (inner.place, format!("{BASE}/Location/{}", inner.locations))
        };
        let Some(place) = place else { return Ok(()) };
        let location = props([
            ("Latitude", place.latitude.into()),
            ("Longitude", place.longitude.into()),
            ("Accuracy", place.accuracy.into()),
            ("Altitude", place.altitude.unwrap_or(UNKNOWN).into()),
            ("Speed", (-1.0).into()),
            ("Heading", (-1.0).into()),
            ("Description", "".into()),
            ("Timestamp", Variant::from((place.timestamp, 0_u64))),
        ])?;
        puppet.add(&path, LOCATION, location).await?;
        let new = ObjectPath::from_string_unchecked(path);
        let old = puppet.get(client, CLIENT, "Location");
        let old = old.and_then(|v| zbus::OwnedObjectPath::try_from(v).ok());
        let old = old.map_or(ObjectPath::from_str_unchecked("/"), |o| o.into_inner());
        puppet.set(client, CLIENT, "Location", new.clone()).await?;
        puppet.emit(client, CLIENT, "LocationUpdated", &(old, new)).await
    }

    async fn start(&self, puppet: &Puppet, call: &Call) -> Result<Values, Refusal> {
        let denied = |text: &str| Refusal::new("org.freedesktop.DBus.Error.AccessDenied", text);
        let desktop = puppet.get(&call.path, CLIENT, "DesktopId");
        let desktop = desktop.and_then(|v| String::try_from(v).ok()).unwrap_or_default();
        if desktop.is_empty() {
            return Err(denied("DesktopId isn't set"));
        }
        let agent = lock(&self.0).agent.clone();
        let agent = agent.ok_or_else(|| denied("no agent for this user"))?;
        let level = puppet.get(&call.path, CLIENT, "RequestedAccuracyLevel");
        let level = level.and_then(|v| u32::try_from(v).ok()).unwrap_or_default();
        let about = (desktop.as_str(), level);
        let asked = puppet.connection().call_method(
            Some(agent.as_str()),
            format!("{BASE}/Agent"),
            Some(AGENT),
            "AuthorizeApp",
            &about,
        );
        let answer = asked.await.map_err(|e| denied(&e.to_string()))?;
        let body = answer.body();
        let (allowed, _): (bool, u32) = body.deserialize().map_err(|e| denied(&e.to_string()))?;
        if !allowed {
            return Err(denied("the agent refused"));
        }
        lock(&self.0)
            .started
            .insert(call.path.clone(), call.sender.clone());
        let started = puppet.set(&call.path, CLIENT, "Active", true).await;
        started.map_err(|s| denied(&s.to_string()))?;
        self.tell(puppet, &call.path)
            .await
            .map_err(|s| denied(&s.to_string()))?;
        Ok(Vec::new())
    }
}

impl Behaviour for GeoClue {
    fn answer(&self, puppet: Puppet, call: Call) -> BoxFuture<'static, Result<Values, Refusal>> {
        let service = self.clone();
        Box::pin(async move {
            let word = call
                .arguments
                .first()
                .and_then(|v| String::try_from(v.clone()).ok());
            let failed =
                |s: crate::Surprise| Refusal::new("org.freedesktop.DBus.Error.Failed", s.to_string());
            match call.member.as_str() {
                "AddAgent" => {
                    let mut inner = lock(&service.0);
                    if !inner.whitelist.contains(&word.unwrap_or_default()) {
                        let text = "Agent isn't whitelisted";
                        return Err(Refusal::new("org.freedesktop.DBus.Error.AccessDenied", text));
                    }
                    inner.agent = Some(call.sender.clone());
                    Ok(Vec::new())
                }
                "GetClient" | "CreateClient" => {
                    let path = {
                        let mut inner = lock(&service.0);
                        inner.clients += 1;
                        format!("{BASE}/Client/{}", inner.clients)
                    };
                    let client = props([
                        ("Location", ObjectPath::from_str_unchecked("/").into()),
                        ("DistanceThreshold", 0_u32.into()),
                        ("TimeThreshold", 0_u32.into()),
                        ("DesktopId", "".into()),
                        ("RequestedAccuracyLevel", 0_u32.into()),
                        ("Active", false.into()),
                    ]);
                    let added = puppet.add(&path, CLIENT, client.map_err(failed)?).await;
                    added.map_err(failed)?;
                    Ok(vec![ObjectPath::from_string_unchecked(path).into()])
                }
                "DeleteClient" => {
                    let path = match call.arguments.first() {
                        Some(Variant::ObjectPath(path)) => path.to_string(),
                        _ => String::new(),
                    };
                    lock(&service.0).started.remove(&path);
                    puppet.remove(&path).await.map_err(failed)?;
                    Ok(Vec::new())
                }
                "Start" => service.start(&puppet, &call).await,
                "Stop" => {
                    lock(&service.0).started.remove(&call.path);
                    Ok(Vec::new())
                }
                _ => Err(Refusal::unknown_method(&call)),
            }
        })
    }
}
