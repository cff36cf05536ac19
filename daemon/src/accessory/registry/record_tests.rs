use belay_drivers::Kind;
use belay_proto::id::AccessoryId;
use belay_proto::keys::random;

use super::*;

fn keys() -> EpochKeys {
    EpochKeys::new(vec![(1, Secret::new([1; 32])), (2, Secret::new([2; 32]))]).unwrap()
}

const ACCOUNT: AccountId = AccountId::from_bytes([7; 16]);

fn waiting() -> Waiting {
    let id = AccessoryId::from_bytes([3; 16]);
    Waiting {
        id,
        base: 4,
        revision: 5,
        changed_at: 1_800_000_000,
        accessory: Some(Saved {
            id,
            kind: Kind::MiBand3,
            address: "C8:47:8C:C0:95:89".parse().unwrap(),
            name: "Band".into(),
            serial: "42".into(),
            key: Some(Key::new([9; 16])),
            synced_to: 77,
            synced_at: 88,
        }),
        change: 1,
    }
}

/// As the cloud gives out what it was brought.
fn entry(request: AccessoryRequest) -> AccessoryEntry {
    AccessoryEntry {
        id: waiting().id,
        revision: request.revision,
        removed: request.removed,
        key_epoch: request.key_epoch,
        sealed: request.sealed,
    }
}

#[test]
fn what_one_device_seals_another_reads_but_for_how_far_it_has_fetched() {
    let request = seal(&keys(), ACCOUNT, &waiting()).unwrap();
    assert_eq!((request.base, request.revision, request.key_epoch), (4, 5, 2));
    let learned = open(&keys(), ACCOUNT, &entry(request)).unwrap();
    let saved = Saved {
        synced_to: 0,
        synced_at: 0,
        ..waiting().accessory.unwrap()
    };
    assert_eq!(learned.accessory, Some(saved));
    assert_eq!((learned.revision, learned.changed_at), (5, 1_800_000_000));
    let gone = Waiting {
        accessory: None,
        ..waiting()
    };
    let request = seal(&keys(), ACCOUNT, &gone).unwrap();
    assert!(request.removed);
    assert_eq!(open(&keys(), ACCOUNT, &entry(request)).unwrap().accessory, None);
}

#[test]
fn a_cloud_that_says_something_else_than_was_sealed_is_not_believed() {
    let whole = entry(seal(&keys(), ACCOUNT, &waiting()).unwrap());
    let change = |change: &dyn Fn(&mut AccessoryEntry)| {
        let mut changed = whole.clone();
        change(&mut changed);
        open(&keys(), ACCOUNT, &changed).unwrap_err()
    };
    assert_eq!(change(&|it| it.revision = 6), Unreadable::Mislabelled);
    assert_eq!(change(&|it| it.revision = 4), Unreadable::Mislabelled);
    assert_eq!(change(&|it| it.removed = true), Unreadable::Mislabelled);
    assert_eq!(change(&|it| it.key_epoch = 3), Unreadable::Epoch);
    for unsealed in [
        change(&|it| it.id = AccessoryId::random()),
        change(&|it| it.key_epoch = 1),
        change(&|it| it.sealed.0[60] ^= 1),
        change(&|it| it.sealed = random::<600>().to_vec().into()),
        change(&|it| it.sealed = vec![].into()),
        open(&keys(), AccountId::random(), &whole).unwrap_err(),
    ] {
        assert!(matches!(unsealed, Unreadable::Record(_)), "{unsealed}");
    }
}

#[test]
fn an_accessory_that_this_version_does_not_know_is_left_for_a_later_one() {
    let ids = AccessoryIds {
        account: ACCOUNT,
        accessory: waiting().id,
        key_epoch: 1,
    };
    let shared = |kind: &str, address: &str, key: usize| {
        let record = AccessoryRecord {
            revision: 1,
            changed_at: 1,
            accessory: Some(SharedAccessory {
                kind: kind.into(),
                address: address.into(),
                name: String::new(),
                serial: String::new(),
                key: Some(Secret::new(vec![0; key])),
            }),
        };
        let entry = AccessoryEntry {
            id: ids.accessory,
            revision: 1,
            removed: false,
            key_epoch: 1,
            sealed: record.seal(&Secret::new([1; 32]), &ids).unwrap().into(),
        };
        open(&keys(), ACCOUNT, &entry)
    };
    assert!(shared("mi-band-2", "C8:47:8C:C0:95:89", 16).is_ok());
    for unknown in [
        shared("mi-band-99", "C8:47:8C:C0:95:89", 16),
        shared("unknown", "C8:47:8C:C0:95:89", 16),
        shared("mi-band-2", "nowhere", 16),
        shared("mi-band-2", "C8:47:8C:C0:95:89", 1000),
    ] {
        assert_eq!(unknown.unwrap_err(), Unreadable::Unknown);
    }
}
