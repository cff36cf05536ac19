//! What follows from the key agreement: the session's key, the first sequence number, and encrypted messages.
//!
//! A message is its data, its sequence number and a CRC-32 over both, filled up with zeros and encrypted block by
//! block with a key of its own (AES-128-ECB). This is what bands speak; it doesn't authenticate what it hides.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::b163::Encoded;
use crate::huami::aes::{decrypt_block, encrypt_block};
use crate::huami::codec::{Malformed, u32_at};
use crate::key::Key;

/// Bytes of a block.
const BLOCK: usize = 16;
/// Bytes of a sequence number and a CRC.
const TRAILER: usize = 8;

/// A session's key. Wiped from memory at its end; `Debug` says nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey([u8; BLOCK]);

/// What is inside an encrypted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The data.
    pub data: Vec<u8>,
    /// Its sequence number.
    pub sequence: u32,
}

impl SessionKey {
    /// A key that is already known.
    #[must_use]
    pub const fn new(bytes: [u8; BLOCK]) -> Self {
        Self(bytes)
    }

    /// The key of the point that both sides arrived at and the key that the account server issued. `None` where
    /// that isn't one of 16 bytes.
    #[must_use]
    pub fn derive(shared: &Encoded, key: &Key) -> Option<Self> {
        let mut session = *key.block()?;
        session
            .iter_mut()
            .zip(&shared[8..])
            .for_each(|(byte, shared)| *byte ^= shared);
        let derived = Self(session);
        session.zeroize();
        Some(derived)
    }

    /// The key's bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; BLOCK] {
        &self.0
    }

    /// The key of the message `handle`.
    fn message_key(&self, handle: u8) -> Zeroizing<[u8; BLOCK]> {
        Zeroizing::new(self.0.map(|byte| byte ^ handle))
    }

    /// Encrypts the message `handle`.
    #[must_use]
    pub fn seal(&self, handle: u8, sequence: u32, data: &[u8]) -> Vec<u8> {
        let mut plain = [data, &sequence.to_le_bytes()].concat();
        plain.extend(crc32fast::hash(&plain).to_le_bytes());
        plain.resize(sealed_length(data.len()), 0);
        let key = self.message_key(handle);
        let (blocks, _) = plain.as_chunks::<BLOCK>();
        blocks
            .iter()
            .flat_map(|block| encrypt_block(&key, block))
            .collect()
    }

    /// Decrypts the message `handle`, of which `length` bytes are data.
    ///
    /// # Errors
    /// [`Malformed`]: another number of blocks than that needs, or another CRC, as with another key.
    pub fn open(&self, handle: u8, length: usize, sealed: &[u8]) -> Result<Opened, Malformed> {
        if length > sealed.len() || sealed.len() != sealed_length(length) {
            return Err(Malformed);
        }
        let key = self.message_key(handle);
        let (blocks, _) = sealed.as_chunks::<BLOCK>();
        let mut data: Vec<u8> = blocks
            .iter()
            .flat_map(|block| decrypt_block(&key, block))
            .collect();
        let sequence = u32_at(&data, length).ok_or(Malformed)?;
        let crc = u32_at(&data, length + 4).ok_or(Malformed)?;
        data.truncate(length + 4);
        if crc32fast::hash(&data) != crc {
            return Err(Malformed);
        }
        data.truncate(length);
        Ok(Opened { data, sequence })
    }
}

impl Drop for SessionKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

/// The number of the first encrypted message; the next has one more.
#[must_use]
pub const fn first_sequence(shared: &Encoded) -> u32 {
    u32::from_le_bytes([shared[0], shared[1], shared[2], shared[3]])
}

/// Bytes of an encrypted message with `length` bytes of data.
#[must_use]
pub const fn sealed_length(length: usize) -> usize {
    (length + TRAILER).next_multiple_of(BLOCK)
}
