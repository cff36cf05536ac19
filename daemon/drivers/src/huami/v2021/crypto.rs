//! The encryption of messages: AES-128-ECB with a key for each message, sequence number and CRC-32 inside.

use crate::huami::aes::{decrypt_block, encrypt_block};
use crate::huami::codec::{Malformed, u32_at};

/// The session's key and first sequence number, from the secret of ECDH and the band's key.
#[must_use]
pub fn session(shared: &[u8; 48], key: &[u8; 16]) -> ([u8; 16], u32) {
    let mut session = *key;
    let secret = shared.iter().skip(8);
    session.iter_mut().zip(secret).for_each(|(to, from)| *to ^= from);
    (
        session,
        u32::from_le_bytes([shared[0], shared[1], shared[2], shared[3]]),
    )
}

/// Encrypts a message.
#[must_use]
pub fn seal(session: &[u8; 16], handle: u8, sequence: u32, data: &[u8]) -> Vec<u8> {
    let key = session.map(|byte| byte ^ handle);
    let mut all = [data, &sequence.to_le_bytes()].concat();
    all.extend(crc32fast::hash(&all).to_le_bytes());
    all.resize(all.len().next_multiple_of(16), 0);
    let (blocks, _) = all.as_chunks::<16>();
    blocks
        .iter()
        .flat_map(|block| encrypt_block(&key, block))
        .collect()
}

/// Decrypts a message of `length` bytes; its CRC is checked.
///
/// # Errors
/// [`Malformed`]: no whole blocks, shorter than that, or another CRC.
pub fn open(session: &[u8; 16], handle: u8, length: usize, sealed: &[u8]) -> Result<Vec<u8>, Malformed> {
    let key = session.map(|byte| byte ^ handle);
    let (blocks, []) = sealed.as_chunks::<16>() else {
        return Err(Malformed);
    };
    let mut all: Vec<u8> = blocks
        .iter()
        .flat_map(|block| decrypt_block(&key, block))
        .collect();
    let end = length.checked_add(4).ok_or(Malformed)?;
    let crc = u32_at(&all, end).ok_or(Malformed)?;
    if crc32fast::hash(all.get(..end).ok_or(Malformed)?) != crc {
        return Err(Malformed);
    }
    all.truncate(length);
    Ok(all)
}
