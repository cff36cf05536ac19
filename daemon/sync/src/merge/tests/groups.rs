//! Lines of a vCard that are one thing.

use super::{card, cards, sorted};

#[test]
fn a_group_that_both_began_differently_is_a_conflict() {
    let (whole, _) = cards(
        &[],
        &["item1.TEL:1", "item1.X-ABLabel:boat"],
        &["item1.TEL:2", "item1.X-ABLabel:car"],
    );
    assert!(!whole);
}

#[test]
fn a_group_that_both_changed_to_different_things_is_a_conflict() {
    let (whole, _) = cards(
        &["item1.TEL:1", "item1.X-ABLabel:boat"],
        &["item1.EMAIL:a@b", "item1.X-ABLabel:work"],
        &["item1.TEL:1", "item1.X-ABLabel:ship"],
    );
    assert!(!whole);
}

#[test]
fn a_group_that_one_took_a_line_out_of_and_the_other_wrote_into_is_merged_and_again_with_itself() {
    let (base, theirs) = (["ITEM1.EMAIL:a@b"], ["item1.TEL:3", "ITEM1.EMAIL:a@b"]);
    let (whole, merged) = cards(&base, &[], &theirs);
    assert!(whole);
    assert_eq!(merged, card(&["item1.TEL:3"]));
    assert_eq!(cards(&base, &["item1.TEL:3"], &theirs), (true, merged));
}

const LABELLED: [&str; 2] = ["item1.TEL:1", "item1.X-ABLabel:boat"];

/// They clash, whoever merges.
fn clash(base: &[&str], one: &[&str], other: &[&str]) {
    for (mine, theirs) in [(one, other), (other, one)] {
        let (whole, merged) = cards(base, mine, theirs);
        assert!(!whole, "{merged}");
    }
}

#[test]
fn a_number_that_one_changed_isnt_parted_from_the_label_that_the_other_removed_with_it() {
    clash(&LABELLED, &[], &["item1.TEL:2", "item1.X-ABLabel:boat"]);
    clash(&LABELLED, &[], &["item1.TEL:1", "item1.X-ABLabel:ship"]);
    clash(
        &LABELLED,
        &["item1.TEL:1"],
        &["item1.TEL:2", "item1.X-ABLabel:boat"],
    );
}

#[test]
fn a_country_isnt_left_of_an_address_that_one_removed() {
    let address = ["item1.ADR:a", "item1.X-ABADR:us"];
    clash(&address, &[], &["item1.ADR:a", "item1.X-ABADR:de"]);
}

#[test]
fn a_label_that_one_changed_isnt_left_alone_where_the_other_s_program_counts_groups_anew() {
    let base = [
        "item1.TEL:1",
        "item1.X-ABLabel:boat",
        "item2.TEL:2",
        "item2.X-ABLabel:car",
    ];
    let fewer = ["item1.TEL:2", "item1.X-ABLabel:car"];
    let changed = [
        "item1.TEL:1",
        "item1.X-ABLabel:boat",
        "item2.TEL:2",
        "item2.X-ABLabel:bus",
    ];
    clash(&base, &fewer, &changed);
}

#[test]
fn groups_that_one_alone_changed_are_no_conflict() {
    let base = ["FN:Ada", "item1.TEL:1", "item1.X-ABLabel:boat"];
    for group in [
        &[][..],
        &["item1.TEL:1"],
        &["item1.TEL:2", "item1.X-ABLabel:boat"],
        &["item2.TEL:1", "item2.X-ABLabel:boat"],
    ] {
        let [mine, expected] = ["FN:Ada", "FN:Adah"].map(|name| [&[name], group].concat());
        let theirs = ["FN:Adah", "item1.TEL:1", "item1.X-ABLabel:boat"];
        let (whole, merged) = cards(&base, &mine, &theirs);
        assert_eq!((whole, sorted(&merged)), (true, sorted(&card(&expected))));
    }
}

#[test]
fn groups_that_both_changed_alike_are_no_conflict() {
    let changed = ["item1.TEL:2", "item1.X-ABLabel:boat"];
    let (whole, merged) = cards(&LABELLED, &changed, &["item1.TEL:2"]);
    assert_eq!((whole, merged), (true, card(&["item1.TEL:2"])));
    let (whole, merged) = cards(&LABELLED, &[&changed[..], &["NOTE:x"]].concat(), &changed);
    assert_eq!(
        (whole, merged),
        (true, card(&[&changed[..], &["NOTE:x"]].concat()))
    );
}
