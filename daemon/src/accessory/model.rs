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

/// What the owner has switched on for an accessory; nothing to begin with. Each device has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Calls that come in are shown on it.
    pub calls: bool,
    /// Texts that come in are.
    pub messages: bool,
    /// The session's helper passes the desktop's notifications on to it.
    pub notifications: bool,
    /// It measures the heart rate without pause while it is connected.
    pub heart_rate: bool,
}

/// What becomes of [`Wishes`]; `None` leaves as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WishChanges {
    /// See [`Wishes::calls`], as the others.
    pub calls: Option<bool>,
    /// See there.
    pub messages: Option<bool>,
    /// See there.
    pub notifications: Option<bool>,
    /// See there.
    pub heart_rate: Option<bool>,
}

impl Wishes {
    const CALLS: u8 = 1;
    const MESSAGES: u8 = 2;
    const NOTIFICATIONS: u8 = 4;
    const HEART_RATE: u8 = 8;

    /// The words for those that are switched on, as the bus shows them.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        let all = [
            (self.calls, "calls"),
            (self.messages, "messages"),
            (self.notifications, "notifications"),
            (self.heart_rate, "heart-rate"),
        ];
        all.into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| word)
            .collect()
    }

    /// With `changes`.
    #[must_use]
    pub fn with(self, changes: WishChanges) -> Self {
        Self {
            calls: changes.calls.unwrap_or(self.calls),
            messages: changes.messages.unwrap_or(self.messages),
            notifications: changes.notifications.unwrap_or(self.notifications),
            heart_rate: changes.heart_rate.unwrap_or(self.heart_rate),
        }
    }

    /// As it is stored: bit 0 calls, 1 messages, 2 notifications, 3 heart rate.
    #[must_use]
    pub fn bits(self) -> u8 {
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        bit(self.calls, Self::CALLS)
            | bit(self.messages, Self::MESSAGES)
            | bit(self.notifications, Self::NOTIFICATIONS)
            | bit(self.heart_rate, Self::HEART_RATE)
    }

    /// Reads what [`Wishes::bits`] wrote; bits of a later version are left out.
    #[must_use]
    pub const fn of_bits(bits: u8) -> Self {
        Self {
            calls: bits & Self::CALLS != 0,
            messages: bits & Self::MESSAGES != 0,
            notifications: bits & Self::NOTIFICATIONS != 0,
            heart_rate: bits & Self::HEART_RATE != 0,
        }
    }
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
