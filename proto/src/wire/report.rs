//! Reports to the owner: what a device tells about itself that nobody else may read.
//!
//! JSON, sealed to the account's report box; the device can write reports and not read them. The seal is bound
//! to account, device, epoch and the report's id, so the cloud can't pass one for another.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, CommandId, DeviceId, Epoch, ReportId};
use crate::keys::{BoxKey, BoxPublicKey, seal_to};
use crate::seal::SealError;

/// The longest sealed report: 64 KiB.
pub const MAX_SEALED_REPORT: usize = 64 * 1024;

const LABEL: &[u8] = b"belay/report/1";

/// What a report is bound to: sealed bytes open for these names only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportIds {
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// The binding.
    pub epoch: Epoch,
    /// The report.
    pub report: ReportId,
}

/// A report. `at` is when it was made: seconds since the epoch, by the device's wall clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Report {
    /// Where the device is.
    Location {
        /// When the report was made.
        at: u64,
        /// Degrees, north positive.
        latitude: f64,
        /// Degrees, east positive.
        longitude: f64,
        /// Radius that holds the device, m.
        accuracy: f64,
        /// Above the WGS 84 ellipsoid, m.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        altitude: Option<f64>,
        /// What measured it.
        source: LocationSource,
        /// When it was measured: seconds since the epoch.
        measured_at: u64,
        /// How old it was when reported, ms by the boot clock: what to go by when the wall clock was wrong.
        age_ms: u64,
        /// Whether it was measured after the command came.
        after_command: bool,
        /// The command that asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        command: Option<CommandId>,
    },
    /// What radio surrounds the device, for who wants to work out where it is.
    Evidence {
        /// When the report was made.
        at: u64,
        /// Mobile cells, the serving one first.
        #[serde(default)]
        cells: Vec<Cell>,
        /// Wireless networks, the strongest first.
        #[serde(default)]
        wifi: Vec<AccessPoint>,
        /// How old it was when reported, ms by the boot clock.
        age_ms: u64,
        /// The command that asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        command: Option<CommandId>,
    },
    /// What SIM is in the device.
    Sim {
        /// When the report was made.
        at: u64,
        /// The card's number; empty = no card or not readable.
        iccid: String,
        /// The subscriber; empty = not readable.
        imsi: String,
        /// The operator's name or code; empty = not known.
        operator: String,
        /// Whether it is another one than before.
        changed: bool,
    },
    /// How full the battery is.
    Battery {
        /// When the report was made.
        at: u64,
        /// 0 to 100.
        percentage: u8,
        /// `charging`, `discharging`, `empty`, `full` or `unknown`.
        state: String,
    },
    /// Something the owner should know happened.
    Event {
        /// When the report was made.
        at: u64,
        /// What, as a code; show a generic text for those you don't know.
        code: String,
    },
    /// A kind that this version doesn't know; nobody writes it.
    #[serde(other)]
    Unknown,
}

/// What measured a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LocationSource {
    /// Satellites.
    Gnss,
    /// Mobile cells.
    Cell,
    /// Wireless networks.
    Wifi,
    /// The last one known from before.
    Last,
    /// Cells, networks or addresses, not said which.
    Network,
    /// A source that this version doesn't know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A mobile cell, as 3GPP names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// `gsm`, `umts`, `lte`, `5gnr` or another code.
    pub technology: String,
    /// Mobile country code, 3 digits.
    pub mcc: String,
    /// Mobile network code, 2 or 3 digits; 01 and 001 are different networks.
    pub mnc: String,
    /// Location or tracking area code.
    pub area: u64,
    /// Cell id.
    pub cell: u64,
    /// Signal strength, dBm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

/// A wireless network's access point.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccessPoint {
    /// Its hardware address, `aa:bb:cc:dd:ee:ff`.
    pub bssid: String,
    /// The network's name; empty = hidden or not UTF-8.
    pub ssid: String,
    /// Signal strength, percent.
    pub strength: u8,
    /// MHz.
    pub frequency: u32,
}

/// A report that can't be sealed or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Another box, other ids, or a changed byte.
    #[error("the report doesn't open")]
    Sealed(#[from] SealError),
    /// It isn't a report's JSON, or holds numbers that no place has.
    #[error("not a report")]
    Malformed,
    /// Over [`MAX_SEALED_REPORT`] once sealed.
    #[error("the report is too long")]
    TooLong,
}

impl ReportIds {
    /// What the seal is bound to: `"belay/report/1"`, account, device, epoch, report.
    pub(crate) fn associated(&self) -> Vec<u8> {
        let ids = [
            self.account.as_bytes(),
            self.device.as_bytes(),
            self.epoch.as_bytes(),
            self.report.as_bytes(),
        ];
        [LABEL, &ids.map(|id| *id).concat()].concat()
    }
}

impl Report {
    /// When it was made: seconds since the epoch; 0 for a kind that this version doesn't know.
    pub fn at(&self) -> u64 {
        match self {
            Self::Location { at, .. }
            | Self::Evidence { at, .. }
            | Self::Sim { at, .. }
            | Self::Battery { at, .. }
            | Self::Event { at, .. } => *at,
            Self::Unknown => 0,
        }
    }

    /// Seals it to the account's report box.
    ///
    /// # Errors
    /// [`ReportError::Malformed`] for numbers that no place has, [`ReportError::TooLong`].
    pub fn seal(&self, report_box: &BoxPublicKey, ids: &ReportIds) -> Result<Vec<u8>, ReportError> {
        let sealed = seal_to(report_box, &ids.associated(), &self.plaintext()?);
        match sealed.len() <= MAX_SEALED_REPORT {
            true => Ok(sealed),
            false => Err(ReportError::TooLong),
        }
    }

    /// Opens what [`Report::seal`] sealed for the same ids.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn open(report_box: &BoxKey, ids: &ReportIds, sealed: &[u8]) -> Result<Self, ReportError> {
        if sealed.len() > MAX_SEALED_REPORT {
            return Err(ReportError::TooLong);
        }
        let plaintext = report_box.open(&ids.associated(), sealed)?;
        let report: Self = serde_json::from_slice(plaintext.expose()).map_err(|_| ReportError::Malformed)?;
        report.check()?;
        Ok(report)
    }

    /// What is sealed: the report's JSON.
    pub(crate) fn plaintext(&self) -> Result<Vec<u8>, ReportError> {
        self.check()?;
        serde_json::to_vec(self).map_err(|_| ReportError::Malformed)
    }

    /// JSON knows no infinities, and a map no 91st degree.
    fn check(&self) -> Result<(), ReportError> {
        let sound = match self {
            Self::Location {
                latitude,
                longitude,
                accuracy,
                altitude,
                ..
            } => {
                (-90.0..=90.0).contains(latitude)
                    && (-180.0..=180.0).contains(longitude)
                    && accuracy.is_finite()
                    && *accuracy >= 0.0
                    && altitude.is_none_or(f64::is_finite)
            }
            Self::Battery { percentage, .. } => *percentage <= 100,
            Self::Evidence { .. } | Self::Sim { .. } | Self::Event { .. } | Self::Unknown => true,
        };
        match sound {
            true => Ok(()),
            false => Err(ReportError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests;
