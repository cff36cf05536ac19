//! Records on the disk.

mod chunks;
mod endings;
mod guard;
mod naming;
mod room;
mod unopened;
mod versions;

use belay_proto::sync::Attributes;
use belay_proto::{AccountId, Secret};
use belay_sync::record::{Body, CONFLICT_WITH, Edited, New, pushed, remove};

use super::inbox::{LET_GO, UNSEEN};
use super::outbox::{GONE, HAS_STUCK, READY, UNASKED};
use super::*;
use crate::store::migrations;
use crate::sync::Policy;

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

/// The same once it was pushed, as number 1.
fn at_cloud(held: Held, revision: u8) -> Held {
    let revision = Revision::from_bytes([revision; 16]);
    let known = Some(revision);
    pushed(Held { known, ..held }, 1, revision)
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

/// The steps in which the database answers a query.
fn steps(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.query_map([], |row| row.get(3)).unwrap();
    steps.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_record_is_there_as_it_was_put_and_nothing_of_it_can_be_read_on_the_disk() {
    let mut db = database();
    let held = stored(belay_sync::record::put(
        Some(at_cloud(made("secret"), 1)),
        1,
        new("secrets"),
        6,
    ));
    keep(&mut db, id(1), &held);
    let found = find(&db, &sealer(), "notes", &id(1)).unwrap().unwrap();
    assert_eq!(found.content.encode(), held.content.encode());
    assert_eq!(
        found.common.unwrap().content.encode(),
        held.common.unwrap().content.encode()
    );
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
    let first = at_cloud(first, 1);
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
        &stored(remove(Some(at_cloud(made("a"), 1)), 1, 9)),
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
    for which in [THERE, REMOVED, PENDING] {
        let steps = steps(&db, &select(which).replace("?1", "'notes'").replace(['?'], ""));
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

/// A record that the cloud has, as number 1.
fn known(db: &mut Connection, n: u8, text: &str) {
    keep(db, id(n), &at_cloud(made(text), n));
}

fn outgoing_ids(db: &Connection, which: Ready) -> Vec<RecordId> {
    let mut ids = Vec::new();
    outgoing(db, &sealer(), "notes", which, 0, |listed| {
        ids.push(listed.id);
        Ok(true)
    })
    .unwrap();
    ids
}

fn within(db: &mut Connection, work: impl FnOnce(&Transaction<'_>)) {
    let transaction = db.transaction().unwrap();
    work(&transaction);
    transaction.commit().unwrap();
}

#[test]
fn what_is_sent_is_known_until_it_is_answered_and_a_change_meanwhile_stays_pending() {
    let mut db = database();
    keep(&mut db, id(1), &made("a"));
    let revision = Revision::from_bytes([9; 16]);
    within(&mut db, |db| sending(db, "notes", &id(1), 1, &revision).unwrap());
    assert_eq!(sent(&db, "notes", &id(1)).unwrap(), Some((1, revision)));
    assert!(is_unanswered(&db, "notes").unwrap());
    within(&mut db, |db| {
        assert!(
            !accepted(db, "notes", &id(1), 7, (1, &revision), 5).unwrap(),
            "another state"
        );
        assert!(accepted(db, "notes", &id(1), 1, (1, &revision), 5).unwrap());
    });
    let held = find(&db, &sealer(), "notes", &id(1)).unwrap().unwrap();
    assert_eq!(
        (held.pending, held.base.map(|base| base.revision)),
        (false, Some(revision))
    );
    assert!(!is_unanswered(&db, "notes").unwrap());
    assert_eq!(counted(&db)[2], 0);
}

#[test]
fn removals_wait_for_the_owner_and_go_without_the_rest_when_there_is_no_room() {
    let mut db = database();
    for n in 1..=3 {
        known(&mut db, n, "a");
    }
    keep(&mut db, id(4), &made("new"));
    for n in 1..=2 {
        let held = find(&db, &sealer(), "notes", &id(n)).unwrap();
        keep(&mut db, id(n), &stored(remove(held, 1, 9)));
    }
    assert_eq!(unasked(&db, "notes").unwrap(), [id(1), id(2)]);
    assert_eq!(outgoing_ids(&db, Ready::Unguarded), [id(4)]);
    assert_eq!(outgoing_ids(&db, Ready::Removals { unasked: false }), []);
    assert_eq!(
        outgoing_ids(&db, Ready::Removals { unasked: true }),
        [id(1), id(2)]
    );
    within(&mut db, |db| agree(db, "notes").unwrap());
    assert_eq!(unasked(&db, "notes").unwrap(), []);
    assert_eq!(outgoing_ids(&db, Ready::Unguarded), [id(1), id(2), id(4)]);
}

#[test]
fn a_listing_anew_knows_what_it_hasn_t_shown() {
    let mut db = database();
    known(&mut db, 1, "a");
    known(&mut db, 2, "b");
    keep(&mut db, id(3), &made("never pushed"));
    within(&mut db, |db| {
        reach(db, "notes", Some("e.7")).unwrap();
        unread(db, "notes", 4).unwrap();
        list_anew(db, "notes").unwrap();
        seen(db, "notes", &id(1)).unwrap();
    });
    assert_eq!(unseen(&db, "notes", 9).unwrap(), [id(2)]);
    let notes = &collections(&db).unwrap()[0];
    assert_eq!((notes.cursor.as_deref(), notes.unread), (None, 0));
}

#[test]
fn a_removal_that_waits_is_sealed_and_counts_while_its_record_is_there() {
    let mut db = database();
    known(&mut db, 1, "a");
    let removal = stored(remove(find(&db, &sealer(), "notes", &id(1)).unwrap(), 1, 9));
    let waits = Arrived {
        id: id(1),
        revision: Revision::from_bytes([8; 16]),
        content: removal.content,
    };
    within(&mut db, |db| stage(db, &sealer(), "notes", &waits).unwrap());
    assert_eq!(guarded(&db, "notes").unwrap().cloud.removals, 1);
    within(&mut db, |db| {
        let [found] = <[Arrived; 1]>::try_from(arrived(db, &sealer(), "notes", 9).unwrap()).unwrap();
        assert_eq!(found.content.encode(), waits.content.encode());
    });
    let gone = find(&db, &sealer(), "notes", &id(1)).unwrap();
    keep(&mut db, id(1), &stored(remove(gone, 1, 9)));
    assert_eq!(guarded(&db, "notes").unwrap().cloud.removals, 0);
    within(&mut db, |db| assert!(unstage(db, "notes", &id(1)).unwrap()));
    within(&mut db, |db| {
        assert!(arrived(db, &sealer(), "notes", 9).unwrap().is_empty())
    });
}

#[test]
fn no_round_reads_the_records_that_it_has_nothing_to_do_with() {
    let db = database();
    for (sql, step) in [
        (
            format!("SELECT count(*) FROM record WHERE {UNASKED}"),
            "record USING INDEX record_going",
        ),
        (
            format!("SELECT count(*) FROM record WHERE {GONE}").replace("?2", "5"),
            "record_gone",
        ),
        (
            format!("SELECT EXISTS (SELECT 1 FROM record WHERE {READY} AND sent IS NOT NULL)"),
            "record USING INDEX record_unanswered",
        ),
        (
            format!("SELECT count(*), sum(bytes) FROM record WHERE {READY}"),
            "record USING INDEX record_pending",
        ),
        (
            format!("SELECT content FROM record WHERE {READY} AND position > 7 ORDER BY position"),
            "record USING INDEX record_pending (collection=? AND position>?)",
        ),
        (
            HAS_STUCK.replace("?2", "2"),
            "record USING COVERING INDEX record_stuck (collection=? AND stuck=?)",
        ),
        (UNSEEN.replace("?2", "9"), "record USING INDEX record_unseen"),
        (
            format!("SELECT count(*) FROM record WHERE {}", super::endings::ENDING),
            "record USING INDEX record_ending",
        ),
    ] {
        let steps = steps(&db, &sql.replace("?1", "'notes'"));
        // Each looks the records up in one way, and nothing is sorted.
        let of_records: Vec<_> = steps.iter().filter(|step| step.contains(" record ")).collect();
        let is_right = of_records.len() == 1 && of_records[0].contains(step);
        assert!(
            is_right && !steps.iter().any(|step| step.contains("TEMP")),
            "{sql}: {steps:?}"
        );
    }
}

#[test]
fn the_records_are_one_account_s_and_another_s_are_forgotten() {
    let mut db = database();
    let (mine, other) = (AccountId::from_bytes([1; 16]), AccountId::from_bytes([2; 16]));
    within(&mut db, |db| adopt(db, mine).unwrap());
    within(&mut db, |db| enable(db, "notes", true).unwrap());
    keep(&mut db, id(1), &made("a"));
    within(&mut db, |db| adopt(db, mine).unwrap());
    assert!(is_of(&db, mine).unwrap() && !is_of(&db, other).unwrap());
    assert_eq!(counted(&db)[0], 1);
    within(&mut db, |db| adopt(db, other).unwrap());
    assert_eq!(collections(&db).unwrap(), []);
}

#[test]
fn what_the_owner_chose_is_kept_until_the_binding_ends() {
    let db = database();
    assert_eq!(settings(&db).unwrap(), Settings::default());
    pause(&db, true).unwrap();
    let policy = Policy {
        metered: true,
        roaming: false,
        battery_floor: 30,
    };
    set_policy(&db, policy).unwrap();
    synced(&db, 7).unwrap();
    let kept = settings(&db).unwrap();
    assert_eq!((kept.paused, kept.policy, kept.last), (true, Some(policy), 7));
    forget(&db).unwrap();
    assert_eq!(settings(&db).unwrap(), Settings::default());
}
