//! `monitor`: what changes, as it happens; a line each, or a JSON object each.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::time::SystemTime;

use belay_proto::clock::unix_seconds;
use belay_proto::dbus::names::{BUS_NAME, WARDEN_NAME};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use zbus::fdo::DBusProxy;
use zbus::message::{Message, Type};
use zbus::{MatchRule, MessageStream, OwnedVariant, Structure};

use super::client::Client;
use super::error::Error;
use super::output::{Output, plain};
use super::text::{json_key, json_value, printable, time_words};

const NAMES: [&str; 2] = [BUS_NAME, WARDEN_NAME];

/// Follows both daemons until the output is closed or the bus goes away. JSON, by `event`:
/// `watching` once everything is subscribed; `property` with `interface`, `path`, `name`, `value` (`null`: it can't be
/// read any more, such as while the device is lost); `signal` with
/// `interface`, `path`, `name`, `arguments`; `daemon` with `name`, `running`. Each has `time`, seconds since the epoch.
///
/// # Errors
/// [`Error::Bus`] when the bus goes away, [`Error::Io`] when the output fails other than by being closed.
pub async fn run(client: &Client, output: Output) -> Result<(), Error> {
    // One stream of all messages: in their order, and each once however many rules it matches.
    let mut messages = MessageStream::from(client.reading());
    let bus = DBusProxy::new(client.reading()).await?;
    for name in NAMES {
        let theirs = MatchRule::builder().msg_type(Type::Signal).sender(name).build()?;
        bus.add_match_rule(theirs).await?;
        let comes_or_goes = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .add_arg(name)
            .build()?;
        bus.add_match_rule(comes_or_goes).await?;
    }

    if !show(&json!({ "event": "watching" }), output)? {
        return Ok(());
    }
    while let Some(message) = messages.next().await {
        for event in events(&message?) {
            if !show(&event, output)? {
                return Ok(());
            }
        }
    }
    Err(zbus::fdo::Error::Disconnected("the bus closed the connection".to_owned()).into())
}

/// The events in a message: none in one that isn't ours or can't be read.
fn events(message: &Message) -> Vec<Value> {
    let header = message.header();
    // The rules hold for broadcasts; anyone can send a signal to us alone.
    if message.message_type() != Type::Signal || header.destination().is_some() {
        return Vec::new();
    }
    let (Some(interface), Some(member), Some(path)) = (header.interface(), header.member(), header.path())
    else {
        return Vec::new();
    };
    let body = message.body();
    match (interface.as_str(), member.as_str()) {
        ("org.freedesktop.DBus", "NameOwnerChanged") => {
            let Ok((name, _, new)) = body.deserialize::<(String, String, String)>() else {
                return Vec::new();
            };
            // Only the bus may say this.
            if header
                .sender()
                .is_none_or(|sender| sender.as_str() != "org.freedesktop.DBus")
            {
                return Vec::new();
            }
            vec![json!({ "event": "daemon", "name": name, "running": !new.is_empty() })]
        }
        ("org.freedesktop.DBus.Properties", "PropertiesChanged") => {
            type Changed = (String, HashMap<String, OwnedVariant>, Vec<String>);
            let Ok((of, changed, gone)) = body.deserialize::<Changed>() else {
                return Vec::new();
            };
            let mut names: Vec<_> = changed.keys().chain(&gone).collect();
            names.sort_unstable();
            let event = |name: &String| {
                let value = changed.get(name).map(|value| json_value(value));
                json!({ "event": "property", "interface": of, "path": path.as_str(), "name": json_key(name), "value": value })
            };
            names.into_iter().map(event).collect()
        }
        (interface, member)
            if interface.starts_with("org.belay1.") || interface == "org.freedesktop.DBus.ObjectManager" =>
        {
            let arguments = body.deserialize::<Structure<'_>>();
            let arguments: Vec<Value> = arguments
                .map(|all| all.fields().iter().map(json_value).collect())
                .unwrap_or_default();
            vec![json!({
                "event": "signal", "interface": interface, "path": path.as_str(), "name": member, "arguments": arguments,
            })]
        }
        _ => Vec::new(),
    }
}

/// Writes one event. `false` when nobody reads any more.
fn show(event: &Value, output: Output) -> Result<bool, Error> {
    let now = unix_seconds(SystemTime::now());
    let line = if output.json {
        let mut event = event.clone();
        event["time"] = now.into();
        plain(&event)
    } else {
        format!("{}  {}", time_words(now), render(event))
    };
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::io("standard output")(error)),
    }
}

