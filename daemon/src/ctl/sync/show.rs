//! `status`, `sources`, `history`: what is known of sync.

use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use super::agent;
use super::bus::{self, Source};
use super::bytes_words;
use super::cli::History;
use super::records::{gone_row, row, shown};
use super::settings::policy_words;
use crate::ctl::advice;
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::text::{Ink, printable, time_words};

/// What to do where no collection is on.
pub const NOTHING_ON: &str =
    "nothing is switched on: belayctl sync enable COLLECTION, or belayctl sync restore";

/// How a question is answered.
const ANSWER: &str = "Answer with belayctl sync confirm --yes or --no.";

/// Shows what sync is doing, and that the user's own `belay-agent` doesn't run. JSON: the properties, as `enabled` the
/// collections that are on, where there are any `unopened`: how many records of the cloud don't open here, by collection, and
/// where the user has one `agent`, see [`sources`].
///
/// # Errors
/// What belayd says.
pub async fn status(client: &Client, output: Output) -> Result<Report, Error> {
    let mut fields = bus::properties(client).await?;
    // A device of nobody's has none.
    let Ok(sources) = bus::sources(client).await else {
        return Ok(Report::new(render(&fields, None, output.ink), fields.into()));
    };
    // Only then there may be any.
    if fields.get("last_error").is_some_and(|error| error != "") {
        let unopened = unopened(&sources);
        if !unopened.is_empty() {
            fields.insert("unopened".to_owned(), unopened.into());
        }
    }
    let on: Vec<&str> = sources
        .iter()
        .filter(|source| source.is_enabled())
        .map(|source| source.name)
        .collect();
    let mut text = render(&fields, Some(&on), output.ink);
    fields.insert("enabled".to_owned(), json!(on));
    if let Some(agent) = agent::look() {
        if let Some(line) = agent.not_running(|name| on.contains(&name)) {
            text = format!("{text}\n{}", output.ink.bad(&line));
        }
        fields.insert("agent".to_owned(), agent.json());
    }
    Ok(Report::new(text, fields.into()))
}

/// How many records of the cloud don't open here, of each collection that has any.
fn unopened(sources: &[Source]) -> Map<String, Value> {
    let counted = sources.iter().map(|source| (source, source.number("unopened")));
    let any = counted.filter(|(_, count)| *count > 0);
    any.map(|(source, count)| (source.name.to_owned(), count.into()))
        .collect()
}

/// The status in words; `on`: which collections are, where there are any.
fn render(fields: &Map<String, Value>, on: Option<&[&str]>, ink: Ink) -> String {
    let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
    let pair = |key: &str| {
        let number = |index: usize| {
            fields
                .get(key)
                .and_then(|pair| pair.get(index))
                .and_then(Value::as_u64)
        };
        (number(0).unwrap_or_default(), number(1).unwrap_or_default())
    };
    let mut lines = Vec::new();
    let mut add = |label: &str, value: String| {
        let label = match label {
            "" => String::new(),
            label => format!("{label}:"),
        };
        lines.push(format!("{}{value}", ink.faint(&format!("{label:<12}"))));
    };
    let is_nothing = on.is_some_and(<[&str]>::is_empty) && text("state") == "idle";
    let words = match (text("state"), fields.contains_key("unopened")) {
        _ if is_nothing => NOTHING_ON.to_owned(),
        ("idle", true) => ink.good("all is synced but what doesn't open"),
        (word, _) => state(word, text("paused_by"), ink),
    };
    add("State", words);
    let (done, all) = pair("progress");
    if all > 0 {
        add(
            "Progress",
            format!("{} of {}", bytes_words(done), bytes_words(all)),
        );
    }
    let synced = fields
        .get("last_sync")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    add("Last sync", time_words(synced));
    let error = text("last_error");
    if !error.is_empty() {
        let advice = advice::of(error);
        add("Problem", ink.bad(advice.happened));
        add("", advice.next.to_owned());
    }
    for (name, count) in fields
        .get("unopened")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let count = count.as_u64().unwrap_or_default();
        add(
            "Unopened",
            ink.bad(&format!("{count} of {name}, as the cloud has them")),
        );
        add("", format!("To fetch them again: belayctl sync now {name}."));
    }
    let (used, total) = pair("quota");
    if total > 0 {
        add(
            "Cloud",
            format!("{} of {} used", bytes_words(used), bytes_words(total)),
        );
    }
    if let Some(policy) = fields.get("policy") {
        add("Policy", policy_words(policy));
    }
    if let Some(question) = fields.get("question").and_then(asked) {
        add("Question", ink.strong(&question));
        add("", ANSWER.to_owned());
    }
    lines.join("\n")
}

