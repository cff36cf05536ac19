use belay_drivers::{Key, Kind};
use belay_proto::secret::Secret;

use super::*;
use crate::store::migrations;

const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);
const NOW: u64 = 1_800_000_000;

struct Rig {
    db: Connection,
    sealer: Sealer,
}

fn rig() -> Rig {
    let mut db = Connection::open_in_memory().unwrap();
    migrations::run(&mut db, migrations::ALL).unwrap();
    Rig {
        db,
        sealer: Sealer::new(&Secret::new([7; 32])),
    }
}

fn id(number: u8) -> AccessoryId {
    AccessoryId::from_bytes([number; 16])
}

fn band(number: u8, key: u8) -> Saved {
    Saved {
        id: id(number),
        kind: Kind::MiBand2,
        address: belay_drivers::Address([0xc8, 0, 0, 0, 0, 1]),
        name: "Band".into(),
        serial: String::new(),
        key: Some(Key::new([key; 16])),
        synced_to: 0,
        synced_at: 0,
    }
}

fn record(number: u8, key: u8, revision: u64, changed_at: u64) -> Learned {
    Learned {
        id: id(number),
        revision,
        changed_at,
        accessory: Some(band(number, key)),
    }
}

fn removal(number: u8, revision: u64) -> Learned {
    Learned {
        accessory: None,
        ..record(number, 0, revision, NOW)
    }
}

