//! Accessories in words: rows of a table, signal, battery, state.

use super::bus::Entry;
use super::choose::short;
use crate::ctl::text::{Ink, printable};

/// No signal was heard.
const NO_RSSI: i64 = 127;
/// The battery isn't known.
const NO_BATTERY: i64 = 255;

/// The heading of the rows.
pub fn heading() -> String {
    columns("NAME", "KIND", "ID", "SIGNAL", "STATE")
}

/// One accessory as a row; its id as short as it can be among `all`.
pub fn row(entry: &Entry, all: &[Entry], ink: Ink) -> String {
    columns(
        &entry.shown_name(),
        &printable(entry.text("kind")),
        &short(entry.id, all),
        &signal(entry),
        &state(entry, ink),
    )
}

fn columns(name: &str, kind: &str, id: &str, signal: &str, state: &str) -> String {
    format!("{name:<20}  {kind:<18}  {id:<8}  {signal:>8}  {state}")
        .trim_end()
        .to_owned()
}

/// The signal's strength; empty where none was heard.
pub fn signal(entry: &Entry) -> String {
    match entry.number("rssi") {
        None | Some(NO_RSSI) => String::new(),
        Some(dbm) => format!("{dbm} dBm"),
    }
}

/// What the battery holds; empty where it isn't known.
pub fn battery(entry: &Entry) -> String {
    let charging = entry
        .fields
        .get("charging")
        .is_some_and(|charging| *charging == true);
    let percent = match entry.number("battery") {
        None | Some(NO_BATTERY) => String::new(),
        Some(percent) => format!("{percent} %"),
    };
    match (percent.as_str(), charging) {
        ("", true) => "charging".to_owned(),
        (_, true) => format!("{percent}, charging"),
        (_, false) => percent,
    }
}

/// The state in words.
pub fn state(entry: &Entry, ink: Ink) -> String {
    match entry.text("state") {
        "" | "unknown" => "unknown".to_owned(),
        "discovered" => "new".to_owned(),
        "awaiting-confirmation" => ink.strong("waits for a tap"),
        "paired" => "paired, not connected".to_owned(),
        "connected" => ink.good("connected"),
        "key-required" => ink.bad("its key is needed"),
        "error" => ink.bad("error"),
        other => printable(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ctl::accessory::bus::tests::entry_with;

    #[test]
    fn rows_are_lined_up_below_their_heading_and_nothing_unclean_is_shown() {
        let band = entry_with(
            &"ab".repeat(16),
            json!({"name": "Band\u{1b}[2J", "kind": "mi-band-4", "rssi": -61, "state": "discovered"}),
        );
        let scale = entry_with(
            &"cd".repeat(16),
            json!({"name": "Scale", "kind": "mi-body-scale", "rssi": 127, "state": "paired"}),
        );
        let all = [band, scale];
        let rows: Vec<_> = all.iter().map(|one| row(one, &all, Ink::OFF)).collect();
        assert_eq!(
            format!("{}\n{}", heading(), rows.join("\n")),
            "NAME                  KIND                ID          SIGNAL  STATE\n\
             Band?[2J              mi-band-4           abababab   -61 dBm  new\n\
             Scale                 mi-body-scale       cdcdcdcd            paired, not connected"
        );
    }

    #[test]
    fn a_battery_says_what_it_holds_and_whether_it_charges() {
        let of = |battery: u8, charging: bool| battery_of(json!({"battery": battery, "charging": charging}));
        assert_eq!(of(80, false), "80 %");
        assert_eq!(of(80, true), "80 %, charging");
        assert_eq!(of(255, false), "");
        assert_eq!(of(255, true), "charging");
    }

    fn battery_of(fields: serde_json::Value) -> String {
        battery(&entry_with(&"ab".repeat(16), fields))
    }

    #[test]
    fn a_state_of_a_later_version_is_shown_as_it_is() {
        let of = |word: &str| state(&entry_with(&"ab".repeat(16), json!({"state": word})), Ink::OFF);
        assert_eq!(of("hovering\n"), "hovering?");
        assert_eq!(of("awaiting-confirmation"), "waits for a tap");
        assert_eq!(of(""), "unknown");
    }
}
