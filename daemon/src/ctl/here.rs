//! `location`, `stop-ringing`, `call-owner`: for whoever holds this device.

use std::time::Duration;

use belay_proto::dbus::{LocationFix, LocationSource, Options};
use belay_proto::wire;
use serde_json::{Value, json};

use super::advice::here as advice;
use super::client::{Client, Object};
use super::error::Error;
use super::find::{geo_uri, position_words, source_words};
use super::output::Report;
use super::text::{time_words, wait_words};

/// Says where this device is. JSON: `latitude`, `longitude` (degrees), `accuracy`, `altitude` (m, `null` unknown), `measured_at`
/// (seconds since the epoch), `age_ms`, `source`, `geo` (RFC 5870).
///
/// # Errors
/// What belayd says.
pub async fn location(client: &Client) -> Result<Report, Error> {
    let device = client.device_to_read().await?;
    let found = device.get_location(&Options::new()).await.map_err(|error| {
        Error::from(error)
            .means("NotFound", advice::NO_PLACE)
            .means("NotSupported", advice::NOTHING_LOCATES)
    })?;
    Ok(Report::new(words(&found), fields(&found)))
}

/// Stops the ringing. JSON: `ringing`.
///
/// # Errors
/// What belayd says.
pub async fn stop_ringing(client: &Client) -> Result<Report, Error> {
    let device = client.device().await?;
    device.stop_ringing(&Options::new()).await?;
    Ok(Report::new(
        "This device doesn't ring.",
        json!({ "ringing": false }),
    ))
}

/// Calls the owner of a lost device. JSON: `calling`.
///
/// # Errors
/// What belayd says.
pub async fn call_owner(client: &Client) -> Result<Report, Error> {
    let shown = client.properties(Object::Device).await?;
    let device = client.device().await?;
    device.call_owner(&Options::new()).await.map_err(|error| {
        let forbidden = match shown.get("lock_state").and_then(Value::as_str) {
            Some("lost") => advice::FOR_THE_SCREEN,
            _ => advice::NOT_LOST,
        };
        Error::from(error)
            .means("NotAuthorized", forbidden)
            .means("NotFound", advice::NO_NUMBER)
            .means("NotSupported", advice::NO_MODEM)
            .means("Internal", advice::NOT_DIALLED)
    })?;
    Ok(Report::new(
        "The modem dials the owner's number.",
        json!({ "calling": true }),
    ))
}

fn words(found: &LocationFix) -> String {
    let place = position_words(found.latitude, found.longitude, found.accuracy, altitude(found));
    let age = wait_words(Duration::from_millis(found.age));
    let mut text = format!("{place}\n  by {}, {age} old", source_words(source(found.source)));
    if found.measured > 0 {
        text.push_str(&format!(", measured at {}", time_words(found.measured)));
    }
    let geo = geo_uri(found.latitude, found.longitude, found.accuracy);
    format!("{text}\n  {geo}")
}

fn fields(found: &LocationFix) -> Value {
    json!({
        "latitude": found.latitude,
        "longitude": found.longitude,
        "accuracy": found.accuracy,
        "altitude": altitude(found),
        "measured_at": found.measured,
        "age_ms": found.age,
        "source": found.source.as_str(),
        "geo": geo_uri(found.latitude, found.longitude, found.accuracy),
    })
}

/// Not a number is unknown on the bus.
fn altitude(found: &LocationFix) -> Option<f64> {
    (!found.altitude.is_nan()).then_some(found.altitude)
}

fn source(source: LocationSource) -> wire::LocationSource {
    match source {
        LocationSource::Gnss => wire::LocationSource::Gnss,
        LocationSource::Cell => wire::LocationSource::Cell,
        LocationSource::Wifi => wire::LocationSource::Wifi,
        LocationSource::Network => wire::LocationSource::Network,
        LocationSource::Last => wire::LocationSource::Last,
        LocationSource::Unknown => wire::LocationSource::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_how_good_and_how_old_it_is() {
        let mut found = LocationFix {
            latitude: 52.520_008,
            longitude: -13.404_954,
            accuracy: 12.4,
            altitude: f64::NAN,
            measured: 1_767_225_590,
            age: 10_000,
            source: LocationSource::Gnss,
        };
        assert_eq!(
            words(&found),
            "52.520008, -13.404954 within 12 m\n  by satellites, 10 s old, measured at 2025-12-31 23:59:50 UTC\n  \
             geo:52.520008,-13.404954;u=12"
        );
        assert_eq!(fields(&found)["altitude"], Value::Null);
        found.altitude = 34.2;
        found.measured = 0;
        assert_eq!(
            words(&found),
            "52.520008, -13.404954 within 12 m, 34 m high\n  by satellites, 10 s old\n  geo:52.520008,-13.404954;u=12"
        );
        assert_eq!(fields(&found)["altitude"], 34.2);
    }
}
