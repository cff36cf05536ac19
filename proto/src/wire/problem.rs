//! Refusals: RFC 9457, `application/problem+json`.

use serde::{Deserialize, Serialize};

use crate::id::{AccessoryId, DeviceId};

/// Before the stable name in a problem's `type`.
pub const PROBLEM_PREFIX: &str = "urn:belay:problem:";

/// A refusal. A client switches on [`Problem::name`]; title and detail are for logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:belay:problem:NAME`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is, in words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What it is about, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// With `wrong-code`: tries left for this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<u32>,
    /// With `activation-locked`: the owner's masked login, only for hardware with an unprinted part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// With `devices-still-bound`: the other devices that are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceId>,
    /// With `devices-still-bound`: the accessories that are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accessories: Vec<AccessoryId>,
}

impl Problem {
    /// The stable name, or the whole type when it is a foreign one.
    pub fn name(&self) -> &str {
        self.kind.strip_prefix(PROBLEM_PREFIX).unwrap_or(&self.kind)
    }
}
