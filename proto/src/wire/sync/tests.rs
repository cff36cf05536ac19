//! The bytes of sync's bodies.

use super::*;

fn record() -> SyncRecord {
    SyncRecord {
        collection: CollectionId::from_bytes([1; 16]),
        id: RecordId::from_bytes([2; 16]),
        revision: Revision::of(b"sealed"),
        key_epoch: 1,
        removed: false,
        chunks: vec![ChunkId::from_bytes([3; 32])],
        sealed: b"sealed".to_vec().into(),
    }
}

#[test]
fn a_push_comes_back_as_it_was() {
    let push = PushRequest {
        cursor: Some("1.7".to_owned()),
        records: vec![PushRecord {
            base: Some(Revision::of(b"before")),
            record: record(),
        }],
    };
    let bytes = rmp_serde::to_vec_named(&push).unwrap();
    assert_eq!(rmp_serde::from_slice::<PushRequest>(&bytes).unwrap(), push);
    // "sealed" => bin 8, six bytes: base64 or an array of numbers would be another contract.
    let field = b"\xa6sealed\xc4\x06sealed";
    assert!(
        bytes.windows(field.len()).any(|part| part == field),
        "{bytes:02x?}"
    );
}

#[test]
fn an_answer_comes_back_as_it_was() {
    let conflict = PushResult {
        current: Some(record()),
        ..PushStatus::Conflict.into()
    };
    let answer = PushAnswer {
        results: vec![PushStatus::Ok.into(), conflict],
        cursor: "1.9".to_owned(),
        contiguous: true,
        quota: Quota { used: 1, total: 2 },
    };
    let bytes = rmp_serde::to_vec_named(&answer).unwrap();
    assert_eq!(rmp_serde::from_slice::<PushAnswer>(&bytes).unwrap(), answer);
}

#[test]
fn an_id_of_another_length_is_refused() {
    let bytes = rmp_serde::to_vec_named(&MissingChunk {
        id: ChunkId::from_bytes([3; 32]),
        offset: 0,
    })
    .unwrap();
    let short = [&b"\x82\xa2id\xc4\x1f"[..], &[3; 31], b"\xa6offset\x00"].concat();
    assert!(rmp_serde::from_slice::<MissingChunk>(&bytes).is_ok());
    assert!(rmp_serde::from_slice::<MissingChunk>(&short).is_err());
}
