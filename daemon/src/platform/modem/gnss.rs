//! Satellites, through ModemManager's location interface.
//!
//! The modem's receiver is switched on for the search, and afterwards off again, unless it was on; whatever others
//! changed meanwhile stays as they want it. `signal_location` is never switched on: with it every program on the bus
//! hears the place. So the place has to be asked for again and again.
//! It is noted on disk before: what a killed belayd left on, the next one switches off.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::wire::LocationSource;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot, watch};
use zbus::OwnedVariant;

use super::borrowed::{Borrowed, Note};
use super::cell;
use super::manager::LOCATION;
use crate::platform::PlatformError;
use crate::platform::clock::Time;
use crate::platform::position::{Coordinates, Fix};
use crate::platform::service::{Properties, Service, take};

/// `MMModemLocationSource`: the serving cell.
const CELL: u32 = 1;
/// `MMModemLocationSource`: coordinates by satellites.
pub(super) const GPS_RAW: u32 = 2;
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
    pub(super) note: Note,
    /// Set once belayd ends.
    pub(super) closing: watch::Receiver<bool>,
    /// One search at a time: two would each take the other's setup for what to go back to.
    pub(super) _turn: OwnedMutexGuard<()>,
}

/// How the receiver is set up.
pub(super) struct Standing {
    /// `MMModemLocationSource`s.
    pub(super) enabled: u32,
    pub(super) signals: bool,
    capabilities: u32,
}

/// What the receiver says.
struct Told {
    /// Its time of day; another one means another measurement.
    time: Option<String>,
    coordinates: Coordinates,
}

impl Search {
    /// Searches until a fresh place was found, or until `ended`, and then takes back what it has added.
    pub(super) async fn run(self, ended: oneshot::Receiver<()>) -> Result<(), PlatformError> {
        // What an earlier search left on isn't somebody else's.
        self.note.settle(&self.service).await?;
        let before = standing(&self.service, &self.modem).await?;
        if before.capabilities & GPS_RAW == 0 {
            return Err(PlatformError::NotSupported("the modem has no receiver"));
        }
        if before.enabled & GPS_RAW != 0 {
            // Somebody else's search: who hears its places is that one's to say.
            return self.found(ended).await;
        }
        let borrowed = Borrowed::of(&self.service, &self.modem, before.enabled).await?;
        self.note.keep(&borrowed).await?;
        let added = setup(&self.service, &self.modem, before.enabled | GPS_RAW, false).await;
        let outcome = match added {
            Ok(()) => self.found(ended).await,
            // A modem that didn't answer in time may have done it all the same.
            failed => failed,
        };
        match borrowed.give_back(&self.service).await {
            Ok(()) => self.note.forget().await,
            // The note stays: the next search, or the next belayd, takes it back.
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the modem's receiver may have stayed on"
            ),
        }
        outcome
    }

    async fn found(&self, ended: oneshot::Receiver<()>) -> Result<(), PlatformError> {
        let mut closing = self.closing.clone();
        tokio::select! {
            // Nobody who could close is left, or it is: both are the end.
            _ = closing.wait_for(|closing| *closing) => Ok(()),
            outcome = self.search() => outcome,
            () = self.fixes.closed() => Ok(()),
            _ = ended => Ok(()),
        }
    }

    async fn search(&self) -> Result<(), PlatformError> {
        // What was told last, and when it was asked for.
        let mut last: Option<(Duration, Option<String>)> = None;
        loop {
            let asked = self.clock.boottime();
            let told = self.ask().await?;
            let time = told.as_ref().and_then(|told| told.time.clone());
            if let Some(told) = told {
                let measured = match &last {
                    // A receiver without a view of the sky keeps its last place for as long as it is on.
                    None => Some(Duration::ZERO),
                    // It wasn't there yet when it was asked for before.
                    Some((before, old)) => (time.is_some() && *old != time).then_some(*before),
                };
                if let Some(measured) = measured {
                    let fix = Fix {
                        coordinates: told.coordinates,
                        source: LocationSource::Gnss,
                        measured,
                    };
                    if self.fixes.send(fix).await.is_err() || last.is_some() {
                        return Ok(());
                    }
                }
            }
            last = Some((asked, time));
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

pub(super) async fn standing(service: &Service, modem: &str) -> Result<Standing, PlatformError> {
    let mut all = service.all(modem, LOCATION).await?;
    let mut number = |name: &str| take::<u32>(&mut all, name).unwrap_or(0);
    Ok(Standing {
        enabled: number("Enabled"),
        capabilities: number("Capabilities"),
        signals: take(&mut all, "SignalsLocation").unwrap_or(false),
    })
}

pub(super) async fn setup(
    service: &Service,
    modem: &str,
    sources: u32,
    signals: bool,
) -> Result<(), PlatformError> {
    service.call(modem, LOCATION, "Setup", &(sources, signals)).await
}
