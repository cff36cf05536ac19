//! What belayd tells: whether it is there, whose the device is, which collections are on, what changed in them.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use belay_proto::dbus::names::{
    ACCOUNT_INTERFACE, ACCOUNT_PATH, BUS_NAME, COLLECTION_INTERFACE, DEVICE_INTERFACE, PATH, SYNC_INTERFACE,
    SYNC_PATH,
};
use futures_util::StreamExt;
use zbus::fdo::DBusProxy;
use zbus::message::{Message, Type};
use zbus::names::BusName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, MatchRule, MessageStream, OwnedVariant};

use super::phases::Phases;
use crate::model::Binding;

const BUS: &str = "org.freedesktop.DBus";
/// Signals that wait while belayd is asked. More of them would hold up its answers, which come the same way.
const ROOM: Option<NonZeroUsize> = NonZeroUsize::new(4096);
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// belayd, as it is seen from the bus. Looking at it starts nothing.
#[derive(Debug)]
pub struct Belayd {
    connection: Connection,
    owners: MessageStream,
    signals: MessageStream,
    phases: Phases,
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// belayd came or went, or something is on, off, bound or locked: look again.
    Look,
    /// Records of a collection changed.
    Changed(String),
    /// The sync was paused, offline, out of room or in need of its owner, and isn't any more.
    State,
    /// The bus is gone.
    Lost,
}

impl Belayd {
    /// Listens from now on.
    ///
    /// # Errors
    /// Where the bus fails.
    pub async fn new(connection: &Connection) -> zbus::Result<Self> {
        let owners = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(BUS)
            .interface(BUS)
            .member("NameOwnerChanged")
            .arg(0, BUS_NAME)
            .build()?;
        let signals = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(BUS_NAME)
            .path_namespace(PATH)
            .build()?;
        Ok(Self {
            connection: connection.clone(),
            owners: MessageStream::for_match_rule(owners, connection, ROOM).await?,
            signals: MessageStream::for_match_rule(signals, connection, ROOM).await?,
            phases: Phases::new(),
        })
    }

    /// The next thing that matters.
    pub async fn heard(&mut self) -> Heard {
        loop {
            let heard = tokio::select! {
                message = self.owners.next() => match message {
                    Some(_) => Some(Heard::Look),
                    None => Some(Heard::Lost),
                },
                message = self.signals.next() => match message {
                    Some(Ok(message)) => read(&message, &mut self.phases),
                    Some(Err(_)) => None,
                    None => Some(Heard::Lost),
                },
            };
            if let Some(heard) = heard {
                return heard;
            }
        }
    }

    /// Whose the device is, and which of these collections are on; nothing while belayd isn't there, doesn't say, or the
    /// device is nobody's.
    pub async fn look(&self, collections: &[String]) -> Option<(Binding, Vec<String>)> {
        let bus = DBusProxy::builder(&self.connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await
            .ok()?;
        if !bus.name_has_owner(BusName::try_from(BUS_NAME).ok()?).await.ok()? {
            return None;
        }
        let account = self.all(ACCOUNT_PATH, ACCOUNT_INTERFACE).await?;
        let state = text(&account, "State")?;
        if !["bound", "reauthentication-required"].contains(&state.as_str()) {
            return None;
        }
        let since = account.get("BoundSince").cloned();
        let binding = Binding {
            account: text(&account, "UserId").filter(|id| !id.is_empty())?,
            since: since.and_then(|value| u64::try_from(value).ok())?,
        };
        let mut on = Vec::new();
        for name in collections {
            let path = format!("{SYNC_PATH}/{name}");
            let Some(collection) = self.all(&path, COLLECTION_INTERFACE).await else {
                continue;
            };
            let enabled = collection.get("Enabled").cloned();
            if enabled.is_some_and(|value| bool::try_from(value).unwrap_or_default()) {
                on.push(name.clone());
            }
        }
        Some((binding, on))
    }

    async fn all(&self, path: &str, interface: &str) -> Option<HashMap<String, OwnedVariant>> {
        let answer = self
            .connection
            .call_method(Some(BUS_NAME), path, Some(PROPERTIES), "GetAll", &interface)
            .await
            .ok()?;
        answer.body().deserialize().ok()
    }
}

fn text(properties: &HashMap<String, OwnedVariant>, name: &str) -> Option<String> {
    String::try_from(properties.get(name)?.clone()).ok()
}

fn read(message: &Message, phases: &mut Phases) -> Option<Heard> {
    let header = message.header();
    let (interface, member) = (header.interface()?.as_str(), header.member()?.as_str());
    match (interface, member) {
        (COLLECTION_INTERFACE, "Changed") => {
            let path = header.path()?.as_str();
            path.rsplit('/')
                .next()
                .map(|name| Heard::Changed(name.to_owned()))
        }
        (PROPERTIES, "PropertiesChanged") => {
            let body = message.body();
            let (interface, changed, gone): (String, HashMap<String, OwnedVariant>, Vec<String>) =
                body.deserialize().ok()?;
            let is_about = |name: &str| changed.contains_key(name) || gone.iter().any(|gone| gone == name);
            match interface.as_str() {
                ACCOUNT_INTERFACE if ["State", "UserId", "BoundSince"].into_iter().any(is_about) => {
                    Some(Heard::Look)
                }
                DEVICE_INTERFACE if is_about("LockState") => Some(Heard::Look),
                COLLECTION_INTERFACE if is_about("Enabled") => Some(Heard::Look),
                SYNC_INTERFACE if is_about("State") => match text(&changed, "State") {
                    Some(state) if !phases.is_over(&state) => None,
                    _ => Some(Heard::State),
                },
                _ => None,
            }
        }
        ("org.freedesktop.DBus.ObjectManager", _) => {
            let body = message.body();
            let path = body.deserialize::<zbus::OwnedObjectPath>().ok();
            // Collections come with a binding and go with it; accessories do so all the time.
            match path.is_none_or(|path| path.as_str().starts_with(SYNC_PATH)) {
                true => Some(Heard::Look),
                false => None,
            }
        }
        _ => None,
    }
}
