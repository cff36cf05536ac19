//! Which versions contents are known as.

use super::*;

/// The schema before versions were kept.
const BEFORE: usize = 9;

#[test]
fn a_record_of_before_is_known_by_what_the_cloud_has() {
    let mut db = Connection::open_in_memory().unwrap();
    migrations::run(&mut db, &migrations::ALL[..BEFORE]).unwrap();
    enable(&db, "notes", true).unwrap();
    let content = |id: &RecordId, column: &str| {
        let content = Secret::new(made("a").content.encode());
        sealer().seal(&place("notes", id, column), content.expose())
    };
    let revision = Revision::from_bytes([9; 16]);
    let base = Some(*revision.as_bytes());
    for (n, pending, base, is_changed) in [(1, 0, base, false), (2, 1, base, true), (3, 1, None, false)] {
        let id = id(n);
        db.execute(
            "INSERT INTO record (collection, id, revision, pending, removed, sibling, bytes, base, base_number, content, common)
             VALUES ('notes', ?1, 1, ?2, 0, 0, 1, ?3, 1, ?4, ?5)",
            params![
                id.as_bytes(),
                pending,
                base,
                content(&id, "content"),
                is_changed.then(|| content(&id, "common"))
            ],
        )
        .unwrap();
    }
    migrations::run(&mut db, migrations::ALL).unwrap();
    let found = |n| {
        let held = find(&db, &sealer(), "notes", &id(n)).unwrap().unwrap();
        (held.known, held.common.map(|common| common.revision))
    };
    assert_eq!(
        [1, 2, 3].map(found),
        [(Some(revision), None), (None, Some(revision)), (None, None)]
    );
}

#[test]
fn what_was_sent_is_known_and_no_answer_is_noted_to_what_took_its_place() {
    let mut db = database();
    keep(&mut db, id(1), &made("a"));
    let [first, second] = [8, 9].map(|byte| Revision::from_bytes([byte; 16]));
    within(&mut db, |db| sending(db, "notes", &id(1), 1, &first).unwrap());
    let mut held = find(&db, &sealer(), "notes", &id(1)).unwrap().unwrap();
    assert_eq!(held.known, Some(first));
    // Said again above something that came, in the same state for its owner.
    held.content.number = 2;
    held.known = None;
    keep(&mut db, id(1), &held);
    within(&mut db, |db| {
        assert!(!accepted(db, "notes", &id(1), 1, (1, &first), 5).unwrap());
        sending(db, "notes", &id(1), 2, &second).unwrap();
        assert!(accepted(db, "notes", &id(1), 1, (2, &second), 5).unwrap());
    });
    let held = find(&db, &sealer(), "notes", &id(1)).unwrap().unwrap();
    assert_eq!((held.known, held.pending), (Some(second), false));
}

#[test]
fn what_was_sent_and_changed_again_is_kept_beside_what_was_before_until_the_cloud_has_what_is_here() {
    let mut db = database();
    let put = |held, text| stored(belay_sync::record::put(Some(held), 1, new(text), 6));
    let [sent, newest] = [8, 9].map(|byte| Revision::from_bytes([byte; 16]));
    let changed = put(at_cloud(made("secret 1"), 1), "secret 2");
    let offered = Held {
        known: Some(sent),
        revision: 1,
        ..changed
    };
    keep(&mut db, id(1), &put(offered, "secret 3"));
    let held = || find(&db, &sealer(), "notes", &id(1)).unwrap().unwrap();
    let text = |common: Option<belay_sync::record::Common>| {
        let common = common.unwrap();
        let bytes = belay_sync::record::bytes(&common.content).unwrap();
        (
            common.revision,
            String::from_utf8(bytes.expose().clone()).unwrap(),
        )
    };
    let first = Revision::from_bytes([1; 16]);
    assert_eq!(text(held().common), (first, "secret 1".to_owned()));
    assert_eq!(text(held().offered), (sent, "secret 2".to_owned()));
    let sealed: Vec<u8> = db
        .query_row("SELECT offered FROM record", [], |row| row.get(0))
        .unwrap();
    assert!(!sealed.windows(6).any(|part| part == b"secret"));
    within(&mut db, |db| {
        sending(db, "notes", &id(1), 3, &newest).unwrap();
        assert!(accepted(db, "notes", &id(1), 2, (3, &newest), 5).unwrap());
    });
    let held = find(&db, &sealer(), "notes", &id(1)).unwrap().unwrap();
    assert!(held.common.is_none() && held.offered.is_none());
    let left: bool = db
        .query_row(
            "SELECT offered IS NULL AND offer IS NULL FROM record",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(left);
}
