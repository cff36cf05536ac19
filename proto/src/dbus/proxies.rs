//! Proxies of what stands. Errors arrive as [`Error`]; the whole contract, member by member, is in the XML.

mod accessory;
mod account;
mod sync;

use std::collections::HashMap;

use zbus::{Fd, OwnedFd, OwnedVariant, Variant};

use super::{AssuranceLevel, BindingState, Error, LocationFix, LockState, WipeClass};

pub use accessory::{AccessoryManagerProxy, AccessoryProxy};
pub use account::AccountProxy;
pub use sync::{CollectionProxy, RecordEntry, SyncProxy};

/// Options of a call, `a{sv}`; an unknown key is `InvalidArgument`.
pub type Options<'a> = HashMap<&'a str, Variant<'a>>;
/// A dictionary that came over the bus, `a{sv}`.
pub type Details = HashMap<String, OwnedVariant>;
/// An entry of `Account.Identifiers`: id, kind, masked value, verified.
pub type IdentifierEntry = (String, String, String, bool);
/// What `Account.ListDevices` answers: `id`, `name`, `model`, `kind`, `this`, `last-seen`, `lost`.
pub type DeviceEntries = Vec<Details>;
/// `Account.Commands`: `id`, `device`, `action`, `state`.
pub type CommandEntries = Vec<Details>;
/// What `History` answers: `time`, `boot-time`, `event`, `actor`, `detail`, `hash`.
pub type AuditEntries = Vec<Details>;

/// `org.belay1.Manager`.
#[zbus::proxy(
    interface = "org.belay1.Manager",
    default_service = "org.belay1",
    default_path = "/org/belay1"
)]
pub trait Manager {
    /// belayd's version.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> Result<String, Error>;

    /// What this device can do.
    #[zbus(property)]
    fn capabilities(&self) -> Result<Vec<String>, Error>;
}

/// `org.belay1.Device`.
#[zbus::proxy(
    interface = "org.belay1.Device",
    default_service = "org.belay1",
    default_path = "/org/belay1/device"
)]
pub trait Device {
    /// The device's id, or empty.
    #[zbus(property)]
    fn device_id(&self) -> Result<String, Error>;

    /// The name its owner gave it.
    #[zbus(property)]
    fn name(&self) -> Result<String, Error>;

    /// The model.
    #[zbus(property)]
    fn model(&self) -> Result<String, Error>;

    /// What the boot chain and disk encryption let us promise.
    #[zbus(property)]
    fn assurance_level(&self) -> Result<AssuranceLevel, Error>;

    /// Why, as codes.
    #[zbus(property)]
    fn assurance_notes(&self) -> Result<Vec<String>, Error>;

    /// What a wipe is worth.
    #[zbus(property)]
    fn wipe_class(&self) -> Result<WipeClass, Error>;

    /// Whether the device takes its owner's commands.
    #[zbus(property)]
    fn find_enabled(&self) -> Result<bool, Error>;

    /// Whether the device is lost.
    #[zbus(property)]
    fn lock_state(&self) -> Result<LockState, Error>;

    /// While lost: the owner's message to whoever holds the device.
    #[zbus(property)]
    fn lost_message(&self) -> Result<String, Error>;

    /// While lost: the number to call, E.164.
    #[zbus(property)]
    fn owner_phone(&self) -> Result<String, Error>;

    /// Whether it rings because its owner asked.
    #[zbus(property)]
    fn ringing(&self) -> Result<bool, Error>;

    /// Whether the command channel is up.
    #[zbus(property)]
    fn connected(&self) -> Result<bool, Error>;

    /// What the device does by itself.
    #[zbus(property)]
    fn policies(&self) -> Result<Details, Error>;

