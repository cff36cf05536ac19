//! `account remove-device`, `delete`, `unlock-bootloader`: what can't be taken back.

use belay_proto::dbus::Options;
use belay_proto::dbus::client as ticketed;
use belay_proto::id::DeviceId;
use serde_json::json;

use super::cli::{Delete, RemoveDevice, UnlockBootloader};
use crate::ctl::client::{Client, Object};
use crate::ctl::error::Error;
use crate::ctl::output::Report;
use crate::ctl::secret;
use crate::ctl::text::{json_object, printable};

/// What has to be typed before an account goes.
const DELETE: &str = "delete everything";

/// Removes a device. JSON: `removed`.
///
/// # Errors
/// What the warden and belayd say.
pub async fn remove_device(client: &Client, args: &RemoveDevice) -> Result<Report, Error> {
    let entries = client.account().await?.list_devices(&Options::new()).await?;
    let mut own = None;
    let devices: Vec<(String, String)> = entries
        .iter()
        .map(|entry| {
            let entry = json_object(entry);
            let text = |key: &str| {
                let value = entry.get(key).and_then(serde_json::Value::as_str);
                value.unwrap_or_default().to_owned()
            };
            if entry.get("this").and_then(serde_json::Value::as_bool) == Some(true) {
                own = Some(text("id"));
            }
            (text("id"), text("name"))
        })
        .collect();
    let (device, name) = chosen(&devices, &args.device)?;
    if own.is_some_and(|own| own == device.to_string()) {
        return Err(Error::Data(
            "That is this device itself; it is signed out: belayctl sign-out.".to_owned(),
        ));
    }
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    ticketed::remove_device(client.connection(), device, &password).await?;
    let text = format!(
        "{} doesn't belong to the account's data any more: it gets nothing of what is written from now on.\n\
         It stays locked to you until it is signed out there.",
        printable(&name)
    );
    Ok(Report::new(text, json!({ "removed": device.to_string() })))
}

/// Deletes the account. JSON: `deleted`.
///
/// # Errors
/// What the warden and belayd say; [`Error::Usage`] where nobody can be asked.
pub async fn delete(client: &Client, args: &Delete) -> Result<Report, Error> {
    if !args.yes_delete_everything {
        let question =
            format!("This deletes the account and everything of it at the cloud, for good. Type “{DELETE}”:");
        if secret::ask_openly(&question).await? != DELETE {
            return Err(Error::Data("Nothing was deleted.".to_owned()));
        }
    }
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    ticketed::delete_account(client.connection(), &password).await?;
    Ok(Report::new(
        "The account is deleted, and this device belongs to nobody.",
        json!({ "deleted": true }),
    ))
}

/// Asks for an unlocked bootloader. JSON: `bootloader_unlock`.
///
/// # Errors
/// What the warden and belayd say.
pub async fn unlock_bootloader(client: &Client, args: &UnlockBootloader) -> Result<Report, Error> {
    let shown = client.properties_unless_lost(Object::Device).await?;
    let device = shown.get("device_id").and_then(serde_json::Value::as_str);
    let device: DeviceId = device
        .unwrap_or_default()
        .parse()
        .map_err(|_| Error::named("NotBound", ""))?;
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    ticketed::request_bootloader_unlock(client.connection(), device, &password, &args.reason).await?;
    let account = client.properties(Object::Account).await?;
    let state = account.get("bootloader_unlock").cloned().unwrap_or_default();
    Ok(Report::new(
        "The request is with the cloud's operator; belayctl status shows what becomes of it.",
        json!({ "bootloader_unlock": state }),
    ))
}

/// The device of this id, or the one of this name.
fn chosen(devices: &[(String, String)], text: &str) -> Result<(DeviceId, String), Error> {
    let mut fitting = devices.iter().filter(|(id, name)| id == text || name == text);
    match (fitting.next(), fitting.next()) {
        (Some((id, name)), None) => {
            let id = id
                .parse()
                .map_err(|_| Error::named("Internal", "a device's id that is none"))?;
            Ok((id, name.clone()))
        }
        (None, _) => Err(Error::Data(
            "The account has no such device; belayctl devices lists them.".to_owned(),
        )),
        _ => Err(Error::Data(
            "More than one device is called so; name it by its id.".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_by_its_id_or_by_a_name_that_only_it_has() {
        let id = |digit: &str| digit.repeat(32);
        let devices = [
            (id("a"), "Pocket".to_owned()),
            (id("b"), "Slate".to_owned()),
            (id("c"), "Slate".to_owned()),
        ];
        assert_eq!(chosen(&devices, "Pocket").unwrap().0.to_string(), id("a"));
        assert_eq!(chosen(&devices, &id("c")).unwrap().1, "Slate");
        assert_eq!(chosen(&devices, "Slate").unwrap_err().exit_code(), 65);
        assert_eq!(chosen(&devices, "Watch").unwrap_err().exit_code(), 65);
    }
}
