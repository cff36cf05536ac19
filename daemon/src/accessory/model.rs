//! What is kept of an accessory.

use belay_drivers::{Address, Key, Kind};
use belay_proto::id::AccessoryId;
use zeroize::Zeroizing;

/// A paired accessory, as it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its opaque id.
    pub id: AccessoryId,
    /// Which it is.
    pub kind: Kind,
    /// Its address; after a reset of the accessory it may be another, which is another accessory.
    pub address: Address,
    /// The name it advertised when it was paired.
    pub name: String,
    /// Its serial number, or empty.
    pub serial: String,
    /// Its key, where it has one.
    pub key: Option<Key>,
    /// The last minute of its history that is on disk, in seconds since the epoch; 0: none.
    pub synced_to: u64,
    /// When a sync last ended, in seconds since the epoch; 0: never.
    pub synced_at: u64,
}

/// The part of [`Saved`] that is sealed, in the form it is stored in.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Sealed {
    address: String,
    name: String,
    serial: String,
    /// Hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Zeroizing<String>>,
}

/// The sealed part of an accessory can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored accessory can't be read")]
pub struct NotAnAccessory;

impl Saved {
    /// What is to be sealed, as JSON.
    ///
    /// # Errors
    /// [`NotAnAccessory`]; it can't happen with what this type holds.
    pub fn secrets(&self) -> Result<Zeroizing<Vec<u8>>, NotAnAccessory> {
        let hex = |key: &Key| Zeroizing::new(belay_proto::text::hex(key.bytes()));
        let sealed = Sealed {
            address: self.address.to_string(),
            name: self.name.clone(),
            serial: self.serial.clone(),
            key: self.key.as_ref().map(hex),
        };
        serde_json::to_vec(&sealed)
            .map(Zeroizing::new)
            .map_err(|_| NotAnAccessory)
    }

    /// Puts together what was stored apart.
    ///
    /// # Errors
    /// [`NotAnAccessory`].
    pub fn read(
        id: AccessoryId,
        kind: &str,
        secrets: &[u8],
        synced_to: u64,
        synced_at: u64,
    ) -> Result<Self, NotAnAccessory> {
        let sealed: Sealed = serde_json::from_slice(secrets).map_err(|_| NotAnAccessory)?;
        let key = sealed.key.map(|hex| Key::from_hex(&hex)).transpose();
        Ok(Self {
            id,
            // A kind of a later version is kept, and shown as unknown.
            kind: kind.parse().unwrap_or_default(),
            address: sealed.address.parse().map_err(|_| NotAnAccessory)?,
            name: sealed.name,
            serial: sealed.serial,
            key: key.map_err(|_| NotAnAccessory)?,
            synced_to,
            synced_at,
        })
    }
}
