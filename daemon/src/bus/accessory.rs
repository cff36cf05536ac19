//! `org.belay1.Accessory`: one accessory.

mod announcer;
mod settings;
mod values;

use std::collections::HashMap;

use belay_drivers::alert::AlertKind;
use belay_drivers::{Alert, Key, Settings};
use belay_proto::dbus::fd::read_secret;
use belay_proto::id::AccessoryId;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedVariant, Variant, interface};

use super::caller::while_here;
use super::{Action, Authority, Error, Options, arguments};
use crate::accessory::{AccessoryHandle, AccessoryView, WishChanges};
use crate::device::DeviceHandle;
use crate::warden::PasswordSteps;

pub use announcer::AccessoryAnnouncer;

/// What every accessory's interface works with; clones share it.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The domain.
    pub accessories: AccessoryHandle,
    /// The device, which may be lost.
    pub device: DeviceHandle,
    /// Steps that check the password.
    pub passwords: PasswordSteps,
    /// polkit.
    pub authority: Authority,
}

/// The interface at `/org/belay1/accessories/ID`.
#[derive(Debug)]
pub struct Accessory {
    id: AccessoryId,
    desk: Desk,
}

impl Accessory {
    /// The interface of the accessory `id`.
    pub fn new(id: AccessoryId, desk: Desk) -> Self {
        Self { id, desk }
    }

    async fn may(&self, header: &Header<'_>, action: Action) -> Result<(), Error> {
        self.desk.authority.authorise(header, action).await?;
        Ok(self.desk.device.not_lost()?)
    }

    async fn may_without_options(
        &self,
        header: &Header<'_>,
        action: Action,
        options: OptionMap,
    ) -> Result<(), Error> {
        self.may(header, action).await?;
        Ok(Options::none(options)?)
    }

    fn view(&self) -> Result<AccessoryView, Error> {
        self.desk.device.not_lost()?;
        let mut view = self.desk.accessories.view();
        let gone = || Error::NotFound("the accessory is gone".into());
        view.accessories.remove(&self.id).ok_or_else(gone)
    }
}

type OptionMap = HashMap<String, OwnedVariant>;
type Dictionary = HashMap<String, Variant<'static>>;

#[interface(name = "org.belay1.Accessory", introspection_docs = false)]
impl Accessory {
    /// What it calls itself.
    #[zbus(property)]
    fn name(&self) -> Result<String, Error> {
        Ok(self.view()?.name)
    }

    /// Which it is.
    #[zbus(property)]
    fn kind(&self) -> Result<String, Error> {
        Ok(self.view()?.kind.name().to_owned())
    }

    /// What it is doing.
    #[zbus(property)]
    fn state(&self) -> Result<String, Error> {
        Ok(self.view()?.state.to_owned())
    }

    /// The name of an error, or empty.
    #[zbus(property)]
    fn problem(&self) -> Result<String, Error> {
        Ok(self.view()?.problem.to_owned())
    }

    /// What to do about it.
    #[zbus(property)]
    fn problem_advice(&self) -> Result<String, Error> {
        Ok(self.view()?.advice.to_owned())
    }

    /// Signal strength, dBm.
    #[zbus(property(emits_changed_signal = "false"))]
    fn rssi(&self) -> Result<i16, Error> {
        Ok(self.view()?.rssi)
    }

    /// Percent; 255 unknown.
    #[zbus(property)]
    fn battery(&self) -> Result<u8, Error> {
        Ok(self.view()?.battery)
    }

    /// Whether it charges.
    #[zbus(property)]
    fn charging(&self) -> Result<bool, Error> {
        Ok(self.view()?.charging)
    }

    /// As it says.
    #[zbus(property)]
    fn firmware_version(&self) -> Result<String, Error> {
        Ok(self.view()?.firmware)
    }

    /// Seconds since the epoch; 0 never.
    #[zbus(property)]
    fn last_sync(&self) -> Result<u64, Error> {
        Ok(self.view()?.last_sync)
    }

    /// Records done, and in all.
    #[zbus(property)]
    fn sync_progress(&self) -> Result<(u64, u64), Error> {
        Ok(self.view()?.progress)
    }

    /// What its owner has switched on.
    #[zbus(property)]
    fn uses(&self) -> Result<Vec<String>, Error> {
        Ok(words(&self.view()?))
    }

    /// What identifies it.
    #[zbus(out_args("identity"))]
    async fn identity(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Dictionary, Error> {
        self.may_without_options(&header, Action::AccessoryManage, options)
            .await?;
        let view = self.view()?;
        Ok(HashMap::from([
            ("address".to_owned(), view.address.into()),
            ("serial".to_owned(), view.serial.into()),
        ]))
    }

    /// Makes it the account's.
    async fn pair(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccessoryManage).await?;
        let mut options = Options::new(options);
        let replace = options.take_bool("replace")?.unwrap_or(false);
        let key = options.take_descriptor("key")?;
        options.finish()?;
        let key = match key {
            Some(descriptor) => {
                let text = read_secret(descriptor)
                    .await
                    .map_err(|error| Error::InvalidArgument(format!("key: {error}")))?;
                let key = Key::from_hex(text.expose());
                Some(key.map_err(|error| Error::InvalidArgument(error.to_string()))?)
            }
            None => None,
        };
        let pairing = self.desk.accessories.pair(self.id, key, replace);
        while_here(connection, &header, pairing).await
    }

