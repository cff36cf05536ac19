//! What btleplug doesn't do: BlueZ over zbus.
//!
//! Whatever is asked of BlueZ here goes to the unique name of the process that owns `org.bluez` now, so that asking
//! never has the bus start it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use belay_drivers::Address;
use futures_util::StreamExt;
use futures_util::stream::select_all;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::timeout;
use zbus::message::Type;
use zbus::{DynamicType, MatchRule, MessageStream, ObjectPath, OwnedObjectPath, OwnedVariant};

use super::adapter::{Adapter, Choice};
use crate::accessory::ports::RadioError;

const NAME: &str = "org.bluez";
const ADAPTER: &str = "org.bluez.Adapter1";
const DEVICE: &str = "org.bluez.Device1";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const OBJECTS: &str = "org.freedesktop.DBus.ObjectManager";
const DBUS: &str = "org.freedesktop.DBus";
/// What is asked here BlueZ answers from memory, but for a disconnection, which takes it 2 to 3 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

type Properties = HashMap<String, OwnedVariant>;
type Interfaces = HashMap<String, Properties>;

/// BlueZ on the system's bus.
#[derive(Clone, Debug)]
pub(super) struct Bluez {
    bus: zbus::Connection,
    choice: Choice,
}

/// BlueZ as it is now.
#[derive(Debug)]
pub(super) struct Look {
    /// Its unique name on the bus.
    pub(super) owner: String,
    /// The adapter to use.
    pub(super) adapter: Option<Adapter>,
    /// There would be one, but for its device id.
    pub(super) without_id: bool,
    /// The devices that it has a bond with.
    pub(super) bonded: HashSet<Address>,
    paths: HashSet<String>,
}

impl Bluez {
    pub(super) fn new(bus: zbus::Connection, choice: Choice) -> Self {
        Self { bus, choice }
    }

