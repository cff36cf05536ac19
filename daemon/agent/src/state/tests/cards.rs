//! Memory cards: each mount draws the inodes anew.

mod zones;

use super::*;

/// As on a medium whose inodes are drawn anew at each mount.
fn without_inodes(mut state: State, items: Vec<(String, Local)>) -> (State, Vec<(String, Local)>) {
    for (natural, mut known) in state.memory.known().clone() {
        known.mark.inode = 0;
        state.memory.remember(natural, known);
    }
    let plain = |(natural, mut item): (String, Local)| {
        item.mark.inode = 0;
        (natural, item)
    };
    (state, items.into_iter().map(plain).collect())
}

#[test]
fn a_memory_card_that_was_away_is_told_by_what_lies_on_it() {
    let (state, two) = without_inodes(remembering(Gone::Unsaid), all_items().split_off(1));
    let (_, effects) = looked(state, scan(root(7, 8, "boot"), two), all_records());
    assert!(
        matches!(works(&effects)[..], [Work::Delete { .. }]),
        "{effects:?}"
    );
    // Another card with a file of that name.
    let (state, mut other) = without_inodes(remembering(Gone::Unsaid), all_items().split_off(2));
    other[0].1.mark.size += 1;
    let (state, effects) = looked(state, scan(root(7, 8, "boot"), other), all_records());
    assert_eq!(
        (works(&effects).len(), state.stopped()),
        (0, Some(Stop::Replaced))
    );
}

#[test]
fn a_file_renamed_on_a_memory_card_is_put_before_its_old_name_is_deleted() {
    let mut items = all_items();
    items[0].0 = "renamed".to_owned();
    items[0].1.place = "renamed".to_owned();
    // Others that are new beside it.
    let mut another = named("other", 0);
    another.1.mark.size += 1;
    items.push(another);
    let (state, items) = without_inodes(remembering(Gone::Unsaid), items);
    let (_, effects) = looked(state, scan(root(1, 2, "boot"), items), all_records());
    assert!(
        works(&effects)
            .iter()
            .all(|work| matches!(work, Work::Put { .. })),
        "{effects:?}"
    );
}

#[test]
fn another_card_in_the_same_slot_deletes_and_edits_nothing() {
    for keeps_inodes in [false, true] {
        // One of its names is a known one.
        let mut items = all_items().split_off(2);
        items[0].1.mark.size += 1;
        let (state, other) = match keeps_inodes {
            true => (remembering(Gone::Unsaid), items),
            false => without_inodes(remembering(Gone::Unsaid), items),
        };
        let seen = scan(root(1, 2, "boot"), other.clone());
        let (state, effects) = looked(state, seen, all_records());
        assert_eq!(
            (works(&effects).len(), state.stopped()),
            (0, Some(Stop::Replaced))
        );
        // The first one is back, as it was but for what its owner removed.
        let (_, two) = without_inodes(remembering(Gone::Unsaid), all_items().split_off(1));
        let two = if keeps_inodes {
            all_items().split_off(1)
        } else {
            two
        };
        let (state, effects) = looked(state, scan(root(1, 2, "boot"), two), all_records());
        assert!(
            matches!(works(&effects)[..], [Work::Delete { .. }]),
            "{effects:?}"
        );
        assert_eq!(state.stopped(), None);
        // An owner who removed two and edited the third says so.
        let (state, _) = without_inodes(remembering(Gone::Meant), Vec::new());
        let state = if keeps_inodes {
            remembering(Gone::Meant)
        } else {
            state
        };
        let (_, effects) = looked(state, scan(root(1, 2, "boot"), other), all_records());
        assert_eq!(works(&effects).len(), 3, "{effects:?}");
    }
}

/// Three items in common on a card whose root is the source's.
fn with_card(gone: Gone) -> State {
    let mut state = remembering(gone);
    state.memory.root = Some(card(1, 2, "boot"));
    state
}

fn card(device: u64, inode: u64, boot: &str) -> Root {
    let below_mount = Some(0);
    Root {
        below_mount,
        ..root(device, inode, boot)
    }
}

/// What the card's mount hides: before and after the next boot, when the inodes may be the same by chance.
fn places() -> [Root; 2] {
    let below_mount = Some(3);
    [root(7, 90, "boot"), root(7, 2, "next boot")].map(|place| Root { below_mount, ..place })
}