fn state(state: &str, paused_by: &str, ink: Ink) -> String {
    match state {
        "idle" => ink.good("all is synced"),
        "syncing" => "syncing".to_owned(),
        "paused" => match paused_by {
            "owner" => "paused by its owner; it goes on with belayctl sync resume",
            "metered" => "paused: this network is paid by the byte",
            "roaming" => "paused: this network isn't the SIM's own",
            "battery" => "paused: the battery is low",
            _ => "paused, by its owner or by the policy",
        }
        .to_owned(),
        "offline" => "the cloud can't be reached".to_owned(),
        "quota-exceeded" => ink.bad("the account's space is full"),
        "attention" => ink.bad("its owner is needed"),
        _ => "not known".to_owned(),
    }
}

/// The question in words; `None`: none is asked.
fn asked(question: &Value) -> Option<String> {
    let number = |key: &str| question.get(key).and_then(Value::as_u64);
    let collection = question.get("collection").and_then(Value::as_str)?;
    let (removed, present) = (number("removed")?, number("present")?);
    let from_cloud = question.get("from_cloud").and_then(Value::as_bool)?;
    let place = match from_cloud {
        true => "on another device. Remove them here too?",
        false => "on this device. Remove them everywhere?",
    };
    Some(format!(
        "{removed} of {present} {} were removed {place}",
        printable(collection)
    ))
}

/// What a sync of these collections, of all that are on without any, has left though it ended well, in words.
pub fn left(fields: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let is_meant = |question: &&Value| {
        let collection = question.get("collection").and_then(Value::as_str);
        collection.is_some_and(|collection| names.is_empty() || names.contains(&collection))
    };
    let question = fields.get("question").filter(is_meant).and_then(asked);
    // Where they are named it is an error.
    let has_unopened =
        names.is_empty() && fields.get("last_error").and_then(Value::as_str) == Some("CloudRefused");
    let unopened = "but what doesn't open: see belayctl sync status.";
    match (question, has_unopened) {
        (Some(question), false) => Some(format!("All else is synced. {question} {ANSWER}")),
        (Some(question), true) => Some(format!("All else is synced {unopened} {question} {ANSWER}")),
        (None, true) => Some(format!("All is synced {unopened}")),
        (None, false) => None,
    }
}

/// Lists the collections, and says what is wrong with the user's own `belay-agent`. JSON: `collections`, `agent`.
///
/// # Errors
/// What belayd says.
pub async fn sources(client: &Client, output: Output) -> Result<Report, Error> {
    let sources = bus::sources(client).await?;
    let mut lines = vec![output.ink.faint(&format!(
        "{:<11} {:<5} {:>8} {:>10} {:>8} {:>9}",
        "COLLECTION", "SYNC", "RECORDS", "SIZE", "WAITING", "CONFLICTS"
    ))];
    lines.extend(sources.iter().map(line));
    let mut json = sources_json(&sources);
    if let Some(agent) = agent::look() {
        let is_on = |name: &str| {
            sources
                .iter()
                .any(|source| source.name == name && source.is_enabled())
        };
        lines.extend(agent.lines(is_on).iter().map(|line| output.ink.bad(line)));
        if let Some(fields) = json.as_object_mut() {
            fields.insert("agent".to_owned(), agent.json());
        }
    }
    Ok(Report::new(lines.join("\n"), json))
}

fn line(source: &Source) -> String {
    format!(
        "{:<11} {:<5} {:>8} {:>10} {:>8} {:>9}",
        source.name,
        if source.is_enabled() { "on" } else { "off" },
        source.number("records"),
        bytes_words(source.number("bytes")),
        source.number("pending"),
        source.number("conflicts"),
    )
}

/// The collections for scripts.
pub fn sources_json(sources: &[Source]) -> Value {
    let all: Vec<_> = sources.iter().map(|source| &source.fields).collect();
    json!({ "collections": all })
}

