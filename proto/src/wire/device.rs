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
    /// What sort of device it is, where it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<DeviceKind>,
    /// The release of the binding before, signed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Bytes>,
    /// SHA-256 of the keyring that the login gave, which the device has its keys from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<Bytes>,
}

/// What sort of device one is, by its shape. It tells no two of a sort apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// Held in a hand.
    Phone,
    /// A screen and little else.
    Tablet,
    /// Worn.
    Watch,
    /// With a keyboard, to be carried.
    Laptop,
    /// To be left where it stands.
    Desktop,
    /// Nobody told, or a word that this version doesn't know. It is sent by being left out.
    #[default]
    #[serde(other)]
    Unknown,
}

impl DeviceKind {
    /// The kinds that are sent.
    pub const TOLD: [Self; 5] = [
        Self::Phone,
        Self::Tablet,
        Self::Watch,
        Self::Laptop,
        Self::Desktop,
    ];

    /// The word on the wire and on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Watch => "watch",
            Self::Laptop => "laptop",
            Self::Desktop => "desktop",
            Self::Unknown => "unknown",
        }
    }

    /// The kind that is called so; `None` for a word that is none, `unknown` among them.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::TOLD.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Itself where it is known.
    #[must_use]
    pub fn told(self) -> Option<Self> {
        Some(self).filter(|kind| !kind.is_unknown())
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }
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
    /// What sort of device it is, as it said when it was bound; nothing proves it.
    #[serde(default, skip_serializing_if = "DeviceKind::is_unknown")]
    pub kind: DeviceKind,
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

#[cfg(test)]
mod tests {
    use super::DeviceKind;

    #[test]
    fn a_kind_reads_back_and_a_later_one_reads_as_unknown() {
        for kind in DeviceKind::TOLD {
            let word = serde_json::to_value(kind).unwrap();
            assert_eq!(word, kind.as_str());
            assert_eq!(serde_json::from_value::<DeviceKind>(word).unwrap(), kind);
            assert_eq!(DeviceKind::named(kind.as_str()), Some(kind));
            assert_eq!(kind.told(), Some(kind));
        }
        assert_eq!(
            serde_json::from_value::<DeviceKind>("glasses".into()).unwrap(),
            DeviceKind::Unknown
        );
        assert_eq!(
            (DeviceKind::named("unknown"), DeviceKind::Unknown.told()),
            (None, None)
        );
    }
}
