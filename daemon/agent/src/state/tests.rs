//! What is done about one item, and what is never done.

mod cards;
mod doubts;
mod late;
mod renames;

use super::*;
use crate::model::{Attributes, Known};

const NAME: &str = "a.txt";

fn mark(time: i64) -> Mark {
    Mark {
        modified: time,
        size: 1,
        inode: 1,
        mode: 0o644,
    }
}

fn item(time: i64) -> Local {
    Local {
        place: NAME.to_owned(),
        kind: "text/plain".to_owned(),
        attributes: Attributes::new(),
        mark: mark(time),
    }
}

fn record(revision: u64) -> Remote {
    Remote {
        id: "1d".to_owned(),
        revision,
        kind: "text/plain".to_owned(),
        length: 1,
        attributes: Attributes::new(),
        conflict_with: None,
        lacking: false,
    }
}

fn known() -> Known {
    Known {
        id: "1d".to_owned(),
        revision: 1,
        place: NAME.to_owned(),
        mark: mark(1),
        is_doubted: false,
    }
}

#[test]
fn every_pair_of_changes_has_its_answer() {
    let over = |revision| Choice::Put(Some(("1d".to_owned(), revision)));
    let lacking = Remote {
        lacking: true,
        ..record(1)
    };
    let table = [
        // Nothing in common yet.
        (None, None, None, Choice::Nothing),
        (None, Some(item(1)), None, Choice::Put(None)),
        (None, None, Some(record(1)), Choice::Fetch),
        (None, Some(item(1)), Some(record(1)), Choice::Join),
        // The item as it was, changed, gone.
        (Some(known()), Some(item(1)), Some(record(1)), Choice::Nothing),
        (Some(known()), Some(item(1)), Some(lacking), over(1)),
        (Some(known()), Some(item(1)), Some(record(2)), Choice::Fetch),
        (Some(known()), Some(item(1)), None, Choice::Remove),
        (Some(known()), Some(item(2)), Some(record(1)), over(1)),
        (Some(known()), Some(item(2)), Some(record(2)), Choice::Join),
        (Some(known()), Some(item(2)), None, Choice::Put(None)),
        (Some(known()), None, Some(record(1)), Choice::Delete),
        (Some(known()), None, Some(record(2)), Choice::Fetch),
        (Some(known()), None, None, Choice::Forget),
    ];
    for (known, item, record, choice) in table {
        assert_eq!(
            decide(known.as_ref(), item.as_ref(), record.as_ref()),
            choice,
            "{known:?} {item:?} {record:?}"
        );
    }
}

fn root(device: u64, inode: u64, boot: &str) -> Root {
    Root {
        device,
        inode,
        boot: boot.to_owned(),
        below_mount: None,
    }
}

fn binding(account: &str) -> Binding {
    Binding {
        account: account.to_owned(),
        since: 1,
    }
}

fn named(name: &str, inode: u64) -> (String, Local) {
    let place = name.to_owned();
    let mark = Mark { inode, ..mark(1) };
    (
        name.to_owned(),
        Local {
            place,
            mark,
            ..item(1)
        },
    )
}

fn listed(name: &str) -> (String, Remote) {
    let id = format!("id of {name}");
    (name.to_owned(), Remote { id, ..record(1) })
}

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A mirror that has three items in common with its collection, and looked neither at the one nor at the other.
fn remembering(gone: Gone) -> State {
    let known = NAMES.iter().zip(1..).map(|(name, inode)| {
        let place = (*name).to_owned();
        let mark = Mark { inode, ..mark(1) };
        let known = Known {
            id: format!("id of {name}"),
            place,
            mark,
            ..known()
        };
        ((*name).to_owned(), known)
    });
    let memory = Memory::read(binding("ann"), Some(root(1, 2, "boot")), known.collect());
    step(State::new(memory, true, gone), Event::On(binding("ann"))).0
}

/// Has a file in common with the record of its name too.
fn remember(state: &mut State, item: &Local) {
    let known = Known {
        id: format!("id of {}", item.place),
        place: item.place.clone(),
        mark: item.mark,
        ..known()
    };
    state.memory.remember(item.place.clone(), known);
}

fn scan(root: Root, items: Vec<(String, Local)>) -> Event {
    late::scanned_in(0, root, items)
}

