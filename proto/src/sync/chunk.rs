//! Chunks of long contents: deterministic, so that any device may go on with any upload.

use std::fmt;
use std::io::{self, Read};

use super::{Buffer, ChunkId, ChunkRef, CollectionKeys, RecordError};
use crate::keys::hkdf;
use crate::padding::{END, padded, unpad_exact};
use crate::seal::{RecordIds, SealError, TAG, VERSION, open_in_place, seal_in_place};
use crate::secret::Secret;

/// The longest chunk of a content, bytes. It fills its padding exactly.
pub const CHUNK: usize = 4 * 1024 * 1024 - 64 * 1024 - 1;
/// No chunk but a content's last is shorter, bytes.
pub const MIN_CHUNK: usize = 256 * 1024;
/// The longest sealed chunk, bytes.
pub const MAX_SEALED_CHUNK: usize = sealed_length(CHUNK);
/// The kind of record in the associated data.
const KIND: &str = "chunk";

/// A part of a content, at most [`CHUNK`] bytes, in a buffer with room to be sealed where it is: `01 ‖ content`. Overwritten
/// when dropped, and never copied on its way.
pub struct Part(Buffer);

/// A part with the name that its content gives it: what is sealed under a name is that content and no other.
#[derive(Debug)]
pub struct NamedPart {
    part: Part,
    chunk: ChunkRef,
}

impl Part {
    /// A part of this content.
    pub fn of(content: &[u8]) -> Self {
        Self::of_in(Buffer::default(), content)
    }

    /// A part of this content, in a buffer that was used before.
    pub fn of_in(buffer: Buffer, content: &[u8]) -> Self {
        let mut part = Self::with_room(buffer, content.len());
        part.0.extend_from_slice(content);
        part
    }

    /// What comes next from `source`, up to `most` bytes; less at its end alone.
    ///
    /// # Errors
    /// What `source` answers.
    pub fn read(buffer: Buffer, source: &mut impl Read, most: usize) -> io::Result<Self> {
        let mut part = Self::with_room(buffer, most);
        source.take(most as u64).read_to_end(&mut part.0)?;
        Ok(part)
    }

    /// The content.
    pub fn content(&self) -> &[u8] {
        self.0.get(1..).unwrap_or_default()
    }

    /// Names it in the newest key epoch.
    ///
    /// # Errors
    /// [`RecordError::TooLong`] over [`CHUNK`], [`RecordError::NoKey`].
    pub fn name(self, keys: &CollectionKeys) -> Result<NamedPart, RecordError> {
        let chunk = keys.chunk_ref(self.content())?;
        Ok(NamedPart { part: self, chunk })
    }

    fn with_room(mut buffer: Buffer, length: usize) -> Self {
        buffer.clear();
        // Room from the start: a buffer that grows leaves a copy behind.
        if buffer.capacity() < sealed_length(length) {
            buffer = Buffer::new(Vec::with_capacity(sealed_length(length)));
        }
        buffer.push(VERSION);
        Self(buffer)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} B)", self.content().len())
    }
}

impl NamedPart {
    /// Its name.
    pub fn chunk(&self) -> ChunkRef {
        self.chunk
    }

    /// Its buffer, for another part.
    pub fn into_buffer(self) -> Buffer {
        self.part.0
    }

    /// Seals it in the key epoch that it was named in: `01 ‖ ciphertext ‖ tag`, padded, a zero nonce: the key is the chunk's
    /// own, and the same key never seals anything else.
    ///
    /// # Errors
    /// [`RecordError::NoKey`].
    pub fn seal(self, keys: &CollectionKeys) -> Result<Vec<u8>, RecordError> {
        let key = keys.chunk_key(&self.chunk)?;
        let aad = keys.chunk_aad(&self.chunk);
        let mut bytes = self.part.0.take();
        let length = padded(bytes.len() - 1);
        bytes.push(END);
        bytes.resize(1 + length, 0);
        let tag = seal_in_place(&key, &[0; 12], &aad, bytes.get_mut(1..).unwrap_or_default());
        bytes.extend_from_slice(&tag);
        Ok(bytes)
    }
}

/// How long a part of `length` bytes is once it is sealed, bytes.
#[must_use]
pub const fn sealed_length(length: usize) -> usize {
    1 + padded(length) + TAG
}

/// Names and seals a part of a content; as [`Part::name`] and [`NamedPart::seal`].
///
/// # Errors
/// [`RecordError::TooLong`] over [`CHUNK`], [`RecordError::NoKey`].
pub fn seal_chunk(keys: &CollectionKeys, plaintext: &[u8]) -> Result<(ChunkRef, Vec<u8>), RecordError> {
    let part = Part::of(plaintext).name(keys)?;
    Ok((part.chunk(), part.seal(keys)?))
}

impl CollectionKeys {
    /// What [`seal_chunk`] would name this part of a content.
    ///
    /// # Errors
    /// As [`seal_chunk`].
    pub fn chunk_ref(&self, plaintext: &[u8]) -> Result<ChunkRef, RecordError> {
        let (key_epoch, _) = self.keys.newest().ok_or(RecordError::NoKey(0))?;
        match plaintext.len() {
            0..=CHUNK => Ok(ChunkRef {
                id: self.chunk_id(*key_epoch, plaintext),
                length: plaintext.len() as u64,
                key_epoch: *key_epoch,
            }),
            _ => Err(RecordError::TooLong),
        }
    }

    /// Opens a sealed chunk, where it is.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::Malformed`] when it isn't the content that its id was made of.
    pub fn open_chunk(
        &self,
        chunk: &ChunkRef,
        sealed: impl Into<Vec<u8>>,
    ) -> Result<Secret<Vec<u8>>, RecordError> {
        let mut bytes = Buffer::new(sealed.into());
        if bytes.len() > MAX_SEALED_CHUNK {
            return Err(RecordError::TooLong);
        }
        if bytes.first() != Some(&VERSION) {
            return Err(SealError::Malformed.into());
        }
        let (key, aad) = (self.chunk_key(chunk)?, self.chunk_aad(chunk));
        let opened = open_in_place(&key, &[0; 12], &aad, &mut bytes, 1)?;
        let content = unpad_exact(opened).map_err(|_| RecordError::Malformed)?;
        let length = content.len();
        if length as u64 != chunk.length || self.chunk_id(chunk.key_epoch, content) != chunk.id {
            return Err(RecordError::Malformed);
        }
        bytes.truncate(length);
        Ok(Secret::new(bytes.take()))
    }

    fn chunk_id(&self, key_epoch: u64, plaintext: &[u8]) -> ChunkId {
        ChunkId::from_bytes(self.keyed(&[b"belay/chunk-id/1\0", &key_epoch.to_be_bytes(), &[0], plaintext]))
    }

    pub(crate) fn chunk_key(&self, chunk: &ChunkRef) -> Result<Secret<[u8; 32]>, RecordError> {
        let missing = RecordError::NoKey(chunk.key_epoch);
        let key = self.keys.get(chunk.key_epoch).ok_or(missing)?;
        let blob = hkdf(key.expose(), b"", b"belay/blob/1");
        Ok(hkdf(blob.expose(), chunk.id.as_bytes(), b"belay/chunk/1"))
    }

    pub(crate) fn chunk_aad(&self, chunk: &ChunkRef) -> Vec<u8> {
        RecordIds {
            account: self.account,
            collection: &self.name,
            id: chunk.id.as_bytes(),
            kind: KIND,
            key_epoch: chunk.key_epoch,
        }
        .encode()
    }
}
