//! The owner's data as the cloud keeps it: records and chunks that only the account's devices open.
//!
//! The cloud sees a collection's and a record's opaque id, a revision, a key epoch, whether the record is a removal, how
//! long it is once padded, and which chunks it needs. Names, kinds, times and contents are sealed. What a device believes of
//! a record is what is sealed in it: it names the revisions that it was made of, so a cloud that plays an older one back is
//! found out, and a removal is a record too, so one that is missing says nothing.
//!
//! - index key of a collection = HKDF(index key, "belay/index/1/NAME")
//! - collection id = the first 16 B of HMAC-SHA256(index key, "belay/collection-id/1\0")
//! - record id = the first 16 B of HMAC-SHA256(index key, "belay/record-id/1\0" ‖ natural key)
//! - cut seed = the first 8 B of HMAC-SHA256(index key, "belay/cut/1\0"), big-endian
//! - salt of a sealed record = HMAC-SHA256(HKDF(collection key, "belay/record-salt/1"), associated data ‖ content); any other
//!   that never comes twice opens as well
//! - revision = the first 16 B of SHA-256(sealed record)
//! - chunk id = HMAC-SHA256(index key, "belay/chunk-id/1\0" ‖ key epoch, 8 B ‖ compression, 1 B ‖ plaintext); compression 0: none,
//!   1: zstd where that makes it shorter
//! - blob key = HKDF(collection key, "belay/blob/1"), chunk key = HKDF(blob key, salt = chunk id, "belay/chunk/1")
//! - sealed chunk of compression 0: `01 ‖ ciphertext ‖ tag` of plaintext, a zero nonce
//! - sealed chunk of compression 1: `02 ‖ ciphertext ‖ tag ‖ nonce` of plaintext ‖ `00`, or of frame ‖ `01`; nonce = the first 12 B of
//!   HMAC-SHA256(HKDF(chunk key, "belay/chunk-nonce/1"), that last byte ‖ the frame, if any); any other that never comes twice
//!   opens as well

mod ancestors;
mod buffer;
mod chunk;
mod content;
mod version;

use ring::hmac;

use crate::id::AccountId;
use crate::keys::{hkdf, sha256};
use crate::secret::Secret;
use crate::signed::EpochKeys;
use crate::text::{byte_newtype, from_any_bytes, from_hex, hex};

pub use ancestors::Ancestors;
pub use buffer::Buffer;
pub use chunk::{
    CHUNK, Compress, MAX_SEALED_CHUNK, MIN_CHUNK, NamedPart, Naming, PACKED_CHUNK, Part, part_room,
    seal_chunk, sealed_length,
};
pub use content::{
    Attributes, ChunkRef, Chunks, Content, Encoding, MAX_SEALED_RECORD, RecordError, SealedRecord,
};
pub use version::version_name;

byte_newtype!(
    /// A collection's opaque id at the cloud.
    CollectionId, 16, hex, from_hex, "32 lower-case hexadecimal digits"
);
from_any_bytes!(CollectionId, 16);

byte_newtype!(
    /// A record's opaque id, from what the record is by nature: the same contact has the same id on every device.
    RecordId, 16, hex, from_hex, "32 lower-case hexadecimal digits"
);
from_any_bytes!(RecordId, 16);

byte_newtype!(
    /// Which sealed bytes a record has: the first 16 bytes of their SHA-256.
    Revision, 16, hex, from_hex, "32 lower-case hexadecimal digits"
);
from_any_bytes!(Revision, 16);

byte_newtype!(
    /// A chunk's opaque id: a keyed hash of its plaintext.
    ChunkId, 32, hex, from_hex, "64 lower-case hexadecimal digits"
);
from_any_bytes!(ChunkId, 32);

impl Revision {
    /// Of a sealed record.
    pub fn of(sealed: &[u8]) -> Self {
        Self::from_bytes(first16(&sha256(sealed)))
    }
}

/// What seals and names the records of one collection.
#[derive(Debug)]
pub struct CollectionKeys {
    account: AccountId,
    name: String,
    keys: EpochKeys,
    index: Secret<[u8; 32]>,
}

impl CollectionKeys {
    /// The keys of collection `name` of `account` in each key epoch, and its index key.
    pub const fn new(account: AccountId, name: String, keys: EpochKeys, index: Secret<[u8; 32]>) -> Self {
        Self {
            account,
            name,
            keys,
            index,
        }
    }

    /// The account.
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// The collection's name, which the cloud doesn't learn.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The newest key epoch; 0 without a key.
    pub fn key_epoch(&self) -> u64 {
        self.keys.newest().map_or(0, |(epoch, _)| *epoch)
    }

    /// The newest key epoch, and how many there are: one of both rises with whatever is added.
    pub fn held(&self) -> (u64, u64) {
        (self.key_epoch(), self.keys.count())
    }

    /// A number that tells these key epochs from others, never 0.
    pub fn mark(&self) -> u64 {
        let numbers = self.keys.iter().flat_map(|(epoch, _)| epoch.to_be_bytes());
        let [a, b, c, d, e, f, g, h, ..] = sha256(&numbers.collect::<Vec<u8>>());
        // Below 2^63, which is what a database counts to.
        (u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1).max(1)
    }

    /// The collection's id at the cloud.
    pub fn collection_id(&self) -> CollectionId {
        CollectionId::from_bytes(first16(&self.keyed(&[b"belay/collection-id/1\0"])))
    }

    /// The id of the record that is `natural` by nature: a vCard's UID, a file's path below its folder.
    pub fn record_id(&self, natural: &str) -> RecordId {
        RecordId::from_bytes(first16(
            &self.keyed(&[b"belay/record-id/1\0", natural.as_bytes()]),
        ))
    }

    /// Where contents are cut into chunks, for a chunker that takes a seed: another collection is cut elsewhere.
    pub fn cut_seed(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.keyed(&[b"belay/cut/1\0"]);
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    fn keyed(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = self.context();
        parts.iter().for_each(|part| context.update(part));
        mac_of(context)
    }

    fn context(&self) -> hmac::Context {
        hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.index.expose()))
    }
}

/// The index key of collection `name`, from the keyring's.
pub fn index_key(index_key: &Secret<[u8; 32]>, name: &str) -> Secret<[u8; 32]> {
    hkdf(
        index_key.expose(),
        b"",
        format!("belay/index/1/{name}").as_bytes(),
    )
}

fn mac_of(context: hmac::Context) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.sign().as_ref());
    bytes
}

fn first16(bytes: &[u8; 32]) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&bytes[..16]);
    first
}

#[cfg(test)]
mod tests;
