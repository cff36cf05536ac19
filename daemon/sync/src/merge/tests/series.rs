//! A series that is moved, and its occurrences.

use super::{event, moved, of, sorted};

const CALENDAR: &str = "text/calendar";

fn clash(base: &str, one: &str, other: &str) {
    for (mine, theirs) in [(one, other), (other, one)] {
        let (whole, merged) = of(CALENDAR, Some(base), mine, theirs);
        assert!(!whole, "{merged}");
    }
}

/// Its master with this line besides.
fn with(event: &str, line: &str) -> String {
    event.replacen("RRULE", &format!("{line}\r\nRRULE"), 1)
}

#[test]
fn a_series_that_one_moved_while_another_changed_an_occurrence_is_a_conflict() {
    let base = event("Tea", "");
    let later = base.replace("DTSTART:20260101T10", "DTSTART:20260101T11");
    let weekly = base.replace("FREQ=DAILY", "FREQ=WEEKLY");
    for series in [&later, &weekly] {
        for occurrence in [
            with(&base, "EXDATE:20260105T100000Z"),
            with(&base, "RDATE:20260105T150000Z"),
            event("Tea", &moved(2)),
        ] {
            clash(&base, series, &occurrence);
        }
    }
}

#[test]
fn an_occurrence_that_one_edited_while_it_was_moved_with_its_series_is_a_conflict() {
    let base = event("Tea", &moved(2));
    let later = base.replace("DTSTART:20260101T10", "DTSTART:20260101T11");
    let later = later.replace("RECURRENCE-ID:20260102T10", "RECURRENCE-ID:20260102T11");
    let edited = event("Tea", &moved(2).replace("T12", "T13"));
    clash(&base, &later, &edited);
    clash(&base, &later, &event("Tea", ""));
}

#[test]
fn a_series_that_both_moved_alike_or_one_alone_changed_is_no_conflict() {
    let base = event("Tea", "");
    let later = |text: &str| text.replace("DTSTART:20260101T10", "DTSTART:20260101T11");
    let without = with(&base, "EXDATE:20260105T110000Z");
    for (one, other, expected) in [
        (later(&base), later(&without), later(&without)),
        (
            later(&without),
            event("Supper", ""),
            later(&without).replace("Tea", "Supper"),
        ),
        (
            event("Tea", &moved(2)),
            event("Supper", ""),
            event("Supper", &moved(2)),
        ),
        // Both left the same one out.
        (later(&without), without.clone(), later(&without)),
    ] {
        for (mine, theirs) in [(&one, &other), (&other, &one)] {
            let (whole, merged) = of(CALENDAR, Some(&base), mine, theirs);
            assert_eq!((whole, sorted(&merged)), (true, sorted(&expected)));
        }
    }
}

#[test]
fn what_a_program_notes_of_an_occurrence_is_no_change_of_it() {
    let noted = |day: u32| moved(2).replace("END:", &format!("DTSTAMP:202601{day:02}T000000Z\r\nEND:"));
    let (base, stamped) = (event("Tea", &noted(1)), event("Tea", &noted(2)));
    let later = base.replace("DTSTART:20260101T10", "DTSTART:20260101T11");
    assert!(of(CALENDAR, Some(&base), &later, &stamped).0);
}
