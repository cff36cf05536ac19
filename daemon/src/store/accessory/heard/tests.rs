use belay_drivers::{ActivityMinute, Reading};
use belay_proto::id::DeviceId;
use belay_proto::secret::Secret;
use belay_proto::sync::Attributes;
use belay_sync::record::{self, Body, Edited, Held, New};

use super::*;
use crate::store::accessory::tests::{DAY, database, minutes, saved, sealer, within};
use crate::store::accessory::{activity, commit_minutes, commit_readings, newest_readings, unshared};

/// The days of all tests.
const FIRST: u64 = 20_000;

/// A record of a day.
fn record(day: Day, device: u8, bytes: Vec<u8>) -> (RecordId, Held) {
    let new = New {
        natural: day.natural(DeviceId::from_bytes([device; 16])),
        kind: day.kind(),
        attributes: Attributes::default(),
        body: Body::Short(Secret::new(bytes)),
    };
    let Edited::Stored(held) = record::put(None, 0, new, 5) else {
        panic!("a new record is stored")
    };
    (RecordId::from_bytes([device; 16]), *held)
}

fn of_minutes(accessory: AccessoryId, device: u8, all: &[ActivityMinute]) -> (RecordId, Held) {
    let mut packed = Minutes::default();
    for minute in all {
        packed.put(minute);
    }
    let day = Day {
        accessory,
        day: FIRST,
        what: What::Minutes,
    };
    record(day, device, packed.encode())
}

fn of_readings(accessory: AccessoryId, day: u64, device: u8, all: &[(u64, Reading)]) -> (RecordId, Held) {
    let mut packed = Readings::default();
    for (second, reading) in all {
        packed.put(*second, *reading);
    }
    let what = What::Readings;
    record(Day { accessory, day, what }, device, packed.encode())
}

/// A record comes.
fn comes(db: &mut Connection, (id, held): &(RecordId, Held)) {
    within(db, |transaction| {
        sync::ensure(transaction, HEALTH)?;
        sync::put(transaction, &sealer(), HEALTH, id, held)
    });
}

fn day(db: &Connection, id: AccessoryId) -> Vec<ActivityMinute> {
    let span = (FIRST * DAY, (FIRST + 1) * DAY);
    activity(db, &sealer(), id, span, 10_000).unwrap()
}

#[test]
fn minutes_of_other_devices_fill_gaps_of_a_day_and_double_none() {
    let (mut db, sealer) = (database(), sealer());
    let id = saved(&db, &sealer);
    let all = minutes(FIRST * DAY, 30);
    let mut theirs = all[5..25].to_vec();
    // They say something else of a minute that is here.
    theirs[0].steps = 99;
    within(&mut db, |t| commit_minutes(t, &sealer, id, &all[..10]));
    comes(&mut db, &of_minutes(id, 1, &theirs));
    comes(&mut db, &of_minutes(id, 1, &theirs));
    comes(&mut db, &of_minutes(id, 2, &all[20..]));
    assert_eq!(day(&db, id), all);
    let some = activity(&db, &sealer, id, (all[3].start, all[23].start), 7).unwrap();
    assert_eq!(some, all[3..10]);
    let shared: Vec<_> = unshared(&db, &sealer, 9).unwrap();
    let [mine] = shared.as_slice() else {
        panic!("{shared:?}")
    };
    let mine = Minutes::decode(mine.bytes.expose()).unwrap();
    assert_eq!(
        mine.iter(FIRST).collect::<Vec<_>>(),
        all[..10],
        "what others shared isn't shared again"
    );
}

#[test]
fn a_day_that_comes_before_its_accessory_is_there_until_its_record_is_removed_or_forgotten() {
    let mut db = database();
    let (id, other) = (AccessoryId::random(), AccessoryId::random());
    let all = minutes(FIRST * DAY, 30);
    let came = of_minutes(id, 1, &all);
    comes(&mut db, &came);
    comes(&mut db, &of_minutes(other, 2, &all[..3]));
    assert_eq!((day(&db, id), day(&db, other)), (all.clone(), all[..3].to_vec()));
    let revision = came.1.revision;
    let Edited::Stored(removed) = record::remove(Some(of_minutes(id, 1, &all).1), revision, 6) else {
        panic!("it is removed")
    };
    comes(&mut db, &(came.0, *removed));
    assert_eq!((day(&db, id), day(&db, other)), (Vec::new(), all[..3].to_vec()));
    comes(&mut db, &came);
    sync::forget(&db).unwrap();
    let left: u64 = db
        .query_row("SELECT count(*) FROM health_heard", [], |row| row.get(0))
        .unwrap();
    assert_eq!((day(&db, id), left), (Vec::new(), 0));
}

#[test]
fn the_newest_readings_are_those_of_all_devices_but_none_of_a_day_to_come() {
    let (mut db, sealer) = (database(), sealer());
    let id = saved(&db, &sealer);
    let now = FIRST * DAY;
    let newest = |db: &Connection| newest_readings(db, &sealer, id, 7, now).unwrap();
    let (mine, theirs) = (
        (now + 5, Reading::Weight(70.0)),
        (now + 9, Reading::HeartRate(60)),
    );
    within(&mut db, |t| commit_readings(t, &sealer, id, &[mine]));
    let same = (now + 5, Reading::Weight(99.0));
    comes(&mut db, &of_readings(id, FIRST, 1, &[same, theirs]));
    assert_eq!(newest(&db), [theirs, mine]);
    let ahead = (now + 2 * DAY, Reading::Weight(1.0));
    comes(&mut db, &of_readings(id, FIRST + 2, 2, &[ahead]));
    assert_eq!(newest(&db), [theirs, mine]);
    let next = (now + DAY, Reading::Weight(71.0));
    comes(&mut db, &of_readings(id, FIRST + 1, 3, &[next]));
    assert_eq!(newest(&db), [next, theirs]);
}

#[test]
fn a_row_that_points_to_another_day_or_accessory_brings_nothing() {
    let mut db = database();
    let id = AccessoryId::random();
    comes(&mut db, &of_minutes(id, 1, &minutes(FIRST * DAY, 3)));
    let other = AccessoryId::random();
    db.execute("UPDATE health_heard SET accessory = ?1", [other.as_bytes()])
        .unwrap();
    assert_eq!(day(&db, other), []);
    let moved = format!("UPDATE health_heard SET accessory = ?1, day = {}", FIRST + 1);
    db.execute(&moved, [id.as_bytes()]).unwrap();
    let span = (0, u64::MAX);
    assert_eq!(activity(&db, &sealer(), id, span, 9).unwrap(), []);
}

#[test]
fn no_more_is_read_of_other_devices_than_an_account_has() {
    let mut db = database();
    let (id, all) = (AccessoryId::random(), minutes(FIRST * DAY, 30));
    for device in 0..30 {
        comes(&mut db, &of_minutes(id, device, &all[usize::from(device)..][..1]));
    }
    assert_eq!(day(&db, id), all[..MOST_A_DAY]);
    let sealer = sealer();
    let mut reader = Reader::new(&db, &sealer, id);
    reader.left = 1;
    let (first, second) = (RecordId::from_bytes([0; 16]), RecordId::from_bytes([1; 16]));
    let mut read = Minutes::default();
    reader.add_minutes(&mut read, FIRST, &[first, second]).unwrap();
    assert_eq!(read.iter(FIRST).count(), 1, "what is read is bounded");
}
