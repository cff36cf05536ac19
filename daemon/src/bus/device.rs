//! `org.belay1.Device`: identity, name and state of this device.

use std::collections::HashMap;

use belay_proto::dbus::AuditEntries;
use belay_proto::text::base64url;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{OwnedFd, OwnedVariant, interface};

use super::{Action, Authority, Error, Options, arguments};
use crate::device::{DeviceHandle, DeviceView};

/// The interface at `/org/belay1/device`.
#[derive(Debug)]
pub struct Device {
    device: DeviceHandle,
    authority: Authority,
}

impl Device {
    /// The interface of `device`, whose methods ask `authority` first.
    pub fn new(device: DeviceHandle, authority: Authority) -> Self {
        Self { device, authority }
    }

    /// Whether polkit lets the caller, and the device isn't lost: said before an argument is looked at.
    async fn may(&self, header: &Header<'_>, action: Action) -> Result<(), Error> {
        self.authority.authorise(header, action).await?;
        Ok(self.device.not_lost()?)
    }

    /// The view, unless the device is lost: then its state is all that may be read.
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

    /// Something that the owner should know of has happened: `tampered`, the device's state can't be trusted
    /// any more; `password-check`, wrong passwords have used up the tries that cost no waiting.
    #[zbus(signal)]
    pub async fn security_event(emitter: &SignalEmitter<'_>, kind: &str) -> zbus::Result<()>;
}
