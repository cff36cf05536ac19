//! Whatever a content holds, and whatever lies at the cloud.

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

use super::{chunk, content, keys};
use crate::padding::{pad, padded};
use crate::seal::{RecordIds, seal_record};
use crate::secret::Secret;
use crate::sync::content::{LONGEST_INLINE, MOST_CHANGES};
use crate::sync::{
    Ancestors, Attributes, CHUNK, ChunkId, ChunkRef, Chunks, CollectionKeys, Content, Encoding, Revision,
};

/// What a content consists of: encoding, length, body, chunks, removed.
type Shape = (Encoding, u64, Vec<u8>, Vec<ChunkRef>, bool);

fn shape() -> impl Strategy<Value = Shape> {
    let chunk =
        (any::<[u8; 32]>(), 0..=CHUNK as u64, any::<u64>()).prop_map(|(id, length, key_epoch)| ChunkRef {
            id: ChunkId::from_bytes(id),
            length,
            key_epoch,
        });
    let body = prop_oneof![
        4 => vec(any::<u8>(), 0..600),
        1 => (0..280_000_usize, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ];
    prop_oneof![
        Just((Encoding::Identity, 0, vec![], vec![], true)),
        body.clone()
            .prop_map(|body| (Encoding::Identity, body.len() as u64, body, vec![], false)),
        (body, 0..=LONGEST_INLINE).prop_map(|(body, length)| (Encoding::Zstd, length, body, vec![], false)),
        vec(chunk, 1..300).prop_map(|chunks| {
            let length = chunks.iter().map(|chunk| chunk.length).sum();
            (Encoding::Identity, length, vec![], chunks, false)
        }),
    ]
}

fn anything() -> impl Strategy<Value = Content> {
    let ancestors = vec(any::<[u8; 16]>(), 0..20).prop_map(|revisions| {
        let with = |ancestors: Ancestors, revision| ancestors.with(&Revision::from_bytes(revision));
        revisions.into_iter().fold(Ancestors::default(), with)
    });
    let made_of = (ancestors, of(any::<[u8; 16]>()));
    let texts = (".{0,40}", ".{0,40}", btree_map(".{0,8}", ".{0,40}", 0..6));
    (1..=MOST_CHANGES, any::<u64>(), texts, made_of, shape()).prop_map(
        |(number, changed_at, texts, (ancestors, renews), shape)| {
            let (natural, kind, attributes) = texts;
            let (encoding, length, body, chunks, removed) = shape;
            Content {
                number,
                changed_at,
                natural,
                kind,
                ancestors,
                renews: renews.map(Revision::from_bytes),
                removed,
                attributes: Attributes(attributes),
                encoding,
                length,
                body: Secret::new(body),
                chunks: Chunks(chunks),
            }
        },
    )
}

/// Seals what isn't judged before, as a device with the key might.
fn sealed(keys: &CollectionKeys, natural: &str, plaintext: &[u8]) -> Vec<u8> {
    let id = keys.record_id(natural);
    let ids = RecordIds {
        account: keys.account(),
        collection: keys.name(),
        id: id.as_bytes(),
        kind: "record",
        key_epoch: 2,
    };
    seal_record(&Secret::new([2; 32]), &ids, plaintext)
}

/// What opens is the one encoding of what was sealed.
fn opens_as_itself(keys: &CollectionKeys, natural: &str, plaintext: &[u8]) -> Result<(), TestCaseError> {
    let padded = pad(plaintext.to_vec(), padded(plaintext.len()));
    let bytes = sealed(keys, natural, padded.expose());
    if let Ok(content) = Content::open(keys, &keys.record_id(natural), 2, &bytes) {
        prop_assert_eq!(content.encode(), plaintext);
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_a_content_holds_comes_back(content in anything()) {
        let keys = keys();
        let record = content.seal(&keys).unwrap();
        let id = keys.record_id(&content.natural);
        let opened = Content::open(&keys, &id, record.key_epoch, &record.sealed).unwrap();
        prop_assert_eq!(opened.encode(), content.encode());
        prop_assert_eq!(record.revision, Revision::of(&record.sealed));
    }

    #[test]
    fn whatever_lies_at_the_cloud_doesnt_open(bytes in vec(any::<u8>(), 0..700)) {
        let keys = keys();
        prop_assert!(Content::open(&keys, &keys.record_id("uid-1"), 2, &bytes).is_err());
        prop_assert!(keys.open_chunk(&chunk(5), bytes.as_slice(), |_, _| None).is_err());
    }

    #[test]
    fn whatever_was_sealed_is_refused_or_read_without_a_panic(plaintext in vec(any::<u8>(), 0..700)) {
        let keys = keys();
        let bytes = sealed(&keys, "uid-1", &plaintext);
        prop_assert!(Content::open(&keys, &keys.record_id("uid-1"), 2, &bytes).is_err());
        opens_as_itself(&keys, "uid-1", &plaintext)?;
    }

    #[test]
    fn a_changed_content_is_refused_or_read_as_it_is(
        content in anything(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let (keys, mut plaintext) = (keys(), content.encode());
        *at.get_mut(&mut plaintext) = byte;
        opens_as_itself(&keys, &content.natural, &plaintext)?;
    }

    #[test]
    fn a_changed_byte_at_the_cloud_is_found(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let keys = keys();
        let mut bytes = content(b"BEGIN:VCARD").seal(&keys).unwrap().sealed;
        *at.get_mut(&mut bytes) ^= 1 << bit;
        prop_assert!(Content::open(&keys, &keys.record_id("uid-1"), 2, &bytes).is_err());
    }
}
