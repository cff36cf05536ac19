//! Which chunks the cloud is asked after.

use belay_proto::sync::{ChunkId, ChunkRef, Chunks};

use super::super::chunks::{LACKING, LONG, select};
use super::*;

/// A content of so many chunks, the first of them twice, as the cloud has it.
fn long(first: u8, count: u8) -> Held {
    let chunk = |n: u8| ChunkRef {
        id: ChunkId::from_bytes([n; 32]),
        length: 300_000,
        key_epoch: 1,
    };
    let chunks = (first..first + count).map(chunk).chain([chunk(first)]);
    let content = New {
        body: Body::Long(Chunks(chunks.collect())),
        ..new("")
    };
    at_cloud(stored(belay_sync::record::put(None, 0, content, 5)), 1)
}

fn ids(page: &[Chunked]) -> Vec<(RecordId, usize)> {
    page.iter().map(|found| (found.id, found.chunks.len())).collect()
}

#[test]
fn chunks_of_what_the_cloud_is_to_have_are_paged_each_once() {
    let mut db = database();
    keep(&mut db, id(1), &long(1, 3));
    keep(&mut db, id(2), &at_cloud(made("short"), 1));
    keep(&mut db, id(3), &long(10, 5));
    keep(
        &mut db,
        id(4),
        &Held {
            pending: true,
            ..long(20, 2)
        },
    );
    keep(&mut db, id(5), &long(30, 1));
    let page = |after: u64, most: usize| chunked(&db, &sealer(), "notes", after, most).unwrap();
    let first = page(0, 4);
    assert_eq!(ids(&first), [(id(1), 3), (id(3), 5)]);
    assert_eq!(ids(&page(first[1].position, 4)), [(id(5), 1)]);
    assert_eq!(ids(&page(0, 1)), [(id(1), 3)], "one at least");
    // What was pushed without them waits for them.
    let transaction = db.unchecked_transaction().unwrap();
    assert!(lacks_chunks(&transaction, "notes", &id(4), 1).unwrap());
    assert!(
        !lacks_chunks(&transaction, "notes", &id(4), 1).unwrap(),
        "it is known"
    );
    assert!(
        !lacks_chunks(&transaction, "notes", &id(1), 2).unwrap(),
        "it is another"
    );
    let lacks = |after: u64| lacking_chunks(&transaction, &sealer(), "notes", after, 9).unwrap();
    let lacking = lacks(0);
    assert_eq!((ids(&lacking), lacking[0].lacks), (vec![(id(4), 2)], true));
    assert_eq!(lacks(lacking[0].position), []);
    assert!(troubles(&transaction, "notes").unwrap().is_lacking);
    assert!(has_all_chunks(&transaction, "notes", &id(4), 1).unwrap());
    assert_eq!(lacks(0), []);
    assert_eq!(troubles(&transaction, "notes").unwrap(), Troubles::default());
}

#[test]
fn chunks_are_asked_after_once_a_week_and_at_once_where_some_may_be_lost() {
    let mut db = database();
    let due = |db: &Connection, now: u64| checking(db, "notes", 700, now).unwrap();
    assert_eq!(due(&db, 1000), None, "they have just come");
    assert_eq!((due(&db, 1699), due(&db, 1700)), (None, Some(0)));
    checked(&db, "notes", Some(5), 1700).unwrap();
    assert_eq!(due(&db, 1701), Some(5), "it goes on");
    checked(&db, "notes", None, 1701).unwrap();
    assert_eq!((due(&db, 2400), due(&db, 2401)), (None, Some(0)));
    checked(&db, "notes", None, 2401).unwrap();
    let transaction = db.transaction().unwrap();
    check_anew(&transaction, "notes").unwrap();
    transaction.commit().unwrap();
    assert_eq!(due(&db, 2402), Some(0));
    checked(&db, "notes", None, 9000).unwrap();
    // The clock was ahead.
    assert_eq!(
        (due(&db, 100), due(&db, 799), due(&db, 800)),
        (None, None, Some(0))
    );
    assert_eq!(checking(&db, "photographs", 700, 9000).unwrap(), None);
}

#[test]
fn a_page_of_chunks_reads_no_other_record() {
    let db = database();
    for (which, index) in [(LONG, "record_long"), (LACKING, "record_lacking")] {
        let steps = steps(&db, &select(which).replace("?1", "'notes'").replace("?2", "7"));
        let [step] = steps.as_slice() else {
            panic!("{steps:?}")
        };
        assert!(
            step.contains(&format!("{index} (collection=? AND position>?)")),
            "{step}"
        );
    }
}
