//! What is gone all at once from the folder or the collection that it was in: nothing is removed, and all else goes on.

use super::*;

/// The device of [`root`] in these tests.
const DEVICE: u64 = 1;

/// Likewise remembering, with the memory on the folder's own file system.
fn fixed(gone_is_gone: bool) -> State {
    remembering(gone_is_gone).kept_on(Some(DEVICE))
}

fn here(items: Vec<(String, Local)>) -> Event {
    scan(root(DEVICE, 2, "boot"), items)
}

/// The program ends, and begins anew with what it kept.
fn begun_anew(state: State, gone_is_gone: bool) -> State {
    let mut memory = state.memory;
    memory.take_change();
    let state = State::new(memory, true, gone_is_gone).kept_on(Some(DEVICE));
    step(state, Event::On(binding("ann"))).0
}

fn stored(name: &str) -> Event {
    let stored = Outcome::Stored {
        id: format!("id of {name}"),
        revision: 1,
    };
    Event::Done(vec![(name.to_owned(), stored)])
}

#[test]
fn an_owner_who_edits_all_but_one_and_removes_that_one_is_believed() {
    let mut items = all_items().split_off(1);
    for (_, item) in &mut items {
        item.mark.size += 1;
    }
    let (state, effects) = looked(fixed(false), here(items), all_records());
    assert_eq!((state.stopped(), state.doubt()), (None, None));
    let works = works(&effects);
    let puts = works
        .iter()
        .filter(|work| matches!(work, Work::Put { .. }))
        .count();
    let deletes = works
        .iter()
        .filter(|work| matches!(work, Work::Delete { .. }))
        .count();
    assert_eq!((puts, deletes), (2, 1), "{effects:?}");
}

#[test]
fn a_folder_that_was_emptied_takes_and_gives_what_is_new_and_removes_nothing_until_its_owner_says_so() {
    let records = || [all_records(), vec![listed("theirs")]].concat();
    let (state, effects) = looked(fixed(false), here(vec![named("new", 9)]), records());
    assert_eq!((state.stopped(), state.doubt()), (None, Some(Doubt::Emptied)));
    let doubts = |effects: &[Effect]| {
        let said = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::SayDoubt(_)));
        said.count()
    };
    assert_eq!(doubts(&effects), 1);
    assert!(effects.contains(&Effect::Save));
    assert!(
        matches!(works(&effects)[..], [Work::Put { .. }, Work::Fetch { .. }]),
        "{effects:?}"
    );
    // Once others are here too, those that were gone before are no more gone than they were.
    let (state, _) = step(state, stored("new"));
    let written = Outcome::Written {
        revision: 1,
        item: named("theirs", 10).1,
    };
    let (state, _) = step(state, Event::Done(vec![("theirs".to_owned(), written)]));
    let both = || vec![named("new", 9), named("theirs", 10)];
    let all = || [records(), vec![listed("new")]].concat();
    let look = |state: State| {
        let now = state.now();
        let Event::Scanned(_, seen) = here(both()) else {
            unreachable!()
        };
        let (state, first) = step(state, Event::Scanned(now, seen));
        let (state, second) = step(state, Event::Listed(now, all()));
        (state, [first, second].concat())
    };
    let (state, effects) = look(state);
    assert_eq!((works(&effects).len(), doubts(&effects)), (0, 0), "{effects:?}");
    // Nor after the next start.
    let (state, effects) = look(begun_anew(state, false));
    assert_eq!((works(&effects).len(), state.doubt()), (0, Some(Doubt::Emptied)));
    // What is removed from now on is one file removed.
    let (_, effects) = looked(
        begun_anew(state.clone(), false),
        here(vec![named("new", 9)]),
        all(),
    );
    let [Work::Delete { id, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(id, "id of theirs");
    // One that is back is in common as before, and may be removed.
    let back = [all_items().split_off(2), both()].concat();
    let (again, effects) = looked(begun_anew(state.clone(), false), here(back), all());
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    let (_, effects) = looked(begun_anew(again, false), here(both()), all());
    let [Work::Delete { id, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(id, "id of c");
    // Its owner says so.
    let (state, effects) = look(begun_anew(state, true));
    assert_eq!((works(&effects).len(), state.doubt()), (3, None));
    assert!(
        works(&effects)
            .iter()
            .all(|work| matches!(work, Work::Delete { .. }))
    );
}

#[test]
fn a_folder_whose_files_all_have_other_names_wasnt_emptied() {
    let renamed = all_items().into_iter().map(|(name, mut item)| {
        item.place = format!("2026/{name}");
        (item.place.clone(), item)
    });
    let (state, effects) = looked(fixed(false), here(renamed.collect()), all_records());
    assert_eq!((state.stopped(), state.doubt()), (None, None));
    assert_eq!(works(&effects).len(), 3);
    let mut state = state;
    let mut last = Vec::new();
    for name in NAMES {
        (state, last) = step(state, stored(&format!("2026/{name}")));
    }
    assert_eq!(works(&last).len(), 3, "{last:?}");
    assert!(
        works(&last)
            .iter()
            .all(|work| matches!(work, Work::Delete { .. }))
    );
}

#[test]
fn a_collection_that_is_empty_at_once_removes_nothing_and_takes_what_is_new() {
    let items = [all_items(), vec![named("new", 9)]].concat();
    let (state, effects) = looked(remembering(false), here(items.clone()), Vec::new());
    assert_eq!(
        (state.stopped(), state.doubt()),
        (None, Some(Doubt::CollectionEmptied))
    );
    assert!(matches!(works(&effects)[..], [Work::Put { .. }]), "{effects:?}");
    let (state, _) = step(state, stored("new"));
    let (state, effects) = looked(begun_anew(state, false), here(items), vec![listed("new")]);
    assert_eq!(
        (works(&effects).len(), state.doubt()),
        (0, Some(Doubt::CollectionEmptied))
    );
    // Removed one by one, they are.
    let two = all_records().split_off(1);
    let (_, effects) = looked(remembering(false), here(all_items()), two);
    let [Work::Remove { id, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(id, "id of a");
}
