//! One service on the bus: calls with a deadline, properties, signals.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zbus::message::Type;
use zbus::{Connection, DynamicType, MatchRule, MessageStream, OwnedVariant, connection};

use super::PlatformError;

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// The bus itself.
const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";
/// ModemManager may take its time to wake a modem.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// Properties by name.
pub(super) type Properties = HashMap<String, OwnedVariant>;

/// A service by its well-known name, or as it runs now by its unique one. Nothing is asked of it before something is
/// needed.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) connection: Connection,
    name: Cow<'static, str>,
}

/// Which signals; parts that are `None` match all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signal<'a> {
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    pub(super) path: Option<&'a str>,
    /// The first argument, where it is a text.
    pub(super) about: Option<&'a str>,
}

impl<'a> Signal<'a> {
    pub(super) const fn new(interface: &'a str, member: &'a str) -> Self {
        Self {
            interface,
            member,
            path: None,
            about: None,
        }
    }

    /// Changes of the properties of `interface`, of whatever object.
    pub(super) const fn changes(interface: &'a str) -> Self {
        Self {
            interface: PROPERTIES,
            member: "PropertiesChanged",
            path: None,
            about: Some(interface),
        }
    }

    pub(super) const fn at(self, path: &'a str) -> Self {
        Self {
            path: Some(path),
            ..self
        }
    }
}

/// Connects to the system's bus, apart from the connection that belayd serves on: however many signals the system
/// sends, belayd's own answers never wait behind them.
pub(super) async fn connect() -> zbus::Result<Connection> {
    let builder = connection::Builder::system().method_timeout(ANSWER_WITHIN);
    tokio::time::timeout(ANSWER_WITHIN, builder.build())
        .await
        .map_err(|_| timed_out())?
}

/// The session's bus, where there is one.
pub(super) async fn connect_session(address: Option<&str>) -> zbus::Result<Connection> {
    let builder = match address {
        Some(address) => connection::Builder::address(address),
        None => connection::Builder::session(),
    };
    let builder = builder.method_timeout(ANSWER_WITHIN);
    tokio::time::timeout(ANSWER_WITHIN, builder.build())
        .await
        .map_err(|_| timed_out())?
}

fn timed_out() -> zbus::Error {
    zbus::Error::InputOutput(std::sync::Arc::new(std::io::ErrorKind::TimedOut.into()))
}

impl Service {
    pub(super) fn new(connection: &Connection, name: &'static str) -> Self {
        Self {
            connection: connection.clone(),
            name: Cow::Borrowed(name),
        }
    }

    /// The service as it runs now: whoever comes after it is asked nothing, and where none runs none is started, as the
    /// bus does at a call to a well-known name.
    pub(super) async fn running(&self) -> Result<Self, PlatformError> {
        let bus = Self::new(&self.connection, BUS);
        let name: String = bus.call(BUS_PATH, BUS, "GetNameOwner", &self.name()).await?;
        Ok(Self {
            name: Cow::Owned(name),
            ..self.clone()
        })
    }

    /// The same by the unique name that [`Service::running`] found before.
    pub(super) fn named(&self, unique: &str) -> Self {
        Self {
            name: Cow::Owned(unique.to_owned()),
            ..self.clone()
        }
    }

    /// The id of the bus: another one each time the bus starts.
    pub(super) async fn bus_id(&self) -> Result<String, PlatformError> {
        let bus = Self::new(&self.connection, BUS);
        bus.call(BUS_PATH, BUS, "GetId", &()).await
    }

    /// What it is called by.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Calls a method and reads its answer.
    pub(super) async fn call<B, R>(
        &self,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> Result<R, PlatformError>
    where
        B: Serialize + DynamicType + Sync,
        R: DeserializeOwned + zbus::Type,
    {
        let name = Some(&*self.name);
        let call = self
            .connection
            .call_method(name, path, Some(interface), member, body);
        let answer = call.await?;
        let body = answer.body();
        body.deserialize()
            .map_err(|_| PlatformError::Unreadable("the types differ"))
    }

    /// All properties of an interface, as they are now.
    pub(super) async fn all(&self, path: &str, interface: &str) -> Result<Properties, PlatformError> {
        self.call(path, PROPERTIES, "GetAll", &interface).await
    }

    /// Sets a property.
    pub(super) async fn set(
        &self,
        path: &str,
        interface: &str,
        name: &str,
        value: zbus::Variant<'_>,
    ) -> Result<(), PlatformError> {
        self.call(path, PROPERTIES, "Set", &(interface, name, value))
            .await
    }

    /// The service's signals of a kind, from now on.
    pub(super) async fn signals(&self, which: Signal<'_>) -> Result<MessageStream, PlatformError> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(&*self.name)
            .interface(which.interface)
            .member(which.member);
        let rule = match which.path {
            Some(path) => rule.path(path),
            None => rule,
        };
        let rule = match which.about {
            Some(about) => rule.arg(0, about),
            None => rule,
        };
        Ok(MessageStream::for_match_rule(rule.build()?, &self.connection, None).await?)
    }

    /// The bus's word that the service came, left or changed hands.
    pub(super) async fn owners(&self) -> Result<MessageStream, PlatformError> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(BUS)
            .interface(BUS)
            .member("NameOwnerChanged")
            .arg(0, &*self.name)
            .build()?;
        Ok(MessageStream::for_match_rule(rule, &self.connection, None).await?)
    }
}

/// The property `name`, where it is there and of the type.
pub(super) fn take<T>(properties: &mut Properties, name: &str) -> Option<T>
where
    T: TryFrom<OwnedVariant>,
{
    T::try_from(properties.remove(name)?).ok()
}
