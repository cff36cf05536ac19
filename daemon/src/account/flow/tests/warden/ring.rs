//! A keyring without keys: its number, and the devices that it names as removed.

use belay_proto::id::DeviceId;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    pub key_epoch: u64,
    pub removed: Vec<DeviceId>,
}

impl Ring {
    /// The one after it, which names a removed device more.
    pub fn without(&self, device: DeviceId) -> Self {
        let mut removed = self.removed.clone();
        removed.push(device);
        Self {
            key_epoch: self.key_epoch + 1,
            removed,
        }
    }

    /// In a device's box.
    pub fn boxed(&self) -> Vec<u8> {
        let ids: Vec<String> = self.removed.iter().map(DeviceId::to_string).collect();
        format!("ring {} {}", self.key_epoch, ids.join(",")).into_bytes()
    }

    /// Nothing where something else is in the box.
    pub fn read(boxed: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(boxed).ok()?.strip_prefix("ring ")?;
        let (key_epoch, ids) = text.split_once(' ')?;
        Some(Self {
            key_epoch: key_epoch.parse().ok()?,
            removed: ids.split(',').filter_map(|id| id.parse().ok()).collect(),
        })
    }
}
