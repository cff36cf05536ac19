//! What two people at two phones would expect.

mod alarms;
mod bounds;
mod groups;
mod lists;
mod series;
mod zones;

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Merged, merge};

thread_local! {
    /// How often a line was read for what it says.
    pub(super) static READS: Cell<usize> = const { Cell::new(0) };
    /// How many bytes were looked through for where a value begins.
    pub(super) static BYTES: Cell<usize> = const { Cell::new(0) };
}

const CARD: &str = "text/vcard";

fn card(lines: &[&str]) -> String {
    let mut text = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ada\r\n".to_owned();
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text + "END:VCARD\r\n"
}

fn cards(base: &[&str], mine: &[&str], theirs: &[&str]) -> (bool, String) {
    let [base, mine, theirs] = [base, mine, theirs].map(card);
    of(CARD, Some(&base), &mine, &theirs)
}

fn of(kind: &str, base: Option<&str>, mine: &str, theirs: &str) -> (bool, String) {
    let base = base.map(str::as_bytes);
    match merge(kind, base, mine.as_bytes(), theirs.as_bytes()) {
        Merged::Whole(bytes) => (true, String::from_utf8(bytes.expose().clone()).unwrap()),
        Merged::Conflict(bytes) => (false, String::from_utf8(bytes.expose().clone()).unwrap()),
    }
}

/// Its lines, in whichever order they stand.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_number_added_here_and_a_name_changed_there_are_both_kept() {
    let (whole, merged) = cards(
        &["FN:Ada", "TEL:1"],
        &["FN:Ada", "TEL:1", "TEL;TYPE=home:2"],
        &["FN:Ada Lovelace", "TEL:1"],
    );
    assert!(whole);
    assert_eq!(merged, card(&["FN:Ada Lovelace", "TEL:1", "TEL;TYPE=home:2"]));
}

#[test]
fn what_one_removed_is_gone() {
    let (whole, merged) = cards(
        &["FN:Ada", "TEL:1", "TEL:2"],
        &["FN:Ada", "TEL:2"],
        &["FN:Ada", "TEL:1", "TEL:2", "NOTE:x"],
    );
    assert_eq!((whole, merged), (true, card(&["FN:Ada", "TEL:2", "NOTE:x"])));
}

#[test]
fn two_changes_of_a_name_are_a_conflict_and_the_rest_is_merged() {
    let (whole, merged) = cards(&["FN:Ada"], &["FN:Adah", "TEL:1"], &["FN:Ada L.", "EMAIL:a@b"]);
    assert!(!whole);
    assert_eq!(merged, card(&["FN:Ada L.", "EMAIL:a@b", "TEL:1"]));
}

#[test]
fn two_changes_of_a_number_leave_both_numbers() {
    let (whole, merged) = cards(&["TEL:1"], &["TEL:2"], &["TEL:3"]);
    assert_eq!((whole, merged), (true, card(&["TEL:3", "TEL:2"])));
}

#[test]
fn a_change_outlives_a_removal() {
    let (whole, merged) = cards(&["NOTE:a"], &["NOTE:b"], &[]);
    assert_eq!((whole, merged), (true, card(&["NOTE:b"])));
    let (whole, merged) = cards(&["NOTE:a"], &[], &["NOTE:b"]);
    assert_eq!((whole, merged), (true, card(&["NOTE:b"])));
}

#[test]
fn stamps_and_counters_are_no_conflict() {
    let (whole, merged) = cards(
        &["REV:20260101T000000Z", "PRODID:a", "FN:Ada"],
        &["REV:20260301T000000Z", "PRODID:b", "FN:Ada", "TEL:1"],
        &["REV:20260201T000000Z", "PRODID:c", "FN:Adah"],
    );
    assert!(whole);
    assert_eq!(
        merged,
        card(&["REV:20260301T000000Z", "PRODID:c", "FN:Adah", "TEL:1"])
    );
}

