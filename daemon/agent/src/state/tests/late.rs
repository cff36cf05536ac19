//! What ends after a collection was switched off, or the device became another's.

use super::*;

/// Three items in common, and a fourth that is being put.
fn putting() -> State {
    let items = [all_items(), vec![named("new", 9)]].concat();
    let (state, effects) = looked(
        remembering(Gone::Unsaid),
        scan(root(1, 2, "boot"), items),
        all_records(),
    );
    assert!(matches!(works(&effects)[..], [Work::Put { .. }]));
    state
}

/// Likewise, and a fourth record that is being fetched.
fn fetching() -> State {
    let records = [all_records(), vec![listed("new")]].concat();
    let (state, effects) = looked(
        remembering(Gone::Unsaid),
        scan(root(1, 2, "boot"), all_items()),
        records,
    );
    assert!(matches!(works(&effects)[..], [Work::Fetch { .. }]));
    state
}

fn stored() -> Event {
    let stored = Outcome::Stored {
        id: "id of new".to_owned(),
        revision: 1,
    };
    Event::Done(vec![("new".to_owned(), stored)])
}

pub(super) fn scanned_in(at: u64, root: Root, items: Vec<(String, Local)>) -> Event {
    let scan = Scan {
        root,
        items,
        unseen: Vec::new(),
        is_watched: true,
        left: Left::default(),
    };
    Event::Scanned(at, scan)
}

fn scanned(at: u64, items: Vec<(String, Local)>) -> Event {
    scanned_in(at, root(1, 2, "boot"), items)
}

fn again(state: State, whose: &str) -> State {
    let (state, _) = step(state, Event::Off);
    step(state, Event::On(binding(whose))).0
}

#[test]
fn what_was_stored_with_another_owner_is_no_reason_to_remove_a_file() {
    let state = again(putting(), "bob");
    let (state, effects) = step(state, stored());
    assert_eq!(effects, [Effect::List, Effect::Scan { make: false }]);
    assert!(state.memory.known().is_empty() && state.waits());
    let now = state.now();
    let items = [all_items(), vec![named("new", 9)]].concat();
    let (state, _) = step(state, scanned(now, items));
    let (state, first) = step(state, Event::Listed(now, Vec::new()));
    let (_, then) = step(state, Event::Again);
    let all = [first, then].concat();
    assert_eq!(works(&all).len(), 4);
    assert!(
        works(&all)
            .iter()
            .all(|work| matches!(work, Work::Put { over: None, .. }))
    );
}

#[test]
fn a_list_from_before_something_was_stored_that_was_begun_earlier_removes_nothing() {
    let state = again(putting(), "ann");
    let begun = state.now();
    let (state, _) = step(state, stored());
    let (state, effects) = step(state, Event::Listed(begun, all_records()));
    assert_eq!(effects, [Effect::List]);
    let items = [all_items(), vec![named("new", 9)]].concat();
    let now = state.now();
    let (state, effects) = step(state, scanned(now, items));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    let records = [all_records(), vec![listed("new")]].concat();
    let (_, effects) = step(state, Event::Listed(now, records));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
}

#[test]
fn a_scan_from_before_something_was_written_that_was_begun_earlier_deletes_nothing() {
    let state = again(fetching(), "ann");
    let begun = state.now();
    let written = Outcome::Written {
        revision: 1,
        item: named("new", 9).1,
    };
    let (state, _) = step(state, Event::Done(vec![("new".to_owned(), written)]));
    let (state, effects) = step(state, scanned(begun, all_items()));
    assert_eq!(effects, [Effect::Scan { make: false }]);
    let records = [all_records(), vec![listed("new")]].concat();
    let now = state.now();
    let (_, effects) = step(state, Event::Listed(now, records));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
}

#[test]
fn once_both_sides_were_looked_at_since_it_is_forgotten_when_something_ended() {
    let (state, _) = step(putting(), stored());
    let now = state.now();
    let items = [all_items(), vec![named("new", 9)]].concat();
    let (state, _) = step(state, scanned(now, items));
    assert!(state.ended.contains_key("new"));
    let records = [all_records(), vec![listed("new")]].concat();
    let (state, effects) = step(state, Event::Listed(now, records));
    assert_eq!((works(&effects).len(), state.ended.len()), (0, 0));
}

