//! What a settings app does: the D-Bus contract spoken by hand, without `proto`'s proxies, so that the tests see
//! what any other client would see.

mod account;
mod secret;
mod sync;
mod upkeep;
mod watch;

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zbus::fdo::PropertiesProxy;
use zbus::{Connection, DBusError, DynamicType, OwnedVariant, Type, Variant};

use crate::until::within;
use crate::{Outcome, Surprise, contract};

pub use account::{Entry, Options, options};
pub use secret::{memfd, pipe, read_text};
pub use sync::{CONTACTS, New, Row, SYNC, collection};
pub use upkeep::{DeviceRow, IdentifierRow, REMOVE_DEVICE, REMOVE_IDENTIFIER, SET_LOGIN};
pub use watch::Watch;

/// An object of the contract and the interface on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// The bus name.
    pub service: &'static str,
    /// The object's path.
    pub path: &'static str,
    /// The interface.
    pub interface: &'static str,
}

/// `org.belay1.Manager`.
pub const MANAGER: Object = Object {
    service: "org.belay1",
    path: "/org/belay1",
    interface: "org.belay1.Manager",
};

/// `org.belay1.Account`.
pub const ACCOUNT: Object = Object {
    service: "org.belay1",
    path: "/org/belay1/account",
    interface: "org.belay1.Account",
};

/// `org.belay1.AccessoryManager`.
pub const ACCESSORIES: Object = Object {
    service: "org.belay1",
    path: "/org/belay1/accessories",
    interface: "org.belay1.AccessoryManager",
};

/// `org.belay1.Device`.
pub const DEVICE: Object = Object {
    service: "org.belay1",
    path: "/org/belay1/device",
    interface: "org.belay1.Device",
};

/// `org.belay1.Warden`.
pub const WARDEN: Object = Object {
    service: "org.belay1.Warden",
    path: "/org/belay1/warden",
    interface: "org.belay1.Warden",
};

/// A client on the bus.
#[derive(Debug, Clone)]
pub struct App {
    bus: Connection,
}

/// An error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error's full name, such as `org.belay1.Error.WrongPassword`.
    pub name: String,
    /// Its text, for logs.
    pub text: String,
}

/// A reply: what was asked for, or an error reply.
pub type Answer<T> = Result<T, Refusal>;

impl App {
    /// A client on this connection.
    #[must_use]
    pub fn new(bus: &Connection) -> Self {
        Self { bus: bus.clone() }
    }

    /// Its connection.
    pub fn bus(&self) -> &Connection {
        &self.bus
    }

    /// Calls a method.
    ///
    /// # Errors
    /// The outer error is a call that got no reply, or one of another type than the contract's; the inner one is
    /// an error reply.
    pub async fn call<B, R>(&self, object: Object, member: &str, body: &B) -> Outcome<Answer<R>>
    where
        B: Serialize + DynamicType,
        R: DeserializeOwned + Type,
    {
        let call = self.bus.call_method(
            Some(object.service),
            object.path,
            Some(object.interface),
            member,
            body,
        );
        match within(&format!("the reply to {}.{member}", object.interface), call).await? {
            Ok(reply) => {
                contract::granted(object, member);
                let body = reply.body();
                body.deserialize()
                    .map(Ok)
                    .map_err(|e| Surprise::from(e).during(format!("the reply to {member}")))
            }
            Err(error) => match Refusal::from_bus(error) {
                Ok(refusal) => contract::judge(object, member, &refusal).map(|()| Err(refusal)),
                Err(other) => Err(Surprise::from(other).during(member)),
            },
        }
    }

    /// A property.
    ///
    /// # Errors
    /// Where it can't be read, or is of another type.
    pub async fn get<T>(&self, object: Object, name: &str) -> Outcome<T>
    where
        T: TryFrom<OwnedVariant, Error: std::error::Error>,
    {
        let value = self.read(object, name).await??;
        T::try_from(value).map_err(|e| Surprise::from(e).during(name))
    }

    /// A property as it comes, or why it isn't told.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn read(&self, object: Object, name: &str) -> Outcome<Answer<OwnedVariant>> {
        let properties = Object {
            interface: "org.freedesktop.DBus.Properties",
            ..object
        };
        self.call(properties, "Get", &(object.interface, name)).await
    }

    /// A property that is a text.
    ///
    /// # Errors
    /// Where it can't be read, or isn't one.
    pub async fn text(&self, object: Object, name: &str) -> Outcome<String> {
        self.get(object, name).await
    }

    /// All properties of an object's interface.
    ///
    /// # Errors
    /// Where they can't be read.
    pub async fn all(&self, object: Object) -> Outcome<HashMap<String, OwnedVariant>> {
        Ok(self
            .properties(object)
            .await?
            .get_all(object.interface.try_into()?)
            .await?)
    }

    /// The XML that an object introspects.
    ///
    /// # Errors
    /// Where it doesn't answer.
    pub async fn introspect(&self, object: Object) -> Outcome<String> {
        let interface = "org.freedesktop.DBus.Introspectable";
        let answer = self
            .call(Object { interface, ..object }, "Introspect", &())
            .await?;
        Ok(answer?)
    }

    async fn properties(&self, object: Object) -> Outcome<PropertiesProxy<'static>> {
        let builder = PropertiesProxy::builder(&self.bus)
            .destination(object.service)
            .path(object.path);
        Ok(builder.build().await?)
    }
}

impl Refusal {
    /// An error reply, or the error given back where it is none.
    ///
    /// # Errors
    /// The same error.
    pub fn from_bus(error: zbus::Error) -> Result<Self, zbus::Error> {
        match error {
            zbus::Error::MethodError(name, text, _) => Ok(Self {
                name: name.to_string(),
                text: text.unwrap_or_default(),
            }),
            // The names that D-Bus itself defines come as an enumeration.
            zbus::Error::FDO(known) if !matches!(*known, zbus::fdo::Error::ZBus(_)) => Ok(Self {
                name: known.name().to_string(),
                text: known.description().unwrap_or_default().to_owned(),
            }),
            other => Err(other),
        }
    }

    /// The name without `org.belay1.Error.`, or whole where it is none of ours.
    #[must_use]
    pub fn short(&self) -> &str {
        self.name.strip_prefix("org.belay1.Error.").unwrap_or(&self.name)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.short(), self.text)
    }
}

impl std::error::Error for Refusal {}

/// Asserts that an answer is a refusal with this short name.
///
/// # Errors
/// Where it is an answer, or another refusal.
#[track_caller]
pub fn refused<T>(answer: Answer<T>, name: &str) -> Outcome {
    match answer {
        Err(refusal) if refusal.short() == name => Ok(()),
        Err(refusal) => Err(Surprise::new(format!("expected {name}, got {refusal}"))),
        Ok(_) => Err(Surprise::new(format!("expected {name}, but it was granted"))),
    }
}

/// A value of a dictionary, as text; empty where it is missing or something else.
#[must_use]
pub fn entry(map: &HashMap<String, OwnedVariant>, key: &str) -> String {
    map.get(key)
        .and_then(|v| <&str>::try_from(&**v).ok())
        .unwrap_or_default()
        .to_owned()
}

/// A value of a dictionary that is a number of type `t`.
#[must_use]
pub fn number(map: &HashMap<String, OwnedVariant>, key: &str) -> Option<u64> {
    map.get(key).and_then(|v| match &**v {
        Variant::U64(n) => Some(*n),
        _ => None,
    })
}