#[test]
fn what_is_unknown_and_how_it_was_folded_stays() {
    let photo = "PHOTO;ENCODING=b;TYPE=JPEG:AAAA\r\n BBBB\r\n CC==";
    let (whole, merged) = cards(
        &["FN:Ada", photo, "X-JABBER;X-A=\"q:;\":ada@x"],
        &["FN:Ada", photo, "X-JABBER;X-A=\"q:;\":ada@x", "TEL:1"],
        &["FN:Adah", photo, "X-JABBER;X-A=\"q:;\":ada@x"],
    );
    assert!(whole);
    assert_eq!(
        merged,
        card(&["FN:Adah", photo, "X-JABBER;X-A=\"q:;\":ada@x", "TEL:1"])
    );
}

#[test]
fn folding_case_and_the_order_of_parameters_are_no_change() {
    let (whole, merged) = cards(
        &["tel;type=home;x=1:1", "NOTE:a long\r\n  note"],
        &["tel;type=home;x=1:1", "NOTE:a long\r\n  note", "FN:Ada"],
        &["TEL;X=1;TYPE=home:1", "NOTE:a\r\n  long note"],
    );
    assert_eq!(
        (whole, merged),
        (
            true,
            card(&["TEL;X=1;TYPE=home:1", "NOTE:a\r\n  long note", "FN:Ada"])
        )
    );
}

#[test]
fn without_a_common_version_both_are_kept_where_they_go_together() {
    let (mine, theirs) = (card(&["FN:Ada", "TEL:1"]), card(&["FN:Ada", "EMAIL:a@b"]));
    assert_eq!(
        of(CARD, None, &mine, &theirs),
        (true, card(&["FN:Ada", "EMAIL:a@b", "TEL:1"]))
    );
    assert!(!of(CARD, None, &card(&["FN:Ada"]), &card(&["FN:Bob"])).0);
}

#[test]
fn a_quoted_printable_value_stays_in_one_piece() {
    let note = "NOTE;ENCODING=QUOTED-PRINTABLE:see http://x=0D=0A=\r\nhttp://y=\r\n  and=\r\nso on=3D";
    let changed = note.replace("//y", "//z");
    let (whole, merged) = cards(
        &["FN:Ada", note, "TEL:1"],
        &["FN:Ada", &changed, "TEL:1"],
        &["FN:Adah", note, "TEL:2"],
    );
    assert!(whole);
    assert_eq!(merged, card(&["FN:Adah", &changed, "TEL:2"]));
}

#[test]
fn a_card_that_begins_with_a_byte_order_mark_or_has_spaces_around_its_name_is_merged_and_keeps_them() {
    let written = |lines: &[&str]| {
        let card = card(lines).replacen("BEGIN:VCARD", "\u{feff}BEGIN: VCARD ", 1);
        card.replacen("END:VCARD", "END:VCARD\t", 1)
    };
    let (base, mine) = (written(&["FN:Ada"]), written(&["FN:Ada", "TEL:1"]));
    let theirs = written(&["FN:Adah"]);
    let expected = written(&["FN:Adah", "TEL:1"]);
    assert_eq!(of(CARD, Some(&base), &mine, &theirs), (true, expected.clone()));
    // As another program writes it.
    let plain = card(&["FN:Ada", "TEL:1"]);
    assert_eq!(of(CARD, Some(&base), &plain, &theirs), (true, expected));
    assert_eq!(
        of(CARD, Some(&base), &theirs, &plain),
        (true, card(&["FN:Adah", "TEL:1"]))
    );
}

#[test]
fn the_empty_line_after_a_photo_stays() {
    let photo = "PHOTO;ENCODING=BASE64;TYPE=JPEG:\r\n AAAA\r\n CC==\r\n";
    let (whole, merged) = cards(
        &["FN:Ada", photo, "TEL:1"],
        &["FN:Ada", photo, "TEL:2"],
        &["FN:Adah", photo, "TEL:1"],
    );
    assert_eq!((whole, merged), (true, card(&["FN:Adah", photo, "TEL:2"])));
}

