//! Orders: what the owner wants done with the account, under the owner key, so that a session alone can't.

use super::object;
use crate::cbor::{Item, Malformed, Value};
use crate::id::{AccountId, DeviceId, OrderId};
use crate::identifier::Identifier;

crate::cbor_map! {
    /// Signed by the owner key. The cloud does it once, and only under the credentials' generation that holds.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct AccountOrder {
        /// The account.
        pub account: AccountId,
        /// Names the order; it is done once.
        pub id: OrderId,
        /// The credentials' generation it was signed under.
        pub generation: u64,
        /// What is to be done.
        pub deed: Deed,
    }
}

object!(AccountOrder, b"belay-order/1\0");

/// What an order has done. As text, and as the subject of the ticket it is signed with: the deed's name, and after a space
/// what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Adds an address that was verified, in its signer's normal form: `add-identifier a@example.org`.
    AddIdentifier(String),
    /// Removes the address with this id of the cloud's, 32 hexadecimal digits: `remove-identifier …`.
    RemoveIdentifier(String),
    /// Makes the address with this id the login: `set-login …`.
    SetLogin(String),
    /// Removes a device: `remove-device …`.
    RemoveDevice(DeviceId),
    /// Deletes the account: `delete-account`.
    DeleteAccount,
    /// Asks that the device's bootloader may be unlocked: `unlock-bootloader …`.
    UnlockBootloader(DeviceId),
}

impl Deed {
    /// Reads the text.
    ///
    /// # Errors
    /// [`Malformed`] for any other text.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (name, subject) = text.split_once(' ').unwrap_or((text, ""));
        let device = || subject.parse().map_err(|_| Malformed::new("not a device"));
        let id =
            || match subject.len() == 32 && subject.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                true => Ok(subject.to_owned()),
                false => Err(Malformed::new("not an id")),
            };
        let deed = match name {
            "add-identifier" => Self::AddIdentifier(subject.to_owned()),
            "remove-identifier" => Self::RemoveIdentifier(id()?),
            "set-login" => Self::SetLogin(id()?),
            "remove-device" => Self::RemoveDevice(device()?),
            "delete-account" => Self::DeleteAccount,
            "unlock-bootloader" => Self::UnlockBootloader(device()?),
            _ => return Err(Malformed::new("an unknown deed")),
        };
        match deed.to_string() == text
            && !matches!(&deed, Self::AddIdentifier(address) if !is_normal(address))
        {
            true => Ok(deed),
            false => Err(Malformed::new("a deed in another form")),
        }
    }
}

/// Whether an address is in a normal form, of this version or of an earlier one, which changed nothing but the domain's capitals.
fn is_normal(address: &str) -> bool {
    let is_written_so = |normal: &str| match address.rsplit_once('@') {
        Some((_, domain)) => address.trim() == address && domain.to_lowercase() == domain,
        None => address == normal,
    };
    Identifier::parse(address).is_ok_and(|normal| is_written_so(normal.as_str()))
}

impl Deed {
    /// Whether it adds this address, whichever version's normal form either is in.
    pub fn adds(&self, proved: &str) -> bool {
        let Self::AddIdentifier(address) = self else {
            return false;
        };
        let normal = |text| Identifier::parse(text).ok().map(|it| it.as_str().to_owned());
        normal(address).is_some_and(|address| Some(address) == normal(proved))
    }
}

impl std::fmt::Display for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AddIdentifier(address) => write!(f, "add-identifier {address}"),
            Self::RemoveIdentifier(id) => write!(f, "remove-identifier {id}"),
            Self::SetLogin(id) => write!(f, "set-login {id}"),
            Self::RemoveDevice(device) => write!(f, "remove-device {device}"),
            Self::DeleteAccount => f.write_str("delete-account"),
            Self::UnlockBootloader(device) => write!(f, "unlock-bootloader {device}"),
        }
    }
}

impl Item for Deed {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        Self::parse(&String::from_value(value)?)
    }
}
