//! Where the device is.

mod geoclue;

use std::fmt::Debug;
use std::time::Duration;

use belay_proto::wire::LocationSource;
use tokio::sync::mpsc;

use super::{Answer, PlatformError};
pub(super) use geoclue::GeoClue;

/// A place on earth. `Debug` doesn't show it: it belongs in no log.
#[derive(Clone, Copy, PartialEq)]
pub struct Coordinates {
    /// Degrees, north positive, -90 to 90.
    pub latitude: f64,
    /// Degrees, east positive, -180 to 180.
    pub longitude: f64,
    /// Radius, m.
    pub accuracy: f64,
    /// Above the sea, m.
    pub altitude: Option<f64>,
}

/// A place and how it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fix {
    /// Where.
    pub coordinates: Coordinates,
    /// What measured it.
    pub source: LocationSource,
    /// When it was measured, boot time; where that isn't known the earliest it can have been.
    pub measured: Duration,
}

/// What finds out where the device is.
pub trait Position: Debug + Send + Sync + 'static {
    /// Sends each fix it finds to `fixes`, the last the best, and answers once there are no more. Dropping the future
    /// ends the search.
    fn track(&self, fixes: mpsc::Sender<Fix>) -> Answer<'_>;
}

impl Coordinates {
    /// The same, where they are of a place on earth.
    pub(super) fn checked(self) -> Result<Self, PlatformError> {
        let is_place = self.latitude.abs() <= 90.0
            && self.longitude.abs() <= 180.0
            && self.accuracy.is_finite()
            && self.accuracy >= 0.0
            && self.altitude.is_none_or(f64::is_finite);
        match is_place {
            true => Ok(self),
            false => Err(PlatformError::Unreadable("no place on earth")),
        }
    }
}

impl Debug for Coordinates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Coordinates(± {} m)", self.accuracy)
    }
}

#[cfg(test)]
mod tests {
    use super::Coordinates;

    #[test]
    fn only_places_on_earth_count() {
        let place = |latitude, longitude, accuracy| Coordinates {
            latitude,
            longitude,
            accuracy,
            altitude: None,
        };
        assert!(place(-90.0, 180.0, 0.0).checked().is_ok());
        for wrong in [
            place(90.1, 0.0, 1.0),
            place(0.0, -180.5, 1.0),
            place(f64::NAN, 0.0, 1.0),
            place(0.0, f64::INFINITY, 1.0),
            place(0.0, 0.0, -1.0),
            place(0.0, 0.0, f64::NAN),
        ] {
            assert!(wrong.checked().is_err());
        }
        assert!(
            !format!("{:?}", place(52.5, 13.4, 3.0)).contains("52"),
            "no log holds a place"
        );
    }
}
