//! `status`: whose device this is and how it is.

use serde_json::{Map, Value, json};
use std::time::Duration;

use super::client::{Client, Object};
use super::error::Error;
use super::output::{Output, Report};
use super::text::{Ink, printable, time_words, wait_words};

/// Asks all four objects. A warden that doesn't answer is `null` in JSON: everything else is still worth showing.
///
/// JSON: `version`, `capabilities`; `account`, `device`: their D-Bus properties in snake_case (`account.state`,
/// `account.bound_since`, `device.device_id` …); `account.identifiers` as objects with `id`, `kind`, `value`, `verified`;
/// `account.pending` with `id`, `kind`, `channel`, `address`, `state`, `resend_in_ms`, `expires_in_ms`, empty when none;
/// `warden`: `binding_state`, `lock_state`, `retry_after_ms`, `tries_left`, `hold_left_ms`.
///
/// # Errors
/// When belayd can't be asked.
pub async fn run(client: &Client, output: Output) -> Result<Report, Error> {
    let manager = client.properties(Object::Manager).await?;
    let mut account = client.properties(Object::Account).await?;
    let device = client.properties(Object::Device).await?;
    let warden = client.properties(Object::Warden).await.ok();

    if let Some(Value::Array(identifiers)) = account.get_mut("identifiers") {
        for identifier in identifiers {
            name_fields(identifier);
        }
    }
    let json = json!({
        "version": manager.get("version"),
        "capabilities": manager.get("capabilities"),
        "account": account,
        "device": device,
        "warden": warden.map(|all| only(all, &["binding_state", "lock_state", "retry_after_ms", "tries_left", "hold_left_ms"])),
    });
    Ok(Report::new(render(&json, output.ink), json))
}

/// The text of a status for people.
pub fn render(status: &Value, ink: Ink) -> String {
    let (account, device, warden) = (&status["account"], &status["device"], &status["warden"]);
    let mut lines = Lines {
        ink,
        text: String::new(),
    };

    lines.add("Account", &account_words(account, ink));
    if account["bound_since"].as_u64().is_some_and(|since| since > 0) {
        lines.add(
            "Since",
            &time_words(account["bound_since"].as_u64().unwrap_or_default()),
        );
    }
    let left = warden["hold_left_ms"].as_u64().unwrap_or_default();
    if left > 0 {
        let left = wait_words(Duration::from_millis(left));
        lines.add(
            "Recovery",
            &ink.bad(&format!(
                "a new password takes hold in {left}, unless its owner says no"
            )),
        );
        lines.add("", "Not you? Type the old password: belayctl unlock");
    }
    let pending = &account["pending"];
    if let Some(id) = pending["id"].as_str() {
        lines.add("Waiting for", &pending_words(pending));
        lines.add("", &next_words(pending, &printable(id)));
    }
    if account["pending_release"] == true {
        lines.add("Release", "waits to be brought to the cloud");
    }
    if account["state"] == "bound" && account["recovery_code_set"] == false {
        lines.add(
            "Recovery code",
            &ink.bad("none; make one: belayctl account recovery-code"),
        );
    }
    if let Some(words) = account["bootloader_unlock"].as_str().and_then(bootloader_words) {
        lines.add("Bootloader", words);
    }
    if !device["name"].is_null() {
        lines.add("Device", &device_words(device));
    }
    lines.add("Lock", &lock_words(device, ink));
    // For whoever found it.
    for (label, key) in [("Message", "lost_message"), ("To call", "owner_phone")] {
        if let Some(said) = text(device, key) {
            lines.add(label, &said);
        }
    }
    if device["ringing"] == true {
        lines.add("Rings", "until belayctl stop-ringing");
    }
    if let Some(level) = text(device, "assurance_level") {
        let notes = list(&device["assurance_notes"]);
        lines.add(
            "Assurance",
            &if notes.is_empty() {
                level
            } else {
                format!("{level}: {notes}")
            },
        );
    }
    if let Some(class) = text(device, "wipe_class") {
        lines.add("Wipe class", &class);
    }
    lines.add("Password", &password_words(warden, ink));
    if let Some(url) = text(account, "cloud_url") {
        lines.add("Cloud", &url);
    }
    lines.add(
        "Version",
        &text(status, "version").unwrap_or_else(|| "unknown".to_owned()),
    );
    lines.text.trim_end().to_owned()
}

struct Lines {
    ink: Ink,
    text: String,
}

impl Lines {
    fn add(&mut self, label: &str, value: &str) {
        let label = if label.is_empty() {
            String::new()
        } else {
            format!("{label}:")
        };
        self.text.push_str(&self.ink.faint(&format!("{label:<15}")));
        self.text.push_str(value);
        self.text.push('\n');
    }
}

