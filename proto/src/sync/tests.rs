//! Records and chunks open for their names alone.

use super::*;
use crate::keys::random;

mod anything;
mod packed;

/// Who decompresses nothing.
fn never(_: &[u8], _: u64) -> Option<Secret<Vec<u8>>> {
    None
}

fn keys_of(account: AccountId, name: &str) -> CollectionKeys {
    let keys = EpochKeys::new(vec![(1, Secret::new([1; 32])), (2, Secret::new([2; 32]))]).unwrap();
    CollectionKeys::new(account, name.to_owned(), keys, Secret::new([3; 32]))
}

fn keys() -> CollectionKeys {
    keys_of(AccountId::from_bytes([9; 16]), "contacts")
}

fn content(body: &[u8]) -> Content {
    Content {
        number: 4,
        changed_at: 1_790_000_000,
        natural: "uid-1".to_owned(),
        kind: "text/vcard".to_owned(),
        ancestors: Ancestors::default().with(&Revision::of(b"before")),
        renews: None,
        removed: false,
        attributes: Attributes([("mode".to_owned(), "0600".to_owned())].into()),
        encoding: Encoding::Identity,
        length: body.len() as u64,
        body: Secret::new(body.to_vec()),
        chunks: Chunks::default(),
    }
}

#[test]
fn a_record_opens_with_all_that_was_sealed() {
    let (keys, before) = (keys(), content(b"BEGIN:VCARD"));
    let sealed = before.seal(&keys).unwrap();
    assert_eq!(sealed.key_epoch, 2);
    let after = Content::open(&keys, &keys.record_id("uid-1"), 2, &sealed.sealed).unwrap();
    assert_eq!(after.encode(), before.encode());
}

#[test]
fn a_content_is_sealed_alike_each_time_and_another_with_another_salt() {
    let keys = keys();
    let salt = |content: Content| content.seal(&keys).unwrap().sealed[1..33].to_vec();
    assert_eq!(content(b"one").seal(&keys), content(b"one").seal(&keys));
    let mut later = content(b"one");
    later.number += 1;
    let mut elsewhere = content(b"one");
    elsewhere.natural = "uid-2".to_owned();
    let others = [content(b"two"), later, elsewhere].map(salt);
    for (index, other) in others.iter().enumerate() {
        assert_ne!(*other, salt(content(b"one")));
        assert!(!others[..index].contains(other));
    }
    let of_another = content(b"one").seal(&keys_of(AccountId::random(), "contacts"));
    assert_ne!(of_another.unwrap().sealed[1..33], salt(content(b"one")));
}

#[test]
fn a_record_opens_for_its_account_collection_id_and_epoch_alone() {
    let keys = keys();
    let sealed = content(b"x").seal(&keys).unwrap().sealed;
    let id = keys.record_id("uid-1");
    let others = [
        keys_of(AccountId::random(), "contacts"),
        keys_of(keys.account(), "notes"),
    ];
    for other in others {
        let id = other.record_id("uid-1");
        assert!(matches!(
            Content::open(&other, &id, 2, &sealed),
            Err(RecordError::Sealed(_))
        ));
    }
    let other = keys.record_id("uid-2");
    assert!(matches!(
        Content::open(&keys, &other, 2, &sealed),
        Err(RecordError::Sealed(_))
    ));
    assert!(matches!(
        Content::open(&keys, &id, 1, &sealed),
        Err(RecordError::Sealed(_))
    ));
    assert_eq!(
        Content::open(&keys, &id, 3, &sealed).unwrap_err(),
        RecordError::NoKey(3)
    );
}

#[test]
fn lengths_of_records_tell_their_step_alone() {
    let keys = keys();
    let length = |n: usize| content(&vec![7; n]).seal(&keys).unwrap().sealed.len();
    assert_eq!(length(1), length(40));
    assert_eq!(length(400), length(410));
    assert!(length(900) > length(1));
}

#[test]
fn what_is_too_long_for_a_record_is_refused() {
    let long = content(&vec![7; MAX_SEALED_RECORD]);
    assert_eq!(long.seal(&keys()).unwrap_err(), RecordError::TooLong);
}

