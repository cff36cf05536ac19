//! `devices`, `name`, `find-device`, `unlock`, `reset`, `check-password`: this device and its siblings.

use belay_proto::dbus::Options;
use belay_proto::dbus::client::{authorize_reset, set_find_enabled};
use serde_json::{Value, json};

use super::cli::{FindDevice, Name, Password, Reset};
use super::client::{Client, Object};
use super::error::Error;
use super::output::{Output, Report};
use super::secret;
use super::sync::cli::Switch;
use super::text::{Ink, json_object, printable, time_words};

/// Lists the devices of the account. JSON: `devices`, each with `id`, `name`, `model`, `kind`, `this`, `last_seen`
/// (seconds since the epoch), `lost`.
///
/// # Errors
/// What belayd says.
pub async fn list(client: &Client, output: Output) -> Result<Report, Error> {
    let entries = client
        .account_to_read()
        .await?
        .list_devices(&Options::new())
        .await?;
    let devices: Vec<Value> = entries.iter().map(|entry| json_object(entry).into()).collect();
    Ok(Report::new(
        table(&devices, output.ink),
        json!({ "devices": devices }),
    ))
}

/// Renames this device. JSON: `name`.
///
/// # Errors
/// What belayd says.
pub async fn rename(client: &Client, args: &Name) -> Result<Report, Error> {
    // As belayd takes it.
    let name = args.new.trim();
    client.device().await?.set_name(name, &Options::new()).await?;
    Ok(Report::new(
        format!("This device is now called {}.", printable(name)),
        json!({ "name": name }),
    ))
}

/// Changes whether this device takes its owner's commands, and shows it. JSON: `find_enabled`.
///
/// # Errors
/// What the warden says to the password.
pub async fn find(client: &Client, args: &FindDevice) -> Result<Report, Error> {
    if let Some(enabled) = args.enabled {
        let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
        set_find_enabled(client.connection(), enabled == Switch::Yes, &password).await?;
    }
    let device = client.properties_unless_lost(Object::Device).await?;
    let enabled = device.get("find_enabled").cloned().unwrap_or_default();
    // Only what is somebody's has any.
    let is_nobodys = device
        .get("policies")
        .and_then(Value::as_object)
        .is_some_and(serde_json::Map::is_empty);
    let text = match (is_nobodys, enabled.as_bool()) {
        (true, _) => "This device is nobody's, and takes no commands.",
        (false, Some(true)) => {
            "Find-device is on: this device takes its owner's commands, and does what its policies say."
        }
        (false, Some(false)) => {
            "Find-device is off: this device can be neither found nor locked nor erased from elsewhere, and all of its \
             policies rest but recovery-without-code. It takes only the commands that end something."
        }
        (false, None) => "Whether this device takes its owner's commands isn't known.",
    };
    Ok(Report::new(text, json!({ "find_enabled": enabled })))
}

/// Unlocks this device after it was locked as lost. JSON: `lock_state`.
///
/// # Errors
/// What the warden says to the password.
pub async fn unlock(client: &Client, args: &Password) -> Result<Report, Error> {
    let password = secret::read(args.password_file.as_deref(), "Account password: ").await?;
    client.warden().await?.unlock(&password).await?;
    Ok(Report::new(
        "The password is right; this device is unlocked.",
        json!({ "lock_state": "unlocked" }),
    ))
}

/// Allows a factory reset. JSON: `authorisation`, `valid_for_ms`, `released`.
///
/// # Errors
/// What the warden says to the password.
pub async fn reset(client: &Client, args: &Reset) -> Result<Report, Error> {
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    let authorisation = authorize_reset(client.connection(), &password, args.release).await?;
    let after = if args.release {
        "This device is signed out too: the next owner can bind it."
    } else {
        "Afterwards it still belongs to its account: the owner signs in again."
    };
    let text = format!(
        "A factory reset is allowed for the next 10 minutes, until a reboot.\n{after}\n\n\
         Its proof, where the reset asks for one:\n{}",
        printable(&authorisation)
    );
    let json = json!({ "authorisation": authorisation, "valid_for_ms": 600_000, "released": args.release });
    Ok(Report::new(text, json))
}

/// Says how strong a password is. JSON: `score` (0 to 4; a new account needs 3).
///
/// # Errors
/// What the warden says.
pub async fn check_password(client: &Client, args: &Password) -> Result<Report, Error> {
    let password = secret::read(args.password_file.as_deref(), "A password to judge: ").await?;
    let score = client.warden().await?.check(&password).await?;
    Ok(Report::new(score_words(score), json!({ "score": score })))
}

fn score_words(score: u8) -> String {
    let meaning = match score {
        0 | 1 => "too easy to guess",
        2 => "still too easy to guess",
        3 => "good",
        _ => "very good",
    };
    format!("{score} of 4: {meaning}.")
}

fn table(devices: &[Value], ink: Ink) -> String {
    if devices.is_empty() {
        return "The account has no devices.".to_owned();
    }
    let text = |device: &Value, key: &str| device[key].as_str().map(printable).unwrap_or_default();
    let rows: Vec<[String; 5]> = devices
        .iter()
        .map(|device| {
            let seen = device["last_seen"].as_u64().unwrap_or_default();
            [
                text(device, "name"),
                text(device, "model"),
                text(device, "kind"),
                time_words(seen),
                text(device, "id"),
            ]
        })
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let mut lines = Vec::with_capacity(rows.len());
    for (row, device) in rows.iter().zip(devices) {
        let [name, model, kind, seen, id] = row;
        let [name_width, model_width, kind_width, seen_width] = widths;
        let mut line = format!(
            "{name:<name_width$}  {model:<model_width$}  {kind:<kind_width$}  {seen:<seen_width$}  {id}"
        );
        if device["this"] == true {
            line.push_str(&format!("  {}", ink.good("this device")));
        }
        if device["lost"] == true {
            line.push_str(&format!("  {}", ink.bad("lost")));
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_lined_up_and_this_one_is_marked() {
        let devices = [
            json!({"id": "00", "name": "Pocket", "model": "Phone 1", "kind": "phone", "this": true, "last_seen": 1_767_225_600, "lost": false}),
            json!({"id": "11", "name": "Slate at home", "model": "T", "kind": "tablet", "this": false, "last_seen": 0, "lost": true}),
        ];
        assert_eq!(
            table(&devices, Ink::OFF),
            "Pocket         Phone 1  phone   2026-01-01 00:00:00 UTC  00  this device\n\
             Slate at home  T        tablet  never                    11  lost"
        );
        assert_eq!(table(&[], Ink::OFF), "The account has no devices.");
    }

    #[test]
    fn scores_are_explained() {
        assert_eq!(score_words(2), "2 of 4: still too easy to guess.");
        assert_eq!(score_words(4), "4 of 4: very good.");
    }
}
