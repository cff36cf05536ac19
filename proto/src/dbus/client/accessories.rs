//! Accessories: what needs a secret.

use zbus::{Connection, Fd, Variant};

use super::{Error, Options, memfd, ticket};
use crate::dbus::AccessoryProxy;
use crate::dbus::names::ACCESSORIES_PATH;
use crate::id::AccessoryId;
use crate::secret::Secret;
use crate::steps::Purpose;

/// Forgets an accessory.
///
/// # Errors
/// What `Present` and `Unpair` answer.
pub async fn unpair(
    connection: &Connection,
    accessory: AccessoryId,
    password: &Secret<String>,
) -> Result<(), Error> {
    let ticket = ticket(connection, Purpose::Unpair, &accessory.to_string(), password).await?;
    proxy(connection, accessory)
        .await?
        .unpair(ticket.as_str(), &Options::new())
        .await
}

/// Pairs an accessory whose key the owner brings, as hexadecimal digits.
///
/// # Errors
/// What `Pair` answers.
pub async fn pair_with_key(
    connection: &Connection,
    accessory: AccessoryId,
    key: &Secret<String>,
    replace: bool,
) -> Result<(), Error> {
    let key = memfd(key)?;
    let options = Options::from([
        ("key", Variant::from(Fd::from(&key))),
        ("replace", Variant::from(replace)),
    ]);
    proxy(connection, accessory).await?.pair(&options).await
}

async fn proxy(connection: &Connection, accessory: AccessoryId) -> Result<AccessoryProxy<'_>, Error> {
    let path = format!("{ACCESSORIES_PATH}/{accessory}");
    Ok(AccessoryProxy::builder(connection).path(path).build().await?)
}
