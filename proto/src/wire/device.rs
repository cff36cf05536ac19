//! Devices, hardware and releases.

use serde::{Deserialize, Serialize};

use super::{Bytes, ProofOfWork};
use crate::id::{DeviceId, HardwareId};

/// `POST /v1/devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddDeviceRequest {
    /// The device's certificate, signed bytes.
    pub certificate: Bytes,
    /// The device's name.
    pub name: String,
    /// The release of the binding before, signed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Bytes>,
    /// SHA-256 of the keyring that the login gave, which the device has its keys from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<Bytes>,
}

/// 201 to `POST /v1/devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedDevice {
    /// The device.
    pub device: DeviceId,
}

/// `GET /v1/devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicesAnswer {
    /// The account's devices.
    pub devices: Vec<DeviceAnswer>,
}

/// A device of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAnswer {
    /// Its certificate, signed bytes: everything else about it is in there.
    pub certificate: Bytes,
    /// The name its owner gave it.
    pub name: String,
    /// When its device key was last heard of: seconds since the epoch; 0 = never.
    pub last_seen: u64,
    /// Whether it is the one that asks.
    pub current: bool,
    /// Whether the newest outcome or state report of its warden says that it is locked for its finder
    /// (lost, wiping, wiped or tampered); `false` before the first.
    #[serde(default)]
    pub lost: bool,
}

/// `PATCH /v1/devices/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenameDeviceRequest {
    /// The new name.
    pub name: String,
}

/// `POST /v1/releases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The release, signed bytes.
    pub release: Bytes,
}

/// `POST /v1/hardware/check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HardwareRequest {
    /// The hardware.
    pub hardware: HardwareId,
    /// Whether its id has an unprinted part.
    pub unprinted: bool,
    /// The solved challenge.
    pub pow: ProofOfWork,
}

/// 200 to a hardware check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardwareAnswer {
    /// Whether the hardware is an account's.
    pub locked: bool,
    /// That account's masked login, only for ids with an unprinted part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
}
