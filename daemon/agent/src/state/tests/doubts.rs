//! What is gone all at once from the folder or the collection that it was in: nothing is removed, and all else goes on.

use super::*;

/// The device of [`root`] in these tests.
const DEVICE: u64 = 1;

/// Likewise remembering, with the memory on the folder's own file system.
fn fixed(gone: Gone) -> State {
    remembering(gone).kept_on(Some(DEVICE))
}

fn here(items: Vec<(String, Local)>) -> Event {
    scan(root(DEVICE, 2, "boot"), items)
}

/// The program ends, and begins anew with what it kept.
fn begun_anew(state: State, gone: Gone) -> State {
    let mut memory = state.memory;
    memory.take_change();
    let state = State::new(memory, true, gone).kept_on(Some(DEVICE));
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
    let (state, effects) = looked(fixed(Gone::Unsaid), here(items), all_records());
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
    let (state, effects) = looked(fixed(Gone::Unsaid), here(vec![named("new", 9)]), records());
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
    let (state, effects) = look(begun_anew(state, Gone::Unsaid));
    assert_eq!((works(&effects).len(), state.doubt()), (0, Some(Doubt::Emptied)));
    // What is removed from now on is one file removed.
    let (_, effects) = looked(
        begun_anew(state.clone(), Gone::Unsaid),
        here(vec![named("new", 9)]),
        all(),
    );
    let [Work::Delete { id, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(id, "id of theirs");
    // One that is back is in common as before, and may be removed.
    let back = [all_items().split_off(2), both()].concat();
    let (again, effects) = looked(begun_anew(state.clone(), Gone::Unsaid), here(back), all());
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    let (_, effects) = looked(begun_anew(again, Gone::Unsaid), here(both()), all());
    let [Work::Delete { id, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(id, "id of c");
    // Its owner says so.
    let (state, effects) = look(begun_anew(state, Gone::Meant));
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
    let (state, effects) = looked(fixed(Gone::Unsaid), here(renamed.collect()), all_records());
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

fn ended(outcomes: &[(&str, Outcome)]) -> Event {
    let named = |(name, outcome): &(&str, Outcome)| ((*name).to_owned(), outcome.clone());
    Event::Done(outcomes.iter().map(named).collect())
}

fn asked<'a>(works: &[&'a Work]) -> Vec<&'a str> {
    let id = |work: &&'a Work| match work {
        Work::Ask { id } => Some(id.as_str()),
        _ => None,
    };
    works.iter().filter_map(id).collect()
}

const IDS: [&str; 3] = ["id of a", "id of b", "id of c"];

#[test]
fn a_collection_that_was_emptied_removes_nothing_and_takes_what_is_new() {
    let items = [all_items(), vec![named("new", 9)]].concat();
    let (state, effects) = looked(remembering(Gone::Unsaid), here(items.clone()), Vec::new());
    assert_eq!(
        (state.stopped(), state.doubt()),
        (None, Some(Doubt::CollectionEmptied))
    );
    let all = works(&effects);
    assert_eq!((all.len(), asked(&all)), (4, IDS.to_vec()), "{effects:?}");
    let (state, _) = step(state, stored("new"));
    let deleted = || ended(&NAMES.map(|name| (name, Outcome::Deleted)));
    let (state, effects) = step(state, deleted());
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    // It was answered.
    let now = state.now();
    let (state, effects) = step(state, Event::Listed(now, vec![listed("new")]));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    assert_eq!((state.refused(), state.waits()), (0, false));
    let (state, effects) = looked(begun_anew(state, Gone::Unsaid), here(items), vec![listed("new")]);
    assert_eq!(asked(&works(&effects)), IDS);
    let (state, effects) = step(state, deleted());
    assert_eq!(
        (works(&effects).len(), state.doubt()),
        (0, Some(Doubt::CollectionEmptied))
    );
    // An edit is one.
    let mut edited = [all_items(), vec![named("new", 9)]].concat();
    edited[0].1.mark.size += 1;
    let (state, effects) = step(state, late::scanned_in(9, root(DEVICE, 2, "boot"), edited));
    assert!(matches!(works(&effects)[..], [Work::Put { .. }]), "{effects:?}");
    // Listed again and removed once more, it is one that was removed.
    let (state, _) = step(state, stored("a"));
    let records = || [all_records(), vec![listed("new")]].concat();
    let (state, _) = step(state, Event::Listed(9, records()));
    assert_eq!(state.doubt(), None);
    let but_b = records().into_iter().filter(|(name, _)| name != "b");
    let (_, effects) = step(state, Event::Listed(9, but_b.collect()));
    let [Work::Remove { id, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(id, "id of b");
    // Removed one by one, they are.
    let two = all_records().split_off(1);
    let (_, effects) = looked(remembering(Gone::Unsaid), here(all_items()), two);
    let [Work::Remove { id, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(id, "id of a");
}

#[test]
fn a_card_that_alone_has_what_was_removed_from_the_collection_is_not_forgotten_while_it_is_away() {
    let kept_on_7 = |state: State| begun_anew(state, Gone::Unsaid).kept_on(Some(7));
    let (state, _) = looked(
        kept_on_7(remembering(Gone::Unsaid)),
        here(all_items()),
        Vec::new(),
    );
    assert_eq!(state.doubt(), Some(Doubt::CollectionEmptied));
    // What lies under it.
    let below = scan(root(7, 8, "boot"), Vec::new());
    let (state, effects) = looked(kept_on_7(state), below, Vec::new());
    assert_eq!(
        (works(&effects).len(), state.stopped()),
        (0, Some(Stop::Replaced))
    );
    let (state, effects) = looked(kept_on_7(state), here(all_items()), Vec::new());
    assert_eq!(asked(&works(&effects)), IDS, "and nothing is put");
    assert_eq!(state.doubt(), Some(Doubt::CollectionEmptied));
}

#[test]
fn what_belayd_doesnt_list_any_more_and_nobody_deleted_is_put_again_even_if_it_is_all() {
    let (state, effects) = looked(remembering(Gone::Unsaid), here(all_items()), Vec::new());
    assert_eq!(asked(&works(&effects)), IDS);
    let answers = [("a", Outcome::NotDeleted), ("b", Outcome::NotDeleted)];
    let (state, effects) = step(state, ended(&answers));
    let puts = works(&effects);
    assert_eq!(puts.len(), 2, "{effects:?}");
    assert!(
        puts.iter()
            .all(|work| matches!(work, Work::Put { over: None, .. }))
    );
    assert_eq!(state.doubt(), Some(Doubt::CollectionEmptied));
    let (state, effects) = step(state, ended(&[("c", Outcome::NotDeleted)]));
    assert!(matches!(works(&effects)[..], [Work::Put { .. }]), "{effects:?}");
    assert_eq!(state.doubt(), None);
    assert!(state.memory.known().is_empty());
}

#[test]
fn an_answer_that_comes_once_the_doubt_is_over_answers_no_later_one() {
    let (state, effects) = looked(remembering(Gone::Unsaid), here(all_items()), Vec::new());
    assert_eq!(asked(&works(&effects)), IDS);
    // It is all listed again before the answer comes.
    let now = state.now();
    let (state, effects) = step(state, Event::Listed(now, all_records()));
    assert_eq!((works(&effects).len(), state.doubt()), (0, None));
    let (state, effects) = step(state, ended(&NAMES.map(|name| (name, Outcome::Deleted))));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    let now = state.now();
    let (state, effects) = step(state, Event::Listed(now, Vec::new()));
    assert_eq!(asked(&works(&effects)), IDS);
    // Nor does one whose doubt ended after it came.
    let (state, _) = step(state, ended(&NAMES.map(|name| (name, Outcome::Deleted))));
    let now = state.now();
    let (state, _) = step(state, Event::Listed(now, all_records()));
    let (_, effects) = step(state, Event::Listed(now, Vec::new()));
    assert_eq!(asked(&works(&effects)), IDS);
}

#[test]
fn files_of_new_names_that_are_all_refused_cost_no_record() {
    let renamed = all_items().into_iter().map(|(name, mut item)| {
        item.place = format!("new {name}");
        (item.place.clone(), item)
    });
    let (state, effects) = looked(fixed(Gone::Unsaid), here(renamed.collect()), all_records());
    assert_eq!(works(&effects).len(), 3);
    let refused = NAMES.map(|name| (format!("new {name}"), Outcome::Refused));
    let (state, effects) = step(state, Event::Done(refused.to_vec()));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    assert_eq!((state.refused(), state.doubt()), (3, Some(Doubt::Emptied)));
}

#[test]
fn one_file_whose_new_name_is_refused_costs_no_record() {
    let mut items = all_items();
    items[0].1.place = format!("new {}", NAMES[0]);
    items[0].0 = items[0].1.place.clone();
    let renamed = items[0].0.clone();
    let (state, effects) = looked(fixed(Gone::Unsaid), here(items), all_records());
    assert!(matches!(works(&effects)[..], [Work::Put { .. }]), "{effects:?}");
    let (state, effects) = step(state, Event::Done(vec![(renamed, Outcome::Refused)]));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
    assert_eq!((state.refused(), state.doubt()), (1, None));
}

#[test]
fn what_is_doubted_is_no_reason_to_take_a_folder_for_another_one() {
    let records = || [all_records(), vec![listed("new"), listed("last")]].concat();
    let (state, _) = looked(
        fixed(Gone::Unsaid),
        here(vec![named("new", 9), named("last", 10)]),
        all_records(),
    );
    let (state, _) = step(state, stored("new"));
    let (state, _) = step(state, stored("last"));
    assert_eq!(state.doubt(), Some(Doubt::Emptied));
    // The folder itself is made anew, with all that it had.
    let anew = scan(root(DEVICE, 8, "boot"), vec![named("new", 11), named("last", 12)]);
    let (found, effects) = looked(begun_anew(state.clone(), Gone::Unsaid), anew, records());
    assert_eq!(
        (found.stopped(), found.doubt()),
        (None, Some(Doubt::Emptied)),
        "{effects:?}"
    );
    // On a file system of its own: of two one is removed, and the other edited.
    let mut edited = named("new", 9);
    edited.1.mark.size += 1;
    let elsewhere = begun_anew(state, Gone::Unsaid).kept_on(None);
    let (found, effects) = looked(elsewhere, here(vec![edited]), records());
    assert_eq!(found.stopped(), None);
    assert!(
        matches!(works(&effects)[..], [Work::Delete { .. }, Work::Put { .. }]),
        "{effects:?}"
    );
}

#[test]
fn what_was_emptied_by_mistake_comes_back_from_the_other_side() {
    // The folder: fetched again.
    let (state, _) = looked(fixed(Gone::Unsaid), here(Vec::new()), all_records());
    assert_eq!(state.doubt(), Some(Doubt::Emptied));
    let refilling = begun_anew(state, Gone::ByMistake);
    let (state, effects) = looked(refilling, here(Vec::new()), all_records());
    assert!(effects.contains(&Effect::Save));
    let fetches = works(&effects);
    assert_eq!((fetches.len(), state.doubt()), (3, None));
    assert!(fetches.iter().all(|work| matches!(work, Work::Fetch { .. })));
    // The collection: put again, and a single removal stays one.
    let (state, _) = looked(remembering(Gone::Unsaid), here(all_items()), Vec::new());
    let refilling = begun_anew(state, Gone::ByMistake);
    let (state, effects) = looked(refilling, here(all_items()), Vec::new());
    let puts = works(&effects);
    assert_eq!((puts.len(), state.doubt()), (3, None));
    assert!(
        puts.iter()
            .all(|work| matches!(work, Work::Put { over: None, .. }))
    );
    let two = all_items().split_off(1);
    let (_, effects) = looked(fixed(Gone::ByMistake), here(two), all_records());
    assert!(
        matches!(works(&effects)[..], [Work::Delete { .. }]),
        "{effects:?}"
    );
}

#[test]
fn a_folder_that_may_be_another_one_is_filled_and_loses_no_content() {
    // Another card: one of its files has a known name.
    let mut other = all_items().split_off(2);
    other[0].1.mark.size += 1;
    for root in [root(1, 2, "boot"), root(7, 8, "boot")] {
        let seen = scan(root, other.clone());
        let (state, effects) = looked(remembering(Gone::ByMistake), seen, all_records());
        assert_eq!(state.stopped(), None);
        let all = works(&effects);
        assert!(
            matches!(
                all[..],
                [Work::Fetch { .. }, Work::Fetch { .. }, Work::Join { .. }]
            ),
            "{effects:?}"
        );
    }
}
