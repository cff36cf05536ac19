//! How much a merge looks at.

use super::super::MOST_LINES;
use super::{BYTES, CARD, READS, of};

/// Lines, each of which says so.
fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

#[test]
fn texts_of_which_too_many_lines_were_changed_are_left_apart_instead_of_compared() {
    // Both ends are alike, and the changes far apart: merged, both would be in it.
    let base = many(3000, |n| format!("line {n}\n"));
    let changed = |lines: usize| {
        many(3000, |n| {
            format!("line {n}{}\n", if (1..=lines).contains(&n) { "!" } else { "" })
        })
    };
    let theirs = base.replace("line 2990\n", "theirs\n");
    // A changed line is one removed and one added.
    let most = MOST_LINES / 2;
    let (whole, merged) = of("text/plain", Some(&base), &changed(most), &theirs);
    assert!(whole && merged.contains("line 1!\n") && merged.contains("theirs\n"));
    assert_eq!(
        of("text/plain", Some(&base), &changed(most + 1), &theirs),
        (false, theirs.clone())
    );
    assert_eq!(
        of("text/plain", Some(&base), &theirs, &changed(most + 1)),
        (false, changed(most + 1))
    );
}

#[test]
fn each_line_of_an_object_is_read_a_few_times_however_many_there_are() {
    let reads = |object: &str, part: &dyn Fn(usize) -> String, lines: usize| {
        let [base, mine, theirs] = ["x", "y", "z"].map(|said| {
            format!(
                "BEGIN:{object}\r\nX-A:{said}\r\n{}END:{object}\r\n",
                many(lines, part)
            )
        });
        READS.set(0);
        assert!(!of(CARD, Some(&base), &mine, &theirs).0);
        READS.get()
    };
    let property = |n| format!("item{n}.TEL:{n}\r\n");
    let component = |n| format!("BEGIN:X\r\nUID:{n}\r\nEND:X\r\n");
    for (object, part) in [
        ("VCARD", &property as &dyn Fn(usize) -> String),
        ("VCALENDAR", &component),
    ] {
        let (few, twice) = (reads(object, part, 1000), reads(object, part, 2000));
        assert!(few > 1000 && twice <= 2 * few, "{object}: {few}, {twice}");
    }
}

#[test]
fn a_line_is_looked_through_once_however_often_it_is_folded() {
    let folded = |n: usize| format!("X\n{}", " =\n".repeat(n));
    let quoted = |n: usize| {
        let parameter = "x".repeat(n);
        format!(
            "NOTE;ENCODING=QUOTED-PRINTABLE;X={parameter}:=\n{}",
            "=\n".repeat(n)
        )
    };
    let open = |n: usize| format!("X;A=\"\n{}", " :=\n".repeat(n));
    for line in [&folded as &dyn Fn(usize) -> String, &quoted, &open] {
        let text = format!("BEGIN:VCARD\n{}END:VCARD\n", line(500));
        BYTES.set(0);
        of(CARD, Some("y"), &text, "x");
        let bytes = BYTES.get();
        assert!(bytes > 500 && bytes <= text.len(), "{bytes} of {}", text.len());
    }
}
