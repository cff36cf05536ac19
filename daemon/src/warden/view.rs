//! What the warden shows of itself, as belayd last saw it.

use std::collections::HashMap;

use belay_proto::dbus::{AssuranceLevel, BindingState, LockState, WipeClass};
use belay_proto::keys::{BoxPublicKey, PublicKey};
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
    /// `key-epoch`: the newest of the account's keys that the warden keeps; 0: none.
    pub key_epoch: u64,
    /// `key-epochs`: how many of them it keeps. Older ones may come later than the newest.
    pub key_epochs: u64,
    /// `removed`: the devices that were removed from the account, as the keyring says that the warden keeps.
    pub removed: Vec<DeviceId>,
    /// `masked-login`: the owner's login, masked, while bound.
    pub masked_login: Option<String>,
    /// `find`: the device takes its owner's commands.
    pub find: bool,
    /// `policies`.
    pub policies: PoliciesView,
    /// `lost-message`: the owner's words to whoever holds the device, while lost.
    pub lost_message: String,
    /// `owner-phone`: the number to call, E.164, while lost; empty: none.
    pub owner_phone: String,
    /// `trusted-number`: what gets an SMS from a new SIM, E.164.
    pub trusted_number: Option<String>,
    /// `presence`: how often the password was proved here in this epoch.
    pub presence: u64,
    /// `episode`: how often the device was locked in this epoch.
    pub episode: u64,
    /// `report-box`: what reports to the owner are sealed to, while bound.
    pub report_box: Option<BoxPublicKey>,
    /// `hold`: how a recovery without the code stands here.
    pub hold: HoldView,
    /// `warden-key`: what outcomes are signed with, while bound.
    pub warden_key: Option<PublicKey>,
}

/// How a recovery without the code stands at this device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HoldView {
    /// None runs, and the cloud knows how the last one ended.
    #[default]
    None,
    /// It is being waited out.
    Running,
    /// It was waited out: the pin has moved, and the cloud is to be told.
    Over,
    /// It was ended, and the cloud is to be told.
    Ended,
}

/// What the device does by itself, as far as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoliciesView {
    /// `lock-after-offline`, ms; 0 = off.
    pub lock_after_offline: u64,
    /// `wipe-after-offline`, ms; 0 = off.
    pub wipe_after_offline: u64,
    /// `lock-on-sim-change`.
    pub lock_on_sim_change: bool,
    /// `lock-on-accessory-lost`.
    pub lock_on_accessory_lost: bool,
    /// `recovery-without-code`.
    pub recovery_without_code: bool,
    /// `dry-run`.
    pub dry_run: bool,
    /// `trusted-number-set`; the number itself is for nobody who can read properties.
    pub trusted_number_set: bool,
}

impl PoliciesView {
    /// Reads the dictionary, as [`Identity::from_dict`] does.
    fn from_dict(mut dict: HashMap<String, OwnedVariant>) -> Self {
        let mut time = |key: &str| {
            let value = dict.remove(key).and_then(|value| u64::try_from(value).ok());
            value.unwrap_or(0)
        };
        let (lock_after_offline, wipe_after_offline) =
            (time("lock-after-offline"), time("wipe-after-offline"));
        let mut is_set = |key: &str| {
            let value = dict.remove(key).and_then(|value| bool::try_from(value).ok());
            value.unwrap_or(false)
        };
        Self {
            lock_after_offline,
            wipe_after_offline,
            lock_on_sim_change: is_set("lock-on-sim-change"),
            lock_on_accessory_lost: is_set("lock-on-accessory-lost"),
            recovery_without_code: is_set("recovery-without-code"),
            dry_run: is_set("dry-run"),
            trusted_number_set: is_set("trusted-number-set"),
        }
    }
}

impl Identity {
    /// The newest of the account's keys that the warden keeps, and how many there are: one of both rises with whatever is added.
    #[must_use]
    pub const fn held_keys(&self) -> (u64, u64) {
        (self.key_epoch, self.key_epochs)
    }

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
            hold: match text("hold").as_deref() {
                Some("running") => HoldView::Running,
                Some("over") => HoldView::Over,
                Some("ended") => HoldView::Ended,
                _ => HoldView::None,
            },
            lost_message: text("lost-message").unwrap_or_default(),
            owner_phone: text("owner-phone").unwrap_or_default(),
            trusted_number: text("trusted-number").filter(|number| !number.is_empty()),
            ..Self::default()
        };
        let mut take = |key: &str| dict.remove(key);
        identity.hardware_locked = take("hardware-locked")
            .and_then(|value| bool::try_from(value).ok())
            .unwrap_or(false);
        identity.assurance_notes = take("assurance-notes")
            .and_then(|value| Vec::try_from(value).ok())
            .unwrap_or_default();
        let removed: Vec<String> = take("removed")
            .and_then(|value| Vec::try_from(value).ok())
            .unwrap_or_default();
        identity.removed = removed.iter().filter_map(|id| id.parse().ok()).collect();
        identity.find = take("find")
            .and_then(|value| bool::try_from(value).ok())
            .unwrap_or(false);
        identity.policies = take("policies")
            .and_then(|value| HashMap::try_from(value).ok())
            .map(PoliciesView::from_dict)
            .unwrap_or_default();
        let mut key = |name: &str| {
            let bytes = Vec::<u8>::try_from(take(name)?).ok()?;
            <[u8; 32]>::try_from(bytes).ok()
        };
        identity.owner = key("owner").map(PublicKey::from_bytes);
        identity.warden_key = key("warden-key").map(PublicKey::from_bytes);
        identity.report_box = key("report-box").and_then(|bytes| BoxPublicKey::try_from(bytes).ok());
        let mut number = |name: &str| {
            let value = dict.remove(name).and_then(|value| u64::try_from(value).ok());
            value.unwrap_or(0)
        };
        identity.generation = number("generation");
        identity.key_epoch = number("key-epoch");
        identity.key_epochs = number("key-epochs");
        identity.presence = number("presence");
        identity.episode = number("episode");
        identity
    }
}

/// Parses one of the contract's enumerations, whose unknown words are `unknown`.
pub(super) fn parse<T: std::str::FromStr + Default>(text: &str) -> T {
    text.parse().unwrap_or_default()
}
