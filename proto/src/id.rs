//! Identifiers as types, so that one is never passed for another.

use crate::keys::{PublicKey, random, sha256};
use crate::text::{byte_newtype, from_any_bytes, from_hex, hex};

macro_rules! id16 {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        byte_newtype!($(#[$meta])* $name, 16, hex, from_hex, "32 lower-case hexadecimal digits");
        from_any_bytes!($name, 16);
        impl $name {
            /// A fresh one, from the kernel's random bytes.
            pub fn random() -> Self {
                Self(random())
            }
        }
    )+};
}

id16! {
    /// An account, 16 bytes drawn by the warden that registers it.
    AccountId,
    /// A device within one binding; see [`device_id`].
    DeviceId,
    /// One binding of a device, 16 bytes drawn each time; what was signed for another is void.
    Epoch,
    /// A ticket of the warden: 128 random bits.
    TicketId,
    /// A registration that waits for its confirmation.
    PendingId,
    /// An accessory, 16 random bytes drawn when it is first seen: it says nothing of the accessory's address.
    AccessoryId,
    /// An order of the owner to the cloud, 16 random bytes.
    OrderId,
}

byte_newtype!(
    /// A command: a UUIDv7 (RFC 9562), shown as 32 hexadecimal digits.
    CommandId, 16, hex, from_hex, "32 lower-case hexadecimal digits"
);
from_any_bytes!(CommandId, 16);

impl CommandId {
    /// A fresh one; begins with the wall clock in ms, so that ids sort by age for display.
    pub fn new() -> Self {
        Self(*uuid::Uuid::now_v7().as_bytes())
    }

    /// When it was made by the clock of whoever made it, ms since the Unix epoch; nothing for an id that isn't a UUIDv7,
    /// as of a command that came by SMS.
    pub fn made_at(&self) -> Option<u64> {
        let id = uuid::Uuid::from_bytes(self.0);
        let time = id.get_timestamp().filter(|_| id.get_version_num() == 7)?;
        let (seconds, nanoseconds) = time.to_unix();
        seconds
            .checked_mul(1000)?
            .checked_add(u64::from(nanoseconds / 1_000_000))
    }
}

impl Default for CommandId {
    fn default() -> Self {
        Self::new()
    }
}

byte_newtype!(
    /// A sealed report of a device: a UUIDv7 (RFC 9562), shown as 32 hexadecimal digits.
    ReportId, 16, hex, from_hex, "32 lower-case hexadecimal digits"
);
from_any_bytes!(ReportId, 16);

impl ReportId {
    /// A fresh one; begins with the wall clock in ms.
    pub fn new() -> Self {
        Self(*uuid::Uuid::now_v7().as_bytes())
    }
}

impl Default for ReportId {
    fn default() -> Self {
        Self::new()
    }
}

byte_newtype!(
    /// A piece of hardware: SHA-256 over its serial numbers, see [`crate::hardware`].
    HardwareId, 32, hex, from_hex, "64 lower-case hexadecimal digits"
);
from_any_bytes!(HardwareId, 32);

/// The device's id in one binding: the first 16 bytes of SHA-256(warden key ‖ epoch).
pub fn device_id(warden: &PublicKey, epoch: &Epoch) -> DeviceId {
    let digest = sha256(&[warden.as_bytes().as_slice(), epoch.as_bytes()].concat());
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    DeviceId(id)
}

#[cfg(test)]
mod tests {
    use super::{AccountId, CommandId, HardwareId};

    #[test]
    fn text_is_lower_case_hexadecimal_both_ways() {
        let id = AccountId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string(), "ab".repeat(16));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("AB".repeat(16).parse::<AccountId>().is_err());
        assert!("ab".repeat(15).parse::<AccountId>().is_err());
        assert!("ab".repeat(16).parse::<HardwareId>().is_err());
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
    }

    #[test]
    fn command_ids_are_version_seven() {
        assert_eq!(CommandId::new().as_bytes()[6] >> 4, 7);
    }

    #[test]
    fn a_command_id_tells_when_it_was_made() {
        // RFC 9562, A.6: 2022-02-22 19:22:22 UTC.
        let id: CommandId = "017f22e279b07cc398c4dc0c0c07398f".parse().unwrap();
        assert_eq!(id.made_at(), Some(0x017f_22e2_79b0));
        for other in [
            "00".repeat(16),
            "ff".repeat(16),
            "017f22e279b04cc398c4dc0c0c07398f".into(),
        ] {
            assert_eq!(other.parse::<CommandId>().unwrap().made_at(), None, "{other}");
        }
    }
}
