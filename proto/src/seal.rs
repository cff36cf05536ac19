//! Sealing: AES-256-GCM in the two forms that Belay stores.
//!
//! - A wrapped key or a sealed file: `01 ‖ nonce 12 B ‖ ciphertext ‖ tag 16 B`, random nonce.
//! - A record: `01 ‖ salt 32 B ‖ key commitment 16 B ‖ ciphertext ‖ tag 16 B`, a fresh key from the
//!   salt, zero nonce.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::cbor::MapWriter;
use crate::id::AccountId;
use crate::keys::{hkdf, impossible, random, same};
use crate::secret::Secret;

/// The first byte of everything sealed.
pub(crate) const VERSION: u8 = 1;

/// The length of what says that a ciphertext is whole, bytes.
pub(crate) const TAG: usize = 16;

/// Sealed bytes don't open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short, or another version.
    #[error("not a sealed value")]
    Malformed,
    /// Another key, other associated data, or a changed byte.
    #[error("the sealed value doesn't open")]
    Refused,
}

/// Seals under a key with a random nonce; for keys and small files, at most 2³² times a key.
pub fn wrap(key: &Secret<[u8; 32]>, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    wrap_with(key, aad, plaintext, &random())
}

/// As [`wrap`] with a given nonce, which must never be used twice under one key.
pub(crate) fn wrap_with(key: &Secret<[u8; 32]>, aad: &[u8], plaintext: &[u8], nonce: &[u8; 12]) -> Vec<u8> {
    let mut sealed = vec![VERSION];
    sealed.extend_from_slice(nonce);
    sealed.extend_from_slice(&seal_aead(key, nonce, aad, plaintext));
    sealed
}

/// Opens what [`wrap`] sealed.
///
/// # Errors
/// [`SealError`].
pub fn unwrap(key: &Secret<[u8; 32]>, aad: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
    let (version, rest) = sealed.split_first().ok_or(SealError::Malformed)?;
    let (nonce, ciphertext) = rest.split_first_chunk::<12>().ok_or(SealError::Malformed)?;
    if *version != VERSION {
        return Err(SealError::Malformed);
    }
    open_aead(key, nonce, aad, ciphertext)
}

/// What a record is bound to: sealed bytes open for these names only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordIds<'a> {
    /// The account.
    pub account: AccountId,
    /// The collection's name.
    pub collection: &'a str,
    /// The record's opaque id.
    pub id: &'a [u8],
    /// What kind of record it is.
    pub kind: &'a str,
    /// The key epoch whose collection key is used.
    pub key_epoch: u64,
}

impl RecordIds<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        MapWriter::versioned()
            .put("account", &self.account)
            .put("collection", &self.collection.to_owned())
            .put("id", &self.id.to_vec())
            .put("kind", &self.kind.to_owned())
            .put("key_epoch", &self.key_epoch)
            .finish()
    }
}

/// Seals a record under a key of its own.
///
/// key = HKDF(collection key, salt, "belay/record/1" ‖ ids), commitment = the first 16 bytes of
/// HKDF(key, "", "belay/record-commitment/1"), associated data = ids: one CBOR map.
pub fn seal_record(collection_key: &Secret<[u8; 32]>, ids: &RecordIds<'_>, plaintext: &[u8]) -> Vec<u8> {
    seal_record_with(collection_key, ids, plaintext, &random())
}

/// As [`seal_record`] with a given salt, which must never be used twice under one collection key.
pub(crate) fn seal_record_with(
    collection_key: &Secret<[u8; 32]>,
    ids: &RecordIds<'_>,
    plaintext: &[u8],
    salt: &[u8; 32],
) -> Vec<u8> {
    let write = |sealed: &mut Vec<u8>| sealed.extend_from_slice(plaintext);
    seal_record_into(collection_key, &ids.encode(), plaintext.len(), write, salt)
}

/// As [`seal_record_with`] for ids that are encoded already, of a plaintext of this length that `write` appends: it is sealed
/// where it is written.
pub(crate) fn seal_record_into(
    collection_key: &Secret<[u8; 32]>,
    ids: &[u8],
    length: usize,
    write: impl FnOnce(&mut Vec<u8>),
    salt: &[u8; 32],
) -> Vec<u8> {
    let (key, commitment) = record_key(collection_key, salt, ids);
    let begin = 1 + salt.len() + commitment.len();
    // Room from the start: growing would leave a copy of the plaintext behind.
    let mut sealed = Vec::with_capacity(begin + length + TAG);
    sealed.push(VERSION);
    sealed.extend_from_slice(salt);
    sealed.extend_from_slice(&commitment);
    write(&mut sealed);
    let tag = seal_in_place(&key, &[0; 12], ids, sealed.get_mut(begin..).unwrap_or_default());
    sealed.extend_from_slice(&tag);
    sealed
}

