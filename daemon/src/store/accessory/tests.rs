use belay_drivers::{ActivityMinute, Key, Kind, Reading};
use belay_proto::secret::Secret;
use rusqlite::Connection;

use super::*;
use crate::store::migrations;

pub(super) const DAY: u64 = 86_400;

pub(super) fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    migrations::run(&mut connection, migrations::ALL).unwrap();
    connection
}

pub(super) fn sealer() -> Sealer {
    Sealer::new(&Secret::new([7; 32]))
}

pub(super) fn within<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> T {
    let transaction = connection.transaction().unwrap();
    let answer = work(&transaction).unwrap();
    transaction.commit().unwrap();
    answer
}

fn band() -> Saved {
    Saved {
        id: AccessoryId::random(),
        kind: Kind::MiBand2,
        address: "C8:47:8C:C0:95:89".parse().unwrap(),
        name: "MI Band 2".into(),
        serial: "0123456789AB".into(),
        key: Some(Key::new([9; 16])),
        synced_to: 0,
        synced_at: 0,
    }
}

/// A band of somebody's on the disk.
pub(super) fn saved(db: &Connection, sealer: &Sealer) -> AccessoryId {
    let band = band();
    save(db, sealer, AccountId::random(), &band).unwrap();
    band.id
}

pub(super) fn minutes(from: u64, count: u64) -> Vec<ActivityMinute> {
    let minute = |index| ActivityMinute {
        start: from + index * 60,
        kind: 1,
        intensity: 20,
        steps: u8::try_from(index % 100).unwrap(),
        heart_rate: 255,
    };
    (0..count).map(minute).collect()
}

#[test]
fn an_accessory_is_read_as_it_was_saved_and_only_by_its_account() {
    let (db, sealer) = (database(), sealer());
    let (mine, other) = (AccountId::random(), AccountId::random());
    let band = band();
    save(&db, &sealer, mine, &band).unwrap();
    assert_eq!(load(&db, &sealer, mine).unwrap(), std::slice::from_ref(&band));
    assert_eq!(load(&db, &sealer, other).unwrap(), []);
    remove(&db, band.id).unwrap();
    assert_eq!(load(&db, &sealer, mine).unwrap(), []);
}

#[test]
fn a_row_that_cannot_be_read_hides_no_other() {
    let (db, sealer) = (database(), sealer());
    let account = AccountId::random();
    let all = [band(), band(), band()];
    for band in &all {
        save(&db, &sealer, account, band).unwrap();
    }
    let spoil = |what: &str, id: AccessoryId| db.execute(what, [id.as_bytes()]).unwrap();
    spoil("UPDATE accessory SET sealed = x'00' WHERE id = ?1", all[0].id);
    spoil(
        "UPDATE accessory SET sealed = substr(sealed, 2) WHERE id = ?1",
        all[1].id,
    );
    assert_eq!(
        load(&db, &sealer, account).unwrap(),
        std::slice::from_ref(&all[2])
    );
    assert!(find(&db, &sealer, account, all[0].id).is_err());
}

#[test]
fn neither_address_nor_key_nor_name_lies_on_the_disk_in_clear() {
    let (db, sealer) = (database(), sealer());
    save(&db, &sealer, AccountId::random(), &band()).unwrap();
    let sealed: Vec<u8> = db
        .query_row("SELECT sealed FROM accessory", [], |row| row.get(0))
        .unwrap();
    for clear in ["C8:47", "MI Band", "0123456789AB", "0909"] {
        assert!(!sealed.windows(clear.len()).any(|part| part == clear.as_bytes()));
    }
}

#[test]
fn a_transfer_over_midnight_is_stored_once_however_often_it_comes() {
    let (mut db, sealer) = (database(), sealer());
    let (account, band) = (AccountId::random(), band());
    save(&db, &sealer, account, &band).unwrap();
    let all = minutes(20_000 * DAY - 600, 20);
    assert_eq!(
        within(&mut db, |t| commit_minutes(t, &sealer, band.id, &all[..15])),
        15
    );
    assert_eq!(within(&mut db, |t| commit_minutes(t, &sealer, band.id, &all)), 5);
    assert_eq!(within(&mut db, |t| commit_minutes(t, &sealer, band.id, &all)), 0);
    let stored = activity(&db, &sealer, band.id, (0, u64::MAX), 1000).unwrap();
    assert_eq!(stored, all);
    assert_eq!(load(&db, &sealer, account).unwrap()[0].synced_to, all[19].start);
}

#[test]
fn how_far_a_history_goes_never_falls() {
    let (mut db, sealer) = (database(), sealer());
    let (account, band) = (AccountId::random(), band());
    save(&db, &sealer, account, &band).unwrap();
    within(&mut db, |t| {
        commit_minutes(t, &sealer, band.id, &minutes(1_000_020, 5))
    });
    within(&mut db, |t| commit_minutes(t, &sealer, band.id, &minutes(60, 5)));
    assert_eq!(
        load(&db, &sealer, account).unwrap()[0].synced_to,
        1_000_020 + 4 * 60
    );
}