#[test]
fn cards_of_two_versions_and_cards_in_cards_are_left_apart() {
    let newer = |lines: &[&str]| card(lines).replace("VERSION:3.0", "VERSION:4.0");
    let base = card(&["TEL:1"]);
    let theirs = newer(&["TEL;VALUE=uri:tel:1"]);
    let mine = card(&["TEL:1", "TEL:2"]);
    assert_eq!(of(CARD, Some(&base), &mine, &theirs), (false, theirs));
    let agent = "AGENT:\r\nBEGIN:VCARD\r\nFN:Bob\r\nEND:VCARD";
    let theirs = card(&[agent, "NOTE:x"]);
    assert_eq!(
        of(CARD, Some(&card(&[agent])), &card(&[agent, "TEL:1"]), &theirs),
        (false, theirs)
    );
}

#[test]
fn when_an_event_begins_and_ends_is_one_thing() {
    let event = |when: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:e\r\n{when}SUMMARY:Dinner\r\nEND:VEVENT\r\n\
             END:VCALENDAR\r\n"
        )
    };
    let base = event("DTSTART:20270101T180000Z\r\nDTEND:20270101T190000Z\r\n");
    let lasts = event("DTSTART:20270101T180000Z\r\nDURATION:PT2H\r\n");
    let later = event("DTSTART:20270101T180000Z\r\nDTEND:20270101T200000Z\r\n");
    let tomorrow = event("DTSTART:20270102T180000Z\r\nDTEND:20270102T190000Z\r\n");
    for (mine, theirs) in [
        (&lasts, &later),
        (&later, &lasts),
        (&tomorrow, &later),
        (&lasts, &tomorrow),
    ] {
        assert_eq!(
            of("text/calendar", Some(&base), mine, theirs),
            (false, theirs.clone())
        );
    }
    let named = base.replace("Dinner", "Supper");
    let expected = lasts.replace("Dinner", "Supper");
    assert_eq!(of("text/calendar", Some(&base), &lasts, &named), (true, expected));
}

#[test]
fn alarms_and_exceptions_changed_on_two_phones_are_all_there() {
    let base = event("Tea", "");
    let mine = base.replace("-PT5M", "-PT10M");
    let theirs = base.replace("RRULE", "EXDATE:20260105T100000Z\r\nRRULE");
    let (whole, merged) = of("text/calendar", Some(&base), &mine, &theirs);
    assert!(whole && merged.contains("-PT10M") && !merged.contains("-PT5M") && merged.contains("EXDATE"));
    let other = base.replace("RRULE", "EXDATE:20260107T100000Z\r\nRRULE");
    let (whole, merged) = of("text/calendar", Some(&base), &other, &theirs);
    assert!(whole && merged.contains("0105T") && merged.contains("0107T"));
}

fn event(summary: &str, extra: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:e\r\nDTSTART:20260101T100000Z\r\nSUMMARY:{summary}\r\n\
         RRULE:FREQ=DAILY\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\n{extra}END:VCALENDAR\r\n"
    )
}

fn moved(day: u32) -> String {
    format!(
        "BEGIN:VEVENT\r\nUID:e\r\nRECURRENCE-ID:202601{day:02}T100000Z\r\nDTSTART:202601{day:02}T120000Z\r\nEND:VEVENT\r\n"
    )
}

#[test]
fn occurrences_moved_on_two_phones_are_both_moved() {
    let (base, mine) = (event("Tea", ""), event("Tea", &moved(2)));
    let theirs = event("Tea at five", &moved(3));
    let (whole, merged) = of("text/calendar; charset=utf-8", Some(&base), &mine, &theirs);
    assert!(whole);
    assert_eq!(merged, event("Tea at five", &(moved(3) + &moved(2))));
}

#[test]
fn an_occurrence_moved_differently_is_a_conflict() {
    let mine = event("Tea", &moved(2).replace("T12", "T13"));
    let theirs = event("Tea", &moved(2).replace("T12", "T14"));
    let (whole, merged) = of("text/calendar", Some(&event("Tea", &moved(2))), &mine, &theirs);
    assert_eq!((whole, merged), (false, theirs));
}