#[test]
fn what_was_changed_or_deleted_while_it_was_fetched_is_listed_anew() {
    let changed = Remote {
        revision: 2,
        ..listed("new").1
    };
    for (meanwhile, is_listed) in [
        (vec![listed("new")], false),
        (vec![("new".to_owned(), changed)], true),
        (Vec::new(), true),
    ] {
        let state = fetching();
        let now = state.now();
        let (state, _) = step(state, Event::Listed(now, [all_records(), meanwhile].concat()));
        let written = Outcome::Written {
            revision: 1,
            item: named("new", 9).1,
        };
        let (_, effects) = step(state, Event::Done(vec![("new".to_owned(), written)]));
        assert_eq!(effects.contains(&Effect::List), is_listed, "{effects:?}");
    }
}

#[test]
fn an_edit_that_was_seen_before_the_put_ended_that_missed_it_is_looked_for_again_and_put() {
    let mut edited = named("new", 9);
    edited.1.mark.size += 1;
    let edited = [all_items(), vec![edited]].concat();
    let unedited = [all_items(), vec![named("new", 9)]].concat();
    for (seen, is_edited) in [(unedited, false), (edited, true)] {
        let state = putting();
        let begun = state.now();
        let (state, _) = step(state, stored());
        let (state, effects) = step(state, scanned(begun, seen.clone()));
        assert_eq!(works(&effects).len(), 0, "{effects:?}");
        assert_eq!(effects.contains(&Effect::Scan { make: false }), is_edited);
        let now = state.now();
        let (_, effects) = step(state, scanned(now, seen));
        assert_eq!(
            matches!(works(&effects)[..], [Work::Put { over: Some(_), .. }]),
            is_edited
        );
        assert!(!effects.contains(&Effect::Scan { make: false }));
    }
}

#[test]
fn what_was_listed_as_changed_or_removed_before_the_fetch_ended_that_missed_it_is_listed_again() {
    let changed = Remote {
        revision: 2,
        ..listed("new").1
    };
    for (meanwhile, is_news) in [
        (vec![listed("new")], false),
        (vec![("new".to_owned(), changed)], true),
        (Vec::new(), true),
    ] {
        let state = fetching();
        let begun = state.now();
        let written = Outcome::Written {
            revision: 1,
            item: named("new", 9).1,
        };
        let (state, _) = step(state, Event::Done(vec![("new".to_owned(), written)]));
        let records = [all_records(), meanwhile].concat();
        let (state, effects) = step(state, Event::Listed(begun, records.clone()));
        assert_eq!(effects.contains(&Effect::List), is_news, "{effects:?}");
        let now = state.now();
        let (_, effects) = step(state, Event::Listed(now, records));
        assert!(!effects.contains(&Effect::List), "{effects:?}");
        assert_eq!(works(&effects).is_empty(), !is_news, "{effects:?}");
    }
}

#[test]
fn a_record_that_was_back_in_a_list_before_the_removal_ended_that_missed_it_is_listed_again_and_fetched() {
    let but_a = || all_records().split_off(1);
    for (meanwhile, is_back) in [(but_a(), false), (all_records(), true)] {
        let seen = scanned(0, all_items());
        let (state, effects) = looked(remembering(Gone::Unsaid), seen, but_a());
        assert!(matches!(works(&effects)[..], [Work::Remove { .. }]));
        let begun = state.now();
        let (state, _) = step(state, Event::Done(vec![("a".to_owned(), Outcome::Gone)]));
        let (state, effects) = step(state, Event::Listed(begun, meanwhile.clone()));
        assert_eq!(effects.contains(&Effect::List), is_back, "{effects:?}");
        assert_eq!(works(&effects).len(), 0, "{effects:?}");
        let now = state.now();
        let (_, effects) = step(state, Event::Listed(now, meanwhile));
        assert_eq!(
            matches!(works(&effects)[..], [Work::Fetch { over: None, .. }]),
            is_back,
            "{effects:?}"
        );
        assert!(!effects.contains(&Effect::List), "{effects:?}");
    }
}
