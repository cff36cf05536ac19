//! Times of another zone.

use super::*;
use crate::model::{FOLDER, MODIFIED};

fn dated(time: &str) -> Attributes {
    Attributes::from([(MODIFIED.to_owned(), time.to_owned())])
}

#[test]
fn a_file_that_only_has_the_time_of_another_zone_is_put_with_what_its_record_says_of_it() {
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

/// Has all times be an hour later.
fn an_hour_later(items: &mut [(String, Local)]) {
    for (_, item) in items {
        item.mark.modified += 3600 * 1_000_000_000;
    }
}

/// What was found out of these files.
fn told(natural: &str, outcome: Outcome) -> Event {
    Event::Done(vec![(natural.to_owned(), outcome)])
}

/// A card with three files and their records, all of another zone.
fn moved() -> (State, Vec<(String, Local)>) {
    let (state, items) = without_inodes(remembering(Gone::Unsaid), all_items());
    let (state, mut items) = apart(24 * 3600, state, items);
    an_hour_later(&mut items);
    (state, items)
}

#[test]
fn on_a_card_whose_times_are_all_of_another_zone_nothing_was_edited() {
    for is_edited in [false, true] {
        let (state, items) = without_inodes(remembering(Gone::Unsaid), all_items());
        let (state, mut items) = apart(24 * 3600, state, items);
        // Where one is as it was the others were edited.
        an_hour_later(&mut items[usize::from(is_edited)..]);
        // Meanwhile another device edited one, and removed one.
        let mut records = all_records();
        records[1].1.revision = 2;
        records.pop();
        let (mut state, mut effects) = looked(state, scan(root(1, 2, "boot"), items.clone()), records);
        if !is_edited {
            let [Work::Compare { item, .. }] = works(&effects)[..] else {
                panic!("{effects:?}");
            };
            assert_eq!(item.place, "a");
            (state, effects) = step(state, told("a", Outcome::Same));
            assert!(effects.contains(&Effect::Save));
        }
        match (&works(&effects)[..], is_edited) {
            ([Work::Fetch { over: Some(_), .. }, Work::Remove { .. }], false)
            | ([Work::Join { .. }, Work::Put { over: None, .. }], true) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(state.memory.known()["a"].mark, items[0].1.mark);
    }
}

#[test]
fn files_that_say_something_else_were_edited_though_all_of_them_were_dated_by_the_same_hours() {
    for outcome in [Outcome::Differs, Outcome::Refused, Outcome::Later] {
        let (state, mut items) = moved();
        for (_, item) in &mut items {
            item.attributes = dated("3601.000000000");
        }
        let before = state.memory.known().clone();
        // Only of what is known to be edited the time is meant.
        let attributes = match outcome {
            Outcome::Differs => dated("3601.000000000"),
            _ => Attributes::new(),
        };
        let (state, effects) = looked(state, scan(root(1, 2, "boot"), items.clone()), all_records());
        assert_eq!(works(&effects).len(), 3, "{effects:?}");
        // Nothing is done before all are answered, nor because of looks in between.
        let (state, effects) = step(state, told("a", Outcome::Same));
        assert!(effects.is_empty(), "{effects:?}");
        let (state, effects) = step(state, scan(root(1, 2, "boot"), items));
        assert_eq!((effects.len(), state.memory.known()), (0, &before));
        let (state, effects) = step(state, told("b", outcome));
        assert!(effects.is_empty(), "{effects:?}");
        let (_, effects) = step(state, told("c", Outcome::Same));
        let works = works(&effects);
        assert_eq!(works.len(), 3);
        for work in works {
            let Work::Put { item, over: Some(_) } = work else {
                panic!("{work:?}");
            };
            assert_eq!(item.attributes, attributes);
        }
    }
}

#[test]
fn what_was_edited_and_dated_keeps_its_time_also_where_it_is_put_later_than_the_rest() {
    let (state, mut items) = moved();
    for (_, item) in &mut items {
        item.attributes = dated("3601.000000000");
    }
    let (state, _) = looked(state, scan(root(1, 2, "boot"), items.clone()), all_records());
    let (state, _) = step(state, told("a", Outcome::Same));
    let (state, _) = step(state, told("b", Outcome::Differs));
    let (state, effects) = step(state, told("c", Outcome::Same));
    assert_eq!(works(&effects).len(), 3, "{effects:?}");
    let stored = Outcome::Stored {
        id: "id of a".to_owned(),
        revision: 2,
    };
    let (state, _) = step(state, told("a", stored));
    let (state, _) = step(state, told("c", Outcome::Later));
    let now = state.now();
    let (state, effects) = step(state, late::scanned_in(now, root(1, 2, "boot"), items));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    let (_, effects) = step(state, Event::Again);
    let [Work::Put { item, over: Some(_) }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(item.place, "c");
    assert_eq!(item.attributes, dated("3601.000000000"));
}

#[test]
fn a_sample_that_may_be_another_by_now_is_compared_after_the_next_look_and_nothing_is_done_before() {
    let (state, items) = moved();
    let seen = || scan(root(1, 2, "boot"), items.clone());
    let (state, _) = looked(state, seen(), all_records());
    let (state, _) = step(state, told("a", Outcome::Same));
    let (state, _) = step(state, told("b", Outcome::Same));
    let (state, effects) = step(state, told("c", Outcome::ItemChanged));
    assert_eq!(effects, [Effect::Scan { make: false }]);
    let (state, effects) = step(state, seen());
    let [Work::Compare { item, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(item.place, "c");
    // By then it has moved otherwise than the others, and so does no zone.
    let mut edited = items.clone();
    edited[2].1.mark.modified += 7200 * 1_000_000_000;
    let (_, effects) = step(state.clone(), scan(root(1, 2, "boot"), edited));
    assert!(
        matches!(works(&effects)[..], [Work::Put { .. }, Work::Put { .. }]),
        "{effects:?}"
    );
    // Where the card is taken away meanwhile nothing was found out.
    let (state, _) = step(state, Event::NotScanned(Stop::Missing));
    let (state, _) = step(state, told("c", Outcome::Later));
    let (_, effects) = step(state, seen());
    assert_eq!(works(&effects).len(), 3, "{effects:?}");
    assert!(
        works(&effects)
            .iter()
            .all(|work| matches!(work, Work::Compare { .. })),
        "{effects:?}"
    );
}

#[test]
fn where_no_record_is_as_it_was_nothing_tells_a_zone_and_both_are_kept() {
    let (state, items) = moved();
    let mut records = all_records();
    for (_, record) in &mut records {
        record.revision = 2;
    }
    let (_, effects) = looked(state, scan(root(1, 2, "boot"), items), records);
    let works = works(&effects);
    assert_eq!(works.len(), 3);
    assert!(
        works.iter().all(|work| matches!(work, Work::Join { .. })),
        "{works:?}"
    );
}

#[test]
fn of_many_files_a_few_of_each_kind_are_compared() {
    let (mut state, _) = without_inodes(remembering(Gone::Unsaid), Vec::new());
    for name in NAMES {
        state.memory.forget(name);
    }
    let (mut items, mut records) = (Vec::new(), Vec::new());
    for number in 0_i64..100 {
        let name = format!("{number:02}");
        let (natural, mut item) = named(&name, 0);
        item.mark.size = if number == 70 { 1 } else { 9 };
        item.mark.modified += number * 24 * 3600 * 1_000_000_000;
        item.kind = if number < 98 { "image/jpeg" } else { "video/mp4" }.to_owned();
        remember(&mut state, &item);
        items.push((natural, item));
        records.push(listed(&name));
    }
    an_hour_later(&mut items);
    let (_, effects) = looked(state, scan(root(1, 2, "boot"), items), records);
    let compared: Vec<&str> = works(&effects)
        .into_iter()
        .map(|work| match work {
            Work::Compare { item, .. } => item.place.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(compared, ["00", "49", "70", "97", "98", "99"]);
}

/// What is listed.
type Records = Vec<(String, Remote)>;

/// The same, which lacks a file besides, and the records.
fn moved_and_lacking() -> (State, Vec<(String, Local)>, Records) {
    let (mut state, items) = moved();
    let (_, mut gone) = named("d", 0);
    gone.mark.modified += 5 * 24 * 3600 * 1_000_000_000;
    remember(&mut state, &gone);
    (state, items, [all_records(), vec![listed("d")]].concat())
}

#[test]
fn what_nobody_could_tell_of_a_card_of_another_zone_is_asked_again_later() {
    let (state, items, records) = moved_and_lacking();
    let (state, _) = looked(state, scan(root(1, 2, "boot"), items), records);
    let (state, _) = step(state, told("a", Outcome::Same));
    let (state, _) = step(state, told("b", Outcome::Later));
    let (state, effects) = step(state, told("c", Outcome::Same));
    assert_eq!(effects, [Effect::Say(Stop::Replaced)]);
    let (state, effects) = step(state, Event::Again);
    let [Work::Compare { item, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(item.place, "b");
    let (state, effects) = step(state, told("b", Outcome::Same));
    assert_eq!(state.stopped(), None);
    assert!(
        matches!(works(&effects)[..], [Work::Delete { .. }]),
        "{effects:?}"
    );
}

#[test]
fn a_card_that_comes_back_in_another_zone_is_the_one_before_and_its_owner_is_asked_nothing() {
    // Mounted elsewhere, and in the same place.
    for inode in [2, 8] {
        let (state, items, records) = moved_and_lacking();
        let seen = scan(root(7, inode, "boot"), items);
        let (state, effects) = looked(state, seen, records);
        assert_eq!(state.stopped(), None);
        assert_eq!(works(&effects).len(), 3, "{effects:?}");
        assert!(
            works(&effects)
                .iter()
                .all(|work| matches!(work, Work::Compare { .. })),
            "{effects:?}"
        );
        let (state, _) = step(state, told("a", Outcome::Same));
        let (state, _) = step(state, told("b", Outcome::Same));
        // It is another card all the same.
        let (other, effects) = step(state.clone(), told("c", Outcome::Differs));
        assert_eq!(effects, [Effect::Say(Stop::Replaced)]);
        assert_eq!(other.memory.known().len(), 4);
        let (state, effects) = step(state, told("c", Outcome::Same));
        assert_eq!(state.stopped(), None);
        assert!(
            matches!(works(&effects)[..], [Work::Delete { .. }]),
            "{effects:?}"
        );
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
        an_hour_later(&mut items);
        let (_, effects) = looked(state, scan(root(1, 2, "boot"), items), all_records());
        assert_eq!(works(&effects).len(), 3, "{seconds}: {effects:?}");
        for work in works(&effects) {
            assert_eq!(matches!(work, Work::Put { .. }), is_edited, "{seconds}: {work:?}");
        }
    }
}
