//! The device's side of the command channel. It needs a proof of the device key alone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Bytes;
use crate::id::ReportId;

/// The type of the answer to `GET /v1/stream`.
pub const EVENT_STREAM: &str = "text/event-stream";

/// What the first comment line of a stream begins with; the heartbeat in seconds follows.
pub const HEARTBEAT_COMMENT: &str = "heartbeat ";

/// The name of an event of `GET /v1/stream`: where to look, never what to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hint {
    /// There are commands to fetch.
    Commands,
    /// Another device has pushed records.
    Sync,
    /// The account or its credentials changed.
    Account,
}

/// A name that isn't one of [`Hint`]'s; a client ignores such events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an unknown event")]
pub struct UnknownHint;

impl Hint {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Commands, Self::Sync, Self::Account];

    /// The event's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Sync => "sync",
            Self::Account => "account",
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Hint {
    type Err = UnknownHint;

    fn from_str(text: &str) -> Result<Self, UnknownHint> {
        Self::ALL
            .into_iter()
            .find(|hint| hint.as_str() == text)
            .ok_or(UnknownHint)
    }
}

/// `GET /v1/commands`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueAnswer {
    /// What was queued after the number that was asked for, oldest first.
    pub commands: Vec<QueuedCommand>,
    /// What to ask for after next time, once these are stored.
    pub last: u64,
}

/// A command on its way to the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedCommand {
    /// Its place in the device's queue; only rises, and is at least the cloud's clock at the time, ms since 1970.
    pub sequence: u64,
    /// As the owner signed it: the bytes of [`crate::signed::CommandEnvelope`].
    pub envelope: Bytes,
}

/// `POST /v1/outcomes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeRequest {
    /// An outcome, signed bytes.
    pub outcome: Bytes,
}

/// `POST /v1/reports`: one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum ReportRequest {
    /// A report that only the owner opens.
    Sealed {
        /// Names it; the same id again changes nothing.
        id: ReportId,
        /// Sealed to the report box, at most 64 KiB.
        sealed: Bytes,
    },
    /// How the device stands, for the owner and the cloud.
    State {
        /// A state report of the warden, signed bytes.
        state: Bytes,
    },
}
