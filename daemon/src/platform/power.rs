//! The battery.

mod upower;

use std::fmt::Debug;

use serde::Deserialize;
use tokio::sync::watch;

pub(super) use upower::UPower;

/// What is known of the battery. The default: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct PowerView {
    /// 0 to 100; `None`: no battery, or not known.
    pub percentage: Option<u8>,
    /// Whether it fills or empties.
    pub state: BatteryState,
    /// How urgent it is.
    pub warning: Warning,
}

/// Whether the battery fills or empties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatteryState {
    /// Nobody knows.
    #[default]
    Unknown,
    /// It fills.
    Charging,
    /// It empties.
    Discharging,
    /// There is nothing left in it.
    Empty,
    /// It is full.
    Full,
}

/// How urgent it is to charge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// Not at all, or nobody knows.
    #[default]
    None,
    /// Little is left.
    Low,
    /// The device is about to switch off.
    Critical,
}

impl PowerView {
    /// Little is left and it gets less.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.warning >= Warning::Low && !self.is_charging()
    }

    /// The device is about to switch off.
    #[must_use]
    pub fn is_critical(&self) -> bool {
        self.warning >= Warning::Critical && !self.is_charging()
    }

    /// It fills, or is full.
    pub(super) fn is_charging(&self) -> bool {
        matches!(self.state, BatteryState::Charging | BatteryState::Full)
    }
}

impl BatteryState {
    /// The word of a report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Charging => "charging",
            Self::Discharging => "discharging",
            Self::Empty => "empty",
            Self::Full => "full",
        }
    }
}

/// The battery of the device.
pub trait Power: Debug + Send + Sync + 'static {
    /// What is known, with its changes.
    fn view(&self) -> watch::Receiver<PowerView>;
}
