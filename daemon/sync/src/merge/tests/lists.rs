//! Lists in a line.

use super::{CARD, card, cards, event, of};

#[test]
fn what_one_removed_from_a_list_that_the_other_added_to_is_gone_and_nothing_is_there_twice() {
    for (base, mine, theirs, expected) in [
        (
            &["CATEGORIES:A,B"][..],
            &["CATEGORIES:A"][..],
            &["CATEGORIES:A,B,C"][..],
            &["CATEGORIES:A,C"][..],
        ),
        (
            &["CATEGORIES:A,B"],
            &["CATEGORIES:A,B,C"],
            &["CATEGORIES:A"],
            &["CATEGORIES:A", "CATEGORIES:C"],
        ),
        (
            &["NICKNAME:A,B"],
            &["NICKNAME:A,B,C"],
            &["NICKNAME:A,B,D"],
            &["NICKNAME:A,B,D", "NICKNAME:C"],
        ),
        (
            &["NICKNAME:A\\,a,B"],
            &["NICKNAME:A\\,a"],
            &["NICKNAME:A\\,a,B,C\\\\,D"],
            &["NICKNAME:A\\,a,C\\\\,D"],
        ),
        (
            &["CATEGORIES:A,B"],
            &[],
            &["CATEGORIES:A,B", "FN:Ada"],
            &["FN:Ada"],
        ),
        (&["CATEGORIES:A,B"], &["CATEGORIES:B"], &["CATEGORIES:A"], &[]),
        // As another program writes it.
        (
            &["CATEGORIES:A,B"],
            &["CATEGORIES:A"],
            &["CATEGORIES:A", "categories:B", "FN:Ada"],
            &["CATEGORIES:A", "FN:Ada"],
        ),
    ] {
        assert_eq!(
            cards(base, mine, theirs),
            (true, card(expected)),
            "{mine:?} {theirs:?}"
        );
    }
}

#[test]
fn a_list_that_nobody_changed_keeps_its_text() {
    let list = "CATEGORIES;X=1:A,\r\n B";
    let (whole, merged) = cards(&[list], &[list, "FN:Ada"], &[list, "NOTE:x"]);
    assert_eq!((whole, merged), (true, card(&[list, "NOTE:x", "FN:Ada"])));
    let mine = ["FN:Ada", list];
    assert_eq!(
        cards(&[], &mine, &["NOTE:x"]),
        (true, card(&["NOTE:x", "FN:Ada", list]))
    );
}

#[test]
fn a_name_with_a_comma_is_no_list() {
    let (whole, merged) = cards(&["NOTE:a,b"], &["NOTE:a"], &["NOTE:a,b,c"]);
    assert_eq!((whole, merged), (false, card(&["NOTE:a,b,c"])));
}

#[test]
fn occurrences_that_two_phones_left_out_in_one_line_are_left_out_and_one_that_came_back_is_back() {
    let with = |line: &str| event("Tea", "").replacen("RRULE", &format!("{line}\r\nRRULE"), 1);
    let base = with("EXDATE;TZID=a:20260105T100000,20260106T100000");
    let mine = with("EXDATE;TZID=a:20260106T100000");
    let theirs = with("EXDATE;TZID=a:20260105T100000,20260106T100000,20260107T100000");
    let expected = with("EXDATE;TZID=a:20260106T100000,20260107T100000");
    assert_eq!(of("text/calendar", Some(&base), &mine, &theirs), (true, expected));
}

#[test]
fn lists_that_would_take_too_much_room_apart_are_merged_as_lines() {
    let long = |list: &str| card(&[&format!("CATEGORIES;X={}:{list}", "x".repeat(1000)), "FN:Ada"]);
    let [base, mine, theirs] = ["A,B", "A", "A,B,C"].map(|list| long(&format!("{}{list}", "a,".repeat(300))));
    let (whole, merged) = of(CARD, Some(&base), &mine, &theirs);
    assert!(whole && merged.matches("CATEGORIES").count() == 2);
    let [base, mine, theirs] = ["A,B", "A", "A,B,C"].map(|list| long(&format!("{}{list}", "a,".repeat(50))));
    let (whole, merged) = of(CARD, Some(&base), &mine, &theirs);
    assert!(whole && merged.matches("CATEGORIES").count() == 1);
}