fn all_items() -> Vec<(String, Local)> {
    NAMES
        .iter()
        .zip(1..)
        .map(|(name, inode)| named(name, inode))
        .collect()
}

fn all_records() -> Vec<(String, Remote)> {
    NAMES.iter().map(|name| listed(name)).collect()
}

/// What comes of looking at both sides.
fn looked(state: State, scan: Event, records: Vec<(String, Remote)>) -> (State, Vec<Effect>) {
    let (state, first) = step(state, scan);
    let (state, second) = step(state, Event::Listed(0, records));
    (state, [first, second].concat())
}

fn works(effects: &[Effect]) -> Vec<&Work> {
    let mut works = Vec::new();
    for effect in effects {
        if let Effect::Work(_, work) = effect {
            works.push(&**work);
        }
    }
    works
}

#[test]
fn a_folder_that_is_empty_at_once_deletes_nothing_and_says_so_once() {
    let (state, effects) = looked(
        remembering(Gone::Unsaid),
        scan(root(1, 2, "boot"), Vec::new()),
        all_records(),
    );
    assert_eq!(effects, [Effect::Say(Stop::Emptied)]);
    let (state, effects) = looked(state, scan(root(1, 2, "boot"), Vec::new()), all_records());
    assert_eq!((effects.len(), state.stopped()), (0, Some(Stop::Emptied)));
    // The medium is back.
    let (state, effects) = looked(state, scan(root(1, 2, "boot"), all_items()), all_records());
    assert_eq!((works(&effects).len(), state.stopped()), (0, None));
    // One of them removed is one of them removed.
    let two = all_items().split_off(1);
    let (_, effects) = looked(state, scan(root(1, 2, "boot"), two), all_records());
    assert!(
        matches!(works(&effects)[..], [Work::Delete { .. }]),
        "{effects:?}"
    );
}

#[test]
fn new_files_in_a_folder_whose_known_ones_are_gone_change_nothing_about_that() {
    let stranger = vec![named("IMG_1.jpg", 9)];
    let (state, effects) = looked(
        remembering(Gone::Unsaid),
        scan(root(1, 2, "boot"), stranger),
        all_records(),
    );
    assert_eq!((works(&effects).len(), state.stopped()), (0, Some(Stop::Emptied)));
}

#[test]
fn an_owner_who_says_that_it_is_gone_is_believed() {
    let (state, effects) = looked(
        remembering(Gone::Meant),
        scan(root(1, 9, "boot"), Vec::new()),
        all_records(),
    );
    assert_eq!((works(&effects).len(), state.stopped()), (3, None));
}

#[test]
fn another_folder_in_its_place_deletes_nothing() {
    for other in [root(7, 2, "boot"), root(1, 8, "boot"), root(1, 8, "next boot")] {
        let two = all_items().split_off(1);
        let (state, effects) = looked(remembering(Gone::Unsaid), scan(other.clone(), two), all_records());
        assert_eq!(
            (works(&effects).len(), state.stopped()),
            (0, Some(Stop::Replaced)),
            "{other:?}"
        );
        // With everything in it, it is the folder that was moved or restored.
        let (state, effects) = looked(state, scan(other.clone(), all_items()), all_records());
        assert_eq!((works(&effects).len(), state.stopped()), (0, None));
        assert_eq!(state.memory.root, Some(other));
    }
    // Device numbers are dealt out anew at each boot.
    let two = all_items().split_off(1);
    let (_, effects) = looked(
        remembering(Gone::Unsaid),
        scan(root(7, 2, "next boot"), two),
        all_records(),
    );
    assert!(matches!(works(&effects)[..], [Work::Delete { .. }]));
}

#[test]
fn a_folder_that_is_missing_or_unreadable_deletes_nothing() {
    for stop in [Stop::Missing, Stop::Unreadable] {
        let (state, effects) = looked(remembering(Gone::Unsaid), Event::NotScanned(stop), all_records());
        assert_eq!(
            (&effects[..], state.stopped()),
            (&[Effect::Say(stop)][..], Some(stop))
        );
    }
}

