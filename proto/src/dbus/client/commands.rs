//! Find-device, the policies, and commands to other devices.

use std::collections::HashMap;

use zbus::{Connection, Fd, Variant};

use super::{Error, Options, memfd, ticket};
use crate::dbus::{AccountProxy, DeviceProxy, action_arguments};
use crate::id::{CommandId, DeviceId};
use crate::secret::Secret;
use crate::signed::Action;
use crate::steps::{Policies, PolicyChanges, Purpose, command_subject, find_subject, policies_subject};

/// Turns find-device on or off.
///
/// # Errors
/// What `Present` and `SetFindEnabled` answer.
pub async fn set_find_enabled(
    connection: &Connection,
    enabled: bool,
    password: &Secret<String>,
) -> Result<(), Error> {
    let ticket = ticket(connection, Purpose::Find, find_subject(enabled), password).await?;
    DeviceProxy::new(connection)
        .await?
        .set_find_enabled(enabled, ticket.as_str(), &Options::new())
        .await
}

/// Changes what the device does by itself; what isn't among the changes stays.
///
/// # Errors
/// `InvalidArgument` for a time that is neither 0 nor at least 24 h and for a number that isn't E.164, before
/// the password is presented; what `Present` and `SetPolicies` answer.
pub async fn set_policies(
    connection: &Connection,
    changes: &PolicyChanges,
    password: &Secret<String>,
) -> Result<(), Error> {
    Policies::default()
        .changed(changes)
        .map_err(|error| Error::InvalidArgument(error.to_string()))?;
    let number = changes
        .trusted_number
        .as_deref()
        .map(|number| memfd(&Secret::of_text(number)))
        .transpose()?;
    let mut policies = dictionary(changes);
    if let Some(number) = &number {
        policies.insert("trusted-number", Variant::from(Fd::from(number)));
    }
    let ticket = ticket(
        connection,
        Purpose::Policies,
        &policies_subject(changes),
        password,
    )
    .await?;
    DeviceProxy::new(connection)
        .await?
        .set_policies(&policies, ticket.as_str(), &Options::new())
        .await
}

/// Sends a command to another device of the account; answers its id. Without a password `ring` and `stop-ring`
/// alone, which this device may ask for by itself.
///
/// # Errors
/// `InvalidArgument` for a message or number that no command carries, before the password is presented; what
/// `Present` and `SendCommand` answer.
pub async fn send_command(
    connection: &Connection,
    device: &DeviceId,
    action: &Action,
    password: Option<&Secret<String>>,
) -> Result<CommandId, Error> {
    let verb = action.verb();
    Action::decode(verb, &action.encode_arguments())
        .map_err(|error| Error::InvalidArgument(error.to_string()))?;
    let ticket = match password {
        Some(password) => {
            let subject = command_subject(device, action);
            Some(ticket(connection, Purpose::Command, &subject, password).await?)
        }
        None => None,
    };
    let id = AccountProxy::new(connection)
        .await?
        .send_command(
            &device.to_string(),
            verb.as_str(),
            &action_arguments(action),
            ticket.as_ref().map_or("", |ticket| ticket.as_str()),
            &Options::new(),
        )
        .await?;
    id.parse()
        .map_err(|_| Error::Internal("belayd answered no command id".to_owned()))
}

/// `SetPolicies`' dictionary but for the number.
fn dictionary(changes: &PolicyChanges) -> Options<'static> {
    let times = [
        ("lock-after-offline", changes.lock_after_offline),
        ("wipe-after-offline", changes.wipe_after_offline),
    ];
    let flags = [
        ("lock-on-sim-change", changes.lock_on_sim_change),
        ("lock-on-accessory-lost", changes.lock_on_accessory_lost),
        ("recovery-without-code", changes.recovery_without_code),
        ("dry-run", changes.dry_run),
    ];
    let times = times
        .into_iter()
        .filter_map(|(key, ms)| Some((key, Variant::from(ms?))));
    let flags = flags
        .into_iter()
        .filter_map(|(key, on)| Some((key, Variant::from(on?))));
    times.chain(flags).collect::<HashMap<_, _>>()
}

#[cfg(test)]
mod tests;
