//! Records that stay behind: those that the cloud won't have, and those of the cloud that don't open.

use super::*;

#[test]
fn what_is_stuck_isn_t_pushed_until_it_is_put_again() {
    let mut db = database();
    keep(&mut db, id(1), &made("a"));
    within(&mut db, |db| stick(db, "notes", &id(1), 1, Stuck::Lacks).unwrap());
    assert_eq!(outgoing_ids(&db, Ready::All), []);
    assert!(
        find_listed(&db, &sealer(), "notes", &id(1))
            .unwrap()
            .unwrap()
            .lacks
    );
    within(&mut db, |db| unstick(db, "notes", &id(1)).unwrap());
    assert_eq!(outgoing_ids(&db, Ready::All), [id(1)]);
    within(&mut db, |db| {
        stick(db, "notes", &id(1), 1, Stuck::Refused).unwrap();
    });
    keep(&mut db, id(1), &made("b"));
    assert_eq!(outgoing_ids(&db, Ready::All), [id(1)]);
}

fn unopened(db: &Connection) -> u64 {
    collections(db).unwrap()[0].unopened
}

/// As many ids as these.
fn made_up(numbers: std::ops::Range<u128>) -> Vec<RecordId> {
    numbers
        .map(|number| RecordId::from_bytes((number + (1 << 64)).to_be_bytes()))
        .collect()
}

#[test]
fn no_more_records_that_don_t_open_are_noted_than_anybody_has_but_those_that_are_here() {
    let mut db = database();
    keep(&mut db, id(1), &made("a"));
    keep(&mut db, id(2), &made("b"));
    within(&mut db, |db| {
        note_unopened(db, "notes", &made_up(0..9_999)).unwrap()
    });
    // One that is noted already counts once.
    within(&mut db, |db| {
        note_unopened(db, "notes", &made_up(9_998..9_999)).unwrap()
    });
    assert_eq!(unopened(&db), 9_999);
    within(&mut db, |db| {
        note_unopened(db, "notes", &made_up(9_999..20_000)).unwrap()
    });
    assert_eq!(unopened(&db), 10_000);
    let mut page = made_up(30_000..30_001);
    page.push(id(1));
    within(&mut db, |db| note_unopened(db, "notes", &page).unwrap());
    assert_eq!(unopened(&db), 10_001);
    assert!(is_unopened(&db, "notes", &id(1)).unwrap());
    assert!(!is_unopened(&db, "notes", &page[0]).unwrap());
    // Where some open others are noted in their place.
    within(&mut db, |db| {
        for id in made_up(0..3) {
            opened(db, "notes", &id).unwrap();
        }
        note_unopened(db, "notes", &page).unwrap();
    });
    assert!(is_unopened(&db, "notes", &page[0]).unwrap());
    // A listing from the start shows what there is of them.
    within(&mut db, |db| list_anew(db, "notes").unwrap());
    assert_eq!(unopened(&db), 0);
    assert!(!are_unopened(&db, "notes").unwrap());
}

#[test]
fn what_a_record_that_doesn_t_open_is_in_the_way_of_isn_t_what_the_cloud_refuses() {
    let mut db = database();
    for n in 1..=2 {
        keep(&mut db, id(n), &made("a"));
        within(&mut db, |db| {
            stick(db, "notes", &id(n), 1, Stuck::Refused).unwrap()
        });
    }
    let found = |db: &Connection| {
        let found = troubles(db, "notes").unwrap();
        (found.is_refused, found.is_in_the_way)
    };
    assert_eq!(found(&db), (true, false));
    within(&mut db, |db| note_unopened(db, "notes", &[id(1)]).unwrap());
    assert_eq!(found(&db), (true, true));
    within(&mut db, |db| try_in_the_way(db, "notes").unwrap());
    assert_eq!(outgoing_ids(&db, Ready::All), [id(1)]);
    assert_eq!(found(&db), (true, false));
    // Where it opens, and where a listing begins anew, it goes too.
    let again: [fn(&Transaction<'_>); 2] = [
        |db| opened(db, "notes", &id(1)).unwrap(),
        |db| list_anew(db, "notes").unwrap(),
    ];
    for again in again {
        within(&mut db, |db| {
            stick(db, "notes", &id(1), 1, Stuck::Refused).unwrap();
            note_unopened(db, "notes", &[id(1)]).unwrap();
        });
        assert_eq!(outgoing_ids(&db, Ready::All), []);
        within(&mut db, again);
        assert_eq!(outgoing_ids(&db, Ready::All), [id(1)]);
    }
    // What the cloud won't have as it is waits on.
    assert_eq!(found(&db), (true, false));
}