/// Shows the last sync, and what changed last, removals too: of those belayd keeps what they were by nature, and when. JSON:
/// `last_sync`, `last_error`, `records`, each with `removed`.
///
/// # Errors
/// What belayd says.
pub async fn history(client: &Client, args: &History, output: Output) -> Result<Report, Error> {
    let sync = bus::properties(client).await?;
    let (mut lines, mut all) = (Vec::new(), Vec::new());
    let number = sync.get("last_sync").and_then(Value::as_u64);
    let last = time_words(number.unwrap_or_default());
    lines.push(format!("{}{last}", output.ink.faint("Last sync: ")));
    for source in bus::sources(client).await? {
        let collection = bus::collection_to_read(client, source.name).await?;
        let there = bus::records(&collection).await?.into_iter();
        let gone = bus::removed(&collection).await?.into_iter();
        let mut records: Vec<_> = there.map(|record| (record, false)).collect();
        records.extend(gone.map(|record| (record, true)));
        // A record keeps its position when it changes.
        records.sort_by_key(|(record, _)| Reverse((record.changed_at, record.position)));
        for (record, is_gone) in records.iter().take(args.last) {
            let changed = time_words(record.changed_at);
            let words = if *is_gone { gone_row(record) } else { row(record) };
            lines.push(format!("{:<11} {changed}  {words}", source.name));
            let mut fields = shown(source.name, record);
            fields["removed"] = json!(is_gone);
            all.push(fields);
        }
    }
    let json = json!({
        "last_sync": sync.get("last_sync"),
        "last_error": sync.get("last_error"),
        "records": all,
    });
    Ok(Report::new(lines.join("\n"), json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_status_says_what_to_do() {
        let shown = render(
            &fields(json!({
                "state": "attention", "progress": [0, 0], "last_sync": 0, "last_error": "QuotaExceeded",
                "quota": [1_500_000, 5_000_000_000_u64],
                "policy": { "metered": false, "battery_floor": 15 },
                "question": {
                    "id": "contacts-1", "collection": "contacts", "removed": 300, "present": 400, "from_cloud": true
                },
            })),
            Some(&["contacts"]),
            Ink::OFF,
        );
        for expected in [
            "State:      its owner is needed",
            "Last sync:  never",
            "Cloud:      1.5 MB of 5.0 GB used",
            "Question:   300 of 400 contacts were removed on another device. Remove them here too?",
            "belayctl sync confirm",
            advice::of("QuotaExceeded").next,
        ] {
            assert!(shown.contains(expected), "{expected} in\n{shown}");
        }
        assert!(!shown.contains("Progress"));
    }

    #[test]
    fn records_that_don_t_open_are_counted_by_collection() {
        let source = |name, count: u32| Source {
            name,
            fields: fields(json!({ "unopened": count })),
        };
        let counted = unopened(&[source("contacts", 3), source("notes", 0)]);
        assert_eq!(Value::from(counted.clone()), json!({ "contacts": 3 }));
        let shown = json!({ "state": "idle", "last_error": "CloudRefused", "unopened": counted });
        let shown = render(&fields(shown), Some(&["contacts"]), Ink::OFF);
        assert!(shown.contains("all is synced but what doesn't open"), "{shown}");
        assert!(shown.contains("Unopened:   3 of contacts"), "{shown}");
        assert!(shown.contains("belayctl sync now contacts"), "{shown}");
    }

    #[test]
    fn what_a_sync_has_left_though_it_ended_well_is_said_where_it_was_asked_for() {
        let question = json!({
            "id": "contacts-1", "collection": "contacts", "removed": 25, "present": 30, "from_cloud": false
        });
        let asks = fields(json!({ "last_error": "", "question": question }));
        for names in [&[][..], &["notes", "contacts"][..]] {
            let said = left(&asks, names).unwrap();
            assert!(
                said.contains("25 of 30 contacts") && said.contains("belayctl sync confirm"),
                "{said}"
            );
        }
        assert_eq!(left(&asks, &["notes"]), None);
        let unopened = fields(json!({ "last_error": "CloudRefused", "question": {} }));
        assert!(left(&unopened, &[]).unwrap().contains("doesn't open"));
        assert_eq!(left(&unopened, &["notes"]), None);
        let both = left(
            &fields(json!({ "last_error": "CloudRefused", "question": question })),
            &[],
        );
        let both = both.unwrap();
        assert!(
            both.contains("doesn't open") && both.contains("25 of 30"),
            "{both}"
        );
        assert_eq!(
            left(&fields(json!({ "last_error": "", "question": {} })), &[]),
            None
        );
    }

    #[test]
    fn nothing_that_isnt_so_is_shown() {
        let shown = render(
            &fields(json!({ "state": "syncing", "progress": [5, 10], "question": {}, "last_error": "" })),
            Some(&["contacts"]),
            Ink::OFF,
        );
        assert_eq!(
            shown,
            "State:      syncing\nProgress:   5 B of 10 B\nLast sync:  never"
        );
        for (why, words) in [
            ("owner", "belayctl sync resume"),
            ("metered", "paid by the byte"),
            ("roaming", "isn't the SIM's own"),
            ("battery", "the battery is low"),
            ("the moon", "by its owner or by the policy"),
        ] {
            let paused = render(
                &fields(json!({ "state": "paused", "paused_by": why })),
                None,
                Ink::OFF,
            );
            assert!(paused.contains(words), "{paused}");
        }
        let later = render(&fields(json!({ "state": "hibernating" })), None, Ink::OFF);
        assert!(later.contains("not known"));
    }

    #[test]
    fn where_nothing_is_on_nothing_is_said_to_be_synced() {
        let shown = |state: &str| render(&fields(json!({ "state": state })), Some(&[]), Ink::OFF);
        let idle = shown("idle");
        assert!(
            idle.contains("belayctl sync enable") && !idle.contains("all is synced"),
            "{idle}"
        );
        assert!(shown("paused").contains("paused"));
    }
}
