//! Three versions of a vCard, an iCalendar object or a text, made one.

#![no_main]

use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use belay_sync::merge::{Merged, merge};
use libfuzzer_sys::fuzz_target;

/// Lines that objects consist of, so that many inputs are some.
const LINES: [&str; 32] = [
    "VERSION:4.0",
    "UID:1",
    "FN:Ada",
    "FN:Ada Lovelace",
    "N:Lovelace;Ada;;;",
    "TEL;TYPE=cell:1",
    "TEL;TYPE=\"home,cell\":2",
    "item1.TEL:3",
    "item1.X-ABLABEL:a:b",
    "ITEM1.EMAIL;PREF=1:a@b",
    "PHOTO;ENCODING=b:AAAA",
    " folded",
    "\tfolded:too",
    "REV:20260101T000000Z",
    "REV:20260102T000000Z",
    "PRODID:x",
    "BEGIN:VEVENT",
    "END:VEVENT",
    "BEGIN:VALARM",
    "END:VALARM",
    "BEGIN:VTIMEZONE",
    "END:VTIMEZONE",
    "TZID:Europe/Berlin",
    "UID:2",
    "RECURRENCE-ID:20260101",
    "SEQUENCE:1",
    "SEQUENCE:18446744073709551615",
    "DTSTART;TZID=Europe/Berlin:20260101T100000",
    "SUMMARY:a",
    "SUMMARY:b",
    "CATEGORIES:a,b",
    "X-NOTE:\"",
];

#[derive(Arbitrary, Debug)]
enum Line<'a> {
    Known(u8),
    Ended(u8),
    Raw(&'a str),
}

fn text(kind: &str, whole: bool, lines: &[Line<'_>]) -> Vec<u8> {
    let mut text = String::new();
    let object = match kind {
        "text/vcard" => "VCARD",
        _ => "VCALENDAR",
    };
    if whole {
        text.push_str(&format!("BEGIN:{object}\r\n"));
    }
    for line in lines {
        let known = |which: &u8| LINES.get(usize::from(*which) % LINES.len()).copied();
        match line {
            Line::Known(which) => text.extend(known(which).into_iter().chain(["\r\n"])),
            Line::Ended(which) => text.extend(known(which).into_iter().chain(["\n"])),
            Line::Raw(raw) => text.push_str(raw),
        }
    }
    if whole {
        text.push_str(&format!("END:{object}\r\n"));
    }
    text.into_bytes()
}

/// Whether it is whole, and what it says.
fn said(made: &Merged) -> (bool, &[u8]) {
    match made {
        Merged::Whole(bytes) => (true, bytes.expose()),
        Merged::Conflict(bytes) => (false, bytes.expose()),
    }
}

type Lines<'a> = Vec<Line<'a>>;

fuzz_target!(|input: (u8, bool, Option<Lines<'_>>, Lines<'_>, Lines<'_>)| {
    let (which, whole, base, mine, theirs) = input;
    let kinds = [
        "text/vcard",
        "text/calendar",
        "text/plain",
        "text/markdown; charset=utf-8",
    ];
    let kind = kinds[usize::from(which) % kinds.len()];
    let base = base.map(|base| text(kind, whole, &base));
    let (mine, theirs) = (text(kind, whole, &mine), text(kind, whole, &theirs));
    let made = merge(kind, base.as_deref(), &mine, &theirs);
    let (is_whole, merged) = said(&made);
    // Nothing comes of nowhere: a line of one of them at most twice, with an end where it had none.
    let given = base.as_ref().map_or(0, Vec::len) + mine.len() + theirs.len();
    assert!(merged.len() <= 3 * given + 2, "{} of {given}", merged.len());
    // The same three make the same on every device.
    assert_eq!(said(&merge(kind, base.as_deref(), &mine, &theirs)), said(&made));
    let is_text = kind.starts_with("text/plain") || kind.starts_with("text/markdown");
    // Of lines it doesn't matter which version is whose.
    if is_text {
        let other = merge(kind, base.as_deref(), &theirs, &mine);
        let (is_other_whole, other) = said(&other);
        assert!(is_whole == is_other_whole && (!is_whole || merged == other));
    }
    // Who merged and was cut off before he said so may do it again with what he made. Where a line is there twice, or was
    // moved, nobody can say which of them was added, so there a text may end in two versions.
    if !is_whole {
        return;
    }
    let again = merge(kind, base.as_deref(), merged, &theirs);
    if !is_text {
        assert!(said(&again).0, "a conflict with oneself");
    } else if base.as_deref().is_some_and(|base| is_plain(base, &mine, &theirs)) {
        assert_eq!(said(&again), said(&made), "a merge again with itself");
    }
});

/// Whether each line is a thing of its own: in no version twice, moved in none, and new in one of them at most.
fn is_plain(base: &[u8], mine: &[u8], theirs: &[u8]) -> bool {
    let lines = |text: &[u8]| -> Vec<Vec<u8>> {
        let lines = text.split(|byte| *byte == b'\n');
        lines.map(<[u8]>::to_vec).collect()
    };
    let (base, mine, theirs) = (lines(base), lines(mine), lines(theirs));
    let is_once = |text: &[Vec<u8>]| {
        let filled = text.iter().filter(|line| !line.is_empty()).count();
        let blank = text.len() - filled;
        let each: BTreeSet<_> = text.iter().collect();
        // A text that ends with its last line has nothing after it.
        each.len() == text.len() && blank <= 1 && (blank == 0 || text.last().is_some_and(Vec::is_empty))
    };
    let is_in_place = |text: &[Vec<u8>]| {
        let mut left = base.iter();
        let mut kept = text.iter().filter(|line| base.contains(line));
        kept.all(|line| left.any(|other| other == line))
    };
    let is_new = |line: &&Vec<u8>| !line.is_empty() && !base.contains(line);
    [&base, &mine, &theirs].iter().all(|text| is_once(text))
        && is_in_place(&mine)
        && is_in_place(&theirs)
        && !mine.iter().filter(is_new).any(|line| theirs.contains(line))
}