    /// Looks at all that BlueZ has; `None` where it doesn't run.
    pub(super) async fn look(&self) -> Result<Option<Look>, RadioError> {
        let owner: Result<String, _> = self.call(DBUS, "/", DBUS, "GetNameOwner", &NAME).await;
        let owner = match owner {
            Ok(owner) => owner,
            Err(RadioError::AdapterMissing) => return Ok(None),
            Err(error) => return Err(error),
        };
        let objects: Result<HashMap<OwnedObjectPath, Interfaces>, _> =
            self.call(&owner, "/", OBJECTS, "GetManagedObjects", &()).await;
        match objects {
            Ok(objects) => Ok(Some(self.sort(owner, objects))),
            Err(RadioError::AdapterMissing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn sort(&self, owner: String, objects: HashMap<OwnedObjectPath, Interfaces>) -> Look {
        let mut adapters = Vec::new();
        let mut devices = Vec::new();
        for (path, mut interfaces) in objects {
            if let Some(mut of_adapter) = interfaces.remove(ADAPTER) {
                adapters.extend(adapter(path.as_str(), &mut of_adapter));
            } else if let Some(of_device) = interfaces.remove(DEVICE) {
                devices.push((path.as_str().to_owned(), of_device));
            }
        }
        let chosen = self.choice.of(&adapters).cloned();
        let without_id = chosen.as_ref().is_some_and(|adapter| adapter.without_id);
        let mut look = Look {
            owner,
            adapter: chosen.filter(|_| !without_id),
            without_id,
            bonded: HashSet::new(),
            paths: HashSet::new(),
        };
        let below = look.adapter.as_ref().map(|adapter| format!("{}/", adapter.path));
        for (path, mut properties) in devices {
            if !below.as_ref().is_some_and(|below| path.starts_with(below)) {
                continue;
            }
            look.paths.insert(path);
            if is_bonded(&mut properties)
                && let Some(address) = address(&mut properties)
            {
                look.bonded.insert(address);
            }
        }
        look
    }

    /// Has BlueZ forget the device; done too where it doesn't know it.
    pub(super) async fn remove(&self, device: Address) -> Result<(), RadioError> {
        let look = self.look().await?.ok_or(RadioError::AdapterMissing)?;
        let adapter = look.adapter.as_ref().ok_or(RadioError::AdapterMissing)?;
        let path = adapter.device(device);
        if !look.paths.contains(&path) {
            return Ok(());
        }
        let path = ObjectPath::try_from(path).map_err(|_| RadioError::Refused)?;
        match self
            .call(&look.owner, &adapter.path, ADAPTER, "RemoveDevice", &path)
            .await
        {
            // Unless it is gone by itself meanwhile, as what BlueZ only overheard soon is.
            Err(RadioError::Refused)
                if self
                    .look()
                    .await?
                    .is_none_or(|now| !now.paths.contains(path.as_str())) =>
            {
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Whether BlueZ has a bond with the device; not where it doesn't know it.
    pub(super) async fn is_bonded(&self, owner: &str, device: &str) -> bool {
        let asked: Result<Properties, _> = self.call(owner, device, PROPERTIES, "GetAll", &DEVICE).await;
        asked.is_ok_and(|mut properties| is_bonded(&mut properties))
    }

    /// Has BlueZ let go of the device.
    pub(super) async fn disconnect(&self, owner: &str, device: &str) -> Result<(), RadioError> {
        self.call(owner, device, DEVICE, "Disconnect", &()).await
    }

    /// Signals after which BlueZ or its adapters may be others: of the bus, and of BlueZ.
    pub(super) async fn signals(&self) -> zbus::Result<Vec<MessageStream>> {
        let rule = || MatchRule::builder().msg_type(Type::Signal);
        let owners = rule()
            .sender(DBUS)
            .interface(DBUS)
            .member("NameOwnerChanged")
            .arg(0, NAME);
        let changes = rule()
            .sender(NAME)
            .interface(PROPERTIES)
            .member("PropertiesChanged")
            .arg(0, ADAPTER);
        let added = rule().sender(NAME).interface(OBJECTS).member("InterfacesAdded");
        let removed = rule().sender(NAME).interface(OBJECTS).member("InterfacesRemoved");
        let mut streams = Vec::new();
        for rule in [owners, changes, added, removed] {
            streams.push(MessageStream::for_match_rule(rule.build()?, &self.bus, None).await?);
        }
        Ok(streams)
    }

    /// Counts how often BlueZ says from now on that the device is no longer connected, or that its services aren't what
    /// they were: what was discovered leads nowhere then. Must be called within a runtime, which does the counting.
    pub(super) async fn losses(&self, device: &str) -> zbus::Result<watch::Receiver<u64>> {
        let changes = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(NAME)
            .interface(PROPERTIES)
            .member("PropertiesChanged")
            .path(device.to_owned())
            .arg(0, DEVICE)
            .build()?;
        let removed = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(NAME)
            .interface(OBJECTS)
            .member("InterfacesRemoved")
            .build()?;
        // What is below the device are its services.
        let below = format!("{device}/");
        let changes = MessageStream::for_match_rule(changes, &self.bus, None).await?;
        let removed = MessageStream::for_match_rule(removed, &self.bus, None).await?;
        let mut news = select_all([changes, removed]);
        let (count, losses) = watch::channel(0);
        tokio::spawn(async move {
            // The sender goes with the last signal: a bus that is gone counts as a loss.
            while let Some(Ok(change)) = news.next().await {
                if is_loss(&change, &below) {
                    count.send_modify(|count| *count += 1);
                }
            }
        });
        Ok(losses)
    }

    async fn call<B, R>(
        &self,
        to: &str,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> Result<R, RadioError>
    where
        B: Serialize + DynamicType + Sync,
        R: DeserializeOwned + zbus::Type,
    {
        let call = self
            .bus
            .call_method(Some(to), path, Some(interface), member, body);
        let answer = timeout(ANSWER_WITHIN, call)
            .await
            .map_err(|_| RadioError::TimedOut)?;
        let answer = answer.map_err(|error| refusal(&error))?;
        answer.body().deserialize().map_err(|_| RadioError::Refused)
    }
}

/// Whether a signal of [`Bluez::signals`] is about adapters: each device that anybody's scan finds is announced too.
pub(super) fn is_about_adapters(signal: &zbus::Message) -> bool {
    let header = signal.header();
    let body = signal.body();
    match header.member().map(|member| member.as_str()) {
        Some("InterfacesAdded") => {
            let news: Result<(ObjectPath<'_>, Interfaces), _> = body.deserialize();
            news.is_ok_and(|(_, interfaces)| interfaces.contains_key(ADAPTER))
        }
        Some("InterfacesRemoved") => {
            let news: Result<(ObjectPath<'_>, Vec<String>), _> = body.deserialize();
            news.is_ok_and(|(_, interfaces)| interfaces.iter().any(|one| one == ADAPTER))
        }
        _ => true,
    }
}

fn is_loss(change: &zbus::Message, below: &str) -> bool {
    if change
        .header()
        .member()
        .is_some_and(|member| member == "InterfacesRemoved")
    {
        let body = change.body();
        let news: Result<(ObjectPath<'_>, Vec<String>), _> = body.deserialize();
        return news.is_ok_and(|(path, _)| path.starts_with(below));
    }
    let body = change.body();
    let news: Result<(String, Properties, Vec<String>), _> = body.deserialize();
    news.is_ok_and(|(_, mut changed, _)| take(&mut changed, "Connected") == Some(false))
}

fn adapter(path: &str, properties: &mut Properties) -> Option<Adapter> {
    Some(Adapter {
        path: path.to_owned(),
        address: address(properties)?,
        powered: take(properties, "Powered")?,
        without_id: take::<String>(properties, "Modalias").is_none(),
    })
}

fn is_bonded(properties: &mut Properties) -> bool {
    // Before 5.65 BlueZ had no word for a bond alone.
    let bonded = take(properties, "Bonded").or_else(|| take(properties, "Paired"));
    bonded == Some(true)
}

fn address(properties: &mut Properties) -> Option<Address> {
    take::<String>(properties, "Address")?.parse().ok()
}

fn take<T: TryFrom<OwnedVariant>>(properties: &mut Properties, name: &str) -> Option<T> {
    T::try_from(properties.remove(name)?).ok()
}

fn refusal(error: &zbus::Error) -> RadioError {
    let name = match error {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(standard) => zbus::DBusError::name(&**standard).to_string(),
        zbus::Error::InputOutput(source) if source.kind() == std::io::ErrorKind::TimedOut => {
            return RadioError::TimedOut;
        }
        // The bus itself is gone.
        _ => return RadioError::AdapterMissing,
    };
    let standard = name.strip_prefix("org.freedesktop.DBus.Error.");
    match standard.unwrap_or(&name) {
        "ServiceUnknown" | "NameHasNoOwner" | "UnknownMethod" | "UnknownObject" => RadioError::AdapterMissing,
        "NoReply" | "Timeout" | "TimedOut" => RadioError::TimedOut,
        _ => RadioError::Refused,
    }
}
