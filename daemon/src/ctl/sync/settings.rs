//! `pause`, `resume`, `policy`, `enable`, `disable`, `confirm`: when and what to sync.

use belay_proto::dbus::Options;
use serde_json::{Value, json};
use zbus::Variant;

use super::bus;
use super::cli::{Confirm, One, Policy, Switch};
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::Report;

/// Stops until it is resumed. JSON: `state`.
pub async fn pause(client: &Client) -> Result<Report, Error> {
    bus::sync(client).await?.pause(&Options::new()).await?;
    Ok(Report::new(
        "Sync is paused; belayctl sync resume goes on.",
        json!({ "state": "paused" }),
    ))
}

/// Goes on. JSON: `state`.
pub async fn resume(client: &Client) -> Result<Report, Error> {
    let sync = bus::sync(client).await?;
    sync.resume(&Options::new()).await?;
    let state = sync.state().await?;
    Ok(Report::new("Sync goes on.", json!({ "state": state.as_str() })))
}

/// Changes when to sync, and shows it. JSON: `policy`.
pub async fn policy(client: &Client, args: &Policy) -> Result<Report, Error> {
    let mut changes = Options::new();
    if let Some(metered) = args.metered {
        changes.insert("metered", Variant::from(metered == Switch::Yes));
    }
    if let Some(roaming) = args.roaming {
        changes.insert("roaming", Variant::from(roaming == Switch::Yes));
    }
    if let Some(floor) = args.battery_floor {
        changes.insert("battery-floor", Variant::from(floor));
    }
    if !changes.is_empty() {
        let sync = bus::sync(client).await?;
        sync.set_policy(&changes, &Options::new()).await?;
    }
    let shown = bus::properties(client).await?;
    let policy = shown.get("policy").cloned().unwrap_or_default();
    Ok(Report::new(policy_words(&policy), json!({ "policy": policy })))
}

/// When it syncs, in words.
pub fn policy_words(policy: &Value) -> String {
    let says = |key: &str| policy.get(key).and_then(Value::as_bool) == Some(true);
    let networks = match (says("metered"), says("roaming")) {
        (true, true) => "on every network",
        (true, false) => "not while roaming",
        (false, true) => "not on metered networks",
        (false, false) => "neither on metered networks nor while roaming",
    };
    match policy.get("battery_floor").and_then(Value::as_u64) {
        None | Some(0) => format!("{networks}, whatever the battery"),
        Some(floor) => format!("{networks}, on battery from {floor} % on"),
    }
}

/// Switches a collection on or off. JSON: `collection`, `enabled`.
pub async fn enable(client: &Client, args: &One, enabled: bool) -> Result<Report, Error> {
    let name = bus::named(&args.collection)?;
    let collection = bus::collection(client, name).await?;
    collection
        .proxy()
        .set_enabled(enabled)
        .await
        .map_err(bus::explained)?;
    let text = match enabled {
        true => format!("{name} is synced."),
        false => format!("{name} isn't synced any more; what is here stays."),
    };
    Ok(Report::new(
        text,
        json!({ "collection": name, "enabled": enabled }),
    ))
}

/// Answers the question that waits. JSON: `question`, `answer`.
///
/// # Errors
/// `NoQuestion`; what belayd says.
pub async fn confirm(client: &Client, args: &Confirm) -> Result<Report, Error> {
    let question = match &args.question {
        Some(question) => question.clone(),
        None => {
            let shown = bus::properties(client).await?;
            let id = shown.get("question").and_then(|question| question.get("id"));
            let id = id.and_then(Value::as_str).map(ToOwned::to_owned);
            id.ok_or_else(|| Error::named("NoQuestion", "there is none"))?
        }
    };
    let sync = bus::sync(client).await?;
    sync.confirm(&question, args.yes, &Options::new()).await?;
    let text = match args.yes {
        true => "They are removed.",
        false => "They stay, and come back where they are gone.",
    };
    Ok(Report::new(
        text,
        json!({ "question": question, "answer": args.yes }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_said_in_words() {
        let words = |metered: bool, roaming: bool, floor: u8| {
            policy_words(&json!({ "metered": metered, "roaming": roaming, "battery_floor": floor }))
        };
        assert_eq!(
            words(false, false, 15),
            "neither on metered networks nor while roaming, on battery from 15 % on"
        );
        assert_eq!(
            words(false, true, 15),
            "not on metered networks, on battery from 15 % on"
        );
        assert_eq!(words(true, false, 0), "not while roaming, whatever the battery");
        assert_eq!(words(true, true, 0), "on every network, whatever the battery");
    }
}
