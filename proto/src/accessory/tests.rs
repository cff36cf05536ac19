use proptest::prelude::*;

use super::*;
use crate::padding::END;
use crate::seal::seal_record;

fn record(name: &str) -> AccessoryRecord {
    AccessoryRecord {
        revision: 7,
        changed_at: 1_800_000_000,
        accessory: Some(SharedAccessory {
            kind: "mi-band-2".to_owned(),
            address: "C1:02:03:04:05:06".to_owned(),
            name: name.to_owned(),
            serial: "0123".to_owned(),
            key: Some(Secret::new(vec![9; 16])),
        }),
    }
}

fn ids() -> AccessoryIds {
    AccessoryIds {
        account: AccountId::from_bytes([1; 16]),
        accessory: AccessoryId::from_bytes([2; 16]),
        key_epoch: 3,
    }
}

fn key() -> Secret<[u8; 32]> {
    Secret::new([5; 32])
}

#[test]
fn a_record_opens_as_it_was_sealed() {
    let sealed = record("Band").seal(&key(), &ids()).unwrap();
    let opened = AccessoryRecord::open(&key(), &ids(), &sealed).unwrap();
    assert_eq!((opened.revision, opened.changed_at), (7, 1_800_000_000));
    let accessory = opened.accessory.unwrap();
    assert_eq!(accessory.encode(), record("Band").accessory.unwrap().encode());
    let gone = AccessoryRecord {
        accessory: None,
        ..record("")
    };
    let sealed = gone.seal(&key(), &ids()).unwrap();
    assert!(
        AccessoryRecord::open(&key(), &ids(), &sealed)
            .unwrap()
            .accessory
            .is_none()
    );
}

#[test]
fn a_record_opens_for_nobody_elses_account_accessory_epoch_or_key() {
    let sealed = record("Band").seal(&key(), &ids()).unwrap();
    let mut others = [ids(); 3];
    others[0].account = AccountId::from_bytes([9; 16]);
    others[1].accessory = AccessoryId::from_bytes([9; 16]);
    others[2].key_epoch = 4;
    for other in others {
        let opened = AccessoryRecord::open(&key(), &other, &sealed);
        assert_eq!(
            opened.unwrap_err(),
            AccessoryRecordError::Sealed(SealError::Refused)
        );
    }
    let another = Secret::new([6; 32]);
    assert!(AccessoryRecord::open(&another, &ids(), &sealed).is_err());
    for at in [0, 1, 40, 60, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(
            AccessoryRecord::open(&key(), &ids(), &changed).is_err(),
            "byte {at}"
        );
    }
}

#[test]
fn neither_a_name_nor_an_unpairing_can_be_told_by_the_length() {
    let length = |record: AccessoryRecord| record.seal(&key(), &ids()).unwrap().len();
    let removed = AccessoryRecord {
        accessory: None,
        ..record("")
    };
    let lengths = [
        length(record("")),
        length(record("Mi Band 2")),
        length(record(&"x".repeat(248))),
        length(removed),
    ];
    assert!(lengths.iter().all(|one| *one == lengths[0]), "{lengths:?}");
    assert_eq!(
        record(&"x".repeat(5000)).seal(&key(), &ids()).unwrap_err(),
        AccessoryRecordError::TooLong
    );
}

#[test]
fn what_was_sealed_and_is_no_record_is_refused() {
    let padded = |content: &[u8], length: usize| {
        let mut bytes = content.to_vec();
        bytes.push(END);
        bytes.resize(length, 0);
        bytes
    };
    let whole = record("Band").plaintext();
    let content = &whole.expose()[..whole.expose().iter().rposition(|byte| *byte == END).unwrap()];
    assert!(AccessoryRecord::read(&padded(content, PADDED)).is_ok());
    for bad in [
        Vec::new(),
        vec![0; PADDED],
        vec![1; PADDED],
        content.to_vec(),
        padded(content, PADDED - 1),
        padded(content, 2 * PADDED),
        padded(&content[1..], PADDED),
        padded(b"", PADDED),
    ] {
        let sealed = seal_record(&key(), &ids().record(), &bad);
        assert_eq!(
            AccessoryRecord::open(&key(), &ids(), &sealed).unwrap_err(),
            AccessoryRecordError::Malformed
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_open(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        prop_assert!(AccessoryRecord::open(&Secret::new(random()), &ids(), &bytes).is_err());
        // Nor does a plaintext of the account's own other devices do harm.
        let _ = AccessoryRecord::read(&bytes);
    }
}
