//! Records that get other ids.

use belay_proto::signed::EpochKeys;
use belay_proto::sync::CollectionKeys;

use super::*;

/// The keys of the notes, as drawn so often.
fn keys(times: u8) -> CollectionKeys {
    let epochs = EpochKeys::new(vec![(u64::from(times), Secret::new([times; 32]))]).unwrap();
    let account = AccountId::from_bytes([1; 16]);
    CollectionKeys::new(account, "notes".to_owned(), epochs, Secret::new([times; 32]))
}

fn natural(n: usize) -> String {
    format!("note {n}")
}

fn called(natural: &str, text: &str) -> Held {
    let new = New {
        natural: natural.to_owned(),
        ..new(text)
    };
    stored(belay_sync::record::put(None, 0, new, 5))
}

/// So many records that the cloud has, under the ids of the first keys.
fn filled(db: &mut Connection, count: usize) {
    within(db, |db| {
        for n in 0..count {
            let held = at_cloud(called(&natural(n), "a"), 1);
            put(db, &sealer(), "notes", &keys(1).record_id(&natural(n)), &held).unwrap();
        }
        reach(db, "notes", Some("e.7")).unwrap();
    });
}

/// Gives them those of other keys; after which positions it stopped.
fn calls(db: &mut Connection, times: u8, mut most: usize) -> Vec<Option<u64>> {
    let mut ends = Vec::new();
    let mut next = Some(0);
    while let Some(after) = next.filter(|_| most > 0) {
        let transaction = db.transaction().unwrap();
        next = call(&transaction, &sealer(), &keys(times), after, 9)
            .unwrap()
            .next;
        transaction.commit().unwrap();
        ends.push(next);
        most -= 1;
    }
    ends
}

fn has(db: &Connection, times: u8, count: usize) -> usize {
    let there = |n: &usize| find(db, &sealer(), "notes", &keys(times).record_id(&natural(*n)));
    (0..count).filter(|n| there(n).unwrap().is_some()).count()
}

#[test]
fn many_records_get_other_ids_part_by_part_and_what_was_cut_short_is_ended_later() {
    let mut db = database();
    filled(&mut db, 600);
    assert_eq!(calls(&mut db, 1, 9).len(), 3);
    let before = &collections(&db).unwrap()[0];
    assert_eq!(
        (before.cursor.as_deref(), before.pending),
        (Some("e.7"), 0),
        "they have them"
    );
    assert_eq!(naming(&db, &keys(1)).unwrap(), Naming::These);
    assert_eq!(naming(&db, &keys(2)).unwrap(), Naming::Others);

    let ends = calls(&mut db, 2, 1);
    assert!(ends[0].is_some());
    assert_eq!((has(&db, 1, 600), has(&db, 2, 600)), (344, 256));
    assert_eq!(naming(&db, &keys(2)).unwrap(), Naming::Changing);
    assert_eq!(naming(&db, &keys(1)).unwrap(), Naming::Changing);

    calls(&mut db, 2, 9);
    assert_eq!((has(&db, 1, 600), has(&db, 2, 600)), (0, 600));
    assert_eq!(naming(&db, &keys(2)).unwrap(), Naming::These);
    let after = &collections(&db).unwrap()[0];
    assert_eq!(
        (after.cursor.as_deref(), after.records, after.pending),
        (None, 600, 600)
    );
    let held = find(&db, &sealer(), "notes", &keys(2).record_id("note 7"))
        .unwrap()
        .unwrap();
    assert_eq!(
        (held.base, held.known),
        (None, Some(Revision::from_bytes([1; 16])))
    );
}

