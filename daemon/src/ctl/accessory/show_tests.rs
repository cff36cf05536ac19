//! Tests of what is shown of accessories.

use super::*;
use crate::ctl::accessory::bus::tests::entry_with;

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else {
        panic!("no object")
    };
    map
}

#[test]
fn a_band_is_shown_with_its_newest_values() {
    let id = "ab".repeat(16);
    let band = entry_with(
        &id,
        json!({"name": "Band", "kind": "mi-band-4", "state": "connected", "problem": "", "problem_advice": "",
            "rssi": -61, "battery": 80, "charging": false, "firmware_version": "1.0.9.66", "last_sync": 1_767_225_600}),
    );
    let latest =
        map(json!({"heart_rate": 76, "steps": 4_112, "later_thing": 1.5, "measured": 1_767_225_660}));
    assert_eq!(
        render(&band, Some(&latest), None, Ink::OFF),
        format!(
            "Name:          Band\n\
             Kind:          mi-band-4\n\
             Id:            {id}\n\
             State:         connected\n\
             Signal:        -61 dBm\n\
             Battery:       80 %\n\
             Firmware:      1.0.9.66\n\
             Last sync:     2026-01-01 00:00:00 UTC\n\
             Steps:         4112\n\
             Heart rate:    76 bpm\n\
             later thing:   1.5\n\
             Measured:      2026-01-01 00:01:00 UTC"
        )
    );
}

#[test]
fn what_an_accessory_is_used_for_is_shown_where_anything_is_switched_on() {
    let with = |uses: Value| {
        let entry = entry_with(&"ab".repeat(16), json!({"name": "Band", "uses": uses}));
        render(&entry, None, None, Ink::OFF)
    };
    let shown = with(json!(["calls", "messages", "heart-rate", "later\u{1b}"]));
    let line = "Used for:      calls, messages, heart rate without pause, later?";
    assert!(shown.contains(line), "{shown}");
    assert!(!with(json!([])).contains("Used for"));
}

#[test]
fn identity_is_shown_where_it_was_asked_for() {
    let scale = entry_with(&"ab".repeat(16), json!({"name": "Scale", "state": "paired"}));
    let identity = map(json!({"address": "C0:00:00:00:00:01", "serial": "1\u{7}2"}));
    let shown = render(&scale, None, Some(&identity), Ink::OFF);
    assert!(
        shown.contains("Address:       C0:00:00:00:00:01\nSerial number: 1?2"),
        "{shown}"
    );
    assert!(!render(&scale, None, None, Ink::OFF).contains("Address"));
}

#[test]
fn a_problem_says_what_to_do() {
    let with = |problem: &str, code: &str| {
        let entry = entry_with(
            &"ab".repeat(16),
            json!({"name": "Band", "state": "error", "problem": problem, "problem_advice": code}),
        );
        render(&entry, None, None, Ink::OFF)
    };
    let shown = with("AccessoryKeyMismatch", "replace-the-key");
    assert!(
        shown.contains("Problem:       The accessory holds another key"),
        "{shown}"
    );
    assert!(shown.contains("--replace"), "{shown}");
    assert!(with("AccessoryTimeout", "of-a-later-version").contains("try again"));
    assert!(with("Later\u{1b}Problem", "").contains("Problem:       Later?Problem"));
}

#[test]
fn quantities_have_units_and_no_digits_that_werent_measured() {
    let all = values(&map(
        json!({"weight": 70.5, "temperature": 21.0, "humidity": 48.299_999_9, "open": true,
        "measured": 60}),
    ));
    let all: Vec<_> = all
        .iter()
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    assert_eq!(
        all,
        [
            "Weight=70.5 kg",
            "Temperature=21 °C",
            "Humidity=48.3 %",
            "open=yes",
            "Measured=1970-01-01 00:01:00 UTC"
        ]
    );
    assert!(values(&map(json!({"measured": 0}))).is_empty());
}

#[test]
fn an_empty_list_says_how_to_find_one() {
    assert!(table(&[], Ink::OFF).contains("accessory scan"));
}
