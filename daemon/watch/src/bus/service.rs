//! One service by its name: calls, properties, signals.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zbus::fdo::DBusProxy;
use zbus::match_rule::Builder;
use zbus::message::Type;
use zbus::names::BusName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, DynamicType, MatchRule, Message, MessageStream, OwnedVariant, Variant};

const BUS: &str = "org.freedesktop.DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const OWNER_CHANGED: &str = "NameOwnerChanged";

/// Properties by name.
pub(super) type Properties = HashMap<String, OwnedVariant>;

/// A service. Nothing is started by looking at it.
#[derive(Debug)]
pub(super) struct Service {
    connection: Connection,
    name: &'static str,
}

impl Service {
    pub(super) fn new(connection: &Connection, name: &'static str) -> Self {
        Self {
            connection: connection.clone(),
            name,
        }
    }

    /// Whether somebody owns the name.
    pub(super) async fn is_there(&self) -> zbus::Result<bool> {
        let bus = DBusProxy::builder(&self.connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        Ok(bus.name_has_owner(BusName::try_from(self.name)?).await?)
    }

    pub(super) async fn call<B, R>(
        &self,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> zbus::Result<R>
    where
        B: Serialize + DynamicType + Sync,
        R: DeserializeOwned + zbus::Type,
    {
        let name = Some(self.name);
        let answer = self
            .connection
            .call_method(name, path, Some(interface), member, body)
            .await?;
        answer.body().deserialize()
    }

    pub(super) async fn all(&self, path: &str, interface: &str) -> zbus::Result<Properties> {
        self.call(path, PROPERTIES, "GetAll", &interface).await
    }

    pub(super) async fn set(
        &self,
        path: &str,
        interface: &str,
        name: &str,
        value: Variant<'_>,
    ) -> zbus::Result<()> {
        self.call(path, PROPERTIES, "Set", &(interface, name, value))
            .await
    }

    /// Changes of an object's properties.
    pub(super) async fn changes(&self, path: &str, interface: &str) -> zbus::Result<MessageStream> {
        let rule = self.rule(PROPERTIES, "PropertiesChanged").path(path);
        self.listen(rule.arg(0, interface)).await
    }

    /// An object's signals of one kind.
    pub(super) async fn signals(
        &self,
        path: &str,
        interface: &str,
        member: &str,
    ) -> zbus::Result<MessageStream> {
        self.listen(self.rule(interface, member).path(path)).await
    }

    /// Those whose argument number `index` is this text.
    pub(super) async fn signals_about(
        &self,
        (path, interface, member): (&str, &str, &str),
        index: u8,
        text: &str,
    ) -> zbus::Result<MessageStream> {
        self.listen(self.rule(interface, member).path(path).arg(index, text))
            .await
    }

    /// The bus's word that the service came, left or changed hands.
    pub(super) async fn owners(&self) -> zbus::Result<MessageStream> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(BUS)
            .interface(BUS)
            .member(OWNER_CHANGED)
            .arg(0, self.name);
        self.listen(rule).await
    }

    fn rule<'a>(&self, interface: &'a str, member: &'a str) -> Builder<'a> {
        MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(self.name)
            .interface(interface)
            .member(member)
    }

    async fn listen(&self, rule: Builder<'_>) -> zbus::Result<MessageStream> {
        MessageStream::for_match_rule(rule.build()?, &self.connection, None).await
    }
}

/// Whether a signal is the bus's word on an owner.
pub(super) fn is_owner_change(message: &Message) -> bool {
    message
        .header()
        .member()
        .is_some_and(|member| member.as_str() == OWNER_CHANGED)
}

/// The property `name`, where it is there and of the type.
pub(super) fn take<T: TryFrom<OwnedVariant>>(properties: &mut Properties, name: &str) -> Option<T> {
    T::try_from(properties.remove(name)?).ok()
}

/// Whether an answer only says that somebody isn't there, or knows no such thing.
pub(super) fn is_absence(error: &zbus::Error) -> bool {
    let zbus::Error::MethodError(name, _, _) = error else {
        return false;
    };
    [
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.freedesktop.systemd1.NoSuchUnit",
    ]
    .contains(&name.as_str())
}
