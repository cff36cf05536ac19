//! `org.belay1.Device`: identity, name and state of this device.

use std::collections::HashMap;

use belay_proto::clock::millis_up;
use belay_proto::dbus::{AuditEntries, LocationFix};
use belay_proto::text::base64url;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{OwnedFd, OwnedVariant, Variant, interface};

use super::{Action, Authority, Error, Options, arguments, policies};
use crate::device::{DeviceHandle, DeviceView};
use crate::find::FindHandle;

/// The interface at `/org/belay1/device`.
#[derive(Debug)]
pub struct Device {
    device: DeviceHandle,
    find: FindHandle,
    authority: Authority,
}

impl Device {
    /// The interface of `device` and what its owner has it do, whose methods ask `authority` first.
    pub fn new(device: DeviceHandle, find: FindHandle, authority: Authority) -> Self {
        Self {
            device,
            find,
            authority,
        }
    }

    /// Whether polkit lets the caller, and the device isn't lost: said before an argument is looked at.
    async fn may(&self, header: &Header<'_>, action: Action) -> Result<(), Error> {
        self.authority.authorise(header, action).await?;
        Ok(self.device.not_lost()?)
    }

    /// The view, unless the device is lost: then its state, and what is for whoever holds it, is all that may be read.
    fn view(&self) -> Result<DeviceView, Error> {
        self.device.not_lost()?;
        Ok(self.device.view_for_reader())
    }
}

type OptionMap = HashMap<String, OwnedVariant>;

#[interface(name = "org.belay1.Device", introspection_docs = false)]
impl Device {
    /// The device's id in hex; empty while unbound.
    #[zbus(property)]
    fn device_id(&self) -> Result<String, Error> {
        Ok(self.view()?.id.map(|id| id.to_string()).unwrap_or_default())
    }

    /// What the device is called.
    #[zbus(property)]
    fn name(&self) -> Result<String, Error> {
        Ok(self.view()?.name)
    }

    /// What it is.
    #[zbus(property)]
    fn model(&self) -> Result<String, Error> {
        Ok(self.view()?.model)
    }

    /// What its boot chain and disk encryption let us promise.
    #[zbus(property)]
    fn assurance_level(&self) -> Result<String, Error> {
        Ok(self.view()?.assurance_level.to_string())
    }

    /// Why.
    #[zbus(property)]
    fn assurance_notes(&self) -> Result<Vec<String>, Error> {
        Ok(self.view()?.assurance_notes)
    }

    /// What a wipe would achieve.
    #[zbus(property)]
    fn wipe_class(&self) -> Result<String, Error> {
        Ok(self.view()?.wipe_class.to_string())
    }

    /// Whether the device is usable; readable in every state.
    #[zbus(property)]
    fn lock_state(&self) -> String {
        self.device.view_for_reader().lock.to_string()
    }

    /// Whether the device takes its owner's commands.
    #[zbus(property)]
    fn find_enabled(&self) -> Result<bool, Error> {
        Ok(self.view()?.find)
    }

    /// The owner's words to whoever holds the device, while lost; readable in every state.
    #[zbus(property)]
    fn lost_message(&self) -> String {
        self.device.view_for_reader().lost_message
    }

    /// The number to call, while lost; readable in every state.
    #[zbus(property)]
    fn owner_phone(&self) -> String {
        self.device.view_for_reader().owner_phone
    }

    /// Whether it rings because its owner asked; readable in every state.
    #[zbus(property)]
    fn ringing(&self) -> bool {
        *self.find.ringing().borrow()
    }

    /// Whether the command channel is up.
    #[zbus(property)]
    fn connected(&self) -> Result<bool, Error> {
        self.device.not_lost()?;
        Ok(self.find.view().connected)
    }

    /// What the device does by itself.
    #[zbus(property)]
    fn policies(&self) -> Result<HashMap<String, Variant<'static>>, Error> {
        Ok(policies::shown(self.view()?.policies.as_ref()))
    }

    /// Turns find-device on or off.
    async fn set_find_enabled(
        &self,
        enabled: bool,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may(&header, Action::DeviceManage).await?;
        Options::none(options)?;
        let ticket = arguments::ticket(&ticket)?;
        Ok(self.find.set_find(enabled, &ticket).await?)
    }

    /// Changes what the device does by itself.
    async fn set_policies(
        &self,
        policies: OptionMap,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may(&header, Action::DeviceManage).await?;
        Options::none(options)?;
        let ticket = arguments::ticket(&ticket)?;
        let changes = policies::changes(policies).await?;
        Ok(self.find.set_policies(&changes, &ticket).await?)
    }

    /// Dials the owner's number, while lost.
    async fn call_owner(&self, options: OptionMap, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.authority.at_the_screen(&header).await?;
        Options::none(options)?;
        Ok(self.find.call_owner().await?)
    }

    /// Stops the ringing.
    async fn stop_ringing(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.authority.at_the_device(&header).await?;
        Options::none(options)?;
        Ok(self.find.stop_ringing().await?)
    }

    /// Where the device is.
    #[zbus(out_args("location"))]
    async fn get_location(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(LocationFix,), Error> {
        self.may(&header, Action::LocationRead).await?;
        Options::none(options)?;
        let found = self.find.location().await?;
        // One struct, not its members.
        Ok((LocationFix {
            latitude: found.latitude,
            longitude: found.longitude,
            accuracy: found.accuracy,
            altitude: found.altitude.unwrap_or(f64::NAN),
            measured: found.measured_at,
            age: millis_up(found.age),
            source: found.source.into(),
        },))
    }

    /// Names the device.
    async fn set_name(
        &self,
        name: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may(&header, Action::DeviceManage).await?;
        Options::none(options)?;
        Ok(self.device.set_name(name).await?)
    }

    /// Allows a factory reset for this boot, 10 minutes.
    #[zbus(out_args("authorisation"))]
    async fn authorize_reset(
        &self,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        self.may(&header, Action::AccountRemove).await?;
        let mut options = Options::new(options);
        let release = options.take_bool("release")?.unwrap_or(false);
        options.finish()?;
        let ticket = arguments::ticket(&ticket)?;
        let authorisation = self.device.authorise_reset(ticket, release).await?;
        arguments::descriptor(&base64url(&authorisation))
    }

    /// The audit log.
    #[zbus(out_args("entries"))]
    async fn history(
        &self,
        since: u64,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<AuditEntries, Error> {
        self.may(&header, Action::DataRead).await?;
        Options::none(options)?;
        Ok(self.device.history(since).await?)
    }

    /// A command of the owner was accepted.
    #[zbus(signal)]
    pub async fn command_received(emitter: &SignalEmitter<'_>, id: &str, action: &str) -> zbus::Result<()>;

    /// A command has ended: `done`, `failed`, or why it was refused.
    #[zbus(signal)]
    pub async fn command_finished(
        emitter: &SignalEmitter<'_>,
        id: &str,
        action: &str,
        outcome: &str,
    ) -> zbus::Result<()>;

    /// Another SIM is in the device.
    #[zbus(signal)]
    pub async fn sim_changed(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    /// Something that the owner should know of has happened: `tampered`, the device's state can't be trusted
    /// any more; `password-check`, wrong passwords have used up the tries that cost no waiting;
    /// `command-` and the reason for which a command was refused.
    #[zbus(signal)]
    pub async fn security_event(emitter: &SignalEmitter<'_>, kind: &str) -> zbus::Result<()>;
}