#[test]
fn what_was_made_anew_meanwhile_stays_and_what_was_left_says_otherwise_lies_beside() {
    let mut db = database();
    filled(&mut db, 3);
    let anew = |db: &mut Connection, n: usize, held: &Held| {
        keep(db, keys(2).record_id(&natural(n)), held);
    };
    anew(&mut db, 0, &called(&natural(0), "a"));
    anew(&mut db, 1, &called(&natural(1), "b"));
    let gone = stored(remove(Some(called(&natural(2), "a")), 1, 9));
    anew(&mut db, 2, &gone);
    // One of those that were left is a removal about which the owner is to be asked.
    let left = keys(1).record_id(&natural(2));
    let held = find(&db, &sealer(), "notes", &left).unwrap();
    keep(&mut db, left, &stored(remove(held, 1, 9)));
    calls(&mut db, 2, 9);
    let there = list(&db, &sealer(), "notes", 0, 9).unwrap();
    let texts: Vec<(String, Option<String>)> = there
        .iter()
        .map(|listed| {
            let content = &listed.held.content;
            let body = belay_sync::record::bytes(content).unwrap();
            let text = String::from_utf8(body.expose().clone()).unwrap();
            (text, content.attributes.0.get(CONFLICT_WITH).cloned())
        })
        .collect();
    let with = Some(keys(2).record_id(&natural(1)).to_string());
    let expected = [("a", None), ("b", None), ("a", with)];
    assert_eq!(texts, expected.map(|(text, with)| (text.to_owned(), with)));
    assert_eq!(guarded(&db, "notes").unwrap().here.removals, 0);
    assert_eq!(has(&db, 1, 3), 0);
}

#[test]
fn a_version_that_was_changed_stays_where_what_it_said_comes_to_lie_beside_the_record_made_anew() {
    use belay_sync::record::{beside, put as puts, version};

    for is_called_first in [false, true] {
        let mut db = database();
        let [before, anew] = [1, 2].map(|times| keys(times).record_id(&natural(0)));
        let said = |text| New {
            natural: natural(0),
            ..new(text)
        };
        let sibling = beside(None, version(said("a"), &before, 5), None).unwrap();
        let changed = New {
            natural: sibling.content.natural.clone(),
            attributes: sibling.content.attributes.clone(),
            ..new("a, longer")
        };
        let id = keys(1).record_id(&changed.natural);
        let changed = stored(puts(Some(sibling), 1, changed, 6));
        // The one that lies before the other is called so first.
        if is_called_first {
            keep(&mut db, id, &changed);
        }
        filled(&mut db, 1);
        keep(&mut db, id, &changed);
        keep(&mut db, anew, &called(&natural(0), "b"));
        calls(&mut db, 2, 9);
        let there = list(&db, &sealer(), "notes", 0, 9).unwrap();
        let bodies = there
            .iter()
            .map(|listed| belay_sync::record::bytes(&listed.held.content).unwrap());
        let mut texts: Vec<Vec<u8>> = bodies.map(|body| body.expose().clone()).collect();
        texts.sort();
        assert_eq!(texts, [&b"a"[..], b"a, longer", b"b"]);
        assert_eq!(counted(&db)[3], 2);
    }
}

#[test]
fn a_removal_that_came_and_waits_is_none_of_the_record_under_its_new_id() {
    let mut db = database();
    filled(&mut db, 1);
    let id = keys(1).record_id(&natural(0));
    let held = find(&db, &sealer(), "notes", &id).unwrap();
    let arrived = Arrived {
        id,
        revision: Revision::from_bytes([8; 16]),
        content: stored(remove(held, 1, 9)).content,
    };
    within(&mut db, |db| stage(db, &sealer(), "notes", &arrived).unwrap());
    calls(&mut db, 2, 9);
    assert_eq!(guarded(&db, "notes").unwrap().cloud.removals, 0);
    assert_eq!(counted(&db), [1, 1, 1, 0]);
}

#[test]
fn no_part_reads_the_records_before_it_or_sorts_any() {
    let db = database();
    let sql = super::super::naming::next_sql();
    let sql = sql.replace("?1", "'notes'").replace("?2", "7").replace("?3", "9");
    assert_eq!(
        steps(&db, &sql),
        ["SEARCH record USING INTEGER PRIMARY KEY (rowid>?)"]
    );
}
