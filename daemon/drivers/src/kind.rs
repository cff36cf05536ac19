//! Which accessory it is.

use std::fmt;
use std::str::FromStr;

use crate::key::KeyNeed;

/// The kinds of the property `Kind` of `org.belay1.Accessory`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Not told, or of a later version.
    #[default]
    Unknown,
    /// Mi Band 2 and Mi Band HRX.
    MiBand2,
    /// Mi Band 3.
    MiBand3,
    /// Mi Smart Band 4.
    MiBand4,
    /// Mi Smart Band 5.
    MiBand5,
    /// Mi Smart Band 6.
    MiBand6,
    /// Xiaomi Smart Band 7.
    MiBand7,
    /// Mi Smart Scale, which weighs.
    MiScale,
    /// Mi Body Composition Scale, which measures impedance too.
    MiBodyScale,
    /// A sensor or scale that advertises MiBeacon.
    MiBeaconSensor,
    /// A PineTime with InfiniTime.
    InfiniTime,
    /// A strap with the standard heart rate service.
    HeartRateMonitor,
    /// Any other device with a standard service that is understood.
    Generic,
}

/// A name of no kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no kind of accessory")]
pub struct NoKind;

impl Kind {
    /// Every kind but [`Kind::Unknown`].
    pub const ALL: [Self; 12] = [
        Self::MiBand2,
        Self::MiBand3,
        Self::MiBand4,
        Self::MiBand5,
        Self::MiBand6,
        Self::MiBand7,
        Self::MiScale,
        Self::MiBodyScale,
        Self::MiBeaconSensor,
        Self::InfiniTime,
        Self::HeartRateMonitor,
        Self::Generic,
    ];

    /// The name on the bus.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::MiBand2 => "mi-band-2",
            Self::MiBand3 => "mi-band-3",
            Self::MiBand4 => "mi-band-4",
            Self::MiBand5 => "mi-band-5",
            Self::MiBand6 => "mi-band-6",
            Self::MiBand7 => "mi-band-7",
            Self::MiScale => "mi-scale",
            Self::MiBodyScale => "mi-body-scale",
            Self::MiBeaconSensor => "mibeacon-sensor",
            Self::InfiniTime => "infinitime",
            Self::HeartRateMonitor => "heart-rate-monitor",
            Self::Generic => "generic",
        }
    }

    /// Whether its protocol is spoken here: it can be paired.
    #[must_use]
    pub const fn is_spoken(self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// Whether it is used over a connection that is kept up.
    #[must_use]
    pub const fn connects(self) -> bool {
        !self.advertises() && !matches!(self, Self::Unknown)
    }

    /// Whether it tells what it measures in its advertisements.
    #[must_use]
    pub const fn advertises(self) -> bool {
        matches!(self, Self::MiScale | Self::MiBodyScale | Self::MiBeaconSensor)
    }

    /// Whether it keeps a history by the minute.
    #[must_use]
    pub const fn has_history(self) -> bool {
        matches!(
            self,
            Self::MiBand2 | Self::MiBand3 | Self::MiBand4 | Self::MiBand5 | Self::MiBand6 | Self::MiBand7
        )
    }

    /// Whether it keeps records that it is connected for only to read them.
    #[must_use]
    pub const fn keeps_records(self) -> bool {
        matches!(self, Self::MiScale | Self::MiBodyScale)
    }

    /// Whether a person wears it all day: where it is, its owner is.
    #[must_use]
    pub const fn is_worn(self) -> bool {
        self.has_history() || matches!(self, Self::InfiniTime)
    }

    /// The key it wants, as far as the kind alone tells: a sensor may advertise in clear.
    #[must_use]
    pub const fn key_need(self) -> KeyNeed {
        match self {
            Self::MiBand2 | Self::MiBand3 => KeyNeed::Chosen,
            Self::MiBand4 | Self::MiBand5 | Self::MiBand6 | Self::MiBand7 => KeyNeed::Issued,
            _ => KeyNeed::None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = NoKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or(NoKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_read_back_from_its_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert_eq!("unknown".parse::<Kind>(), Err(NoKind));
    }
}
