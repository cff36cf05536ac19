//! What another device renamed, as far as that costs a fetch.

use super::*;
use crate::model::MODIFIED;

const LONG: u64 = 1_000_000;

fn dated(time: &str) -> Attributes {
    Attributes::from([(MODIFIED.to_owned(), time.to_owned())])
}

fn film(name: &str, inode: u64) -> (String, Local) {
    let (natural, mut item) = named(name, inode);
    (item.mark.size, item.attributes) = (LONG, dated("5.000000001"));
    (natural, item)
}

#[test]
fn what_was_renamed_elsewhere_is_written_from_its_file_before_that_goes() {
    for (time, length, is_like) in [
        ("5.000000001", LONG, true),
        ("5.000000002", LONG, false),
        ("5.000000001", LONG + 1, false),
    ] {
        let mut state = remembering(Gone::Unsaid);
        let (natural, item) = film("film", 9);
        let of_film = Known {
            id: "id of film".to_owned(),
            place: natural.clone(),
            mark: item.mark,
            ..known()
        };
        state.memory.remember(natural.clone(), of_film);
        let (renamed, mut record) = listed("2026/film");
        (record.length, record.attributes) = (length, dated(time));
        let items = [all_items(), vec![(natural, item.clone())]].concat();
        let records = [all_records(), vec![(renamed.clone(), record)]].concat();
        let (state, effects) = looked(state, scan(root(1, 2, "boot"), items), records);
        match (&works(&effects)[..], is_like) {
            ([Work::Fetch { like, .. }], true) => assert_eq!(like.as_ref(), Some(&item)),
            ([Work::Fetch { like: None, .. }, Work::Remove { .. }], false) => continue,
            other => panic!("{other:?}"),
        }
        let (_, item) = film("2026/film", 10);
        let written = Outcome::Written { revision: 1, item };
        let (_, effects) = step(state, Event::Done(vec![(renamed, written)]));
        let [Work::Remove { id, .. }] = works(&effects)[..] else {
            panic!("{effects:?}");
        };
        assert_eq!(id, "id of film");
    }
}

#[test]
fn a_file_goes_whose_new_name_is_refused() {
    let mut state = remembering(Gone::Unsaid);
    let (natural, item) = film("film", 9);
    let of_film = Known {
        id: "id of film".to_owned(),
        place: natural.clone(),
        mark: item.mark,
        ..known()
    };
    state.memory.remember(natural.clone(), of_film);
    let (renamed, mut record) = listed("../film");
    (record.length, record.attributes) = (LONG, dated("5.000000001"));
    let items = [all_items(), vec![(natural, item)]].concat();
    let records = [all_records(), vec![(renamed.clone(), record)]].concat();
    let (state, effects) = looked(state, scan(root(1, 2, "boot"), items), records);
    assert!(matches!(works(&effects)[..], [Work::Fetch { .. }]), "{effects:?}");
    let (_, effects) = step(state, Event::Done(vec![(renamed, Outcome::Refused)]));
    assert!(
        matches!(works(&effects)[..], [Work::Remove { .. }]),
        "{effects:?}"
    );
}
