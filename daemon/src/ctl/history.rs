//! `history`: the log of what happened to the binding.

use std::time::SystemTime;

use belay_proto::clock::unix_seconds;
use belay_proto::dbus::Options;
use serde_json::{Value, json};

use super::cli::History;
use super::client::Client;
use super::error::Error;
use super::output::Report;
use super::text::{json_object, parse_since, printable, time_words};

/// Shows the audit log. JSON: `entries`, each with `time` (seconds since the epoch), `boot_time`, `event`, `actor`,
/// `detail`, `hash`.
///
/// # Errors
/// [`Error::Usage`] for a `--since` that isn't a point in time, else what belayd says.
pub async fn run(client: &Client, args: &History) -> Result<Report, Error> {
    let since = parse_since(&args.since, unix_seconds(SystemTime::now()))?;
    let entries = client
        .device_to_read()
        .await?
        .history(since, &Options::new())
        .await?;
    let entries: Vec<Value> = entries.iter().map(|entry| json_object(entry).into()).collect();
    Ok(Report::new(render(&entries), json!({ "entries": entries })))
}

fn render(entries: &[Value]) -> String {
    if entries.is_empty() {
        return "Nothing happened since then.".to_owned();
    }
    let widths = ["event", "actor"].map(|key| {
        entries
            .iter()
            .map(|entry| text(entry, key).chars().count())
            .max()
            .unwrap_or_default()
    });
    entries
        .iter()
        .map(|entry| line(entry, widths))
        .collect::<Vec<_>>()
        .join("\n")
}

fn line(entry: &Value, [event_width, actor_width]: [usize; 2]) -> String {
    let time = time_words(entry["time"].as_u64().unwrap_or_default());
    let (event, actor, detail) = (text(entry, "event"), text(entry, "actor"), text(entry, "detail"));
    format!("{time}  {event:<event_width$}  {actor:<actor_width$}  {detail}")
        .trim_end()
        .to_owned()
}

fn text(entry: &Value, key: &str) -> String {
    match &entry[key] {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_a_line_with_its_time() {
        let entries = [
            json!({"time": 1_767_225_600, "event": "bound", "actor": "session", "detail": ""}),
            json!({"time": 1_767_225_660, "event": "password-check", "actor": "session", "detail": "wrong"}),
        ];
        assert_eq!(
            render(&entries),
            "2026-01-01 00:00:00 UTC  bound           session\n\
             2026-01-01 00:01:00 UTC  password-check  session  wrong"
        );
        assert_eq!(render(&[]), "Nothing happened since then.");
    }

    #[test]
    fn an_entry_of_a_later_version_is_still_shown() {
        let entries = [json!({"event": "new", "detail": {"a": 1}})];
        assert_eq!(render(&entries), "never  new    {\"a\":1}");
    }
}