    /// Ends a pairing.
    async fn cancel_pairing(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may_without_options(&header, Action::AccessoryManage, options)
            .await?;
        Ok(self.desk.accessories.cancel_pairing(self.id).await?)
    }

    /// Connects.
    async fn connect(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may_without_options(&header, Action::AccessoryManage, options)
            .await?;
        while_here(connection, &header, self.desk.accessories.connect(self.id)).await
    }

    /// Disconnects.
    async fn disconnect(&self, options: OptionMap, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.may_without_options(&header, Action::AccessoryManage, options)
            .await?;
        Ok(self.desk.accessories.disconnect(self.id).await?)
    }

    /// Forgets it.
    async fn unpair(
        &self,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may_without_options(&header, Action::AccessoryManage, options)
            .await?;
        let ticket = arguments::ticket(&ticket)?;
        let input = belay_proto::steps::UnpairInput { accessory: self.id }.encode();
        self.desk
            .passwords
            .take(&ticket, belay_proto::steps::UNPAIR, &input)
            .await?;
        Ok(self.desk.accessories.unpair(self.id).await?)
    }

    /// Fetches its history.
    #[zbus(out_args("records"))]
    async fn sync(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<u32, Error> {
        self.may_without_options(&header, Action::AccessoryManage, options)
            .await?;
        let records = while_here(connection, &header, self.desk.accessories.sync(self.id)).await?;
        Ok(u32::try_from(records).unwrap_or(u32::MAX))
    }

    /// The newest measurements.
    #[zbus(out_args("values"))]
    async fn latest(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Dictionary, Error> {
        self.may_without_options(&header, Action::DataRead, options)
            .await?;
        Ok(values::shown(&self.desk.accessories.latest(self.id).await?))
    }

    /// Activity by minute.
    #[zbus(out_args("minutes"))]
    async fn activity(
        &self,
        from: u64,
        to: u64,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<(u64, u8, u8, u8, u8)>, Error> {
        self.may_without_options(&header, Action::DataRead, options)
            .await?;
        if to < from {
            return Err(Error::InvalidArgument("the end lies before the beginning".into()));
        }
        let minutes = self.desk.accessories.activity(self.id, from, to).await?;
        let shown = minutes
            .iter()
            .map(|one| (one.start, one.kind, one.intensity, one.steps, one.heart_rate));
        Ok(shown.collect())
    }

    /// Shows an alert.
    async fn alert(
        &self,
        kind: String,
        title: String,
        body: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may_without_options(&header, Action::AccessoryManage, options)
            .await?;
        let alert = match alert_kind(&kind)? {
            AlertKind::Find => Alert::Find,
            AlertKind::Message => Alert::Message { title, body },
            AlertKind::Call => Alert::Call { caller: title },
        };
        Ok(self.desk.accessories.alert(self.id, alert).await?)
    }

    /// Ends an alert.
    async fn stop_alert(
        &self,
        kind: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may_without_options(&header, Action::AccessoryManage, options)
            .await?;
        let kind = alert_kind(&kind)?;
        Ok(self.desk.accessories.stop_alert(self.id, kind).await?)
    }

    /// Measures now.
    #[zbus(out_args("heart_rate"))]
    async fn measure_heart_rate(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<u16, Error> {
        self.may_without_options(&header, Action::AccessoryManage, options)
            .await?;
        let measuring = self.desk.accessories.measure_heart_rate(self.id);
        while_here(connection, &header, measuring).await
    }

    /// Changes its settings.
    async fn set_settings(
        &self,
        settings: OptionMap,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may_without_options(&header, Action::AccessoryManage, options)
            .await?;
        let (settings, wishes) = settings::read(settings)?;
        if wishes != WishChanges::default() {
            self.desk.accessories.wish(self.id, wishes).await?;
        }
        if settings != Settings::default() {
            self.desk.accessories.set(self.id, settings).await?;
        }
        Ok(())
    }

    /// Latest has news.
    #[zbus(signal)]
    pub async fn measurement_changed(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

/// What is switched on, as the bus shows it.
fn words(view: &AccessoryView) -> Vec<String> {
    view.wishes.words().into_iter().map(ToOwned::to_owned).collect()
}

fn alert_kind(kind: &str) -> Result<AlertKind, Error> {
    match kind {
        "find" => Ok(AlertKind::Find),
        "message" => Ok(AlertKind::Message),
        "call" => Ok(AlertKind::Call),
        _ => Err(Error::InvalidArgument(
            "the kind of an alert is find, message or call".into(),
        )),
    }
}
