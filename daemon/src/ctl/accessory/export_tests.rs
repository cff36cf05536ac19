//! Tests of the export.

use std::os::unix::fs::PermissionsExt as _;

use belay_drivers::huami::activity::Activity;

use super::*;
use crate::ctl::accessory::cli::One;

const NOW: u64 = 1_767_225_600;

fn args(from: &str, to: Option<&str>) -> Export {
    Export {
        one: One { id: "ab".into() },
        from: from.into(),
        to: to.map(Into::into),
        format: None,
        output: None,
    }
}

fn minutes() -> [Minute; 2] {
    let first = Minute {
        start: NOW,
        activity: Activity::Walking,
        intensity: 40,
        steps: 98,
        heart_rate: Some(91),
    };
    let second = Minute {
        start: NOW + 60,
        activity: Activity::NotWorn,
        intensity: 0,
        steps: 0,
        heart_rate: None,
    };
    [first, second]
}

#[test]
fn csv_has_a_heading_and_leaves_an_unknown_heart_rate_empty() {
    assert_eq!(
        csv(&minutes()),
        "minute,kind,intensity,steps,heart_rate\n\
         2026-01-01T00:00:00Z,walking,40,98,91\n\
         2026-01-01T00:01:00Z,not-worn,0,0,"
    );
    assert_eq!(csv(&[]), "minute,kind,intensity,steps,heart_rate");
}

#[test]
fn json_has_the_same_minutes() {
    assert_eq!(
        as_json(&minutes()),
        json!({"minutes": [
            {"minute": NOW, "kind": "walking", "intensity": 40, "steps": 98, "heart_rate": 91},
            {"minute": NOW + 60, "kind": "not-worn", "intensity": 0, "steps": 0, "heart_rate": null},
        ]})
    );
}

#[test]
fn dates_are_whole_days_here_and_ages_count_back_from_now() {
    let east = jiff::tz::Offset::constant(2).to_time_zone();
    let day = 86_400;
    assert_eq!(
        span(&args("2025-12-30", Some("2025-12-30")), NOW, &east).unwrap(),
        (NOW - 2 * day - 7_200, NOW - day - 7_200)
    );
    assert_eq!(span(&args("3d", None), NOW, &east).unwrap(), (NOW - 3 * day, NOW));
    assert_eq!(
        span(&args("3d", Some("12h")), NOW, &east).unwrap(),
        (NOW - 3 * day, NOW - day / 2)
    );
    assert_eq!(
        span(&args("0", Some("9999-01-01")), NOW, &east).unwrap(),
        (0, NOW + day)
    );
}

#[test]
fn times_that_make_no_sense_are_refused() {
    for (from, to) in [
        ("soon", None),
        ("3d", Some("soon")),
        ("12h", Some("3d")),
        ("9999-01-01", None),
    ] {
        let error = span(&args(from, to), NOW, &TimeZone::UTC).unwrap_err();
        assert_eq!(error.exit_code(), 64, "{from} {to:?}");
    }
}

#[test]
fn json_that_was_asked_for_is_never_answered_with_csv() {
    let mut asked = args("3d", None);
    assert_eq!(form(&asked, false).unwrap(), Format::Csv);
    assert_eq!(form(&asked, true).unwrap(), Format::Json);
    asked.format = Some(Format::Csv);
    assert_eq!(form(&asked, true).unwrap_err().exit_code(), 64);
    asked.output = Some("f.csv".into());
    assert_eq!(form(&asked, true).unwrap(), Format::Csv);
}

#[test]
fn a_file_is_its_owners_alone_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.csv");
    save(&path, "a").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(save(&path, "b").unwrap_err().exit_code(), 74);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n");
}
