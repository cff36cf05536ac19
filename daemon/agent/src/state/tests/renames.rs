//! What another device renamed, as far as that costs a fetch.

use super::*;
use crate::model::{MODIFIED, sibling_key};
use crate::names::beside;

const LONG: u64 = 1_000_000;
const TIME: &str = "5.000000001";

fn dated(time: &str) -> Attributes {
    Attributes::from([(MODIFIED.to_owned(), time.to_owned())])
}

fn film(name: &str, inode: u64) -> (String, Local) {
    let (natural, mut item) = named(name, inode);
    (item.mark.size, item.attributes) = (LONG, dated(TIME));
    (natural, item)
}

/// The record of a film.
fn listed_film(name: &str) -> (String, Remote) {
    let (natural, mut record) = listed(name);
    (record.length, record.attributes) = (LONG, dated(TIME));
    (natural, record)
}

fn seen(at: u64, items: Vec<(String, Local)>) -> Event {
    late::scanned_in(at, root(1, 2, "boot"), items)
}

/// What comes of looks at both sides, where a film lies, and these records are besides those of the rest.
fn with_film(inode: u64, others: &[(String, Remote)]) -> (State, Vec<Effect>) {
    let mut state = remembering(Gone::Unsaid);
    let (natural, item) = film("film", inode);
    remember(&mut state, &item);
    let items = [all_items(), vec![(natural, item)]].concat();
    let records = [all_records(), others.to_vec()].concat();
    looked(state, seen(0, items), records)
}

fn ended(natural: &str, outcome: Outcome) -> Event {
    Event::Done(vec![(natural.to_owned(), outcome)])
}

#[test]
fn what_was_renamed_elsewhere_is_written_from_its_file_before_that_goes() {
    for (inode, time, length, is_like) in [
        (9, TIME, LONG, true),
        (9, "5.000000002", LONG, false),
        (9, TIME, LONG + 1, false),
        // A card may have cut the time that the record came with.
        (0, "4.999999999", LONG, true),
        (0, "6.000000000", LONG, false),
    ] {
        let (renamed, mut record) = listed("2026/film");
        (record.length, record.attributes) = (length, dated(time));
        let (state, effects) = with_film(inode, &[(renamed.clone(), record)]);
        match (&works(&effects)[..], is_like) {
            ([Work::Fetch { like, .. }], true) => {
                let (_, item) = film("film", inode);
                let spare = Some("id of film".to_owned());
                assert_eq!(like.as_ref(), Some(&Alike { item, spare }));
            }
            ([Work::Fetch { like: None, .. }, Work::Remove { .. }], false) => continue,
            other => panic!("{other:?}"),
        }
        let (_, item) = film("2026/film", 10);
        let (_, effects) = step(state, ended(&renamed, Outcome::Written { revision: 1, item }));
        let [Work::Remove { id, .. }] = works(&effects)[..] else {
            panic!("{effects:?}");
        };
        assert_eq!(id, "id of film");
    }
}

#[test]
fn a_file_that_stays_or_is_written_from_twice_isnt_spare() {
    for (records, fetches) in [
        ([listed_film("2026/film"), listed_film("film")], 1),
        ([listed_film("2026/film"), listed_film("2027/film")], 2),
    ] {
        let (_, effects) = with_film(9, &records);
        let works = works(&effects);
        assert_eq!(works.len(), fetches, "{effects:?}");
        for work in works {
            let Work::Fetch { like: Some(like), .. } = work else {
                panic!("{work:?}");
            };
            assert_eq!((like.item.place.as_str(), &like.spare), ("film", &None));
        }
    }
}

