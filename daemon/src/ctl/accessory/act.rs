//! What is asked of an accessory and done at once: alerts, connections, a measurement, settings, an end.

use belay_proto::dbus::Options;
use belay_proto::dbus::client as ticketed;
use serde_json::json;
use zbus::Variant;

use super::bus::{self, Entry};
use super::cli::{Alert, AlertKind, Change, Switch, Unpair};
use super::problem;
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::Report;
use crate::ctl::secret;

/// Shows an alert. JSON: `id`, `alert`.
///
/// # Errors
/// What belayd says; [`Error::Usage`] for a message or call that says nothing.
pub async fn alert(client: &Client, entry: &Entry, args: &Alert) -> Result<Report, Error> {
    check_alert(args)?;
    let kind = args.kind.word();
    bus::proxy(client, entry.id)
        .await?
        .alert(kind, &args.title, &args.body, &Options::new())
        .await?;
    let text = match args.kind {
        AlertKind::Find => format!(
            "{} makes itself felt. It stops with: belayctl accessory stop-alert {} find",
            entry.shown_name(),
            entry.id
        ),
        AlertKind::Message | AlertKind::Call => format!("{} shows it.", entry.shown_name()),
    };
    Ok(Report::new(
        text,
        json!({ "id": entry.id.to_string(), "alert": kind }),
    ))
}

fn check_alert(args: &Alert) -> Result<(), Error> {
    let wrong = |text: &str| Err(Error::Usage(text.to_owned()));
    match args.kind {
        AlertKind::Find if !args.title.is_empty() => wrong("An alert of the kind find shows no text."),
        AlertKind::Message | AlertKind::Call if args.title.is_empty() => {
            wrong("A message or a call needs a title: who writes or calls.")
        }
        AlertKind::Call if !args.body.is_empty() => wrong("A call shows its title alone."),
        _ => Ok(()),
    }
}

/// Ends an alert. JSON: `id`, `alert` (`null`).
///
/// # Errors
/// What belayd says.
pub async fn stop_alert(client: &Client, entry: &Entry, kind: AlertKind) -> Result<Report, Error> {
    bus::proxy(client, entry.id)
        .await?
        .stop_alert(kind.word(), &Options::new())
        .await?;
    Ok(Report::new(
        "The alert has ended.",
        json!({ "id": entry.id.to_string(), "alert": null }),
    ))
}

/// Connects. JSON: `id`, `connected`.
///
/// # Errors
/// What belayd says.
pub async fn connect(client: &Client, entry: &Entry) -> Result<Report, Error> {
    bus::proxy(client, entry.id)
        .await?
        .connect(&Options::new())
        .await?;
    Ok(Report::new(
        format!("Connected to {}.", entry.shown_name()),
        json!({ "id": entry.id.to_string(), "connected": true }),
    ))
}

/// Disconnects. JSON: `id`, `connected`.
///
/// # Errors
/// What belayd says.
pub async fn disconnect(client: &Client, entry: &Entry) -> Result<Report, Error> {
    bus::proxy(client, entry.id)
        .await?
        .disconnect(&Options::new())
        .await?;
    Ok(Report::new(
        format!("Disconnected from {}.", entry.shown_name()),
        json!({ "id": entry.id.to_string(), "connected": false }),
    ))
}

/// Measures the heart rate. JSON: `id`, `heart_rate`, beats a minute.
///
/// # Errors
/// What belayd says.
pub async fn measure(client: &Client, entry: &Entry) -> Result<Report, Error> {
    let rate = bus::proxy(client, entry.id)
        .await?
        .measure_heart_rate(&Options::new())
        .await?;
    Ok(Report::new(
        format!("{rate} bpm"),
        json!({ "id": entry.id.to_string(), "heart_rate": rate }),
    ))
}

/// Changes settings. JSON: `id`, `changed`, the keys.
///
/// # Errors
/// What belayd says.
pub async fn settings(client: &Client, entry: &Entry, change: &Change) -> Result<Report, Error> {
    let settings = dictionary(change);
    bus::proxy(client, entry.id)
        .await?
        .set_settings(&settings, &Options::new())
        .await?;
    let mut keys: Vec<_> = settings.keys().copied().collect();
    keys.sort_unstable();
    Ok(Report::new(
        format!("{} has taken over: {}.", entry.shown_name(), keys.join(", ")),
        json!({ "id": entry.id.to_string(), "changed": keys }),
    ))
}

