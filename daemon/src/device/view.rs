//! What is known of the device, in one value.

use belay_proto::DeviceId;
use belay_proto::dbus::{AssuranceLevel, BindingState, LockState, WipeClass};

use crate::warden::{PoliciesView, WardenView};

/// The properties of `org.belay1.Device`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceView {
    /// The device's id; `None` while unbound.
    pub id: Option<DeviceId>,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub model: String,
    /// What its boot chain and encryption let us promise.
    pub assurance_level: AssuranceLevel,
    /// Why.
    pub assurance_notes: Vec<String>,
    /// What a wipe would achieve.
    pub wipe_class: WipeClass,
    /// Whether it is usable.
    pub lock: LockState,
    /// Whether everything but the way back is closed.
    pub lost: bool,
    /// Whether it takes its owner's commands.
    pub find: bool,
    /// The owner's words to whoever holds it, while lost.
    pub lost_message: String,
    /// The number to call, E.164, while lost; empty: none.
    pub owner_phone: String,
    /// What it does by itself; nothing while unbound.
    pub policies: Option<PoliciesView>,
    /// Whether wrong passwords have used up all tries that cost no waiting.
    pub guessing: bool,
}

impl DeviceView {
    /// Takes over what the warden says.
    pub(super) fn take(&mut self, warden: &WardenView) {
        self.id = warden.identity.device;
        self.assurance_level = warden.identity.assurance_level;
        self.assurance_notes.clone_from(&warden.identity.assurance_notes);
        self.wipe_class = warden.identity.wipe_class;
        self.lock = warden.lock;
        self.lost = warden.is_lost();
        self.find = warden.identity.find;
        self.lost_message.clone_from(&warden.identity.lost_message);
        self.owner_phone.clone_from(&warden.identity.owner_phone);
        self.policies = (warden.binding == BindingState::Bound).then(|| warden.identity.policies.clone());
        self.guessing = warden.tries_left == Some(0);
    }
}
