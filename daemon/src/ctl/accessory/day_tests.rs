//! Tests of a day's plots.

use super::*;

const MIDNIGHT: u64 = 1_767_225_600;

fn minute(hour: u64, minute: u64, activity: Activity, steps: u8, heart_rate: Option<u8>) -> Minute {
    Minute {
        start: MIDNIGHT + hour * 3_600 + minute * 60,
        activity,
        intensity: 0,
        steps,
        heart_rate,
    }
}

/// Deep sleep from 1 to 2, light from 2 to 4, a walk from 12 to 13 and half of it at 18.
fn day() -> Vec<Minute> {
    let mut all = Vec::new();
    for m in 0..60 {
        all.push(minute(1, m, Activity::DeepSleep, 0, Some(50)));
        all.push(minute(2, m, Activity::LightSleep, 0, None));
        all.push(minute(3, m, Activity::Sleep, 0, None));
        all.push(minute(12, m, Activity::Walking, 100, Some(90)));
        all.push(minute(18, m, Activity::Walking, 50, None));
    }
    all
}

#[test]
fn a_day_is_drawn_with_its_hours_below() {
    let drawn = Sums::of(&day(), &TimeZone::UTC).render(Glyphs::Ascii);
    let expected = [
        "Steps: 9000",
        "  6000 |                        ##",
        "       |                        ##",
        "       |                        ##          ::",
        "       |                        ##          ##",
        "     0 |                        ##          ##",
        "        00          06          12          18          24",
        "",
        "Heart rate: 50 to 90 bpm, 70 on average",
        "    90 |                        ##",
        "       |                        ##",
        "       |                        ##",
        "       |                        ##",
        "    50 |  ..                    ##",
        "        00          06          12          18          24",
        "",
        "Sleep: 3 h, of which 1 h deep",
        "       |  ##::::",
        "        00          06          12          18          24",
        "        # deep, : light",
    ];
    assert_eq!(drawn, expected.join("\n"));
}

#[test]
fn a_terminal_with_blocks_gets_blocks() {
    let drawn = Sums::of(&day(), &TimeZone::UTC).render(Glyphs::Unicode);
    assert!(drawn.contains("       |  ██▄▄▄▄\n"), "{drawn}");
    assert!(!drawn.contains('#'));
}

#[test]
fn a_day_without_a_minute_says_how_to_get_some() {
    let drawn = Sums::of(&[], &TimeZone::UTC).render(Glyphs::Ascii);
    assert!(drawn.contains("accessory sync"), "{drawn}");
}

#[test]
fn what_wasnt_measured_is_said_and_not_drawn() {
    let awake = [minute(9, 0, Activity::NotWorn, 0, None)];
    let drawn = Sums::of(&awake, &TimeZone::UTC).render(Glyphs::Ascii);
    assert!(drawn.contains("Heart rate: not measured"), "{drawn}");
    assert!(drawn.ends_with("Sleep: none known"), "{drawn}");
}

#[test]
fn the_sums_for_scripts_tell_nothing_from_none() {
    let json = Sums::of(&day(), &TimeZone::UTC).json();
    assert_eq!(json["steps"], 9_000);
    assert_eq!(json["steps_by_hour"][12], 6_000);
    assert_eq!(json["steps_by_hour"][1], 0);
    assert_eq!(json["steps_by_hour"][0], Value::Null);
    assert_eq!(
        json["heart_rate"],
        json!({"lowest": 50, "average": 70, "highest": 90})
    );
    assert_eq!(
        (&json["sleep_minutes"], &json["deep_sleep_minutes"]),
        (&json!(180), &json!(60))
    );
    assert_eq!(Sums::default().json()["heart_rate"], Value::Null);
}

#[test]
fn a_day_begins_and_its_hours_are_counted_where_the_owner_is() {
    let east = jiff::tz::Offset::constant(2).to_time_zone();
    let day: Date = "2026-01-01".parse().unwrap();
    assert_eq!(
        bounds(day, &east).unwrap(),
        (MIDNIGHT - 7_200, MIDNIGHT - 7_200 + 86_400)
    );
    assert_eq!(half_hour(MIDNIGHT, &east), Some(4));
    assert_eq!(half_hour(MIDNIGHT - 60, &TimeZone::UTC), Some(47));
    assert!(bounds("1960-01-01".parse().unwrap(), &TimeZone::UTC).is_err());
}

#[test]
fn half_an_hour_is_as_deep_as_most_of_its_sleep() {
    assert_eq!(depth((0, 14)), Sleep::None);
    assert_eq!(depth((8, 8)), Sleep::Light);
    assert_eq!(depth((16, 8)), Sleep::Deep);
}
