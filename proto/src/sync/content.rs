//! What is sealed in a record.

use std::collections::BTreeMap;
use std::fmt;

use super::{Ancestors, CHUNK, ChunkId, CollectionKeys, RecordId, Revision};
use crate::cbor::{Item, Malformed, Value};
use crate::keys::{hkdf, hmac_sha256_of};
use crate::padding::{pad_into, padded, unpad_exact};
use crate::seal::{RecordIds, SealError, open_record, seal_record_into};
use crate::secret::Secret;

/// The longest sealed record, bytes; longer contents lie in chunks.
pub const MAX_SEALED_RECORD: usize = 320 * 1024;
/// The longest content that lies in its record, decoded, bytes.
pub(super) const LONGEST_INLINE: u64 = 4 * 1024 * 1024;
/// The highest number of a content: what counts on from it fits every database.
pub(super) const MOST_CHANGES: u64 = 1 << 53;
/// The kind of record in the associated data.
const KIND: &str = "record";
/// What the key that makes salts is derived with, from the collection's key.
const SALTS: &[u8] = b"belay/record-salt/1";

crate::cbor_map! {
    /// A record's content: one CBOR map, padded ([`crate::padding`]), sealed ([`crate::seal::seal_record`]) under the
    /// collection's name, the record's id and the key epoch.
    pub struct Content: at_most(MAX_SEALED_RECORD) {
        /// Counts the changes of this record, from 1. A merge counts above both.
        pub number: u64,
        /// When it was changed: seconds since the epoch by the wall clock of the device that did, for display alone.
        pub changed_at: u64,
        /// What the record is by nature, which its id is made of.
        pub natural: String,
        /// What it is written in, as `text/vcard`; a media type (RFC 6838).
        pub kind: String,
        /// The revisions that it was made of, the newest first: whoever has one of them is behind.
        pub ancestors: Ancestors,
        /// The revision whose text it says again, where that is all it does: sealed anew under other keys, above a removal that
        /// didn't know of it, or beside its record. Whoever took that one's place knowingly takes this one's too.
        pub renews: Option<Revision>,
        /// Whether it was removed; it then has no body.
        pub removed: bool,
        /// What its source knows of it besides.
        pub attributes: Attributes,
        /// How `body` is compressed.
        pub encoding: Encoding,
        /// How long the content is, decoded and joined, bytes.
        pub length: u64,
        /// The content, where it is in the record.
        pub body: Secret<Vec<u8>>,
        /// Else the chunks that it is joined of.
        pub chunks: Chunks,
    }
}

/// Short texts by name: a file's `mode` or `modified`. `Debug` shows how many.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(pub BTreeMap<String, String>);

/// How a body or a chunk is compressed before it is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Not at all.
    #[default]
    Identity,
    /// Zstandard (RFC 8878), one frame.
    Zstd,
}

/// Chunks in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunks(pub Vec<ChunkRef>);

/// A part of a long content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRef {
    /// Which.
    pub id: ChunkId,
    /// How long it is, bytes of the content.
    pub length: u64,
    /// The key epoch it is sealed in.
    pub key_epoch: u64,
}

/// A record as the cloud gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// Of the bytes.
    pub revision: Revision,
    /// The key epoch it is sealed in.
    pub key_epoch: u64,
    /// The bytes.
    pub sealed: Vec<u8>,
}

/// A record that can't be sealed or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Another account, collection, record, epoch or key, or a changed byte.
    #[error("the record doesn't open")]
    Sealed(#[from] SealError),
    /// What was sealed is no record of this id.
    #[error("not a record")]
    Malformed,
    /// Over [`MAX_SEALED_RECORD`].
    #[error("the record is too long")]
    TooLong,
    /// There is no key of its epoch.
    #[error("no key of epoch {0}")]
    NoKey(u64),
}

impl From<Malformed> for RecordError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Nothing of what it says: a natural key is a name or a path.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("number", &self.number)
            .field("removed", &self.removed)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attributes({})", self.0.len())
    }
}

impl Content {
    /// Seals it in the newest key epoch, under the id of its natural key. The same content has the same bytes, so that a push
    /// that is sent again, since its answer was lost, is the same push: the salt is a MAC of all that is sealed (a synthetic
    /// one, as in RFC 5297).
    ///
    /// # Errors
    /// [`RecordError::TooLong`], [`RecordError::NoKey`].
    pub fn seal(&self, keys: &CollectionKeys) -> Result<SealedRecord, RecordError> {
        let (_, key) = keys.keys.newest().ok_or(RecordError::NoKey(0))?;
        let salts = hkdf(key.expose(), b"", SALTS);
        self.seal_salted(keys, |ids, content| {
            // What it is bound to has a length of its own: CBOR.
            hmac_sha256_of(salts.expose(), &[ids, content])
        })
    }

    /// As [`Content::seal`] with a given salt, which must never be used twice under one key.
    #[cfg(test)]
    pub(crate) fn seal_with(
        &self,
        keys: &CollectionKeys,
        salt: &[u8; 32],
    ) -> Result<SealedRecord, RecordError> {
        self.seal_salted(keys, |_, _| *salt)
    }

