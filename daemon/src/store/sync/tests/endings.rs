//! Removals that the cloud forgets.

use super::*;

const DAY: u64 = 24 * 3600;

/// The same once the cloud has it.
fn told(held: Held, revision: u8) -> Held {
    let (revision, number) = (Revision::from_bytes([revision; 16]), held.content.number);
    let known = Some(revision);
    pushed(Held { known, ..held }, number, revision)
}

#[test]
fn a_removal_is_let_go_once_the_cloud_has_had_it_for_as_long_as_it_remembers() {
    let mut db = database();
    for n in 1..=3 {
        known(&mut db, n, "a");
    }
    for n in 1..=2 {
        let gone = stored(remove(find(&db, &sealer(), "notes", &id(n)).unwrap(), 1, 9));
        let gone = if n == 1 { told(gone, 8) } else { gone };
        keep(&mut db, id(n), &gone);
    }
    within(&mut db, |db| note_ended(db, "notes", 5 * DAY).unwrap());
    // What is noted once stays.
    within(&mut db, |db| note_ended(db, "notes", 9 * DAY).unwrap());
    let lets_go = |db: &Connection, n: u8, day: u64| let_go(db, "notes", &id(n), day * DAY).unwrap();
    assert!(!lets_go(&db, 1, 184));
    assert!(!lets_go(&db, 2, 1000), "the cloud is yet to get it");
    assert!(!lets_go(&db, 3, 1000), "it is there");
    assert!(lets_go(&db, 1, 185));
    let held = find(&db, &sealer(), "notes", &id(1)).unwrap().unwrap();
    assert_eq!((held.pending, held.base), (false, None));
    assert_eq!(held.known, Some(Revision::from_bytes([8; 16])));
    // It is there again, and is removed again: that is another removal.
    let again = stored(belay_sync::record::put(Some(held), 0, new("b"), 9));
    keep(&mut db, id(1), &told(again, 7));
    let again = find(&db, &sealer(), "notes", &id(1)).unwrap().unwrap();
    let revision = again.revision;
    let gone = told(stored(remove(Some(again), revision, 9)), 6);
    keep(&mut db, id(1), &gone);
    assert!(!lets_go(&db, 1, 1000));
}
