//! Tests of the texts.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::time::Duration;

use serde_json::json;
use zbus::Variant;

use super::*;

#[test]
fn waits_are_said_as_a_person_would() {
    let words = |seconds| wait_words(Duration::from_secs(seconds));
    assert_eq!(words(0), "0 s");
    assert_eq!(words(59), "59 s");
    assert_eq!(words(60), "1 min");
    assert_eq!(words(61), "1 min 1 s");
    assert_eq!(words(300), "5 min");
    assert_eq!(words(899), "15 min");
    assert_eq!(words(3_600), "1 h");
    assert_eq!(words(5_400), "1 h 30 min");
    assert_eq!(words(86_400), "24 h");
    assert_eq!(words(3 * 86_400), "3 d");
    assert_eq!(wait_words(Duration::from_millis(59_999)), "1 min");
}

#[test]
fn points_in_time_are_dates_in_utc_and_zero_is_never() {
    assert_eq!(time_words(0), "never");
    assert_eq!(time_words(951_782_400), "2000-02-29 00:00:00 UTC");
    assert_eq!(time_words(1_767_225_599), "2025-12-31 23:59:59 UTC");
    assert_eq!(time_words(1_767_225_600), "2026-01-01 00:00:00 UTC");
    assert_eq!(time_words(u64::MAX), "after all time");
}

#[test]
fn since_takes_seconds_dates_and_ages() {
    let now = 1_767_225_600;
    assert_eq!(parse_since("12", now).unwrap(), 12);
    assert_eq!(parse_since("2000-02-29", now).unwrap(), 951_782_400);
    assert_eq!(parse_since("1970-01-01", now).unwrap(), 0);
    assert_eq!(parse_since("45min", now).unwrap(), now - 2_700);
    assert_eq!(parse_since("3d", now).unwrap(), now - 3 * 86_400);
    assert_eq!(parse_since("99999999d", now).unwrap(), 0);
    for wrong in [
        "",
        "yesterday",
        "2001-02-29",
        "2001-13-01",
        "1969-12-31",
        "-3d",
        "3w",
        "d",
        "20-1-1",
        "99999999999999999999d",
    ] {
        assert!(matches!(parse_since(wrong, now), Err(Error::Usage(_))), "{wrong}");
    }
}

#[test]
fn names_from_the_bus_become_snake_case() {
    assert_eq!(json_key("BoundSince"), "bound_since");
    assert_eq!(json_key("display-name"), "display_name");
    assert_eq!(json_key("RetryAfter"), "retry_after_ms");
    assert_eq!(json_key("id"), "id");
}

#[test]
fn values_from_the_bus_become_json() {
    let inner: HashMap<&str, Variant<'_>> =
        HashMap::from([("resend-in", Variant::U64(5)), ("this", Variant::Bool(true))]);
    assert_eq!(
        json_value(&Variant::new(inner)),
        json!({"resend_in_ms": 5, "this": true})
    );
    assert_eq!(
        json_value(&Variant::new(("a", 1_u32, vec!["x", "y"]))),
        json!(["a", 1, ["x", "y"]])
    );
}

#[test]
fn colour_needs_a_terminal_and_no_objection() {
    assert_eq!(Ink::new(true, None).bad("lost"), "\u{1b}[31mlost\u{1b}[0m");
    assert_eq!(
        Ink::new(true, Some(OsStr::new(""))).good("x"),
        "\u{1b}[32mx\u{1b}[0m"
    );
    assert_eq!(Ink::new(true, Some(OsStr::new("1"))).bad("lost"), "lost");
    assert_eq!(Ink::new(false, None).bad("lost"), "lost");
}

#[test]
fn texts_of_others_cant_steer_the_terminal() {
    assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\nd"), "a?[2Jb?c?d");
    assert_eq!(printable("Jürgens Händi"), "Jürgens Händi");
}
