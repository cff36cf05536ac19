//! The daemons on the bus, as the commands need them.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::dbus::client::WardenClient;
use belay_proto::dbus::names;
use belay_proto::dbus::{AccountProxy, DeviceProxy};
use serde_json::{Map, Value};
use zbus::{Connection, OwnedVariant, connection};

use super::error::Error;
use super::interrupt::Underway;
use super::text::json_object;

/// The longest answer: a cloud that is slow, behind a line of other callers.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The longest answer of `GetAll`, which waits for nothing but the daemon's start.
const PATIENCE_FOR_PROPERTIES: Duration = Duration::from_secs(30);

/// An object with an interface of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// `org.belay1.Manager`.
    Manager,
    /// `org.belay1.Account`.
    Account,
    /// `org.belay1.Device`.
    Device,
    /// `org.belay1.Warden`, a process of its own.
    Warden,
}

impl Object {
    /// The well-known name of its process, its path and its interface.
    const fn address(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Manager => (names::BUS_NAME, names::PATH, names::MANAGER_INTERFACE),
            Self::Account => (names::BUS_NAME, names::ACCOUNT_PATH, names::ACCOUNT_INTERFACE),
            Self::Device => (names::BUS_NAME, names::DEVICE_PATH, names::DEVICE_INTERFACE),
            Self::Warden => (names::WARDEN_NAME, names::WARDEN_PATH, names::WARDEN_INTERFACE),
        }
    }
}

/// A connection to the bus.
#[derive(Clone, Debug)]
pub struct Client {
    connection: Connection,
    underway: Underway,
}

impl Client {
    /// Connects to the system bus, or to the session bus. `underway` hears of all that isn't said only to read.
    ///
    /// # Errors
    /// [`Error::Bus`] when there is none.
    pub async fn connect(session: bool, underway: &Underway) -> Result<Self, Error> {
        Self::connect_for(session, PATIENCE, underway).await
    }

    /// As [`Client::connect`], where the longest answer takes up to `patience`.
    ///
    /// # Errors
    /// [`Error::Bus`] when there is none.
    pub async fn connect_for(session: bool, patience: Duration, underway: &Underway) -> Result<Self, Error> {
        let builder = if session {
            connection::Builder::session()
        } else {
            connection::Builder::system()
        };
        let connection = builder.method_timeout(patience).build().await?;
        Ok(Self {
            connection,
            underway: underway.clone(),
        })
    }

    /// The connection, for a call that may change something or takes a password: whoever leaves from now on is told that it
    /// may be done. So it is taken once all is read and asked that comes before.
    pub fn connection(&self) -> &Connection {
        self.underway.asks();
        &self.connection
    }

    /// The connection, for what changes nothing, and for following signals.
    pub fn reading(&self) -> &Connection {
        &self.connection
    }

    /// `org.belay1.Account`, as [`Client::connection`].
    ///
    /// # Errors
    /// [`Error::Bus`].
    pub async fn account(&self) -> Result<AccountProxy<'static>, Error> {
        Ok(AccountProxy::new(self.connection()).await?)
    }

    /// `org.belay1.Account`, as [`Client::reading`].
    ///
    /// # Errors
    /// [`Error::Bus`].
    pub async fn account_to_read(&self) -> Result<AccountProxy<'static>, Error> {
        Ok(AccountProxy::new(self.reading()).await?)
    }

    /// `org.belay1.Device`, as [`Client::connection`].
    ///
    /// # Errors
    /// [`Error::Bus`].
    pub async fn device(&self) -> Result<DeviceProxy<'static>, Error> {
        Ok(DeviceProxy::new(self.connection()).await?)
    }

    /// `org.belay1.Device`, as [`Client::reading`].
    ///
    /// # Errors
    /// [`Error::Bus`].
    pub async fn device_to_read(&self) -> Result<DeviceProxy<'static>, Error> {
        Ok(DeviceProxy::new(self.reading()).await?)
    }

    /// The warden, as [`Client::connection`]: it is given passwords alone.
    ///
    /// # Errors
    /// [`Error::Bus`].
    pub async fn warden(&self) -> Result<WardenClient, Error> {
        Ok(WardenClient::new(self.connection()).await?)
    }

    /// All properties of an object's interface in one call, as JSON fields: also those that this version doesn't know.
    ///
    /// # Errors
    /// The error reply, or [`Error::Bus`].
    pub async fn properties(&self, object: Object) -> Result<Map<String, Value>, Error> {
        let (name, path, interface) = object.address();
        let properties = Some("org.freedesktop.DBus.Properties");
        let arguments = (interface,);
        let reply = self
            .connection
            .call_method(Some(name), path, properties, "GetAll", &arguments);
        let Ok(reply) = tokio::time::timeout(PATIENCE_FOR_PROPERTIES, reply).await else {
            return Err(Error::named(
                "org.freedesktop.DBus.Error.Timeout",
                "no answer in time",
            ));
        };
        let reply = reply?;
        let all: HashMap<String, OwnedVariant> = reply.body().deserialize()?;
        Ok(json_object(&all))
    }

    /// The same for a command that goes by them: a lost device tells next to nothing.
    ///
    /// # Errors
    /// `DeviceLost` besides.
    pub async fn properties_unless_lost(&self, object: Object) -> Result<Map<String, Value>, Error> {
        let all = self.properties(object).await?;
        let is_told = match object {
            Object::Account => all.contains_key("state"),
            Object::Device => all.contains_key("name"),
            Object::Manager | Object::Warden => true,
        };
        if is_told {
            Ok(all)
        } else {
            Err(Error::named("DeviceLost", "the device is marked as lost"))
        }
    }
}
