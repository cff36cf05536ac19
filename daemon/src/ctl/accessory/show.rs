//! `list`, `show`: what is known of accessories.

use belay_proto::dbus::Options;
use serde_json::{Map, Value, json};

use super::bus::{self, Entry};
use super::words;
use crate::ctl::advice::{self, accessories};
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::text::{Ink, json_object, printable, time_words};

/// Lists the accessories. JSON: `accessories`.
///
/// # Errors
/// What belayd says.
pub async fn list(client: &Client, output: Output) -> Result<Report, Error> {
    let all = bus::all(client).await?;
    let fields: Vec<_> = all.iter().map(|one| &one.fields).collect();
    Ok(Report::new(
        table(&all, output.ink),
        json!({ "accessories": fields }),
    ))
}

fn table(all: &[Entry], ink: Ink) -> String {
    if all.is_empty() {
        return "No accessory is paired. belayctl accessory scan looks for one.".to_owned();
    }
    let mut lines = vec![ink.faint(&words::heading())];
    lines.extend(all.iter().map(|one| words::row(one, all, ink)));
    lines.join("\n")
}

/// Shows one with its newest values. JSON: its properties, `latest` (`null`: none) and, where it was asked for,
/// `identity` with `address`, `serial`.
///
/// # Errors
/// What belayd says.
pub async fn show(client: &Client, entry: &Entry, identity: bool, output: Output) -> Result<Report, Error> {
    let accessory = bus::proxy_to_read(client, entry.id).await?;
    let latest = match accessory.latest(&Options::new()).await.map_err(Error::from) {
        Ok(values) => Some(json_object(&values)),
        // It has measured nothing yet.
        Err(Error::Refused(refusal)) if refusal.name == "NotFound" => None,
        Err(error) => return Err(error),
    };
    let identity = if identity {
        Some(json_object(&accessory.identity(&Options::new()).await?))
    } else {
        None
    };
    let text = render(entry, latest.as_ref(), identity.as_ref(), output.ink);
    let mut json = entry.fields.clone();
    json.insert("latest".to_owned(), json!(latest));
    if let Some(identity) = identity {
        json.insert("identity".to_owned(), identity.into());
    }
    Ok(Report::new(text, json.into()))
}

fn render(
    entry: &Entry,
    latest: Option<&Map<String, Value>>,
    identity: Option<&Map<String, Value>>,
    ink: Ink,
) -> String {
    let mut lines = Vec::new();
    let mut add = |label: &str, value: &str| {
        if !value.is_empty() {
            let label = if label.is_empty() {
                String::new()
            } else {
                format!("{label}:")
            };
            lines.push(format!("{}{value}", ink.faint(&format!("{label:<15}"))));
        }
    };
    add("Name", &entry.shown_name());
    add("Kind", &printable(entry.text("kind")));
    add("Id", &entry.id.to_string());
    if let Some(identity) = identity {
        let text = |key: &str| {
            identity
                .get(key)
                .and_then(Value::as_str)
                .map(printable)
                .unwrap_or_default()
        };
        add("Address", &text("address"));
        add("Serial number", &text("serial"));
    }
    add("State", &words::state(entry, ink));
    let problem = entry.text("problem");
    if !problem.is_empty() {
        let known = advice::known().any(|name| name == problem);
        let happened = if known {
            advice::of(problem).happened.to_owned()
        } else {
            printable(problem)
        };
        add("Problem", &ink.bad(&happened));
        let next = accessories::next_of(entry.text("problem_advice"));
        add(
            "",
            next.or_else(|| known.then(|| advice::of(problem).next))
                .unwrap_or_default(),
        );
    }
    add("Signal", &words::signal(entry));
    add("Battery", &words::battery(entry));
    add("Firmware", &printable(entry.text("firmware_version")));
    add("Used for", &uses(entry));
    let synced = entry.fields.get("last_sync").and_then(Value::as_u64);
    add("Last sync", &synced.map(time_words).unwrap_or_default());
    for (label, value) in latest.map(values).unwrap_or_default() {
        add(&label, &value);
    }
    lines.join("\n")
}

/// What is switched on for it, in the words of the settings; those of a later version as they come.
fn uses(entry: &Entry) -> String {
    let uses = entry.fields.get("uses").and_then(Value::as_array);
    let words = uses.into_iter().flatten().filter_map(Value::as_str);
    let words = words.map(|word| match word {
        "heart-rate" => "heart rate without pause".to_owned(),
        other => printable(other),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The known quantities with their units, in this order.
const QUANTITIES: [(&str, &str, &str); 12] = [
    ("steps", "Steps", ""),
    ("distance", "Distance", "m"),
    ("energy", "Energy", "kcal"),
    ("heart_rate", "Heart rate", "bpm"),
    ("weight", "Weight", "kg"),
    ("body_fat", "Body fat", "%"),
    ("impedance", "Impedance", "ohm"),
    ("temperature", "Temperature", "°C"),
    ("humidity", "Humidity", "%"),
    ("illuminance", "Illuminance", "lx"),
    ("moisture", "Moisture", "%"),
    ("conductivity", "Conductivity", "µS/cm"),
];

/// Labels and values of the newest measurements: the known ones in their order, those of a later version by name, the
/// time last.
fn values(latest: &Map<String, Value>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (key, label, unit) in QUANTITIES {
        if let Some(value) = latest.get(key) {
            let value = format!("{} {unit}", number(value));
            all.push((label.to_owned(), value.trim_end().to_owned()));
        }
    }
    for (key, value) in latest {
        if key != "measured" && QUANTITIES.iter().all(|(known, ..)| known != key) {
            all.push((printable(&key.replace('_', " ")), number(value)));
        }
    }
    if let Some(measured) = latest.get("measured").and_then(Value::as_u64)
        && !all.is_empty()
    {
        all.push(("Measured".to_owned(), time_words(measured)));
    }
    all
}

fn number(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            // Scales and sensors measure no finer than that.
            Some(float) => {
                let text = format!("{float:.2}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            None => number.to_string(),
        },
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
