//! `account remove-device`, `delete`, `unlock-bootloader`: what can't be taken back.

use belay_proto::dbus::client as ticketed;
use belay_proto::dbus::{Options, told};
use belay_proto::id::{AccessoryId, DeviceId};
use serde_json::{Value, json};

use super::cli::{Delete, RemoveDevice, UnlockBootloader};
use crate::ctl::accessory::bus::{self, Entry};
use crate::ctl::advice::account as advice;
use crate::ctl::client::{Client, Object};
use crate::ctl::error::{Error, Refusal};
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
    let listed = listed(client).await?;
    let own = listed.iter().find(|device| device.is_own);
    let own = own.map(|device| device.id.clone());
    let devices: Vec<_> = listed
        .into_iter()
        .map(|device| (device.id, device.name))
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
        "{} is removed from the account: what it has it keeps, and it gets nothing of what is written from now on.\n\
         It stays locked to you until belayctl sign-out there.",
        printable(&name)
    );
    Ok(Report::new(text, json!({ "removed": device.to_string() })))
}

/// A device of the account.
struct Listed {
    id: String,
    name: String,
    is_own: bool,
}

async fn listed(client: &Client) -> Result<Vec<Listed>, Error> {
    let entries = client
        .account_to_read()
        .await?
        .list_devices(&Options::new())
        .await?;
    let read = |entry| {
        let entry = json_object(entry);
        let text = |key: &str| {
            entry
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Listed {
            id: text("id"),
            name: text("name"),
            is_own: entry.get("this").and_then(Value::as_bool) == Some(true),
        }
    };
    Ok(entries.iter().map(read).collect())
}

/// Deletes the account. JSON: `deleted`; where something is bound still, the error has `devices`, each with `id` and `name`, and
/// `accessories`, each with `id`, `name`, `kind`: `null` what isn't known here.
///
/// # Errors
/// What the warden and belayd say; [`Error::NoTerminal`] where nobody can be asked.
pub async fn delete(client: &Client, args: &Delete) -> Result<Report, Error> {
    if !args.yes_delete_everything {
        let question =
            format!("This deletes the account and everything of it at the cloud, for good. Type “{DELETE}”:");
        if secret::ask_openly(&question).await? != DELETE {
            return Err(Error::Data("Nothing was deleted.".to_owned()));
        }
    }
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    if let Err(error) = ticketed::delete_account(client.connection(), &password).await {
        return Err(with_what_is_bound(client, error.into()).await);
    }
    Ok(Report::new(
        "The account is deleted, and this device belongs to nobody.",
        json!({ "deleted": true }),
    ))
}

/// The refusal to delete an account, with the names of what is bound to it still as far as they are known here.
async fn with_what_is_bound(client: &Client, error: Error) -> Error {
    match error {
        Error::Refused(refusal) if refusal.name == "DevicesStillBound" => {
            let (devices, accessories) = told::bound_of(&refusal.message);
            let named = match devices.is_empty() {
                true => Vec::new(),
                false => listed(client).await.unwrap_or_default(),
            };
            let known = match accessories.is_empty() {
                true => Vec::new(),
                false => bus::all(client).await.unwrap_or_default(),
            };
            still_bound(
                refusal,
                &told_devices(&devices, &named),
                &told_accessories(&accessories, &known),
            )
        }
        other => other,
    }
}

/// What is bound: the line for a person, and the fields for a script.
type Told = (String, Value);

fn told_devices(bound: &[DeviceId], named: &[Listed]) -> Vec<Told> {
    let told = |id: &DeviceId| {
        let id = id.to_string();
        let found = named.iter().find(|device| device.id == id);
        let name = found.map(|device| &device.name).filter(|name| !name.is_empty());
        let shown = match (name, found) {
            (Some(name), _) => printable(name),
            (None, Some(_)) => "a device without a name".to_owned(),
            (None, None) => "a device that isn't known on this device".to_owned(),
        };
        (format!("  {shown}  {id}"), json!({ "id": id, "name": name }))
    };
    bound.iter().map(told).collect()
}

fn told_accessories(bound: &[AccessoryId], known: &[Entry]) -> Vec<Told> {
    let told = |id: &AccessoryId| {
        let entry = known.iter().find(|entry| entry.id == *id);
        let text = |key| entry.map(|entry| entry.text(key)).filter(|text| !text.is_empty());
        let (name, kind) = (text("name"), text("kind"));
        let shown = match (name, entry) {
            (Some(name), _) => printable(name),
            (None, Some(_)) => "an accessory without a name".to_owned(),
            (None, None) => "an accessory that isn't known on this device".to_owned(),
        };
        (
            format!("  {shown}  {id}"),
            json!({ "id": id.to_string(), "name": name, "kind": kind }),
        )
    };
    bound.iter().map(told).collect()
}

fn still_bound(mut refusal: Refusal, devices: &[Told], accessories: &[Told]) -> Error {
    refusal.advice = match (devices, accessories) {
        // A cloud that doesn't say.
        ([], []) => None,
        (_, []) => Some(advice::DEVICES_BOUND),
        ([], _) => Some(advice::ACCESSORIES_BOUND),
        _ => Some(advice::BOTH_BOUND),
    };
    for (title, key, all) in [
        ("Devices:", "devices", devices),
        ("Accessories:", "accessories", accessories),
    ] {
        if !all.is_empty() {
            refusal.more.lines.push(title.to_owned());
            refusal
                .more
                .lines
                .extend(all.iter().map(|(line, _)| line.clone()));
        }
        let fields: Vec<Value> = all.iter().map(|(_, fields)| fields.clone()).collect();
        refusal.more.fields.insert(key.to_owned(), fields.into());
    }
    Error::Refused(refusal)
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
    use crate::ctl::accessory::bus::tests::entry_with;

    fn refused() -> Refusal {
        match Error::named("DevicesStillBound", "bound") {
            Error::Refused(refusal) => refusal,
            _ => panic!(),
        }
    }

    #[test]
    fn what_keeps_an_account_is_listed_by_name_as_far_as_it_is_known() {
        let id = |digit: &str| digit.repeat(32);
        let named = [("a", "Slate"), ("b", "")].map(|(digit, name)| Listed {
            id: id(digit),
            name: name.to_owned(),
            is_own: false,
        });
        let known = [entry_with(
            &id("c"),
            json!({ "name": "Band\u{1b}", "kind": "mi-band-2" }),
        )];
        let devices = ["a", "b", "f"].map(|digit| id(digit).parse().unwrap());
        let accessories = ["c", "d"].map(|digit| id(digit).parse().unwrap());
        let error = still_bound(
            refused(),
            &told_devices(&devices, &named),
            &told_accessories(&accessories, &known),
        );
        let words = error.words();
        let lines: Vec<_> = words.lines().collect();
        assert_eq!(
            lines[1..8],
            [
                "Devices:".to_owned(),
                format!("  Slate  {}", id("a")),
                format!("  a device without a name  {}", id("b")),
                format!("  a device that isn't known on this device  {}", id("f")),
                "Accessories:".to_owned(),
                format!("  Band?  {}", id("c")),
                format!("  an accessory that isn't known on this device  {}", id("d")),
            ]
        );
        assert!(lines[8].contains("belayctl accessory unpair"), "{words}");
        let json = &error.json()["error"];
        assert_eq!(json["devices"][0], json!({ "id": id("a"), "name": "Slate" }));
        assert_eq!(json["devices"][1]["name"], Value::Null);
        assert_eq!(
            json["accessories"][1],
            json!({ "id": id("d"), "name": null, "kind": null })
        );
    }

    #[test]
    fn where_the_devices_cant_be_listed_none_is_said_to_have_no_name() {
        let device = "a".repeat(32).parse().unwrap();
        let (line, fields) = told_devices(&[device], &[]).remove(0);
        assert!(
            line.starts_with("  a device that isn't known on this device  aaaa"),
            "{line}"
        );
        assert_eq!(fields["name"], Value::Null);
        let accessory = "c".repeat(32);
        let unnamed = [entry_with(&accessory, json!({ "kind": "mi-band-2" }))];
        let (line, fields) = told_accessories(&[accessory.parse().unwrap()], &unnamed).remove(0);
        assert!(line.starts_with("  an accessory without a name  cccc"), "{line}");
        assert_eq!(fields["kind"], "mi-band-2");
    }

    #[test]
    fn what_is_to_be_done_before_an_account_goes_depends_on_what_is_bound() {
        let one = || vec![("  one".to_owned(), Value::Null)];
        let words =
            |devices: &[Told], accessories: &[Told]| still_bound(refused(), devices, accessories).words();
        assert!(!words(&one(), &[]).contains("unpair"));
        assert!(!words(&[], &one()).contains("sign-out"));
        let both = words(&one(), &one());
        assert!(both.contains("unpair") && both.contains("sign-out"), "{both}");
        // A cloud that lists nothing.
        let unknown = words(&[], &[]);
        assert!(unknown.contains("belayctl devices"), "{unknown}");
    }

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