#[test]
fn what_lies_below_a_folder_that_cant_be_seen_is_left_alone() {
    let mut state = remembering(Gone::Unsaid);
    let known = state.memory.known()["a"].clone();
    state.memory.forget("a");
    let place = "sub/a".to_owned();
    state
        .memory
        .remember("sub/a".to_owned(), Known { place, ..known });
    let seen = Scan {
        root: root(1, 2, "boot"),
        items: all_items().split_off(1),
        unseen: vec!["sub".to_owned()],
        is_watched: true,
        left: Left::default(),
    };
    let mut records = all_records().split_off(1);
    records.push((
        "sub/a".to_owned(),
        Remote {
            id: "id of a".to_owned(),
            ..record(1)
        },
    ));
    let (state, effects) = looked(state, Event::Scanned(0, seen), records);
    assert_eq!(works(&effects).len(), 0);
    assert!(state.memory.known().contains_key("sub/a"));
}

#[test]
fn what_was_remembered_under_another_binding_deletes_nothing() {
    let later = Binding {
        since: 2,
        ..binding("ann")
    };
    for other in [binding("bob"), later] {
        let (state, effects) = step(remembering(Gone::Unsaid), Event::On(other));
        assert_eq!(effects, [Effect::Save, Effect::Scan { make: true }, Effect::List]);
        let (_, effects) = looked(state, scan(root(1, 2, "boot"), all_items()), Vec::new());
        assert!(
            works(&effects)
                .iter()
                .all(|work| matches!(work, Work::Put { over: None, .. }))
        );
    }
}

#[test]
fn a_renamed_item_is_put_before_its_old_name_is_deleted() {
    let mut items = all_items();
    items[0] = named("renamed", 1);
    let (state, effects) = looked(
        remembering(Gone::Unsaid),
        scan(root(1, 2, "boot"), items),
        all_records(),
    );
    let [Work::Put { item, .. }] = works(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(item.place, "renamed");
    let stored = Outcome::Stored {
        id: "new".to_owned(),
        revision: 1,
    };
    let (_, effects) = step(state, Event::Done(vec![("renamed".to_owned(), stored)]));
    assert!(
        matches!(works(&effects)[..], [Work::Delete { .. }]),
        "{effects:?}"
    );
}

#[test]
fn looks_that_began_before_work_ended_say_nothing_of_it() {
    let new = || vec![named("new", 9)];
    let items = || [all_items(), new()].concat();
    let (state, effects) = looked(
        remembering(Gone::Unsaid),
        scan(root(1, 2, "boot"), items()),
        all_records(),
    );
    assert_eq!(works(&effects).len(), 1);
    let before = state.now();
    let stored = Outcome::Stored {
        id: "id of new".to_owned(),
        revision: 1,
    };
    let (state, _) = step(state, Event::Done(vec![("new".to_owned(), stored)]));
    // A list from before it was stored: the record isn't removed.
    let (state, effects) = step(state, Event::Listed(before, all_records()));
    assert_eq!(works(&effects).len(), 0);
    let records = [all_records(), vec![listed("new"), listed("fetched")]].concat();
    let now = state.now();
    let (state, effects) = step(state, Event::Listed(now, records));
    assert!(matches!(works(&effects)[..], [Work::Fetch { .. }]));
    let before = state.now();
    let written = Outcome::Written {
        revision: 1,
        item: named("fetched", 10).1,
    };
    let (state, _) = step(state, Event::Done(vec![("fetched".to_owned(), written)]));
    // A scan from before it was written: the item isn't deleted.
    let Event::Scanned(_, seen) = scan(root(1, 2, "boot"), items()) else {
        unreachable!()
    };
    let (_, effects) = step(state, Event::Scanned(before, seen));
    assert_eq!(works(&effects).len(), 0, "{effects:?}");
}

#[test]
fn what_is_refused_is_not_tried_again_until_it_changes() {
    let (state, effects) = looked(
        remembering(Gone::Unsaid),
        scan(root(1, 2, "boot"), all_items()),
        {
            let mut records = all_records();
            records.push(listed("../evil"));
            records
        },
    );
    assert_eq!(works(&effects).len(), 1);
    let (state, _) = step(state, Event::Done(vec![("../evil".to_owned(), Outcome::Refused)]));
    let (state, effects) = step(state, Event::Again);
    assert_eq!(
        (works(&effects).len(), state.refused(), state.waits()),
        (0, 1, false)
    );
    let mut records = all_records();
    records.push((
        "../evil".to_owned(),
        Remote {
            revision: 2,
            ..listed("../evil").1
        },
    ));
    let (_, effects) = step(state, Event::Listed(9, records));
    assert_eq!(works(&effects).len(), 1);
}
