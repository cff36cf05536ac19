//! What the warden shows of itself, as belayd last saw it.

use std::collections::HashMap;

use belay_proto::dbus::{AssuranceLevel, BindingState, LockState, WipeClass};
use belay_proto::keys::PublicKey;
use belay_proto::{AccountId, DeviceId, Epoch, HardwareId};
use zbus::OwnedVariant;

/// The warden's properties. The default is what counts until the warden was reached: everything unknown,
/// which opens nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WardenView {
    /// To whom the device belongs.
    pub binding: BindingState,
    /// Whether it is usable.
    pub lock: LockState,
    /// How often the session may be wrong before it has to wait.
    pub tries_left: Option<u32>,
    /// What and whose it is.
    pub identity: Identity,
    /// Whether the last reading succeeded: what an older one found is still shown where it didn't.
    pub is_current: bool,
}

impl WardenView {
    /// Whether everything but the way back is closed: the device is lost, being wiped, or its state can't be
    /// trusted. An unknown state isn't lost: the warden refuses by itself what it must.
    pub fn is_lost(&self) -> bool {
        matches!(
            self.lock,
            LockState::Lost | LockState::Wiping | LockState::Wiped | LockState::Tampered
        ) || self.binding == BindingState::Tampered
    }
}

/// What the warden's `Identity` answers, key by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// `hardware`: the id of this hardware.
    pub hardware: Option<HardwareId>,
    /// `hardware-locked`: the id rests on a part that isn't printed on the case, so activation lock applies.
    pub hardware_locked: bool,
    /// `assurance-level`.
    pub assurance_level: AssuranceLevel,
    /// `assurance-notes`: why.
    pub assurance_notes: Vec<String>,
    /// `wipe-class`.
    pub wipe_class: WipeClass,
    /// `device`, while bound.
    pub device: Option<DeviceId>,
    /// `epoch`, while bound.
    pub epoch: Option<Epoch>,
    /// `account`, while bound.
    pub account: Option<AccountId>,
    /// `owner`: the pinned public key, while bound.
    pub owner: Option<PublicKey>,
    /// `generation` of the credentials the warden knows; 0 while unbound.
    pub generation: u64,
    /// `masked-login`: the owner's login, masked, while bound.
    pub masked_login: Option<String>,
}

impl Identity {
    /// Reads the dictionary; keys that this belayd doesn't know are left aside, and a value of a wrong type
    /// counts as absent.
    pub(super) fn from_dict(mut dict: HashMap<String, OwnedVariant>) -> Self {
        let mut text = |key: &str| dict.remove(key).and_then(|value| String::try_from(value).ok());
        let mut identity = Self {
            hardware: text("hardware").and_then(|text| text.parse().ok()),
            assurance_level: text("assurance-level")
                .map(|text| parse(&text))
                .unwrap_or_default(),
            wipe_class: text("wipe-class").map(|text| parse(&text)).unwrap_or_default(),
            device: text("device").and_then(|text| text.parse().ok()),
            epoch: text("epoch").and_then(|text| text.parse().ok()),
            account: text("account").and_then(|text| text.parse().ok()),
            masked_login: text("masked-login"),
            ..Self::default()
        };
        let mut take = |key: &str| dict.remove(key);
        identity.hardware_locked = take("hardware-locked")
            .and_then(|value| bool::try_from(value).ok())
            .unwrap_or(false);
        identity.assurance_notes = take("assurance-notes")
            .and_then(|value| Vec::try_from(value).ok())
            .unwrap_or_default();
        identity.owner = take("owner")
            .and_then(|value| Vec::<u8>::try_from(value).ok())
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(PublicKey::from_bytes);
        identity.generation = take("generation")
            .and_then(|value| u64::try_from(value).ok())
            .unwrap_or(0);
        identity
    }
}

/// Parses one of the contract's enumerations, whose unknown words are `unknown`.
pub(super) fn parse<T: std::str::FromStr + Default>(text: &str) -> T {
    text.parse().unwrap_or_default()
}