#[test]
fn the_longest_contents_and_lists_of_chunks_come_back() {
    // As many as a record may name at the cloud.
    const CHUNKS: usize = 5000;
    let keys = keys();
    let long = content(&vec![7; 290_000]);
    let mut listed = content(b"");
    listed.chunks.0 = vec![
        ChunkRef {
            key_epoch: u64::MAX,
            ..chunk(CHUNK as u64)
        };
        CHUNKS
    ];
    listed.length = (CHUNK * CHUNKS) as u64;
    for content in [long, listed] {
        let sealed = content.seal(&keys).unwrap().sealed;
        let opened = Content::open(&keys, &keys.record_id("uid-1"), 2, &sealed).unwrap();
        assert_eq!(opened.encode(), content.encode());
    }
}

#[test]
fn a_content_that_contradicts_itself_is_refused() {
    let keys = keys();
    let broken: [fn(&mut Content); 8] = [
        |c| c.number = 0,
        // What a database can't hold would stop a device's sync at this record.
        |c| c.number = u64::MAX,
        |c| (c.encoding, c.length) = (Encoding::Zstd, u64::MAX),
        |c| {
            c.body = Secret::new(vec![]);
            c.chunks.0 = vec![chunk(1 << 62)];
            c.length = 1 << 62;
        },
        |c| c.length += 1,
        |c| c.removed = true,
        |c| c.chunks.0.push(chunk(5)),
        |c| {
            c.body = Secret::new(vec![]);
            c.chunks.0 = vec![chunk(u64::MAX), chunk(2)];
        },
    ];
    for breaks in broken {
        let mut content = content(b"x");
        breaks(&mut content);
        let sealed = content.seal(&keys).unwrap();
        let opened = Content::open(&keys, &keys.record_id("uid-1"), 2, &sealed.sealed);
        assert_eq!(opened.unwrap_err(), RecordError::Malformed);
    }
}

fn chunk(length: u64) -> ChunkRef {
    ChunkRef {
        id: ChunkId::from_bytes([5; 32]),
        length,
        key_epoch: 1,
    }
}

#[test]
fn a_chunk_is_sealed_the_same_by_every_device() {
    let photo: Vec<u8> = [random::<32>(), random::<32>()].concat();
    let (chunk, sealed) = seal_chunk(&keys(), &photo).unwrap();
    assert_eq!((chunk, sealed.clone()), seal_chunk(&keys(), &photo).unwrap());
    assert_eq!(
        keys()
            .open_chunk(&chunk, sealed.as_slice(), never)
            .unwrap()
            .expose(),
        &photo
    );
}

#[test]
fn what_a_part_said_that_isn_t_sealed_is_overwritten_before_its_buffer_holds_another() {
    for encoding in [Encoding::Identity, Encoding::Zstd] {
        let part = Part::of(&[7; 1000]).name(&keys(), encoding).unwrap();
        let buffer = part.into_buffer();
        assert_eq!(**buffer, [0; 1001], "all that it said");
        // What is sealed in it is what is sealed in a new one.
        let again = Part::of_in(buffer, b"short").name(&keys(), encoding).unwrap();
        let anew = Part::of(b"short").name(&keys(), encoding).unwrap();
        assert_eq!(
            again.seal(&keys(), &mut ()).unwrap(),
            anew.seal(&keys(), &mut ()).unwrap()
        );
    }
}