/// Opens what [`seal_record`] sealed for the same ids.
///
/// # Errors
/// [`SealError`].
pub fn open_record(
    collection_key: &Secret<[u8; 32]>,
    ids: &RecordIds<'_>,
    sealed: &[u8],
) -> Result<Secret<Vec<u8>>, SealError> {
    let (version, rest) = sealed.split_first().ok_or(SealError::Malformed)?;
    let (salt, rest) = rest.split_first_chunk::<32>().ok_or(SealError::Malformed)?;
    let (claimed, ciphertext) = rest.split_first_chunk::<16>().ok_or(SealError::Malformed)?;
    if *version != VERSION {
        return Err(SealError::Malformed);
    }
    let aad = ids.encode();
    let (key, commitment) = record_key(collection_key, salt, &aad);
    // GCM alone lets one ciphertext open under two keys; the commitment doesn't.
    if !same(&commitment, claimed) {
        return Err(SealError::Refused);
    }
    open_aead(&key, &[0; 12], &aad, ciphertext)
}

fn record_key(
    collection_key: &Secret<[u8; 32]>,
    salt: &[u8; 32],
    ids: &[u8],
) -> (Secret<[u8; 32]>, [u8; 16]) {
    let key = hkdf(collection_key.expose(), salt, &[b"belay/record/1", ids].concat());
    let full = hkdf(key.expose(), b"", b"belay/record-commitment/1");
    let mut commitment = [0; 16];
    commitment.copy_from_slice(&full.expose()[..16]);
    (key, commitment)
}

/// AES-256-GCM: ciphertext ‖ tag.
pub(crate) fn seal_aead(key: &Secret<[u8; 32]>, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    // Room for the tag from the start: growing would leave a copy of the plaintext behind.
    let mut buffer = Vec::with_capacity(plaintext.len() + TAG);
    buffer.extend_from_slice(plaintext);
    let tag = seal_in_place(key, nonce, aad, &mut buffer);
    buffer.extend_from_slice(&tag);
    buffer
}

/// AES-256-GCM: makes the plaintext its ciphertext; the tag.
pub(crate) fn seal_in_place(
    key: &Secret<[u8; 32]>,
    nonce: &[u8; 12],
    aad: &[u8],
    bytes: &mut [u8],
) -> [u8; TAG] {
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let tag = aead(key).seal_in_place_separate_tag(nonce, Aad::from(aad), bytes);
    match tag.map(|tag| <[u8; TAG]>::try_from(tag.as_ref())) {
        Ok(Ok(tag)) => tag,
        // Only a plaintext over 64 GiB is refused, and a tag has its length.
        _ => impossible(),
    }
}

/// AES-256-GCM: opens ciphertext ‖ tag.
pub(crate) fn open_aead(
    key: &Secret<[u8; 32]>,
    nonce: &[u8; 12],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Secret<Vec<u8>>, SealError> {
    let mut buffer = ciphertext.to_vec();
    let length = open_in_place(key, nonce, aad, &mut buffer, 0)?.len();
    buffer.truncate(length);
    Ok(Secret::new(buffer))
}

/// AES-256-GCM: opens the ciphertext ‖ tag that begins at byte `at`. The plaintext is then where `bytes` begin.
pub(crate) fn open_in_place<'b>(
    key: &Secret<[u8; 32]>,
    nonce: &[u8; 12],
    aad: &[u8],
    bytes: &'b mut [u8],
    at: usize,
) -> Result<&'b [u8], SealError> {
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened = aead(key).open_within(nonce, Aad::from(aad), bytes, at..);
    opened
        .map(|plaintext| &*plaintext)
        .map_err(|_| SealError::Refused)
}

fn aead(key: &Secret<[u8; 32]>) -> LessSafeKey {
    match UnboundKey::new(&AES_256_GCM, key.expose()) {
        Ok(key) => LessSafeKey::new(key),
        // Only another length is refused.
        Err(_) => impossible(),
    }
}
