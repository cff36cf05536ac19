//! What the owner is asked before is counted by triggers.

use super::*;

/// The schema before what the cloud has no more was asked about.
const BEFORE: usize = 13;

/// What the triggers have counted is what counting says; which set it is, of either side.
fn guards(db: &Connection) -> (i64, i64) {
    let count = |sql: &str| -> u64 { db.query_row(sql, [], |row| row.get(0)).unwrap() };
    let found = guarded(db, "notes").unwrap();
    let unasked = format!("SELECT count(*) FROM record WHERE {UNASKED}").replace("?1", "'notes'");
    assert_eq!(found.here.removals, count(&unasked));
    let arrived = "SELECT count(*) FROM arrived JOIN record USING (collection, id) WHERE removed = 0";
    assert_eq!(found.cloud.removals, count(arrived));
    assert_eq!(found.records, counted(db)[0]);
    (found.here.set, found.cloud.set)
}

#[test]
fn what_the_owner_is_asked_about_is_counted_whatever_becomes_of_it() {
    let mut db = database();
    assert_eq!(guarded(&db, "videos").unwrap(), Guarded::default());
    for n in 1..=4 {
        known(&mut db, n, "a");
    }
    keep(&mut db, id(5), &made("never pushed"));
    let removed = |db: &Connection, n| {
        let held = find(db, &sealer(), "notes", &id(n)).unwrap().unwrap();
        let revision = held.revision;
        stored(remove(Some(held), revision, 9))
    };
    let none = guards(&db);
    for n in 1..=5 {
        let gone = removed(&db, n);
        keep(&mut db, id(n), &gone);
    }
    let four = guards(&db);
    assert_eq!(guarded(&db, "notes").unwrap().here.removals, 4);
    assert_ne!(none.0, four.0);
    // One is there again, one went, one is stuck and not, and the owner agrees to the rest.
    let back = find(&db, &sealer(), "notes", &id(1)).unwrap();
    keep(
        &mut db,
        id(1),
        &stored(belay_sync::record::put(back, 0, new("b"), 9)),
    );
    let three = guards(&db);
    assert_ne!(three.0, four.0);
    keep(&mut db, id(1), &made("b"));
    assert_eq!(guards(&db), three, "nothing of what is asked about has changed");
    let cloud = Revision::from_bytes([9; 16]);
    within(&mut db, |db| {
        sending(db, "notes", &id(2), 2, &cloud).unwrap();
        assert!(accepted(db, "notes", &id(2), 2, (2, &cloud), 5).unwrap());
        stick(db, "notes", &id(3), 2, Stuck::Refused).unwrap();
    });
    guards(&db);
    within(&mut db, |db| {
        unstick(db, "notes", &id(3)).unwrap();
    });
    guards(&db);
    within(&mut db, |db| agree(db, "notes").unwrap());
    guards(&db);
    assert_eq!(guarded(&db, "notes").unwrap().here.removals, 0);
    // Removals from the cloud: of what is there, of what isn't, one in place of another.
    let waits = |db: &Connection, n, revision| Arrived {
        id: id(n),
        revision: Revision::from_bytes([revision; 16]),
        content: removed(db, n).content,
    };
    let (first, second) = (waits(&db, 1, 7), waits(&db, 1, 8));
    within(&mut db, |db| stage(db, &sealer(), "notes", &first).unwrap());
    let staged = guards(&db);
    assert_ne!(staged.1, four.1);
    within(&mut db, |db| stage(db, &sealer(), "notes", &second).unwrap());
    assert_eq!(guards(&db), staged);
    let gone = removed(&db, 1);
    keep(&mut db, id(1), &gone);
    guards(&db);
    let back = find(&db, &sealer(), "notes", &id(1)).unwrap();
    keep(
        &mut db,
        id(1),
        &stored(belay_sync::record::put(back, 0, new("c"), 9)),
    );
    guards(&db);
    assert_eq!(guarded(&db, "notes").unwrap().cloud.removals, 1);
    within(&mut db, |db| assert!(unstage(db, "notes", &id(1)).unwrap()));
    guards(&db);
    // Which question stands is noted, of either side, until one is answered.
    stand(&db, "notes", Side::Here, Some(3)).unwrap();
    stand(&db, "notes", Side::Cloud, Some(0)).unwrap();
    let stands = |db: &Connection| {
        let found = guarded(db, "notes").unwrap();
        (found.here.asked, found.cloud.asked)
    };
    assert_eq!(stands(&db), (Some(3), Some(0)));
    within(&mut db, |db| forgive(db, "notes").unwrap());
    assert_eq!(stands(&db), (None, None));
    forget(&db).unwrap();
    assert_eq!(guarded(&db, "notes").unwrap(), Guarded::default());
}

#[test]
fn a_removal_counts_until_an_answer_came_to_it_and_not_when_the_cloud_is_to_get_it_again() {
    let mut db = database();
    known(&mut db, 1, "a");
    let (older, gone) = (Revision::from_bytes([7; 16]), Revision::from_bytes([9; 16]));
    let over = |db: &Connection, revision| Held {
        pending: true,
        base: Some(Base { revision, number: 1 }),
        ..find(db, &sealer(), "notes", &id(1)).unwrap().unwrap()
    };
    let held = find(&db, &sealer(), "notes", &id(1)).unwrap();
    keep(&mut db, id(1), &stored(remove(held, 1, 9)));
    within(&mut db, |db| sending(db, "notes", &id(1), 2, &gone).unwrap());
    // Something older is in the way, so it is to be sent again as it is.
    let again = over(&db, older);
    assert_eq!(again.known, Some(gone));
    keep(&mut db, id(1), &again);
    guards(&db);
    assert_eq!(guarded(&db, "notes").unwrap().here.removals, 1);
    within(&mut db, |db| {
        sending(db, "notes", &id(1), 2, &gone).unwrap();
        assert!(accepted(db, "notes", &id(1), 2, (2, &gone), 5).unwrap());
        assert_eq!(count_gone(db, "notes", 0).unwrap(), 1);
    });
    // The cloud is restored, and has something older again: it was counted once.
    let again = over(&db, older);
    keep(&mut db, id(1), &again);
    guards(&db);
    assert_eq!(guarded(&db, "notes").unwrap().here.removals, 0);
}