#[test]
fn what_comes_in_pieces_has_the_name_of_the_whole_in_whatever_key_epoch_that_was_named() {
    let (now, photo) = (keys(), random::<64>());
    let first = EpochKeys::new(vec![(1, Secret::new([1; 32]))]).unwrap();
    let before = CollectionKeys::new(now.account(), "contacts".into(), first, Secret::new([3; 32]));
    for encoding in [Encoding::Identity, Encoding::Zstd] {
        for named_with in [&before, &now] {
            let chunk = named_with.chunk_ref(&photo, encoding).unwrap();
            let mut naming = now.naming(chunk.key_epoch, encoding);
            photo.chunks(7).for_each(|piece| naming.update(piece));
            assert_eq!(naming.id(), chunk.id, "{chunk:?}");
        }
    }
    let chunk = now.chunk_ref(&photo, Encoding::Identity).unwrap();
    for (epoch, encoding) in [(1, Encoding::Identity), (2, Encoding::Zstd)] {
        let mut naming = now.naming(epoch, encoding);
        naming.update(&photo);
        assert_ne!(naming.id(), chunk.id);
    }
}

#[test]
fn a_chunk_opens_for_its_own_id_alone() {
    let keys = keys();
    let (one, sealed) = seal_chunk(&keys, b"one").unwrap();
    let (two, _) = seal_chunk(&keys, b"two").unwrap();
    assert!(keys.open_chunk(&two, sealed.as_slice(), never).is_err());
    assert!(
        keys.open_chunk(&ChunkRef { key_epoch: 1, ..one }, sealed.as_slice(), never)
            .is_err()
    );
    assert!(
        keys.open_chunk(&ChunkRef { length: 4, ..one }, sealed.as_slice(), never)
            .is_err()
    );
    assert!(
        keys_of(AccountId::random(), "contacts")
            .open_chunk(&one, sealed.as_slice(), never)
            .is_err()
    );
}

#[test]
fn the_longest_chunk_fills_its_padding() {
    let (chunk, sealed) = seal_chunk(&keys(), &vec![0; CHUNK]).unwrap();
    assert_eq!(sealed.len(), CHUNK + 1 + 17);
    assert_eq!(sealed.len(), MAX_SEALED_CHUNK - 12);
    assert_eq!(chunk.length, CHUNK as u64);
    assert_eq!(
        seal_chunk(&keys(), &vec![0; CHUNK + 1]).unwrap_err(),
        RecordError::TooLong
    );
}

#[test]
fn names_of_collections_and_records_are_the_accounts_own() {
    let (keys, other) = (keys(), keys_of(AccountId::random(), "contacts"));
    // The index key is the collection's, so ids differ by key, not by the account's number.
    assert_eq!(keys.collection_id(), other.collection_id());
    let index = index_key(&Secret::new([3; 32]), "contacts");
    assert_ne!(index.expose(), index_key(&Secret::new([3; 32]), "notes").expose());
    let mine = CollectionKeys::new(
        keys.account(),
        "contacts".into(),
        EpochKeys::new(vec![]).unwrap(),
        index,
    );
    assert_ne!(mine.collection_id(), keys.collection_id());
    assert_ne!(mine.record_id("uid-1"), keys.record_id("uid-1"));
}

#[test]
fn the_newest_ancestors_are_remembered() {
    let revision = |n: u8| Revision::of(&[n]);
    let mut ancestors = Ancestors::default();
    for n in 0..132 {
        assert_eq!(ancestors.is_full(), n >= 128);
        ancestors = ancestors.with(&revision(n)).with(&revision(n));
    }
    assert!(ancestors.has(&revision(131)) && ancestors.has(&revision(4)) && !ancestors.has(&revision(3)));
    let other = Ancestors::default().with(&revision(200));
    let joined = other.join(&ancestors);
    assert!(joined.has(&revision(200)) && joined.has(&revision(131)) && joined.is_full());
    let less = other.clone().without(&revision(200)).without(&revision(1));
    assert_eq!(less, Ancestors::default());
    assert!(joined.has_all(&other) && !ancestors.has_all(&other) && other.has_all(&less));
}

#[test]
fn a_content_shows_nothing_of_what_it_says() {
    let mut shown = content(b"BEGIN:VCARD");
    shown.natural = "Ada".to_owned();
    shown.kind = "text/Ada".to_owned();
    shown.attributes = Attributes([("Ada".to_owned(), "Ada's".to_owned())].into());
    let shown = format!("{shown:?}");
    assert!(!shown.contains("Ada") && shown.contains("number: 4"), "{shown}");
}
