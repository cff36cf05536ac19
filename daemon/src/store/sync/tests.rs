//! Records on the disk.

use belay_proto::Secret;
use belay_proto::sync::Attributes;
use belay_sync::record::{Body, CONFLICT_WITH, Edited, New, pushed, remove};

use super::*;
use crate::store::migrations;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    migrations::run(&mut connection, migrations::ALL).unwrap();
    enable(&connection, "notes", true).unwrap();
    connection
}

fn sealer() -> Sealer {
    Sealer::new(&Secret::new([7; 32]))
}

fn id(n: u8) -> RecordId {
    RecordId::from_bytes([n; 16])
}

fn new(text: &str) -> New {
    New {
        natural: "n".to_owned(),
        kind: "text/plain".to_owned(),
        attributes: Attributes::default(),
        body: Body::Short(Secret::new(text.as_bytes().to_vec())),
    }
}

fn stored(edited: Edited) -> Held {
    match edited {
        Edited::Stored(held) => *held,
        other => panic!("{other:?}"),
    }
}

fn made(text: &str) -> Held {
    stored(belay_sync::record::put(None, 0, new(text), 5))
}

fn keep(connection: &mut Connection, id: RecordId, held: &Held) {
    let transaction = connection.transaction().unwrap();
    put(&transaction, &sealer(), "notes", &id, held).unwrap();
    transaction.commit().unwrap();
}

fn counted(connection: &Connection) -> [u64; 4] {
    let [notes] = <[Collection; 1]>::try_from(collections(connection).unwrap()).unwrap();
    [notes.records, notes.bytes, notes.pending, notes.conflicts]
}

#[test]
fn a_record_is_there_as_it_was_put_and_nothing_of_it_can_be_read_on_the_disk() {
    let mut db = database();
    let held = stored(belay_sync::record::put(
        Some(pushed(made("secret"), 1, Revision::from_bytes([1; 16]))),
        1,
        new("secrets"),
        6,
    ));
    keep(&mut db, id(1), &held);
    let found = find(&db, &sealer(), "notes", &id(1)).unwrap().unwrap();
    assert_eq!(found.content.encode(), held.content.encode());
    assert_eq!(found.common.unwrap().encode(), held.common.unwrap().encode());
    assert_eq!((found.revision, found.pending, found.base), (2, true, held.base));
    assert!(find(&db, &sealer(), "contacts", &id(1)).unwrap().is_none());
    let raw: Vec<u8> = db
        .query_row("SELECT CAST(content || common AS BLOB) FROM record", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(!raw.windows(6).any(|part| part == b"secret"));
}

#[test]
fn a_record_moved_to_another_id_or_collection_is_not_taken_for_that_one() {
    let mut db = database();
    keep(&mut db, id(1), &made("a"));
    db.execute("UPDATE record SET id = ?1", [id(2).as_bytes()])
        .unwrap();
    assert!(matches!(
        find(&db, &sealer(), "notes", &id(2)),
        Err(StoreError::Sealed { .. })
    ));
}

#[test]
fn what_is_there_pending_and_in_conflict_is_counted() {
    let mut db = database();
    let first = made("abc");
    keep(&mut db, id(1), &first);
    let mut sibling = made("de");
    let with = (CONFLICT_WITH.to_owned(), id(1).to_string());
    sibling.content.attributes = Attributes([with].into());
    keep(&mut db, id(2), &sibling);
    assert_eq!(counted(&db), [2, 5, 2, 1]);
    let first = pushed(first, 1, Revision::from_bytes([1; 16]));
    keep(&mut db, id(1), &first);
    assert_eq!(counted(&db), [2, 5, 1, 1]);
    keep(&mut db, id(1), &stored(remove(Some(first), 1, 9)));
    keep(&mut db, id(2), &stored(remove(Some(sibling), 1, 9)));
    assert_eq!(counted(&db), [0, 0, 2, 0]);
    forget(&db).unwrap();
    assert_eq!(collections(&db).unwrap(), []);
}

#[test]
fn pages_hold_what_is_there_and_what_is_pending() {
    let mut db = database();
    for n in 1..=5 {
        let mut held = made("a");
        held.pending = n % 2 == 0;
        keep(&mut db, id(n), &held);
    }
    keep(
        &mut db,
        id(1),
        &stored(remove(
            Some(pushed(made("a"), 1, Revision::from_bytes([1; 16]))),
            1,
            9,
        )),
    );
    let ids = |page: Vec<Listed>| -> Vec<RecordId> { page.iter().map(|listed| listed.id).collect() };
    let page = list(&db, &sealer(), "notes", 0, 2).unwrap();
    let last = page.last().unwrap().position;
    assert_eq!(ids(page), [id(2), id(3)]);
    assert_eq!(
        ids(list(&db, &sealer(), "notes", last, 9).unwrap()),
        [id(4), id(5)]
    );
    assert_eq!(
        ids(pending(&db, &sealer(), "notes", 0, 9).unwrap()),
        [id(1), id(2), id(4)]
    );
    assert_eq!(ids(list(&db, &sealer(), "notes", u64::MAX, 9).unwrap()), []);
}

#[test]
fn a_page_of_a_long_collection_sorts_and_reads_nothing_but_itself() {
    let db = database();
    for which in [THERE, PENDING] {
        let sql = select(which).replace("?1", "'notes'").replace(['?'], "");
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps: Vec<String> = statement
            .query_map([], |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let [step] = steps.as_slice() else {
            panic!("{steps:?}")
        };
        assert!(step.contains("(collection=? AND position>?)"), "{step}");
    }
}

#[test]
fn how_far_a_collection_was_fetched_stays_when_it_is_switched_off() {
    let mut db = database();
    let transaction = db.transaction().unwrap();
    reach(&transaction, "notes", Some("e.7")).unwrap();
    transaction.commit().unwrap();
    enable(&db, "notes", false).unwrap();
    let notes = &collections(&db).unwrap()[0];
    assert_eq!((notes.enabled, notes.cursor.as_deref()), (false, Some("e.7")));
}