    fn seal_salted(
        &self,
        keys: &CollectionKeys,
        salt: impl FnOnce(&[u8], &[u8]) -> [u8; 32],
    ) -> Result<SealedRecord, RecordError> {
        let (key_epoch, key) = keys.keys.newest().ok_or(RecordError::NoKey(0))?;
        let ids = ids(keys, &keys.record_id(&self.natural), *key_epoch).encode();
        let content = Secret::new(self.encode());
        let content = content.expose();
        let salt = salt(&ids, content);
        let length = padded(content.len());
        let write = |sealed: &mut Vec<u8>| pad_into(sealed, content, length);
        let sealed = seal_record_into(key, &ids, length, write, &salt);
        match sealed.len() <= MAX_SEALED_RECORD {
            true => Ok(SealedRecord {
                revision: Revision::of(&sealed),
                key_epoch: *key_epoch,
                sealed,
            }),
            false => Err(RecordError::TooLong),
        }
    }

    /// Opens the record `id` that was sealed in `key_epoch`.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn open(
        keys: &CollectionKeys,
        id: &RecordId,
        key_epoch: u64,
        sealed: &[u8],
    ) -> Result<Self, RecordError> {
        if sealed.len() > MAX_SEALED_RECORD {
            return Err(RecordError::TooLong);
        }
        let key = keys.keys.get(key_epoch).ok_or(RecordError::NoKey(key_epoch))?;
        let bytes = open_record(key, &ids(keys, id, key_epoch), sealed)?;
        let content = unpad_exact(bytes.expose()).map_err(|_| RecordError::Malformed)?;
        let content = Self::decode(content)?;
        match content.is_sound(keys, id) {
            true => Ok(content),
            false => Err(RecordError::Malformed),
        }
    }

    fn is_sound(&self, keys: &CollectionKeys, id: &RecordId) -> bool {
        let body = self.body.expose().len();
        let chunked = || {
            self.chunks
                .0
                .iter()
                .try_fold(0_u64, |sum, chunk| sum.checked_add(chunk.length))
        };
        let shape = match (self.removed, self.chunks.0.is_empty()) {
            (true, without) => without && body == 0 && self.length == 0,
            (false, true) => match self.encoding {
                Encoding::Identity => body as u64 == self.length,
                Encoding::Zstd => self.length <= LONGEST_INLINE,
            },
            (false, false) => body == 0 && chunked() == Some(self.length),
        };
        let parts = self.chunks.0.iter().all(|chunk| chunk.length <= CHUNK as u64);
        shape && parts && (1..=MOST_CHANGES).contains(&self.number) && keys.record_id(&self.natural) == *id
    }
}

fn ids<'a>(keys: &'a CollectionKeys, id: &'a RecordId, key_epoch: u64) -> RecordIds<'a> {
    RecordIds {
        account: keys.account(),
        collection: keys.name(),
        id: id.as_bytes(),
        kind: KIND,
        key_epoch,
    }
}

/// A map of texts.
impl Item for Attributes {
    fn to_value(&self) -> Value {
        let value = |(key, text): (&String, &String)| (key.clone(), text.to_value());
        Value::Map(self.0.iter().map(value).collect())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let Value::Map(map) = value else {
            return Err(Malformed::new("expected a map"));
        };
        let text = |(key, value)| Ok((key, String::from_value(value)?));
        map.into_iter().map(text).collect::<Result<_, _>>().map(Self)
    }
}

impl Encoding {
    /// As it is written.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Identity => 0,
            Self::Zstd => 1,
        }
    }

    pub(crate) fn numbered(number: u64) -> Result<Self, Malformed> {
        match number {
            0 => Ok(Self::Identity),
            1 => Ok(Self::Zstd),
            _ => Err(Malformed::new("an unknown encoding")),
        }
    }
}

/// 0 or 1.
impl Item for Encoding {
    fn to_value(&self) -> Value {
        Value::Uint(self.number().into())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        Self::numbered(u64::from_value(value)?)
    }
}

/// An array of `[id, length, key epoch]`.
impl Item for Chunks {
    fn to_value(&self) -> Value {
        let value = |chunk: &ChunkRef| {
            Value::Array(vec![
                chunk.id.to_value(),
                chunk.length.to_value(),
                chunk.key_epoch.to_value(),
            ])
        };
        Value::Array(self.0.iter().map(value).collect())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let chunk = |value: Value| {
            let [id, length, key_epoch] = <[Value; 3]>::try_from(Vec::<Value>::from_value(value)?)
                .map_err(|_| Malformed::new("expected a chunk"))?;
            Ok(ChunkRef {
                id: Item::from_value(id)?,
                length: Item::from_value(length)?,
                key_epoch: Item::from_value(key_epoch)?,
            })
        };
        Vec::<Value>::from_value(value)?
            .into_iter()
            .map(chunk)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}