#[test]
fn what_the_cloud_has_no_more_is_asked_about_all_the_same_also_where_it_wasnt_before() {
    let mut db = Connection::open_in_memory().unwrap();
    migrations::run(&mut db, &migrations::ALL[..BEFORE]).unwrap();
    enable(&db, "notes", true).unwrap();
    for n in 1..=3 {
        known(&mut db, n, "a");
    }
    let held = |db: &Connection, n| find(db, &sealer(), "notes", &id(n)).unwrap();
    for n in 1..=2 {
        let gone = stored(remove(held(&db, n), 1, 9));
        keep(&mut db, id(n), &gone);
    }
    let absent = |db: &mut Connection, n| {
        let absent = belay_sync::record::absent(held(db, n).unwrap());
        keep(db, id(n), &absent);
    };
    absent(&mut db, 1);
    assert_eq!(guarded(&db, "notes").unwrap().here.removals, 1);
    migrations::run(&mut db, migrations::ALL).unwrap();
    let two = guards(&db);
    assert_eq!(guarded(&db, "notes").unwrap().here.removals, 2);
    absent(&mut db, 2);
    assert_eq!(guards(&db), two, "it is the same question");
    assert_eq!(outgoing_ids(&db, Ready::Unguarded), []);
    assert_eq!(outgoing_ids(&db, Ready::Changes { unasked: false }), []);
    assert_eq!(outgoing_ids(&db, Ready::Removals { unasked: false }), []);
    assert_eq!(outgoing_ids(&db, Ready::All), [id(1), id(2)]);
    // Few enough go without a question, and count.
    let cloud = Revision::from_bytes([9; 16]);
    within(&mut db, |db| {
        sending(db, "notes", &id(1), 2, &cloud).unwrap();
        assert!(accepted(db, "notes", &id(1), 2, (2, &cloud), 5).unwrap());
        assert_eq!(count_gone(db, "notes", 0).unwrap(), 1);
    });
    guards(&db);
}

#[test]
fn a_question_costs_the_same_however_many_removals_wait() {
    let db = database();
    // What was counted is believed: nothing counts again at each look.
    db.execute("UPDATE collection SET unasked = 20000, unasked_set = 7", [])
        .unwrap();
    let here = guarded(&db, "notes").unwrap().here;
    assert_eq!((here.removals, here.set), (20_000, 7));
}

#[test]
fn removals_that_wait_are_read_in_turn_around_those_that_cant_be() {
    let mut db = database();
    let removal = |n: u8| Arrived {
        id: id(n),
        revision: Revision::from_bytes([n; 16]),
        content: stored(remove(Some(made("a")), 1, 9)).content,
    };
    within(&mut db, |db| {
        for n in 1..=7 {
            stage(db, &sealer(), "notes", &removal(n)).unwrap();
        }
        reach(db, "notes", Some("e.7")).unwrap();
        // A whole page, and one in the next.
        let spoils = "UPDATE arrived SET content = x'00' WHERE id IN (?1, ?2, ?3)";
        let spoilt = [1, 2, 4].map(id).map(|id| *id.as_bytes());
        db.execute(spoils, spoilt).unwrap();
    });
    let mut read = Vec::new();
    within(&mut db, |db| {
        loop {
            let page = arrived(db, &sealer(), "notes", 2).unwrap();
            assert!(page.len() <= 2);
            let Some(first) = page.first() else { break };
            assert!(unstage(db, "notes", &first.id).unwrap());
            read.push(first.id);
        }
    });
    assert_eq!(read, [3, 5, 6, 7].map(id));
    // What couldn't be read is listed again.
    assert_eq!(collections(&db).unwrap()[0].cursor, None);
}

#[test]
fn versions_that_were_let_go_are_read_first_however_many_removals_wait() {
    let mut db = database();
    let removal = |n: u8| {
        let mut version = made("a");
        let with = (CONFLICT_WITH.to_owned(), id(1).to_string());
        version.content.attributes = Attributes([with].into());
        let content = match n > 5 {
            true => belay_sync::record::let_go(version, 9).content,
            // One that its owner chose about.
            false => stored(remove(Some(version), 1, 9)).content,
        };
        let revision = Revision::from_bytes([n; 16]);
        let id = id(n);
        Arrived {
            id,
            revision,
            content,
        }
    };
    within(&mut db, |db| {
        for n in 1..=7 {
            stage(db, &sealer(), "notes", &removal(n)).unwrap();
        }
        // The owner chose about it after all.
        let chosen = Arrived {
            id: id(7),
            ..removal(1)
        };
        stage(db, &sealer(), "notes", &chosen).unwrap();
    });
    let mut read = Vec::new();
    within(&mut db, |db| {
        while let Some(first) = arrived(db, &sealer(), "notes", 1).unwrap().first() {
            assert!(unstage(db, "notes", &first.id).unwrap());
            read.push(first.id);
        }
    });
    assert_eq!(read, [6, 1, 2, 3, 4, 5, 7].map(id));
    let sql = format!("SELECT id FROM {LET_GO} ORDER BY id LIMIT 9").replace("?1", "'notes'");
    let steps = steps(&db, &sql);
    assert!(
        steps.len() == 1 && steps[0].contains("arrived_let_go"),
        "{steps:?}"
    );
}
