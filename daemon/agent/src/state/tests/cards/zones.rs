//! Times of another zone.

use super::*;
use crate::model::{FOLDER, MODIFIED};

#[test]
fn a_file_that_only_has_the_time_of_another_zone_is_put_with_what_its_record_says_of_it() {
    let dated = |time: &str| Attributes::from([(MODIFIED.to_owned(), time.to_owned())]);
    for (seconds, said) in [(3600, "1.000000000"), (3602, "3603.000000000")] {
        let (state, mut items) = without_inodes(remembering(Gone::Unsaid), all_items());
        let mut records = all_records();
        records[0].1.attributes = dated("1.000000000");
        items[0].1.attributes = dated("3603.000000000");
        items[0].1.mark.modified += seconds * 1_000_000_000;
        let (_, effects) = looked(state, scan(root(1, 2, "boot"), items.clone()), records);
        let [Work::Put { item, over: Some(_) }] = works(&effects)[..] else {
            panic!("{effects:?}");
        };
        assert_eq!((&item.attributes, item.mark), (&dated(said), items[0].1.mark));
    }
}

/// Has each file be so many seconds younger than the one before it.
fn apart(seconds: i64, mut state: State, mut items: Vec<(String, Local)>) -> (State, Vec<(String, Local)>) {
    for ((natural, item), number) in items.iter_mut().zip(0_i64..) {
        let mut known = state.memory.known()[&*natural].clone();
        known.mark.modified += number * seconds * 1_000_000_000;
        item.mark = known.mark;
        state.memory.remember(natural.clone(), known);
    }
    (state, items)
}

#[test]
fn on_a_card_whose_times_are_all_of_another_zone_nothing_was_edited() {
    for is_edited in [false, true] {
        let (state, items) = without_inodes(remembering(Gone::Unsaid), all_items());
        let (state, mut items) = apart(24 * 3600, state, items);
        // Where one is as it was the others were edited.
        for (_, item) in items.iter_mut().skip(usize::from(is_edited)) {
            item.mark.modified += 3600 * 1_000_000_000;
        }
        // Meanwhile another device edited one, and removed one.
        let mut records = all_records();
        records[1].1.revision = 2;
        records.pop();
        let (state, effects) = looked(state, scan(root(1, 2, "boot"), items.clone()), records);
        match (&works(&effects)[..], is_edited) {
            ([Work::Fetch { over: Some(_), .. }, Work::Remove { .. }], false)
            | ([Work::Join { .. }, Work::Put { over: None, .. }], true) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(state.memory.known()["a"].mark, items[0].1.mark);
    }
}

#[test]
fn what_lies_in_another_folder_with_the_time_of_another_zone_is_put_with_that_folder() {
    let (state, mut items) = without_inodes(remembering(Gone::Unsaid), all_items());
    let in_folder = |name: &str| Attributes::from([(FOLDER.to_owned(), name.to_owned())]);
    let mut records = all_records();
    records[0].1.attributes = in_folder("family");
    items[0].1.attributes = in_folder("friends");
    items[0].1.place = "friends/a".to_owned();
    items[0].1.mark.modified += 3600 * 1_000_000_000;
    let (_, effects) = looked(state, scan(root(1, 2, "boot"), items), records);
    let [Work::Put { item, over: Some(_) }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(item.attributes, in_folder("friends"));
}

#[test]
fn files_that_were_all_written_within_an_hour_and_again_an_hour_later_were_edited() {
    for (seconds, is_edited) in [(0, true), (1800, true), (1801, false)] {
        let (state, items) = without_inodes(remembering(Gone::Unsaid), all_items());
        let (state, mut items) = apart(seconds, state, items);
        for (_, item) in &mut items {
            item.mark.modified += 3600 * 1_000_000_000;
        }
        let (_, effects) = looked(state, scan(root(1, 2, "boot"), items), all_records());
        let puts = match is_edited {
            true => 3,
            false => 0,
        };
        assert_eq!(works(&effects).len(), puts, "{seconds}: {effects:?}");
    }
}
