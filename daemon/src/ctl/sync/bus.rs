//! Sync and its collections, as the commands need them.

use std::collections::HashMap;

use belay_proto::dbus::client::CollectionClient;
use belay_proto::dbus::names::{BUS_NAME, COLLECTION_INTERFACE, SYNC_INTERFACE, SYNC_PATH};
use belay_proto::dbus::records::{Listed, MAX_LISTED};
use belay_proto::dbus::{Details, SyncProxy};
use belay_proto::steps::SYNCED;
use belay_proto::sync::RecordId;
use serde_json::{Map, Value};
use zbus::Connection;
use zbus::proxy::CacheProperties;

use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::text::json_object;

/// A collection, with its properties.
#[derive(Debug)]
pub struct Source {
    /// Its name.
    pub name: &'static str,
    /// Its properties, in snake_case.
    pub fields: Map<String, Value>,
}

impl Source {
    /// A number of its properties.
    pub fn number(&self, key: &str) -> u64 {
        self.fields.get(key).and_then(Value::as_u64).unwrap_or_default()
    }

    /// Whether it is synced.
    pub fn is_enabled(&self) -> bool {
        self.fields
            .get("enabled")
            .and_then(Value::as_bool)
            .unwrap_or_default()
    }
}

/// `org.belay1.Sync`, as [`Client::connection`].
pub async fn sync(client: &Client) -> Result<SyncProxy<'static>, Error> {
    let proxy = SyncProxy::builder(client.connection()).cache_properties(CacheProperties::No);
    Ok(proxy.build().await?)
}

/// The properties of sync.
pub async fn properties(client: &Client) -> Result<Map<String, Value>, Error> {
    all(client.reading(), SYNC_PATH, SYNC_INTERFACE).await
}

/// The name that the contract has for a collection.
pub fn named(name: &str) -> Result<&'static str, Error> {
    let known = SYNCED.into_iter().find(|known| *known == name);
    known.ok_or_else(|| Error::named("NoSuchCollection", name))
}

/// The collections that are meant: these, or all.
pub fn meant(names: &[String]) -> Result<Vec<&'static str>, Error> {
    match names {
        [] => Ok(SYNCED.to_vec()),
        names => names.iter().map(|name| named(name)).collect(),
    }
}

/// A collection, as [`Client::connection`].
pub async fn collection(client: &Client, name: &str) -> Result<CollectionClient, Error> {
    let name = named(name)?;
    Ok(CollectionClient::new(client.connection(), name).await?)
}

/// A collection, as [`Client::reading`].
pub async fn collection_to_read(client: &Client, name: &str) -> Result<CollectionClient, Error> {
    Ok(CollectionClient::new(client.reading(), named(name)?).await?)
}

/// The collections with their properties.
pub async fn sources(client: &Client) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    for name in SYNCED {
        let path = format!("{SYNC_PATH}/{name}");
        let fields = all(client.reading(), &path, COLLECTION_INTERFACE).await?;
        sources.push(Source { name, fields });
    }
    Ok(sources)
}

/// All records of a collection, in the order of their positions.
pub async fn records(collection: &CollectionClient) -> Result<Vec<Listed>, Error> {
    pages(collection, false).await
}

/// All that was removed from it.
pub async fn removed(collection: &CollectionClient) -> Result<Vec<Listed>, Error> {
    pages(collection, true).await
}

async fn pages(collection: &CollectionClient, are_removed: bool) -> Result<Vec<Listed>, Error> {
    let mut records: Vec<Listed> = Vec::new();
    loop {
        let after = records.last().map_or(0, |last| last.position);
        let page = match are_removed {
            true => collection.list_removed(after, MAX_LISTED).await,
            false => collection.list(after, MAX_LISTED).await,
        };
        let page = page.map_err(explained)?;
        let more = page.last().is_some_and(|last| last.position > after);
        records.extend(page);
        if !more {
            return Ok(records);
        }
    }
}

/// The record that is called so, by nature or by its id.
pub async fn record(collection: &CollectionClient, called: &str) -> Result<Listed, Error> {
    let records = records(collection).await?;
    let id = called.parse::<RecordId>().ok();
    let by_id = records.iter().position(|record| Some(record.id) == id);
    // Another version of a record is found by its id alone.
    let by_nature = || {
        records
            .iter()
            .position(|record| record.natural == called && record.conflict_with.is_none())
    };
    by_id
        .or_else(by_nature)
        .and_then(|place| records.into_iter().nth(place))
        .ok_or_else(|| Error::named("NoSuchRecord", called))
}

/// What a method of a collection answered. Collections are there while the device is somebody's.
pub fn explained(error: belay_proto::dbus::Error) -> Error {
    missing(Error::from(error))
}

fn missing(error: Error) -> Error {
    let names = ["UnknownObject", "UnknownInterface", "UnknownMethod"];
    let is_missing = names
        .iter()
        .any(|name| error.is_named(&format!("org.freedesktop.DBus.Error.{name}")));
    match is_missing {
        true => Error::named("NotBound", "there are no collections"),
        false => error,
    }
}

async fn all(connection: &Connection, path: &str, interface: &str) -> Result<Map<String, Value>, Error> {
    let properties = Some("org.freedesktop.DBus.Properties");
    let reply = connection
        .call_method(Some(BUS_NAME), path, properties, "GetAll", &(interface,))
        .await
        .map_err(|error| missing(error.into()))?;
    let all: Details = reply.body().deserialize::<HashMap<_, _>>()?;
    Ok(json_object(&all))
}