impl Rig {
    fn within<T>(&mut self, work: impl FnOnce(&Transaction<'_>, &Sealer) -> Result<T, StoreError>) -> T {
        let transaction = self.db.transaction().unwrap();
        let answer = work(&transaction, &self.sealer).unwrap();
        transaction.commit().unwrap();
        answer
    }

    fn pairs(&mut self, saved: &Saved, now: u64) {
        self.within(|db, sealer| save(db, sealer, ACCOUNT, saved, now));
    }

    fn takes(&mut self, record: &Learned) -> Vec<Taken> {
        let records = std::slice::from_ref(record).to_vec();
        self.within(|db, sealer| take(db, sealer, ACCOUNT, &records))
    }

    fn lists(&mut self, present: &[(u8, u64)]) {
        let present = present.iter().map(|(number, revision)| (id(*number), *revision));
        let present = present.collect();
        self.within(|db, _| listed(db, ACCOUNT, &present));
    }

    fn next(&self) -> Option<Waiting> {
        next(&self.db, &self.sealer, ACCOUNT, &BTreeMap::new()).unwrap()
    }

    fn brings(&self) -> Waiting {
        let waiting = self.next().expect("something that waits");
        brought(&self.db, &waiting).unwrap();
        waiting
    }

    fn kept(&self) -> Vec<Saved> {
        accessory::load(&self.db, &self.sealer, ACCOUNT).unwrap()
    }
}

#[test]
fn a_pairing_waits_until_it_is_brought_and_the_same_again_is_no_news() {
    let mut rig = rig();
    rig.pairs(&band(1, 9), NOW);
    let waiting = rig.next().unwrap();
    assert_eq!((waiting.base, waiting.revision, waiting.changed_at), (0, 1, NOW));
    assert_eq!(waiting.accessory, Some(band(1, 9)));
    rig.brings();
    assert_eq!(rig.next(), None);
    rig.pairs(&band(1, 9), NOW + 1);
    let fetched = Saved {
        synced_to: 5,
        ..band(1, 9)
    };
    rig.pairs(&fetched, NOW + 1);
    assert_eq!(rig.next(), None);
    rig.pairs(&band(1, 8), NOW + 2);
    let again = rig.brings();
    assert_eq!((again.base, again.revision), (1, 2));
}

#[test]
fn a_change_made_while_the_one_before_is_on_its_way_still_waits() {
    let mut rig = rig();
    rig.pairs(&band(1, 9), NOW);
    let on_its_way = rig.next().unwrap();
    rig.within(|db, sealer| save_serial(db, sealer, ACCOUNT, id(1), "42".into(), NOW));
    brought(&rig.db, &on_its_way).unwrap();
    let then = rig.brings();
    assert_eq!((then.base, then.revision), (1, 2));
    assert_eq!(then.accessory.unwrap().serial, "42");
    rig.within(|db, sealer| save_serial(db, sealer, ACCOUNT, id(1), "42".into(), NOW));
    rig.within(|db, sealer| save_serial(db, sealer, ACCOUNT, id(2), "42".into(), NOW));
    assert_eq!(rig.next(), None, "the same, and one that isn't paired");
}

#[test]
fn what_the_cloud_refused_stays_aside_until_it_changes() {
    let mut rig = rig();
    rig.pairs(&band(1, 9), NOW);
    let waiting = rig.next().unwrap();
    let skipped = BTreeMap::from([(waiting.id, waiting.change)]);
    let ask = |rig: &Rig| next(&rig.db, &rig.sealer, ACCOUNT, &skipped).unwrap();
    assert_eq!(ask(&rig), None);
    rig.pairs(&band(1, 8), NOW);
    assert!(ask(&rig).is_some());
}

#[test]
fn an_unpairing_goes_first_and_nothing_brings_the_accessory_back() {
    let mut rig = rig();
    rig.pairs(&band(2, 9), NOW);
    rig.pairs(&band(1, 9), NOW);
    rig.within(|db, _| remove(db, ACCOUNT, id(1), NOW + 1));
    let waiting = rig.brings();
    assert_eq!(
        (waiting.id, waiting.accessory, waiting.revision),
        (id(1), None, 1)
    );
    rig.takes(&record(1, 9, 9, NOW + 99));
    rig.pairs(&band(1, 7), NOW + 99);
    assert_eq!(rig.kept(), [band(2, 9)]);
    // But its removal goes above whatever the cloud has.
    let again = rig.next().unwrap();
    assert_eq!(
        (again.id, again.base, again.revision, again.accessory),
        (id(1), 9, 10, None)
    );
}

#[test]
fn a_record_at_the_revision_of_a_removal_is_answered_by_one_above_it() {
    let mut rig = rig();
    rig.pairs(&band(1, 9), NOW);
    rig.within(|db, _| remove(db, ACCOUNT, id(1), NOW + 1));
    assert_eq!(rig.brings().revision, 1);
    assert_eq!(rig.takes(&record(1, 9, 1, NOW + 2)), [Taken::Unregistered(id(1))]);
    let again = rig.brings();
    assert_eq!((again.base, again.revision, again.accessory), (1, 2, None));
    assert_eq!(rig.takes(&record(1, 9, 1, NOW + 2)), [], "played back");
    assert_eq!((rig.kept(), rig.next()), (vec![], None));
}

#[test]
fn a_record_of_another_device_is_kept_with_what_was_fetched_here() {
    let mut rig = rig();
    assert_eq!(rig.takes(&record(1, 9, 3, NOW)), [Taken::Registered(band(1, 9))]);
    assert_eq!(rig.kept(), [band(1, 9)]);
    rig.within(|db, _| accessory::synced(db, id(1), 77));
    let after = Saved {
        synced_at: 77,
        ..band(1, 8)
    };
    assert_eq!(rig.takes(&record(1, 8, 4, NOW)), [Taken::Registered(after)]);
    for old in [
        record(1, 9, 3, NOW + 99),
        record(1, 9, 4, NOW + 99),
        removal(1, 4),
    ] {
        assert_eq!(rig.takes(&old), [], "played back");
    }
    assert_eq!(rig.next(), None, "it is there already");
    assert_eq!(rig.takes(&removal(1, 5)), [Taken::Unregistered(id(1))]);
    assert_eq!((rig.kept(), rig.next()), (vec![], None));
}

#[test]
fn of_two_changes_on_two_devices_the_later_stands() {
    for (theirs, stands) in [(NOW - 1, 8), (NOW + 1, 7)] {
        let mut rig = rig();
        rig.takes(&record(1, 9, 1, NOW - 9));
        rig.pairs(&band(1, 8), NOW);
        rig.takes(&record(1, 7, 2, theirs));
        assert_eq!(rig.kept()[0].key, Some(Key::new([stands; 16])));
        let waiting = rig.next();
        assert_eq!(waiting.is_some(), stands == 8);
        // And goes above theirs.
        assert!(waiting.is_none_or(|it| (it.base, it.revision) == (2, 3)));
    }
}

#[test]
fn of_two_pairings_of_one_band_the_later_stays_and_the_other_leaves_the_registry() {
    let mut rig = rig();
    rig.pairs(&band(1, 9), NOW);
    let taken = rig.takes(&record(2, 8, 1, NOW + 1));
    assert_eq!(taken, [Taken::Unregistered(id(1)), Taken::Registered(band(2, 8))]);
    assert_eq!(rig.kept(), [band(2, 8)]);
    let gone = rig.brings();
    assert_eq!((gone.id, gone.accessory), (id(1), None));
    assert_eq!(
        rig.takes(&record(3, 7, 1, NOW)),
        [Taken::Unregistered(id(3))],
        "an earlier one"
    );
    assert_eq!(rig.kept(), [band(2, 8)]);
    let gone = rig.brings();
    assert_eq!((gone.id, gone.base, gone.revision), (id(3), 1, 2));
}

#[test]
fn what_a_whole_list_lacks_is_brought_again_and_nothing_is_forgotten_for_it() {
    let mut rig = rig();
    rig.pairs(&band(1, 9), NOW);
    rig.brings();
    rig.within(|db, _| remove(db, ACCOUNT, id(2), NOW));
    rig.brings();
    rig.lists(&[(1, 1), (2, 1)]);
    assert_eq!(rig.next(), None);
    rig.lists(&[]);
    assert_eq!(rig.kept(), [band(1, 9)]);
    let again = rig.brings();
    assert_eq!((again.id, again.base, again.revision), (id(1), 0, 2));
    assert_eq!(
        rig.next(),
        None,
        "a removal that the cloud has forgotten stays so"
    );
    // An older one in its place.
    rig.lists(&[(1, 1)]);
    let again = rig.next().unwrap();
    assert_eq!((again.base, again.revision), (1, 3));
}

#[test]
fn a_change_goes_above_a_revision_that_the_cloud_alone_knows() {
    let mut rig = rig();
    rig.pairs(&band(1, 9), NOW);
    rig.brings();
    rig.lists(&[(1, 9)]);
    rig.pairs(&band(1, 8), NOW + 1);
    let waiting = rig.brings();
    assert_eq!((waiting.base, waiting.revision), (9, 10));
    rig.lists(&[(1, i64::MAX.unsigned_abs())]);
    rig.pairs(&band(1, 7), NOW + 2);
    let waiting = rig.next().unwrap();
    assert!(waiting.revision > waiting.base);
}

#[test]
fn nothing_is_left_of_a_registry_once_the_binding_has_ended() {
    let mut rig = rig();
    rig.pairs(&band(1, 9), NOW);
    rig.within(|db, _| remove(db, ACCOUNT, id(2), NOW));
    rig.within(|db, _| accessory::forget_keys(db));
    assert_eq!((rig.kept(), rig.next()), (vec![], None));
    let rows: i64 = rig
        .db
        .query_row("SELECT count(*) FROM accessory_registry", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 0);
}
