//! What is pushed: contacts and photos, as long as in the bench of sync.

use belay_proto::keys::sha256;
use belay_proto::signed::EpochKeys;
use belay_proto::sync::{
    Ancestors, Attributes, ChunkRef, Chunks, CollectionKeys, Content, Encoding, Revision, seal_chunk,
};
use belay_proto::wire::{PushRecord, SyncRecord};
use belay_proto::{AccountId, Secret};

use crate::Outcome;

/// A photo's length, bytes.
pub const PHOTO: usize = 500_000;

/// A vCard of 280 B.
#[must_use]
pub fn contact(number: usize) -> Vec<u8> {
    let head = format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{number:08}-belay-bench\r\nFN:Ada {number} Example\r\nN:Example;Ada {number};;;\r\n\
         TEL;TYPE=CELL:+49{number:09}\r\nEMAIL:ada.{number}@example.org\r\nNOTE:"
    );
    let tail = "\r\nEND:VCARD\r\n";
    let mut noise = Noise::new(number as u64);
    let note = 280_usize.saturating_sub(head.len() + tail.len());
    let letters = (0..note).map(|_| char::from(b'a' + noise.byte() % 26));
    let text: String = head.chars().chain(letters).chain(tail.chars()).collect();
    text.into_bytes()
}

/// Bytes that don't compress.
#[must_use]
pub fn photo(number: usize) -> Vec<u8> {
    let mut noise = Noise::new(1 + number as u64);
    let mut bytes = Vec::with_capacity(PHOTO);
    while bytes.len() < PHOTO {
        bytes.extend_from_slice(&noise.next().to_le_bytes());
    }
    bytes.truncate(PHOTO);
    bytes
}

/// xorshift64*: quick, and as good as random for this.
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn byte(&mut self) -> u8 {
        let [.., byte] = self.next().to_le_bytes();
        byte
    }
}

/// Keys of a collection of nobody's: the cloud doesn't know whose they are.
///
/// # Errors
/// None in fact.
pub fn keys(name: &str) -> Outcome<CollectionKeys> {
    let epochs = EpochKeys::new(vec![(1, Secret::new([1; 32]))])?;
    let account = AccountId::from_bytes([2; 16]);
    Ok(CollectionKeys::new(
        account,
        name.to_owned(),
        epochs,
        Secret::new(sha256(name.as_bytes())),
    ))
}

fn content(natural: String, kind: &str, body: Vec<u8>, chunks: Vec<ChunkRef>) -> Content {
    let length = if chunks.is_empty() {
        body.len() as u64
    } else {
        chunks.iter().map(|chunk| chunk.length).sum()
    };
    Content {
        number: 1,
        changed_at: 1_790_000_000,
        natural,
        kind: kind.to_owned(),
        ancestors: Ancestors::default(),
        renews: None,
        removed: false,
        attributes: Attributes::default(),
        encoding: Encoding::Identity,
        length,
        body: Secret::new(body),
        chunks: Chunks(chunks),
    }
}

fn push(keys: &CollectionKeys, content: &Content, base: Option<Revision>) -> Outcome<PushRecord> {
    let sealed = content.seal(keys)?;
    Ok(PushRecord {
        base,
        record: SyncRecord {
            collection: keys.collection_id(),
            id: keys.record_id(&content.natural),
            revision: sealed.revision,
            key_epoch: sealed.key_epoch,
            removed: false,
            chunks: content.chunks.0.iter().map(|chunk| chunk.id).collect(),
            sealed: sealed.sealed.into(),
        },
    })
}

/// A contact, sealed, in place of revision `base`.
///
/// # Errors
/// Where it can't be sealed.
pub fn sealed_contact(keys: &CollectionKeys, number: usize, base: Option<Revision>) -> Outcome<PushRecord> {
    let content = content(
        format!("contact {number}"),
        "text/vcard",
        contact(number),
        Vec::new(),
    );
    push(keys, &content, base)
}

/// A photo: its record and its sealed chunk.
///
/// # Errors
/// Where it can't be sealed.
pub fn sealed_photo(keys: &CollectionKeys, number: usize) -> Outcome<(PushRecord, Vec<u8>)> {
    let (chunk, sealed) = seal_chunk(keys, &photo(number))?;
    let content = content(format!("{number}.jpg"), "image/jpeg", Vec::new(), vec![chunk]);
    Ok((push(keys, &content, None)?, sealed))
}