#[test]
fn notes_are_merged_line_by_line() {
    let (whole, merged) = of(
        "text/plain",
        Some("a\nb\nc\nd\n"),
        "a\nB\nc\nd\n",
        "a\nb\nc\nd\ne\n",
    );
    assert_eq!((whole, merged.as_str()), (true, "a\nB\nc\nd\ne\n"));
    let (whole, merged) = of("text/markdown", Some("a\n"), "b\n", "c\n");
    assert_eq!((whole, merged.as_str()), (false, "c\n"));
}

#[test]
fn what_isnt_understood_is_kept_beside() {
    for (kind, mine, theirs) in [
        ("image/jpeg", "x", "y"),
        (CARD, "BEGIN:VCARD\r\nFN:Ada\r\n", "BEGIN:VCARD\r\nEND:VCARD\r\n"),
        (CARD, "hello", "BEGIN:VCARD\r\nEND:VCARD\r\n"),
    ] {
        assert_eq!(of(kind, Some("z"), mine, theirs), (false, theirs.to_owned()));
    }
    let two = card(&[]).repeat(2);
    assert_eq!(
        of(CARD, Some(&card(&[])), &two, &card(&["FN:x"])),
        (false, card(&["FN:x"]))
    );
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    let line = prop_oneof![
        "FN:[ab]",
        "NOTE:[ab]",
        "TEL;TYPE=(home|work):[1-3]",
        "X-[AB]:[ab]",
        "REV:[1-3]",
        "item[12]\\.EMAIL:[ab]",
    ];
    prop::collection::vec(line, 0..6)
}

fn drawn(lines: &[String]) -> String {
    card(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn one_side_unchanged_leaves_the_others_version(base in lines(), changed in lines()) {
        let (base, changed) = (drawn(&base), drawn(&changed));
        prop_assert_eq!(of(CARD, Some(&base), &changed, &base), (true, changed.clone()));
        prop_assert_eq!(of(CARD, Some(&base), &base, &changed), (true, changed));
    }

    #[test]
    fn either_phone_may_be_the_one_that_merges(base in lines(), mine in lines(), theirs in lines()) {
        let [base, mine, theirs] = [base, mine, theirs].map(|lines| drawn(&lines));
        let (one, two) = (of(CARD, Some(&base), &mine, &theirs), of(CARD, Some(&base), &theirs, &mine));
        prop_assert_eq!(one.0, two.0);
        if one.0 {
            let sorted = |text: &str| { let mut lines: Vec<_> = text.lines().map(str::to_owned).collect(); lines.sort(); lines };
            prop_assert_eq!(sorted(&one.1), sorted(&two.1));
        }
    }

    #[test]
    fn every_line_that_one_added_is_there(base in lines(), mine in lines(), theirs in lines()) {
        let numbers = |lines: &[String]| -> BTreeSet<String> {
            let number = |line: &String| line.strip_prefix("TEL").and_then(|rest| rest.rsplit(':').next().map(str::to_owned));
            lines.iter().filter_map(number).collect()
        };
        let (whole, merged) = of(CARD, Some(&drawn(&base)), &drawn(&mine), &drawn(&theirs));
        let merged: Vec<String> = merged.lines().map(str::to_owned).collect();
        let added = &numbers(&mine) - &numbers(&base);
        prop_assert!(!whole || added.is_subset(&numbers(&merged)), "{added:?} {merged:?}");
    }

    #[test]
    fn arbitrary_bytes_are_merged_without_a_panic(base: Vec<u8>, mine: Vec<u8>, theirs: Vec<u8>) {
        for kind in [CARD, "text/calendar", "text/plain", "x/y"] {
            let _ = merge(kind, Some(&base), &mine, &theirs);
        }
    }

    #[test]
    fn arbitrary_lines_in_a_card_are_merged_without_a_panic(mine in "[A-Z;:\"\\r\\n .=a-c]{0,80}", theirs in "[A-Z;:\"\\r\\n .=a-c]{0,80}") {
        let [mine, theirs] = [mine, theirs].map(|text| card(&[&text]));
        let _ = merge(CARD, Some(card(&[]).as_bytes()), mine.as_bytes(), theirs.as_bytes());
    }
}