fn account_words(account: &Value, ink: Ink) -> String {
    let login = account["identifiers"][0]["value"]
        .as_str()
        .map(printable)
        .unwrap_or_default();
    match account["state"].as_str().unwrap_or("unknown") {
        "bound" => format!("{} {login}", ink.good("bound to")),
        // A lost device says nothing of its owner's.
        "unknown" if account.as_object().is_some_and(Map::is_empty) => "not shown now".to_owned(),
        "unbound" => "none: this device is free".to_owned(),
        "registering" => "none yet: a registration waits for its code".to_owned(),
        // No password helps there: it is signed out, and in again where that is wanted.
        "reauthentication-required" if account["membership"] == "removed" => {
            format!(
                "{login}: {}",
                ink.bad("you removed this device from the account; its data stays, run belayctl sign-out")
            )
        }
        "reauthentication-required" if account["membership"] == "account-deleted" => {
            format!(
                "{login}: {}",
                ink.bad("the account was deleted; the data here stays, run belayctl sign-out")
            )
        }
        "reauthentication-required" => {
            format!(
                "{login}: {}",
                ink.bad("changed elsewhere, run belayctl reauthenticate")
            )
        }
        "recovery-hold" => format!("{login}: {}", ink.bad("being recovered without its code")),
        "activation-locked" => {
            let owner = text(account, "locked_to").unwrap_or_else(|| "another account".to_owned());
            ink.bad(&format!("locked to {owner}"))
        }
        other => printable(other),
    }
    .trim_end()
    .to_owned()
}

/// What becomes of the request to unlock the bootloader, where there is one.
fn bootloader_words(state: &str) -> Option<&'static str> {
    match state {
        "pending" => Some("whether it may be unlocked is for the cloud's operator to say"),
        "approved" => Some("may be unlocked: the cloud's operator says so"),
        "denied" => Some("must not be unlocked: the cloud's operator says so"),
        _ => None,
    }
}

/// The command that goes on with what waits.
fn next_words(pending: &Value, id: &str) -> String {
    match (pending["state"].as_str(), pending["kind"].as_str()) {
        // No other code of it is sent either.
        (Some("expired"), kind) => {
            let again = match kind {
                Some("recovery") => "account forgot ADDRESS",
                Some("identifier") => "account add-address ADDRESS",
                _ => "register ADDRESS",
            };
            format!("belayctl cancel {id}, and to begin again: belayctl {again}")
        }
        (_, Some("recovery")) => format!("belayctl account recover {id} ADDRESS"),
        (_, Some("identifier")) => format!("belayctl account confirm-address {id}"),
        _ => format!("belayctl confirm {id}"),
    }
}

fn pending_words(pending: &Value) -> String {
    let to = pending["address"]
        .as_str()
        .map(|address| format!(" sent to {}", printable(address)))
        .unwrap_or_default();
    let wait = |key: &str| {
        pending[key]
            .as_u64()
            .map(|ms| wait_words(Duration::from_millis(ms)))
    };
    match pending["state"].as_str() {
        Some("confirmed") => "you: the link was opened, and no code is needed".to_owned(),
        Some("expired") => format!("nothing: it took too long, and no code{to} can be used any more"),
        _ => {
            let expires = wait("expires_in_ms")
                .map(|wait| format!("; {wait} to confirm"))
                .unwrap_or_default();
            let again = match pending["resend_in_ms"].as_u64() {
                Some(0) => "; can be sent again".to_owned(),
                _ => wait("resend_in_ms")
                    .map(|wait| format!("; again in {wait}"))
                    .unwrap_or_default(),
            };
            format!("the code{to}{expires}{again}")
        }
    }
}

fn device_words(device: &Value) -> String {
    let name = text(device, "name").unwrap_or_else(|| "without a name".to_owned());
    let model = text(device, "model")
        .map(|model| format!(" ({model})"))
        .unwrap_or_default();
    let id = text(device, "device_id")
        .map(|id| format!(", id {id}"))
        .unwrap_or_default();
    format!("{name}{model}{id}")
}

fn lock_words(device: &Value, ink: Ink) -> String {
    match device["lock_state"].as_str() {
        Some("unlocked") => ink.good("unlocked"),
        Some("lost") => ink.bad("lost: the owner unlocks with belayctl unlock"),
        Some("tampered") => ink.bad("tampered: the owner signs in again with belayctl sign-in"),
        Some(other) => ink.bad(&printable(other)),
        None => "unknown".to_owned(),
    }
}

fn password_words(warden: &Value, ink: Ink) -> String {
    if warden.is_null() {
        return ink.bad("the warden doesn't answer");
    }
    let wait = warden["retry_after_ms"].as_u64().unwrap_or_default();
    if wait > 0 {
        return ink.bad(&format!("no try for {}", wait_words(Duration::from_millis(wait))));
    }
    match warden["tries_left"].as_u64() {
        Some(1) => "one try before a wait".to_owned(),
        Some(tries) => format!("{tries} tries before a wait"),
        None => "unknown".to_owned(),
    }
}

/// A text that isn't empty, fit for a terminal.
fn text(object: &Value, key: &str) -> Option<String> {
    object[key]
        .as_str()
        .filter(|text| !text.is_empty())
        .map(printable)
}

fn list(value: &Value) -> String {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .filter_map(Value::as_str)
        .map(printable)
        .collect::<Vec<_>>()
        .join(", ")
}

/// An identifier `(sssb)` as an object with names.
fn name_fields(identifier: &mut Value) {
    if let Value::Array(fields) = identifier
        && let [id, kind, value, verified] = &mut fields[..]
    {
        *identifier = json!({
            "id": id.take(), "kind": kind.take(), "value": value.take(), "verified": verified.take(),
        });
    }
}

fn only(mut all: Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    all.retain(|name, _| names.contains(&name.as_str()));
    all
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