    /// Turns find-device on or off. Prefer [`super::client::set_find_enabled`].
    fn set_find_enabled(&self, enabled: bool, ticket: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Changes what the device does by itself. Prefer [`super::client::set_policies`].
    fn set_policies(&self, policies: &Options<'_>, ticket: &str, options: &Options<'_>) -> Result<(), Error>;

    /// While lost: dials the owner's number.
    fn call_owner(&self, options: &Options<'_>) -> Result<(), Error>;

    /// Stops the ringing.
    fn stop_ringing(&self, options: &Options<'_>) -> Result<(), Error>;

    /// Where the device is. polkit may ask the person for their password.
    #[zbus(allow_interactive_auth)]
    fn get_location(&self, options: &Options<'_>) -> Result<LocationFix, Error>;

    /// Renames the device.
    fn set_name(&self, name: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Allows a factory reset for this boot; answers the authorisation as text.
    fn authorize_reset(&self, ticket: &str, options: &Options<'_>) -> Result<OwnedFd, Error>;

    /// The audit log from a point in time, seconds since the epoch.
    fn history(&self, since: u64, options: &Options<'_>) -> Result<AuditEntries, Error>;

    /// A command of the owner was accepted: its id, and what it asks for.
    #[zbus(signal)]
    fn command_received(&self, id: &str, action: &str) -> Result<(), Error>;

    /// A command ended: its id, what it asked for, and `done`, `failed` or why it was refused.
    #[zbus(signal)]
    fn command_finished(&self, id: &str, action: &str, outcome: &str) -> Result<(), Error>;

    /// Another SIM is in the device.
    #[zbus(signal)]
    fn sim_changed(&self) -> Result<(), Error>;

    /// Something the owner should know happened, as a code.
    #[zbus(signal)]
    fn security_event(&self, kind: &str) -> Result<(), Error>;
}

/// `org.belay1.Warden`.
#[zbus::proxy(
    interface = "org.belay1.Warden",
    default_service = "org.belay1.Warden",
    default_path = "/org/belay1/warden"
)]
pub trait Warden {
    /// Whose device this is.
    #[zbus(property)]
    fn binding_state(&self) -> Result<BindingState, Error>;

    /// Whether the device is lost.
    #[zbus(property)]
    fn lock_state(&self) -> Result<LockState, Error>;

    /// Until the next try of the session, ms.
    #[zbus(property(emits_changed_signal = "false"))]
    fn retry_after(&self) -> Result<u64, Error>;

    /// Until a recovery without the code takes hold, ms of boot time; 0: none is waited out.
    #[zbus(property(emits_changed_signal = "false"))]
    fn hold_left(&self) -> Result<u64, Error>;

    /// Tries of the session before the next wait.
    #[zbus(property)]
    fn tries_left(&self) -> Result<u32, Error>;

    /// Hands secrets in; answers a ticket. Prefer [`super::client::WardenClient::present`].
    fn present(&self, purpose: &str, subject: &str, secrets: HashMap<&str, Fd<'_>>) -> Result<String, Error>;

    /// How strong a password is, 0–4.
    fn check(&self, password: Fd<'_>) -> Result<u8, Error>;

    /// Ends lost mode with the password.
    fn unlock(&self, password: Fd<'_>) -> Result<(), Error>;

    /// belayd and root only: what this device is, and whose.
    fn identity(&self) -> Result<Details, Error>;

    /// belayd only: a newer credentials record, signed bytes; whether it was taken.
    fn credentials(&self, record: &[u8]) -> Result<bool, Error>;

    /// belayd only: a command as it came, an envelope's bytes; answers a
    /// [`Disposition`](crate::signed::Disposition)'s name.
    fn command(&self, envelope: &[u8]) -> Result<String, Error>;

    /// belayd only: one step of a ticket's purpose, or of none. Root too for the step `tick`.
    #[zbus(name = "Use")]
    fn use_ticket(&self, ticket: &str, step: &str, input: &[u8]) -> Result<Vec<u8>, Error>;

    /// belayd and root only: into lost mode, never out of it.
    fn tighten(&self, reason: &str) -> Result<(), Error>;

    /// belayd only: it is in contact with the cloud just now.
    fn beat(&self) -> Result<(), Error>;

    /// The recovery code of a registration that isn't acknowledged yet, to who brings the claim that
    /// `Account.ConfirmRegistration` answered; never to belayd. Prefer [`super::client::confirm_registration`].
    fn recovery_code(&self, claim: Fd<'_>) -> Result<OwnedFd, Error>;

    /// belayd only: the audit log from a point in time, seconds since the epoch.
    fn history(&self, since: u64) -> Result<AuditEntries, Error>;
}
