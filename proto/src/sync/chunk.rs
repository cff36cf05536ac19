//! Chunks of long contents: deterministic, so that any device may go on with any upload.

use super::{ChunkId, ChunkRef, CollectionKeys, RecordError};
use crate::keys::hkdf;
use crate::padding::{pad, padded, unpad_exact};
use crate::seal::{RecordIds, SealError, VERSION, open_aead, seal_aead};
use crate::secret::Secret;

/// The longest chunk of a content, bytes. It fills its padding exactly.
pub const CHUNK: usize = 4 * 1024 * 1024 - 64 * 1024 - 1;
/// No chunk but a content's last is shorter, bytes.
pub const MIN_CHUNK: usize = 256 * 1024;
/// The longest sealed chunk, bytes.
pub const MAX_SEALED_CHUNK: usize = padded(CHUNK) + 1 + 16;
/// The kind of record in the associated data.
const KIND: &str = "chunk";

/// Names and seals a part of a content in the newest key epoch: `01 ‖ ciphertext ‖ tag`, padded, a zero nonce: the key is
/// the chunk's own, and the same key never seals anything else.
///
/// # Errors
/// [`RecordError::TooLong`] over [`CHUNK`], [`RecordError::NoKey`].
pub fn seal_chunk(keys: &CollectionKeys, plaintext: &[u8]) -> Result<(ChunkRef, Vec<u8>), RecordError> {
    let chunk = keys.chunk_ref(plaintext)?;
    let key = keys.chunk_key(&chunk)?;
    let content = pad(plaintext.to_vec(), padded(plaintext.len()));
    let aad = keys.chunk_aad(&chunk);
    let mut sealed = Vec::with_capacity(content.expose().len() + 1 + 16);
    sealed.push(VERSION);
    sealed.extend_from_slice(&seal_aead(&key, &[0; 12], &aad, content.expose()));
    Ok((chunk, sealed))
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

    /// Opens a sealed chunk.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::Malformed`] when it isn't the content that its id was made of.
    pub fn open_chunk(&self, chunk: &ChunkRef, sealed: &[u8]) -> Result<Secret<Vec<u8>>, RecordError> {
        if sealed.len() > MAX_SEALED_CHUNK {
            return Err(RecordError::TooLong);
        }
        let Some((&VERSION, ciphertext)) = sealed.split_first() else {
            return Err(SealError::Malformed.into());
        };
        let bytes = open_aead(
            &self.chunk_key(chunk)?,
            &[0; 12],
            &self.chunk_aad(chunk),
            ciphertext,
        )?;
        let content = unpad_exact(bytes.expose()).map_err(|_| RecordError::Malformed)?;
        match content.len() as u64 == chunk.length && self.chunk_id(chunk.key_epoch, content) == chunk.id {
            true => Ok(Secret::new(content.to_vec())),
            false => Err(RecordError::Malformed),
        }
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