#[test]
fn the_place_of_a_card_that_isnt_mounted_is_neither_filled_nor_taken_for_what_is_left() {
    for place in places() {
        for gone in [Gone::Unsaid, Gone::ByMistake, Gone::Meant] {
            let state = with_card(gone).kept_on(Some(7));
            let (state, effects) = looked(state, scan(place.clone(), Vec::new()), all_records());
            assert_eq!(
                (works(&effects).len(), state.stopped()),
                (0, Some(Stop::Unmounted)),
                "{gone:?} {place:?}"
            );
            assert_eq!(state.memory.known().len(), 3);
            let back = scan(card(8, 2, &place.boot), all_items());
            let (state, effects) = looked(state, back, all_records());
            assert_eq!((works(&effects).len(), state.stopped()), (0, None));
        }
        // Nor where all that was on the card was in doubt before, or nothing is known of it, or all records are gone.
        let (mut doubting, mut knowing_none) = (with_card(Gone::ByMistake), with_card(Gone::Unsaid));
        for name in NAMES {
            doubting.memory.set_doubted(name, true);
            knowing_none.memory.forget(name);
        }
        for (state, records) in [
            (doubting, all_records()),
            (knowing_none.clone(), all_records()),
            (knowing_none, Vec::new()),
            (with_card(Gone::Unsaid), Vec::new()),
        ] {
            let (state, effects) = looked(state, scan(place.clone(), Vec::new()), records);
            assert_eq!(
                (works(&effects).len(), state.stopped()),
                (0, Some(Stop::Unmounted)),
                "{place:?}"
            );
            assert_ne!(state.memory.root.as_ref(), Some(&place));
        }
    }
}

#[test]
fn another_card_is_filled_and_so_is_its_place_once_its_owner_says_so() {
    let [place, _] = places();
    for (gone, root) in [
        (Gone::ByMistake, card(9, 5, "boot")),
        (Gone::ByMistakeHere, place),
    ] {
        let (state, effects) = looked(with_card(gone), scan(root.clone(), Vec::new()), all_records());
        assert_eq!((state.stopped(), works(&effects).len()), (None, 3), "{root:?}");
        assert!(
            works(&effects)
                .iter()
                .all(|work| matches!(work, Work::Fetch { .. })),
            "{effects:?}"
        );
        assert_eq!(state.memory.root, Some(root));
    }
    // All that was on the card is in its place: it was copied there.
    let [place, _] = places();
    let (state, effects) = looked(with_card(Gone::Unsaid), scan(place, all_items()), all_records());
    assert_eq!((works(&effects).len(), state.stopped()), (0, None));
}

#[test]
fn what_is_kept_here_without_a_record_tells_one_card_from_another() {
    // All records went at once, so the files stayed. One that came since has its record.
    let mut state = remembering(Gone::Unsaid);
    for name in NAMES {
        state.memory.set_doubted(name, true);
    }
    let (name, item) = named("new", 9);
    remember(&mut state, &item);
    // The other card has a file of a known name, and not the new one.
    let mut other = all_items().split_off(2);
    other[0].1.mark.size += 1;
    let records = vec![listed("new")];
    let (state, effects) = looked(state, scan(root(1, 2, "boot"), other), records.clone());
    assert_eq!(
        (works(&effects).len(), state.stopped()),
        (0, Some(Stop::Replaced))
    );
    let first = [all_items(), vec![(name, item)]].concat();
    let (state, effects) = looked(state, scan(root(1, 2, "boot"), first), records);
    assert_eq!(state.stopped(), None);
    assert!(
        works(&effects)
            .iter()
            .all(|work| matches!(work, Work::Ask { .. })),
        "{effects:?}"
    );
}

#[test]
fn what_is_kept_here_without_a_record_isnt_forgotten_while_another_card_is_in_its_slot() {
    let mut state = remembering(Gone::Unsaid);
    for name in NAMES {
        state.memory.set_doubted(name, true);
    }
    let (state, first) = without_inodes(state, all_items());
    let other = vec![named("IMG_1.jpg", 0)];
    let (swapped, effects) = looked(state.clone(), scan(root(1, 2, "boot"), other), Vec::new());
    assert_eq!(
        (works(&effects).len(), swapped.stopped()),
        (0, Some(Stop::Replaced))
    );
    let (swapped, effects) = looked(swapped, scan(root(1, 2, "boot"), first), Vec::new());
    assert_eq!((works(&effects).len(), swapped.stopped()), (3, None));
    assert!(
        works(&effects)
            .iter()
            .all(|work| matches!(work, Work::Ask { .. })),
        "{effects:?}"
    );
    // An owner who removes them as well is believed: they are nowhere any more.
    let (state, effects) = looked(state, scan(root(1, 2, "boot"), Vec::new()), Vec::new());
    assert_eq!((works(&effects).len(), state.stopped()), (0, None));
    assert!(state.memory.known().is_empty());
}

