//! Time zones that something names.

use super::{event, moved, of};

const ZONE: &str = "BEGIN:VTIMEZONE\r\nTZID:Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19961027T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";

/// Tea, with its zone or without.
fn tea(has_zone: bool, start: &str, extra: &str) -> String {
    let event = event("Tea", extra).replacen("DTSTART:20260101T100000Z", start, 1);
    match has_zone {
        true => event.replacen("BEGIN:VEVENT", &format!("{ZONE}BEGIN:VEVENT"), 1),
        false => event,
    }
}

#[test]
fn a_zone_that_one_dropped_and_the_other_names_stays() {
    let (local, utc) = ("DTSTART;TZID=Berlin:20260101T110000", "DTSTART:20260101T100000Z");
    let base = tea(true, local, "");
    let without = tea(false, utc, "");
    let attended = base.replacen("SUMMARY", "X-WHEN;TZID=\"Berlin\":20260101T090000\r\nSUMMARY", 1);
    for (mine, theirs) in [(&without, &attended), (&attended, &without)] {
        let (whole, merged) = of("text/calendar", Some(&base), mine, theirs);
        assert!(
            whole && merged.contains(utc) && merged.contains("X-WHEN"),
            "{merged}"
        );
        assert!(merged.find(ZONE).unwrap() < merged.find("BEGIN:VEVENT").unwrap());
    }
}

#[test]
fn a_zone_that_nothing_names_any_more_is_gone() {
    let base = tea(true, "DTSTART;TZID=Berlin:20260101T110000", "");
    let without = tea(false, "DTSTART:20260101T100000Z", "");
    let named = base.replacen("Tea", "Supper", 1);
    let expected = without.replacen("Tea", "Supper", 1);
    for (mine, theirs) in [(&without, &named), (&named, &without)] {
        assert_eq!(
            of("text/calendar", Some(&base), mine, theirs),
            (true, expected.clone())
        );
    }
    // Nor one whose occurrence went with it.
    let occurrence = moved(2).replace("DTSTART:20260102T120000Z", "DTSTART;TZID=Berlin:20260102T130000");
    let base = tea(true, "DTSTART:20260101T100000Z", &occurrence);
    let (without, named) = (
        tea(false, "DTSTART:20260101T100000Z", ""),
        base.replacen("Tea", "Supper", 1),
    );
    assert_eq!(
        of("text/calendar", Some(&base), &without, &named),
        (true, event("Supper", ""))
    );
}
