use rusqlite::Connection;

use super::*;
use crate::store::migrations;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    migrations::run(&mut connection, migrations::ALL).unwrap();
    connection
}

fn within<T>(connection: &mut Connection, work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> T {
    let transaction = connection.transaction().unwrap();
    let answer = work(&transaction).unwrap();
    transaction.commit().unwrap();
    answer
}

/// What is in the outbox, in order.
fn letters(connection: &Connection) -> Vec<(LetterKind, Vec<u8>)> {
    let mut statement = connection
        .prepare("SELECT kind, body FROM find_outbox ORDER BY number")
        .unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .unwrap();
    rows.map(|row| {
        let (kind, body) = row.unwrap();
        (LetterKind::parse(&kind).unwrap(), body)
    })
    .collect()
}

#[test]
fn another_binding_finds_nothing_of_the_one_before() {
    let mut db = database();
    let (one, two) = (Epoch::random(), Epoch::random());
    within(&mut db, |t| adopt(t, one));
    within(&mut db, |t| {
        set_cursor(t, one, 7)?;
        keep_outcomes(t, one, 3, &[(CommandId::new(), b"a".to_vec())])?;
        put_report(t, ReportId::new(), b"b")?;
        set_heartbeat(
            t,
            &[1; 16],
            HeartbeatRow {
                interval: Duration::from_secs(240),
                too_long: None,
            },
        )
    });
    let row = within(&mut db, |t| adopt(t, one));
    assert_eq!((row.cursor, row.sequence), (7, 3));
    assert_eq!(within(&mut db, |t| adopt(t, two)), FindRow::default());
    assert_eq!(letters(&db), []);
    assert_eq!(heartbeat(&db, &[1; 16]).unwrap(), None);
    // What was under way for the old binding comes too late.
    within(&mut db, |t| {
        set_cursor(t, one, 9)?;
        keep_outcomes(t, one, 9, &[(CommandId::new(), b"a".to_vec())])?;
        put_state(t, one, "x", 1, b"s")
    });
    assert_eq!(within(&mut db, |t| adopt(t, two)), FindRow::default());
    assert_eq!(letters(&db), []);
}

#[test]
fn outcomes_that_were_kept_are_not_kept_twice() {
    let mut db = database();
    let epoch = Epoch::random();
    let outcome = [(CommandId::new(), b"a".to_vec())];
    within(&mut db, |t| adopt(t, epoch));
    for _ in 0..2 {
        within(&mut db, |t| keep_outcomes(t, epoch, 1, &outcome));
    }
    assert_eq!(letters(&db), [(LetterKind::Outcome, b"a".to_vec())]);
}

#[test]
fn letters_leave_in_the_order_they_were_put_and_the_newest_state_alone_is_kept() {
    let mut db = database();
    let epoch = Epoch::random();
    within(&mut db, |t| adopt(t, epoch));
    within(&mut db, |t| {
        put_state(t, epoch, "one", 1, b"s1")?;
        put_report(t, ReportId::new(), b"r")?;
        put_state(t, epoch, "two", 2, b"s2")?;
        keep_outcomes(t, epoch, 5, &[(CommandId::new(), b"o".to_vec())])
    });
    let row = within(&mut db, |t| adopt(t, epoch));
    assert_eq!((row.reported.as_str(), row.reported_at), ("two", 2));
    for expected in [&b"r"[..], b"s2", b"o"] {
        let letter = next(&db).unwrap().unwrap();
        assert_eq!(letter.body, expected);
        delivered(&db, letter.number, &letter.id).unwrap();
    }
    assert_eq!(next(&db).unwrap(), None);
}

#[test]
fn a_letter_that_took_anothers_number_survives_the_others_delivery() {
    let mut db = database();
    let epoch = Epoch::random();
    within(&mut db, |t| adopt(t, epoch));
    within(&mut db, |t| put_state(t, epoch, "one", 1, b"s1"));
    let old = next(&db).unwrap().unwrap();
    within(&mut db, |t| put_state(t, epoch, "two", 2, b"s2"));
    assert_eq!(next(&db).unwrap().unwrap().number, old.number);
    delivered(&db, old.number, &old.id).unwrap();
    assert_eq!(next(&db).unwrap().unwrap().body, b"s2");
}

#[test]
fn reports_are_bounded_and_the_newest_stay() {
    let mut db = database();
    let first = ReportId::new();
    within(&mut db, |t| put_report(t, first, b"first"));
    within(&mut db, |t| put_report(t, first, b"again"));
    assert_eq!(letters(&db), [(LetterKind::Report, b"first".to_vec())]);
    within(&mut db, |t| {
        (0..MOST_REPORTS).try_for_each(|n| put_report(t, ReportId::new(), &n.to_be_bytes()))
    });
    let kept = letters(&db);
    assert_eq!(kept.len(), MOST_REPORTS as usize);
    assert_eq!(kept[0].1, 0_u32.to_be_bytes());
}

#[test]
fn too_many_outcomes_lose_those_that_a_later_one_has_overtaken_and_no_other() {
    let mut db = database();
    let epoch = Epoch::random();
    within(&mut db, |t| adopt(t, epoch));
    let (busy, quiet) = (CommandId::new(), CommandId::new());
    within(&mut db, |t| keep_outcomes(t, epoch, 1, &[(quiet, b"q".to_vec())]));
    let many: Vec<_> = (0..MOST_OUTCOMES + 10)
        .map(|n| (busy, n.to_be_bytes().to_vec()))
        .collect();
    within(&mut db, |t| keep_outcomes(t, epoch, 2, &many));
    let kept = letters(&db);
    assert_eq!(kept.len(), MOST_OUTCOMES as usize);
    assert_eq!(kept[0].1, b"q", "a command's last outcome stays");
    assert_eq!(kept[1].1, 11_u32.to_be_bytes());
    assert_eq!(kept.last().unwrap().1, (MOST_OUTCOMES + 9).to_be_bytes());
}

#[test]
fn networks_are_bounded_and_the_last_used_stay() {
    let mut db = database();
    let row = |secs| HeartbeatRow {
        interval: Duration::from_secs(secs),
        too_long: Some(Duration::from_secs(secs * 2)),
    };
    for n in 0..=u8::try_from(MOST_NETWORKS).unwrap() {
        within(&mut db, |t| set_heartbeat(t, &[n; 16], row(60 + u64::from(n))));
        within(&mut db, |t| set_heartbeat(t, &[0; 16], row(300)));
    }
    assert_eq!(heartbeat(&db, &[0; 16]).unwrap(), Some(row(300)));
    assert_eq!(heartbeat(&db, &[1; 16]).unwrap(), None);
    assert_eq!(heartbeat(&db, &[2; 16]).unwrap(), Some(row(62)));
}

#[test]
fn a_number_that_no_column_holds_is_refused() {
    let mut db = database();
    let epoch = Epoch::random();
    within(&mut db, |t| adopt(t, epoch));
    assert!(matches!(
        set_cursor(&db, epoch, u64::MAX),
        Err(StoreError::Malformed { .. })
    ));
}