fn render(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().map(printable).unwrap_or_default();
    let object = || {
        text("interface")
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_lowercase()
    };
    match event["event"].as_str() {
        Some("watching") => "watching; Ctrl-C ends".to_owned(),
        Some("daemon") => {
            let program = if text("name") == BUS_NAME {
                "belayd"
            } else {
                "belay-warden"
            };
            format!(
                "{program} {}",
                if event["running"] == true {
                    "started"
                } else {
                    "left the bus"
                }
            )
        }
        Some("property") => format!(
            "{}: {} = {}",
            object(),
            text("name").replace('_', " "),
            value_words(&event["value"])
        ),
        _ => format!(
            "{}: {} {}",
            object(),
            text("name"),
            value_words(&event["arguments"])
        )
        .trim_end()
        .to_owned(),
    }
}

fn value_words(value: &Value) -> String {
    match value {
        Value::Null => "(can't be read now)".to_owned(),
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(items) if items.is_empty() => "(none)".to_owned(),
        Value::Object(fields) if fields.is_empty() => "(none)".to_owned(),
        other => printable(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::Variant;

    fn signal(path: &str, interface: &str, member: &str) -> zbus::message::Builder<'static> {
        Message::signal(path.to_owned(), interface.to_owned(), member.to_owned())
    }

    #[test]
    fn each_changed_property_is_an_event() {
        let changed = HashMap::from([
            ("State", Variant::from("bound")),
            ("BoundSince", Variant::from(7_u64)),
        ]);
        let gone = vec!["UserId".to_owned()];
        let message = signal(
            "/org/belay1/account",
            "org.freedesktop.DBus.Properties",
            "PropertiesChanged",
        )
        .build(&("org.belay1.Account", changed, gone))
        .unwrap();
        let events = events(&message);
        assert_eq!(
            events,
            [
                json!({"event": "property", "interface": "org.belay1.Account", "path": "/org/belay1/account", "name": "bound_since", "value": 7}),
                json!({"event": "property", "interface": "org.belay1.Account", "path": "/org/belay1/account", "name": "state", "value": "bound"}),
                json!({"event": "property", "interface": "org.belay1.Account", "path": "/org/belay1/account", "name": "user_id", "value": null}),
            ]
        );
        assert_eq!(render(&events[1]), "account: state = bound");
        assert_eq!(render(&events[2]), "account: user id = (can't be read now)");
    }

    #[test]
    fn a_signal_is_an_event_with_its_arguments() {
        let message = signal("/org/belay1/device", "org.belay1.Device", "SecurityEvent")
            .build(&("wrong-password",))
            .unwrap();
        let events = events(&message);
        assert_eq!(
            events,
            [
                json!({"event": "signal", "interface": "org.belay1.Device", "path": "/org/belay1/device",
                    "name": "SecurityEvent", "arguments": ["wrong-password"]})
            ]
        );
        assert_eq!(render(&events[0]), "device: SecurityEvent [\"wrong-password\"]");
    }

    #[test]
    fn a_daemon_that_comes_or_goes_is_an_event_if_the_bus_says_so() {
        let build = |sender: &'static str, new: &str| {
            signal(
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus",
                "NameOwnerChanged",
            )
            .sender(sender)
            .build(&("org.belay1", ":1.2", new))
            .unwrap()
        };
        let events_of = |message: &Message| events(message);
        assert_eq!(
            events_of(&build("org.freedesktop.DBus", "")),
            [json!({"event": "daemon", "name": "org.belay1", "running": false})]
        );
        assert_eq!(
            render(&json!({"event": "daemon", "name": "org.belay1", "running": false})),
            "belayd left the bus"
        );
        assert!(events_of(&build(":1.66", ":1.66")).is_empty());
    }

    #[test]
    fn a_signal_sent_to_us_alone_isnt_believed() {
        let message = signal("/org/belay1/device", "org.belay1.Device", "SecurityEvent")
            .destination(":1.7")
            .build(&("forged",))
            .unwrap();
        assert!(events(&message).is_empty());
    }

    #[test]
    fn signals_of_others_and_unreadable_ones_are_passed_over() {
        let other = signal("/", "org.example.Other", "Something").build(&()).unwrap();
        assert!(events(&other).is_empty());
        let wrong = signal("/x", "org.freedesktop.DBus.Properties", "PropertiesChanged")
            .build(&(1_u32,))
            .unwrap();
        assert!(events(&wrong).is_empty());
    }
}
