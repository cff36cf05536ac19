//! Satellites, through ModemManager's location interface.
//!
//! The modem's receiver is switched on for the search and left afterwards as it was found. `signal_location` stays
//! off: with it every program on the bus would hear the place. So the place has to be asked for again and again.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::wire::LocationSource;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};
use zbus::OwnedVariant;

use super::cell;
use super::manager::LOCATION;
use crate::platform::PlatformError;
use crate::platform::clock::Time;
use crate::platform::position::{Coordinates, Fix};
use crate::platform::service::{Properties, Service, take};

/// `MMModemLocationSource`: the serving cell.
const CELL: u32 = 1;
/// `MMModemLocationSource`: coordinates by satellites.
const GPS_RAW: u32 = 2;
/// How often the place is asked for.
const ASK_EACH: Duration = Duration::from_secs(2);
/// The interface doesn't say how exact a place is; a phone's receiver in the open is better than this.
const ACCURACY: f64 = 30.0;

/// A search with one modem.
pub(super) struct Search {
    pub(super) service: Service,
    pub(super) modem: String,
    pub(super) clock: Time,
    pub(super) fixes: mpsc::Sender<Fix>,
    /// One search at a time: two would each take the other's setup for what to go back to.
    pub(super) _turn: OwnedMutexGuard<()>,
}

/// How the receiver was found.
struct Before {
    enabled: u32,
    signals: bool,
    capabilities: u32,
    /// How old a place may be that is there when the search begins.
    refresh: Duration,
}

/// What the receiver says.
struct Told {
    /// Its time of day; another one means another measurement.
    time: Option<String>,
    coordinates: Coordinates,
}

impl Search {
    /// Searches until a fresh place was found, or until `ended`, and then leaves the receiver as it was.
    pub(super) async fn run(self, ended: oneshot::Receiver<()>) -> Result<(), PlatformError> {
        let before = before(&self.service, &self.modem).await?;
        if before.capabilities & GPS_RAW == 0 {
            return Err(PlatformError::NotSupported("the modem has no receiver"));
        }
        let is_on = before.enabled & GPS_RAW != 0 && !before.signals;
        if !is_on {
            setup(&self.service, &self.modem, before.enabled | GPS_RAW, false).await?;
        }
        let outcome = tokio::select! {
            outcome = self.search(before.refresh) => outcome,
            () = self.fixes.closed() => Ok(()),
            _ = ended => Ok(()),
        };
        if !is_on {
            setup(&self.service, &self.modem, before.enabled, before.signals).await?;
        }
        outcome
    }

    async fn search(&self, refresh: Duration) -> Result<(), PlatformError> {
        let mut old: Option<Option<String>> = None;
        loop {
            let asked = self.clock.boottime();
            if let Some(told) = self.ask().await? {
                let is_new = old
                    .as_ref()
                    .is_some_and(|old| told.time.is_some() && *old != told.time);
                // What is there at first may have been there for a while.
                let measured = match (is_new, &old) {
                    (true, _) => Some(asked.saturating_sub(ASK_EACH)),
                    (false, None) => Some(asked.saturating_sub(refresh)),
                    (false, Some(_)) => None,
                };
                if let Some(measured) = measured {
                    let fix = Fix {
                        coordinates: told.coordinates,
                        source: LocationSource::Gnss,
                        measured,
                    };
                    if self.fixes.send(fix).await.is_err() || is_new {
                        return Ok(());
                    }
                }
                old = Some(told.time);
            } else {
                // From now on whatever comes is new.
                old = Some(None);
            }
            self.clock.sleep_until(asked + ASK_EACH).await;
        }
    }

    async fn ask(&self) -> Result<Option<Told>, PlatformError> {
        let mut all = location(&self.service, &self.modem).await?;
        let Some(raw) = all.remove(&GPS_RAW) else {
            return Ok(None);
        };
        let mut raw = Properties::try_from(raw).map_err(|_| PlatformError::Unreadable("a place"))?;
        let mut number = |name: &str| take::<f64>(&mut raw, name);
        let (Some(latitude), Some(longitude)) = (number("latitude"), number("longitude")) else {
            return Ok(None);
        };
        let coordinates = Coordinates {
            latitude,
            longitude,
            accuracy: ACCURACY,
            altitude: number("altitude"),
        };
        Ok(Some(Told {
            time: take(&mut raw, "utc-time"),
            coordinates: coordinates.checked()?,
        }))
    }
}

/// The serving cell, where the modem gathers it, which it does unless somebody told it not to.
pub(super) async fn serving_cell(
    service: &Service,
    modem: &str,
) -> Result<Option<belay_proto::wire::Cell>, PlatformError> {
    let told = location(service, modem).await?.remove(&CELL);
    let text = told.and_then(|value| String::try_from(value).ok());
    Ok(text.and_then(|text| cell::of_location(&text)))
}

async fn location(service: &Service, modem: &str) -> Result<HashMap<u32, OwnedVariant>, PlatformError> {
    service.call(modem, LOCATION, "GetLocation", &()).await
}

async fn before(service: &Service, modem: &str) -> Result<Before, PlatformError> {
    let mut all = service.all(modem, LOCATION).await?;
    let mut number = |name: &str| take::<u32>(&mut all, name);
    let (enabled, capabilities) = (
        number("Enabled").unwrap_or(0),
        number("Capabilities").unwrap_or(0),
    );
    let refresh = Duration::from_secs(u64::from(number("GpsRefreshRate").unwrap_or(30)));
    Ok(Before {
        enabled,
        capabilities,
        refresh: refresh.max(ASK_EACH),
        signals: take(&mut all, "SignalsLocation").unwrap_or(false),
    })
}

async fn setup(service: &Service, modem: &str, sources: u32, signals: bool) -> Result<(), PlatformError> {
    service.call(modem, LOCATION, "Setup", &(sources, signals)).await
}