fn dictionary(change: &Change) -> Options<'_> {
    let mut all = Options::new();
    let texts = [
        ("sex", &change.sex),
        ("wrist", &change.wrist),
        ("clock", &change.clock),
        ("units", &change.units),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            all.insert(key, Variant::from(text.as_str()));
        }
    }
    let switches = [
        ("show-calls", change.show_calls),
        ("show-messages", change.show_messages),
        ("show-notifications", change.show_notifications),
        ("follow-heart-rate", change.follow_heart_rate),
    ];
    for (key, switch) in switches {
        if let Some(switch) = switch {
            all.insert(key, (switch == Switch::On).into());
        }
    }
    if let Some(goal) = change.step_goal {
        all.insert("step-goal", goal.into());
    }
    if let Some(birth) = change.birth_date {
        all.insert("birth-date", birth.to_string().into());
    }
    if let Some(height) = change.height {
        all.insert("height", height.into());
    }
    if let Some(weight) = change.weight {
        all.insert("weight", weight.into());
    }
    all
}

/// Forgets an accessory, after its name and the password were given. JSON: `id`, `unpaired`.
///
/// # Errors
/// What the warden says to the password, and belayd to the rest; [`Error::Data`] where the name is another one.
pub async fn unpair(client: &Client, args: &Unpair) -> Result<Report, Error> {
    let entry = bus::find(client, &args.one.id).await?;
    if !args.yes {
        let name = secret::ask_openly(&format!(
            "{} ({}) is forgotten, with its key; what it measured stays.\nType its name to go on:",
            entry.shown_name(),
            entry.id
        ))
        .await?;
        confirmed(&entry, &name)?;
    }
    let password = secret::read(args.password.password_file.as_deref(), "Account password: ").await?;
    let result = ticketed::unpair(client.connection(), entry.id, &password).await;
    problem::explained(client, &entry, result.map_err(Error::from)).await?;
    Ok(Report::new(
        format!("{} is forgotten.", entry.shown_name()),
        json!({ "id": entry.id.to_string(), "unpaired": true }),
    ))
}

fn confirmed(entry: &Entry, said: &str) -> Result<(), Error> {
    // What was shown can be typed; a character that couldn't be shown can't.
    if said.trim() == entry.name().trim() || said.trim() == entry.shown_name().trim() {
        Ok(())
    } else {
        Err(Error::Data(
            "That isn't the accessory's name; it stays paired.".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::accessory::bus::tests::entry;
    use crate::ctl::accessory::cli::One;

    fn alert_of(kind: AlertKind, title: &str, body: &str) -> Alert {
        Alert {
            one: One { id: "ab".into() },
            kind,
            title: title.into(),
            body: body.into(),
        }
    }

    #[test]
    fn an_alert_has_the_texts_of_its_kind() {
        for (kind, title, body) in [
            (AlertKind::Find, "", ""),
            (AlertKind::Message, "Ada", ""),
            (AlertKind::Message, "Ada", "Hello"),
            (AlertKind::Call, "Ada", ""),
        ] {
            assert!(check_alert(&alert_of(kind, title, body)).is_ok(), "{kind:?}");
        }
        for (kind, title, body) in [
            (AlertKind::Find, "Ada", ""),
            (AlertKind::Message, "", ""),
            (AlertKind::Call, "", ""),
            (AlertKind::Call, "Ada", "Hello"),
        ] {
            let error = check_alert(&alert_of(kind, title, body)).unwrap_err();
            assert_eq!(error.exit_code(), 64, "{kind:?}");
        }
    }

    #[test]
    fn settings_have_the_types_of_the_contract_and_hold_what_was_given_alone() {
        assert!(dictionary(&Change::default()).is_empty());
        let change = Change {
            step_goal: Some(8_000),
            birth_date: Some("1985-07-23".parse().unwrap()),
            height: Some(178),
            weight: Some(74.5),
            sex: Some("other".into()),
            wrist: Some("left".into()),
            clock: Some("24h".into()),
            units: Some("metric".into()),
            show_calls: Some(Switch::On),
            ..Change::default()
        };
        let all = dictionary(&change);
        assert_eq!(all.len(), 9);
        assert_eq!(all["show-calls"], Variant::Bool(true));
        assert_eq!(all["step-goal"], Variant::U32(8_000));
        assert_eq!(all["birth-date"], Variant::from("1985-07-23"));
        assert_eq!(all["height"], Variant::U16(178));
        assert_eq!(all["weight"], Variant::F64(74.5));
        assert_eq!(all["wrist"], Variant::from("left"));
    }

    #[test]
    fn only_its_own_name_lets_an_accessory_be_forgotten() {
        let band = entry(&"ab".repeat(16), "My\u{202e} Band");
        assert!(confirmed(&band, " My? Band ").is_ok());
        for wrong in ["my? band", "", "yes"] {
            assert_eq!(confirmed(&band, wrong).unwrap_err().exit_code(), 65, "{wrong:?}");
        }
    }
}
