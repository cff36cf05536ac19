//! The owner's side of the command channel: commands, their lives, reports, delegates.

use serde::{Deserialize, Serialize};

use super::Bytes;
use crate::id::{CommandId, DeviceId, ReportId};

/// `POST /v1/devices/{id}/commands`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRequest {
    /// The signed command, with the delegate's certificate when a delegate signed: the bytes of
    /// [`crate::signed::CommandEnvelope`].
    pub envelope: Bytes,
}

/// `GET /v1/devices/{id}/commands`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandsAnswer {
    /// Newest first.
    pub commands: Vec<CommandLife>,
}

/// What became of a command so far: what the cloud saw itself, and what the device's warden signed.
///
/// Only `outcomes` prove anything. The rest is the cloud's reading of the newest of them, for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandLife {
    /// The command.
    pub id: CommandId,
    /// The device it is for.
    pub device: DeviceId,
    /// Its verb.
    pub action: String,
    /// When the cloud took it: seconds since the epoch.
    pub queued_at: u64,
    /// When the device first fetched it: seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<u64>,
    /// `queued` or `delivered` until the first outcome comes, then the newest outcome's.
    pub state: String,
    /// The newest outcome's reason. While `state` is `queued`: `expired` for a command that is no longer
    /// given to the device, since its time passed before the device fetched it; else empty.
    pub reason: String,
    /// The step that runs, of `steps`; 0 = there are none.
    pub step: u64,
    /// How many steps there are.
    pub steps: u64,
    /// When the device tries again, from its outcome on, ms; 0 = not said.
    pub retry_ms: u64,
    /// Rises with each change of this life: what `?seen=` names to wait for the next one.
    pub revision: u64,
    /// The outcomes that the cloud keeps, signed bytes, oldest first.
    pub outcomes: Vec<Bytes>,
}

/// `GET /v1/devices/{id}/reports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportsAnswer {
    /// The newest state report of the device's warden, signed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Bytes>,
    /// What came after the number that was asked for, oldest first.
    pub reports: Vec<SealedReport>,
    /// What to ask for after next time.
    pub last: u64,
}

/// A report that only the owner opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedReport {
    /// The device's id for it; the seal is bound to it.
    pub id: ReportId,
    /// When it came: seconds since the epoch.
    pub received_at: u64,
    /// Sealed to the report box.
    pub sealed: Bytes,
}

/// `POST /v1/delegates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegateRequest {
    /// A delegate's certificate, signed bytes.
    pub certificate: Bytes,
}

/// `GET /v1/delegates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegatesAnswer {
    /// The certificates of the account's present generation that aren't over, signed bytes.
    pub delegates: Vec<Bytes>,
}
