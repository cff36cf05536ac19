//! The bytes of the handshake (endpoint 0082).

use super::crypto::session;
use crate::huami::aes::encrypt_block;
use crate::huami::codec::{Malformed, bytes_at};

/// Step 1: our public key.
#[must_use]
pub fn hello(public: &[u8; 48]) -> Vec<u8> {
    [&[4, 2, 0, 2], &public[..]].concat()
}

/// Reads step 2: the band's random block and public key.
///
/// # Errors
/// [`Malformed`]: another message, or too short.
pub fn challenge(bytes: &[u8]) -> Result<([u8; 16], [u8; 48]), Malformed> {
    match bytes_at(bytes, 0) {
        Some([0x10, 4, 1]) => bytes_at(bytes, 3).zip(bytes_at(bytes, 19)).ok_or(Malformed),
        _ => Err(Malformed),
    }
}

/// Step 3: the random block under the band's key and under the session's.
#[must_use]
pub fn answer(shared: &[u8; 48], key: &[u8; 16], random: &[u8; 16]) -> Vec<u8> {
    let (session, _) = session(shared, key);
    [
        &[5],
        &encrypt_block(key, random)[..],
        &encrypt_block(&session, random),
    ]
    .concat()
}

/// Reads step 4: whether the band holds the same key.
///
/// # Errors
/// [`Malformed`]: another message or status.
pub fn verdict(bytes: &[u8]) -> Result<bool, Malformed> {
    match bytes_at(bytes, 0) {
        Some([0x10, 5, 1]) => Ok(true),
        Some([0x10, 5, 0x25]) => Ok(false),
        _ => Err(Malformed),
    }
}