#[test]
fn nothing_is_removed_where_a_file_lay_that_became_another_one() {
    let (state, _) = with_film(9, &[listed_film("2026/film")]);
    let at = state.now();
    let (_, item) = film("2026/film", 9);
    let moved = Outcome::Moved { revision: 1, item };
    let (state, effects) = step(state, ended("2026/film", moved));
    assert_eq!(effects, [Effect::Save, Effect::Scan { make: false }]);
    // Nor by a scan that began before.
    let before = [all_items(), vec![film("film", 9)]].concat();
    let (state, effects) = step(state, seen(at, before.clone()));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    // Its owner gives it back its name: the record follows.
    let now = state.now();
    let (_, effects) = step(state, seen(now, before));
    let [Work::Put { item, over: None }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(item.place, "film");
}

#[test]
fn a_file_that_another_is_being_written_from_is_neither_removed_nor_spare() {
    let (state, _) = with_film(9, &[listed_film("2026/film")]);
    // A scan saw it under both names: the first before it was moved, the second after that.
    let both = [all_items(), vec![film("film", 9), film("2026/film", 9)]].concat();
    let now = state.now();
    let (state, effects) = step(state, seen(now, both));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    // Meanwhile it was renamed once more.
    let records = [all_records(), vec![listed_film("2027/film")]].concat();
    let now = state.now();
    let (state, effects) = step(state, Event::Listed(now, records));
    let [Work::Fetch { like: Some(like), .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!((like.item.place.as_str(), &like.spare), ("film", &None));
    let (_, item) = film("2026/film", 9);
    let moved = Outcome::Moved { revision: 1, item };
    let (state, _) = step(state, ended("2026/film", moved));
    assert!(!state.memory.known().contains_key("film"));
}

#[test]
fn a_file_goes_whose_new_name_is_refused() {
    let (state, effects) = with_film(9, &[listed_film("../film")]);
    assert!(matches!(works(&effects)[..], [Work::Fetch { .. }]), "{effects:?}");
    let (_, effects) = step(state, ended("../film", Outcome::Refused));
    assert!(
        matches!(works(&effects)[..], [Work::Remove { .. }]),
        "{effects:?}"
    );
}

#[test]
fn a_file_goes_once_its_new_name_was_tried_in_vain_and_that_is_fetched_then() {
    // There is no room for both, or something came in between.
    for outcome in [Outcome::Later, Outcome::ItemChanged] {
        let (state, effects) = with_film(9, &[listed_film("2026/film")]);
        assert!(
            matches!(works(&effects)[..], [Work::Fetch { like: Some(_), .. }]),
            "{effects:?}"
        );
        let (state, effects) = step(state, ended("2026/film", outcome.clone()));
        assert!(
            matches!(works(&effects)[..], [Work::Remove { .. }]),
            "{outcome:?}: {effects:?}"
        );
        let (state, effects) = step(state, ended("film", Outcome::Gone));
        assert_eq!(works(&effects).len(), 0, "{effects:?}");
        let now = state.now();
        let (state, first) = step(state, seen(now, all_items()));
        let (_, second) = step(state, Event::Again);
        let effects = [first, second].concat();
        assert!(
            matches!(works(&effects)[..], [Work::Fetch { like: None, .. }]),
            "{outcome:?}: {effects:?}"
        );
    }
}

#[test]
fn a_file_stays_while_the_cloud_lacks_what_its_new_name_says() {
    let (renamed, mut record) = listed_film("2026/film");
    record.lacking = true;
    let (state, effects) = with_film(9, &[(renamed, record)]);
    assert!(
        matches!(works(&effects)[..], [Work::Fetch { like: Some(_), .. }]),
        "{effects:?}"
    );
    for outcome in [Outcome::Later, Outcome::Refused, Outcome::ItemChanged] {
        let (_, effects) = step(state.clone(), ended("2026/film", outcome));
        assert_eq!(works(&effects).len(), 0, "{effects:?}");
    }
}

#[test]
fn what_waited_while_the_folder_was_away_is_written_from_its_file_all_the_same() {
    let (state, _) = with_film(9, &[listed_film("2026/film")]);
    let (state, _) = step(state, Event::NotScanned(Stop::Missing));
    // It was taken back.
    let (state, effects) = step(state, ended("2026/film", Outcome::Later));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    let now = state.now();
    let items = [all_items(), vec![film("film", 9)]].concat();
    let (_, effects) = step(state, seen(now, items));
    assert!(
        matches!(works(&effects)[..], [Work::Fetch { like: Some(_), .. }]),
        "{effects:?}"
    );
}

#[test]
fn another_version_that_cant_be_written_keeps_no_file_from_going() {
    let mut state = remembering(Gone::Unsaid);
    let version = sibling_key("letter", &"0123456789abcdef".repeat(2));
    let taken = beside(&version).unwrap();
    let (_, there) = named(&taken, 8);
    let (_, old) = film("film", 9);
    for item in [&there, &old] {
        remember(&mut state, item);
    }
    let new = [(taken.clone(), there), ("film".to_owned(), old)];
    let items = [all_items(), new.to_vec()].concat();
    let records = [all_records(), vec![listed(&taken), listed_film(&version)]].concat();
    let (_, effects) = looked(state, seen(0, items), records);
    assert!(
        matches!(works(&effects)[..], [Work::Remove { .. }]),
        "{effects:?}"
    );
}

#[test]
fn a_name_that_changes_its_case_alone_is_written_from_its_file_where_both_have_a_place() {
    // FAT has no inodes, and no place for both.
    for (inode, is_like) in [(9, true), (0, false)] {
        let (_, effects) = with_film(inode, &[listed_film("Film")]);
        match (&works(&effects)[..], is_like) {
            ([Work::Fetch { like: Some(_), .. }], true)
            | ([Work::Fetch { like: None, .. }, Work::Remove { .. }], false) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_belongs_into_a_folder_of_another_case_is_written_once_nothing_is_left_in_that() {
    // Another device renamed `A` to `a`, and put something new into it; this folder can't tell them apart.
    let mut state = remembering(Gone::Unsaid);
    let (natural, item) = named("A/b/x", 9);
    remember(&mut state, &item);
    let items = [all_items(), vec![(natural, item)]].concat();
    let records = [all_records(), vec![listed("a/new")]].concat();
    let (before, effects) = looked(state, seen(0, items), records);
    assert!(
        matches!(works(&effects)[..], [Work::Remove { .. }, Work::Fetch { .. }]),
        "{effects:?}"
    );
    let refused = ("a/new".to_owned(), Outcome::Refused);
    let removed = ("A/b/x".to_owned(), Outcome::Gone);
    for answers in [[&refused, &removed], [&removed, &refused]] {
        let (mut state, mut all) = (before.clone(), Vec::new());
        for answer in answers {
            let effects;
            (state, effects) = step(state, Event::Done(vec![answer.clone()]));
            all.extend(effects);
        }
        if all.contains(&Effect::Scan { make: false }) {
            let now = state.now();
            all.extend(step(state, seen(now, all_items())).1);
        }
        let [Work::Fetch { record, .. }] = works(&all)[..] else {
            panic!("{all:?}");
        };
        assert_eq!(record.id, "id of a/new");
    }
}

#[test]
fn a_file_that_became_another_one_makes_room_for_one_of_another_case() {
    let (state, _) = with_film(9, &[listed_film("2026/film"), listed("Film")]);
    let (state, _) = step(state, ended("Film", Outcome::Refused));
    let (_, item) = film("2026/film", 9);
    let moved = Outcome::Moved { revision: 1, item };
    let (_, effects) = step(state, ended("2026/film", moved));
    let [Work::Fetch { record, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(record.id, "id of Film");
}