/// Another device has this in the place of `a`, and the folder no room for both.
fn is_written_once_a_is_gone(name: &str) {
    let mut records = all_records();
    records[0] = listed(name);
    let refused = (name.to_owned(), Outcome::Refused);
    let removed = ("a".to_owned(), Outcome::Gone);
    for answers in [[&refused, &removed], [&removed, &refused]] {
        let (mut state, effects) = looked(
            remembering(Gone::Unsaid),
            scan(root(1, 2, "boot"), all_items()),
            records.clone(),
        );
        assert!(
            matches!(
                works(&effects)[..],
                [Work::Fetch { .. }, Work::Remove { .. }] | [Work::Remove { .. }, Work::Fetch { .. }]
            ),
            "{effects:?}"
        );
        let mut all = Vec::new();
        for answer in answers {
            let effects;
            (state, effects) = step(state, Event::Done(vec![answer.clone()]));
            all.extend(effects);
        }
        if all.contains(&Effect::Scan { make: false }) {
            let now = state.now();
            let left = late::scanned_in(now, root(1, 2, "boot"), all_items().split_off(1));
            let (after, effects) = step(state, left);
            (state, all) = (step(after, Event::Listed(now, records.clone())).0, effects);
        }
        let [Work::Fetch { record, .. }] = works(&all)[..] else {
            panic!("{all:?}");
        };
        assert_eq!(record.id, format!("id of {name}"));
        // Refused after both looks, it stays so: something else is in its way.
        let now = state.now();
        let left = late::scanned_in(now, root(1, 2, "boot"), all_items().split_off(1));
        let (state, _) = step(state, left);
        let (state, _) = step(state, Event::Listed(now, records.clone()));
        let (state, effects) = step(state, Event::Done(vec![refused.clone()]));
        let (state, again) = step(state, Event::Again);
        assert_eq!(works(&[effects, again].concat()).len(), 0);
        assert_eq!(state.refused(), 1);
    }
}

#[test]
fn a_name_that_changes_its_case_alone_is_written_once_the_old_one_is_gone() {
    is_written_once_a_is_gone("A");
}

#[test]
fn what_lies_in_a_folder_is_written_once_the_file_of_that_name_is_gone() {
    is_written_once_a_is_gone("a/x");
    is_written_once_a_is_gone("a/x/y");
}

#[test]
fn it_is_written_whoever_removed_what_was_in_its_way() {
    for name in ["A", "a/x"] {
        let records = [all_records(), vec![listed(name)]].concat();
        let seen = scan(root(1, 2, "boot"), all_items());
        let (state, _) = looked(remembering(Gone::Unsaid), seen, records);
        let (state, _) = step(state, Event::Done(vec![(name.to_owned(), Outcome::Refused)]));
        assert_eq!(state.refused(), 1);
        let now = state.now();
        let (state, effects) = step(state, late::scanned_in(now, root(1, 2, "boot"), all_items()));
        assert_eq!((works(&effects).len(), state.refused()), (0, 1));
        let left = all_items().split_off(1);
        // Or on a card while that was out.
        let (out, _) = step(state.clone(), Event::NotScanned(Stop::Missing));
        for state in [state, out] {
            let (_, effects) = step(state, late::scanned_in(now, root(1, 2, "boot"), left.clone()));
            let works = works(&effects);
            let fetches = works.iter().filter(|work| matches!(work, Work::Fetch { .. }));
            assert_eq!((works.len(), fetches.count()), (2, 1), "{effects:?}");
        }
    }
}

#[test]
fn an_owner_of_two_items_who_removes_one_and_edits_the_other_is_asked_nothing() {
    let mut state = remembering(Gone::Unsaid);
    state.memory.forget("a");
    let mut items = all_items().split_off(2);
    items[0].1.mark.size += 1;
    let records = all_records().split_off(1);
    let (state, effects) = looked(state, scan(root(1, 2, "boot"), items), records);
    assert_eq!((works(&effects).len(), state.stopped()), (2, None));
}

#[test]
fn the_second_of_two_files_of_one_natural_key_is_told_of_and_so_is_what_is_refused() {
    let mut items = all_items();
    let (_, mut double) = named("other folder/a", 9);
    double.mark.size += 1;
    items.insert(0, ("a".to_owned(), double));
    items.push(named("new", 10));
    let (state, _) = looked(
        remembering(Gone::Unsaid),
        scan(root(1, 2, "boot"), items),
        all_records(),
    );
    let (state, _) = step(state, Event::Done(vec![("new".to_owned(), Outcome::Refused)]));
    let left = state.left();
    let examples: Vec<_> = left
        .examples
        .iter()
        .map(|left| (left.place.as_str(), left.why))
        .collect();
    assert_eq!(
        (left.count, &examples[..]),
        (2, &[("other folder/a", Why::Double), ("new", Why::Refused)][..])
    );
    assert_eq!(step(state.clone(), Event::Off).0.left().count, 0);
    // It is gone from where alone it was.
    let (state, _) = step(state, late::scanned_in(9, root(1, 2, "boot"), all_items()));
    assert_eq!((state.refused(), state.left().count), (0, 0));
}
