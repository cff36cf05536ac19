//! The units that ring, `belay-ring.service` at the sound card and `belay-ring@UID.service` in the session of whoever
//! sits at the device: belayd's own unit sees no sound device.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::time::timeout;
use zbus::{Connection, MessageStream, OwnedObjectPath, OwnedVariant};

use super::Sound;
use crate::platform::PlatformError;
use crate::platform::service::{Properties, Service, Signal, take};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const LOGIN: &str = "org.freedesktop.login1";
const LOGIN_PATH: &str = "/org/freedesktop/login1";
const LOGIN_MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The unit at the sound card.
const CARD: &str = "belay-ring.service";
/// Longer than a start takes that systemd doesn't give up.
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// Longer than a stop takes.
const STOPS_WITHIN: Duration = Duration::from_secs(6);

/// A session of logind: id, user, user's name, seat, object.
type Listed = (String, u32, String, String, OwnedObjectPath);

/// The service manager, as far as it rings.
#[derive(Clone, Debug)]
pub(in crate::platform) struct Units {
    systemd: Service,
    login: Service,
}

/// A unit that rings.
#[derive(Debug)]
struct Ringing {
    units: Units,
    unit: String,
    path: OwnedObjectPath,
    changes: MessageStream,
    is_stopped: bool,
}

impl Units {
    pub(in crate::platform) fn new(bus: &Connection) -> Self {
        Self {
            systemd: Service::new(bus, SYSTEMD),
            login: Service::new(bus, LOGIN),
        }
    }

    /// Rings at the sound card; answers once it is heard.
    pub(super) async fn card(&self) -> Result<Box<dyn Sound>, PlatformError> {
        self.start(CARD.to_owned()).await
    }

    /// Rings in the session of whoever sits at the device; answers once it is heard.
    pub(super) async fn session(&self) -> Result<Box<dyn Sound>, PlatformError> {
        self.start(self.seated().await?).await
    }

    /// Ends what an earlier belayd has left ringing.
    pub(super) async fn hush(&self) {
        let seated = self.seated().await.ok();
        for unit in [CARD.to_owned()].into_iter().chain(seated) {
            let known: Result<OwnedObjectPath, _> =
                self.systemd.call(PATH, MANAGER, "GetUnit", &unit.as_str()).await;
            if let Ok(path) = known
                && self.runs(&path).await
            {
                self.stop(&unit).await;
            }
        }
    }

    /// The unit for the session that is in front.
    async fn seated(&self) -> Result<String, PlatformError> {
        let all: Vec<Listed> = self
            .login
            .call(LOGIN_PATH, LOGIN_MANAGER, "ListSessions", &())
            .await?;
        for (_, uid, _, seat, path) in all {
            if seat.is_empty() || uid == 0 {
                continue;
            }
            let mut session = self.login.all(path.as_str(), SESSION).await?;
            let is_active = take(&mut session, "Active") == Some(true);
            if is_active && take::<String>(&mut session, "Class").as_deref() == Some("user") {
                return Ok(format!("belay-ring@{uid}.service"));
            }
        }
        Err(PlatformError::NotSupported("nobody sits at the device"))
    }

    async fn start(&self, unit: String) -> Result<Box<dyn Sound>, PlatformError> {
        let systemd = &self.systemd;
        // systemd tells nothing to those that haven't asked; to have asked before is an error that doesn't matter.
        let _: Result<(), _> = systemd.call(PATH, MANAGER, "Subscribe", &()).await;
        let mut removed = self.removed().await?;
        let path: OwnedObjectPath = systemd.call(PATH, MANAGER, "LoadUnit", &unit.as_str()).await?;
        // Before it rings, so that its end can't be missed.
        let changes = systemd.signals(Signal::changes(UNIT).at(path.as_str())).await?;
        let job: OwnedObjectPath = systemd
            .call(PATH, MANAGER, "StartUnit", &(unit.as_str(), "replace"))
            .await?;
        let mut ringing = Ringing {
            units: self.clone(),
            unit,
            path,
            changes,
            is_stopped: false,
        };
        match timeout(STARTS_WITHIN, result(&mut removed, &job))
            .await
            .as_deref()
        {
            Ok("done") => Ok(Box::new(ringing)),
            Ok(_) => {
                // It has ended by itself.
                ringing.is_stopped = true;
                Err(PlatformError::Silent)
            }
            // Dropped, it is stopped: it isn't to ring when nobody expects it any more.
            Err(_) => Err(PlatformError::TimedOut),
        }
    }

    async fn removed(&self) -> Result<MessageStream, PlatformError> {
        let removed = Signal::new(MANAGER, "JobRemoved").at(PATH);
        self.systemd.signals(removed).await
    }

    async fn runs(&self, unit: &OwnedObjectPath) -> bool {
        let asked = (UNIT, "ActiveState");
        let state: Result<OwnedVariant, _> =
            self.systemd.call(unit.as_str(), PROPERTIES, "Get", &asked).await;
        let state = state.ok().and_then(|state| String::try_from(state).ok());
        matches!(state.as_deref(), Some("active" | "activating" | "reloading"))
    }

    async fn stop(&self, unit: &str) {
        let stopped = async {
            let mut removed = self.removed().await?;
            let job: OwnedObjectPath = self
                .systemd
                .call(PATH, MANAGER, "StopUnit", &(unit, "replace"))
                .await?;
            let stopped = timeout(STOPS_WITHIN, result(&mut removed, &job));
            stopped.await.map(drop).map_err(|_| PlatformError::TimedOut)
        };
        if let Err(error) = stopped.await {
            tracing::warn!(error = &error as &dyn std::error::Error, unit, "ending the alarm");
        }
    }
}

/// What became of `job`; empty where nobody says so any more.
async fn result(removed: &mut MessageStream, job: &OwnedObjectPath) -> String {
    while let Some(Ok(signal)) = removed.next().await {
        let body: Result<(u32, OwnedObjectPath, String, String), _> = signal.body().deserialize();
        if let Ok((_, whose, _, result)) = body
            && whose == *job
        {
            return result;
        }
    }
    String::new()
}

impl Sound for Ringing {
    fn ended(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            loop {
                let Some(Ok(signal)) = self.changes.next().await else {
                    return;
                };
                let body: Result<(String, Properties, Vec<String>), _> = signal.body().deserialize();
                // What it says may be of a time before the start.
                if body.is_ok_and(|(_, changed, _)| changed.contains_key("ActiveState"))
                    && !self.units.runs(&self.path).await
                {
                    return;
                }
            }
        })
    }

    fn stop(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        self.is_stopped = true;
        let (units, unit) = (self.units.clone(), self.unit.clone());
        // The stream goes first: nobody takes from it any more.
        drop(self);
        Box::pin(async move { units.stop(&unit).await })
    }
}

impl Drop for Ringing {
    fn drop(&mut self) {
        if !self.is_stopped {
            // Outside a runtime belayd has ended, and with it the unit, which is bound to it.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                let (units, unit) = (self.units.clone(), self.unit.clone());
                runtime.spawn(async move { units.stop(&unit).await });
            }
        }
    }
}
