//! What lies at the cloud as a record, and what a device with the key might have sealed as one.

#![no_main]

use belay_proto::padding::padded;
use belay_proto::seal::{RecordIds, seal_record};
use belay_proto::sync::Content;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(keys) = belay_fuzz::collection_keys() else {
        return;
    };
    // The natural name of a content that isn't there yet is empty.
    let id = keys.record_id("");
    let open = |sealed: &[u8]| Content::open(&keys, &id, 1, sealed).map(|content| content.encode());
    assert!(open(data).is_err(), "sealed without the key");
    let ids = RecordIds {
        account: keys.account(),
        collection: keys.name(),
        id: id.as_bytes(),
        kind: "record",
        key_epoch: 1,
    };
    let seal = |plaintext: &[u8]| seal_record(&belay_fuzz::collection_key(), &ids, plaintext);
    let mut plaintext = data.to_vec();
    plaintext.push(0x80);
    plaintext.resize(padded(data.len()), 0);
    // Another form of padding than the documented one is refused, so only one of the two can open.
    if let Ok(encoded) = open(&seal(&plaintext)) {
        assert_eq!(encoded, data);
    }
    if let Ok(encoded) = open(&seal(data)) {
        assert!(data.starts_with(&encoded) && data.len() == padded(encoded.len()));
    }
    // Not bound to an id: reaches what lies behind that check.
    if let Ok(content) = Content::decode(data) {
        assert_eq!(content.encode(), data);
        if let Ok(record) = content.seal(&keys) {
            let id = keys.record_id(&content.natural);
            if let Ok(opened) = Content::open(&keys, &id, record.key_epoch, &record.sealed) {
                assert_eq!(opened.encode(), data);
            }
        }
    }
});
