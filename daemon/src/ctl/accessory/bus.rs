//! The accessories on the bus.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::dbus::names::{ACCESSORIES_PATH, ACCESSORY_INTERFACE, BUS_NAME, PATH};
use belay_proto::dbus::{AccessoryManagerProxy, AccessoryProxy};
use belay_proto::id::AccessoryId;
use serde_json::{Map, Value};
use zbus::fdo::{ManagedObjects, ObjectManagerProxy};
use zbus::{Connection, OwnedVariant};

use super::choose::choose;
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::text::{json_object, printable};

/// How long the list of objects may take, which waits for nothing but the daemon's start.
const PATIENCE: Duration = Duration::from_secs(30);

/// An accessory as the bus shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: AccessoryId,
    /// Its properties by their JSON names, and `id`.
    pub fields: Map<String, Value>,
}

impl Entry {
    /// The accessory at `path` with these interfaces; `None` for another object.
    pub fn read<'a, I: AsRef<str>>(
        path: &str,
        mut interfaces: impl Iterator<Item = (I, &'a HashMap<String, OwnedVariant>)>,
    ) -> Option<Self> {
        let id: AccessoryId = path
            .strip_prefix(ACCESSORIES_PATH)?
            .strip_prefix('/')?
            .parse()
            .ok()?;
        let (_, properties) = interfaces.find(|(name, _)| name.as_ref() == ACCESSORY_INTERFACE)?;
        let mut fields = json_object(properties);
        fields.insert("id".to_owned(), id.to_string().into());
        Some(Self { id, fields })
    }

    /// A property that is a text; empty where it isn't there.
    pub fn text(&self, key: &str) -> &str {
        self.fields.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// A property that is a number.
    pub fn number(&self, key: &str) -> Option<i64> {
        self.fields.get(key).and_then(Value::as_i64)
    }

    /// Its name, as it came.
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// Its name, fit for a terminal.
    pub fn shown_name(&self) -> String {
        printable(self.name())
    }
}

/// The accessories among the objects of the bus: paired ones first, then by name.
fn entries(objects: &ManagedObjects) -> Vec<Entry> {
    let mut all: Vec<_> = objects
        .iter()
        .filter_map(|(path, interfaces)| Entry::read(path.as_str(), interfaces.iter()))
        .collect();
    all.sort_by_key(|one| {
        (
            one.text("state") == "discovered",
            one.name().to_lowercase(),
            one.id,
        )
    });
    all
}

/// Where accessories appear and leave.
///
/// # Errors
/// [`Error::Bus`].
pub async fn objects(client: &Client) -> Result<ObjectManagerProxy<'static>, Error> {
    Ok(ObjectManagerProxy::new(client.reading(), BUS_NAME, PATH).await?)
}

/// `org.belay1.AccessoryManager`.
///
/// # Errors
/// [`Error::Bus`].
pub async fn manager(client: &Client) -> Result<AccessoryManagerProxy<'static>, Error> {
    Ok(AccessoryManagerProxy::new(client.connection()).await?)
}

/// All accessories that are known now.
///
/// # Errors
/// What belayd says.
pub async fn all(client: &Client) -> Result<Vec<Entry>, Error> {
    let objects = objects(client).await?;
    let Ok(managed) = tokio::time::timeout(PATIENCE, objects.get_managed_objects()).await else {
        return Err(Error::named(
            "org.freedesktop.DBus.Error.Timeout",
            "no answer in time",
        ));
    };
    let all = entries(&managed?);
    // Properties that can't be read are left out; why, such as that the device is lost, says only one itself.
    if let Some(bare) = all.iter().find(|one| !one.fields.contains_key("state")) {
        proxy_to_read(client, bare.id).await?.state().await?;
    }
    Ok(all)
}

/// The accessory that `text` means, see [`choose`].
///
/// # Errors
/// As [`choose`], and what belayd says.
pub async fn find(client: &Client, text: &str) -> Result<Entry, Error> {
    let all = all(client).await?;
    choose(&all, text).cloned()
}

/// `org.belay1.Accessory` of one, as [`Client::connection`].
///
/// # Errors
/// [`Error::Bus`].
pub async fn proxy(client: &Client, id: AccessoryId) -> Result<AccessoryProxy<'static>, Error> {
    proxy_on(client.connection(), id).await
}

/// The same, as [`Client::reading`].
///
/// # Errors
/// [`Error::Bus`].
pub async fn proxy_to_read(client: &Client, id: AccessoryId) -> Result<AccessoryProxy<'static>, Error> {
    proxy_on(client.reading(), id).await
}

async fn proxy_on(connection: &Connection, id: AccessoryId) -> Result<AccessoryProxy<'static>, Error> {
    let path = format!("{ACCESSORIES_PATH}/{id}");
    Ok(AccessoryProxy::builder(connection).path(path).build().await?)
}

#[cfg(test)]
pub mod tests {
    use serde_json::json;
    use zbus::Variant;

    use super::*;

    /// An accessory with this id and name.
    pub fn entry(id: &str, name: &str) -> Entry {
        entry_with(id, json!({ "name": name }))
    }

    /// An accessory with these properties.
    pub fn entry_with(id: &str, fields: Value) -> Entry {
        let Value::Object(mut fields) = fields else {
            panic!("no object")
        };
        fields.insert("id".to_owned(), id.into());
        Entry {
            id: id.parse().unwrap(),
            fields,
        }
    }

    fn objects(all: &[(&str, &str, &str, &str)]) -> ManagedObjects {
        all.iter()
            .map(|(path, interface, name, state)| {
                let own = |text: &str| OwnedVariant::try_from(Variant::from(text.to_owned())).unwrap();
                let properties =
                    HashMap::from([("Name".to_owned(), own(name)), ("State".to_owned(), own(state))]);
                let interface = zbus::names::InterfaceName::try_from((*interface).to_owned()).unwrap();
                let path = zbus::ObjectPath::try_from((*path).to_owned()).unwrap();
                (path.into(), HashMap::from([(interface.into(), properties)]))
            })
            .collect()
    }

    #[test]
    fn accessories_are_told_from_other_objects_and_come_paired_first() {
        let at = |id: &str| format!("{ACCESSORIES_PATH}/{}", id.repeat(16));
        let (a, b, c) = (at("aa"), at("bb"), at("cc"));
        let found = entries(&objects(&[
            (&a, ACCESSORY_INTERFACE, "A scale", "discovered"),
            (&b, ACCESSORY_INTERFACE, "Strap", "paired"),
            (&c, ACCESSORY_INTERFACE, "band", "connected"),
            ("/org/belay1/device", "org.belay1.Device", "Pocket", ""),
            ("/org/belay1/accessories/zz", ACCESSORY_INTERFACE, "x", "paired"),
            (ACCESSORIES_PATH, "org.belay1.AccessoryManager", "y", ""),
        ]));
        let names: Vec<_> = found.iter().map(Entry::name).collect();
        assert_eq!(names, ["band", "Strap", "A scale"]);
        assert_eq!(found[0].fields["id"], "cc".repeat(16));
    }
}