#[test]
fn minutes_that_a_clock_ahead_has_dated_give_way_to_those_that_were_lived() {
    let (mut db, sealer) = (database(), sealer());
    let (account, band) = (AccountId::random(), band());
    save(&db, &sealer, account, &band).unwrap();
    let first = 20_000 * DAY;
    within(&mut db, |t| {
        commit_minutes(t, &sealer, band.id, &minutes(first, 20))
    });
    within(&mut db, |t| mark(t, band.id, first + 9 * 60));
    let loaded = load(&db, &sealer, account).unwrap();
    assert_eq!(loaded[0].synced_to, first + 9 * 60);
    let walked = |minute| ActivityMinute { steps: 99, ..minute };
    let lived: Vec<_> = minutes(first, 15).into_iter().map(walked).collect();
    let new = within(&mut db, |t| commit_minutes(t, &sealer, band.id, &lived));
    assert_eq!(new, 0);
    let told = activity(&db, &sealer, band.id, (0, u64::MAX), 100).unwrap();
    assert_eq!(
        told[..10],
        minutes(first, 10),
        "what counts as stored stays as it is"
    );
    assert_eq!(told[10..15], lived[10..]);
    assert_eq!(told[15..], minutes(first, 20)[15..]);
}

#[test]
fn activity_is_read_within_its_bounds() {
    let (mut db, sealer) = (database(), sealer());
    let id = saved(&db, &sealer);
    let all = minutes(20_000 * DAY, 3000);
    within(&mut db, |t| commit_minutes(t, &sealer, id, &all));
    let (from, to) = (20_000 * DAY + 60, 20_001 * DAY + 120);
    let read = activity(&db, &sealer, id, (from, to), 10_000).unwrap();
    assert_eq!(read, all[1..1442]);
    assert_eq!(activity(&db, &sealer, id, (from, to), 7).unwrap(), all[1..8]);
    assert_eq!(activity(&db, &sealer, id, (to, from), 7).unwrap(), []);
}

#[test]
fn the_newest_reading_of_each_quantity_is_found() {
    let (mut db, sealer) = (database(), sealer());
    let id = saved(&db, &sealer);
    let readings = [
        (DAY + 5, Reading::Weight(70.0)),
        (DAY + 5, Reading::Impedance(500.0)),
        (3 * DAY, Reading::Weight(71.0)),
    ];
    assert_eq!(within(&mut db, |t| commit_readings(t, &sealer, id, &readings)), 3);
    assert_eq!(within(&mut db, |t| commit_readings(t, &sealer, id, &readings)), 0);
    let newest = newest_readings(&db, &sealer, id, 7, 3 * DAY).unwrap();
    assert_eq!(newest, [readings[2], readings[1]]);
}

#[test]
fn keys_are_forgotten_apart_from_what_was_measured() {
    let (mut db, sealer) = (database(), sealer());
    let (account, band) = (AccountId::random(), band());
    save(&db, &sealer, account, &band).unwrap();
    within(&mut db, |t| commit_minutes(t, &sealer, band.id, &minutes(60, 5)));
    forget_keys(&db).unwrap();
    assert_eq!(load(&db, &sealer, account).unwrap(), []);
    assert_eq!(activity(&db, &sealer, band.id, (0, DAY), 100).unwrap().len(), 5);
    forget_data(&db).unwrap();
    assert_eq!(activity(&db, &sealer, band.id, (0, DAY), 100).unwrap(), []);
}

#[test]
fn a_record_moved_to_another_day_is_not_taken_for_that_days() {
    let (mut db, sealer) = (database(), sealer());
    let id = saved(&db, &sealer);
    within(&mut db, |t| commit_minutes(t, &sealer, id, &minutes(60, 5)));
    db.execute("UPDATE health_day SET day = 1", []).unwrap();
    assert!(matches!(
        activity(&db, &sealer, id, (0, 2 * DAY), 100),
        Err(StoreError::Sealed { .. })
    ));
}

#[test]
fn nothing_is_measured_by_an_accessory_that_was_forgotten() {
    let (mut db, sealer) = (database(), sealer());
    let id = saved(&db, &sealer);
    within(&mut db, |t| commit_minutes(t, &sealer, id, &minutes(60, 5)));
    forget_keys(&db).unwrap();
    forget_data(&db).unwrap();
    let transaction = db.transaction().unwrap();
    let late = commit_minutes(&transaction, &sealer, id, &minutes(600, 5));
    assert!(matches!(late, Err(StoreError::Forgotten { .. })), "{late:?}");
    let late = commit_readings(&transaction, &sealer, id, &[(60, Reading::Weight(70.0))]);
    assert!(matches!(late, Err(StoreError::Forgotten { .. })), "{late:?}");
    transaction.commit().unwrap();
    assert_eq!(activity(&db, &sealer, id, (0, DAY), 100).unwrap(), []);
}
