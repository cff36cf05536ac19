//! The authentication: public keys are exchanged, then a random block is encrypted with the key that the account
//! server issued and with the session's.

use super::b163::Encoded;
use super::crypto::SessionKey;
use crate::huami::aes::encrypt_block;
use crate::huami::codec::{Malformed, bytes_at};
use crate::key::Key;

const PUBLIC_KEY: u8 = 0x04;
const ANSWER: u8 = 0x05;
const REPLY: u8 = 0x10;
const SUCCESS: u8 = 0x01;
const WRONG_KEY: u8 = 0x25;

/// What a band answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Its half of the key agreement.
    Public {
        /// The block to be encrypted.
        random: [u8; 16],
        /// Its public key, not yet checked.
        public: Encoded,
    },
    /// It doesn't take our public key, for this reason.
    PublicRefused(u8),
    /// Authenticated.
    Authenticated,
    /// It holds another key.
    KeyMismatch,
    /// The answer was refused, for this reason.
    AnswerRefused(u8),
}

/// Step 1: tells our public key.
#[must_use]
pub fn send_public(public: &Encoded) -> Vec<u8> {
    [&[PUBLIC_KEY, 0x02, 0x00, 0x02], &public[..]].concat()
}

/// Step 3: answers the random block. `None` where the key isn't one of 16 bytes.
#[must_use]
pub fn answer(key: &Key, session: &SessionKey, random: &[u8; 16]) -> Option<Vec<u8>> {
    let own = encrypt_block(key.block()?, random);
    let agreed = encrypt_block(session.bytes(), random);
    Some([&[ANSWER], &own[..], &agreed[..]].concat())
}

/// Reads an answer `10 command status …`.
///
/// # Errors
/// [`Malformed`]: too short, or of no known command.
pub fn decode(bytes: &[u8]) -> Result<Reply, Malformed> {
    let [REPLY, command, status] = bytes_at(bytes, 0).ok_or(Malformed)? else {
        return Err(Malformed);
    };
    match (command, status) {
        (PUBLIC_KEY, SUCCESS) => Ok(Reply::Public {
            random: bytes_at(bytes, 3).ok_or(Malformed)?,
            public: bytes_at(bytes, 19).ok_or(Malformed)?,
        }),
        (PUBLIC_KEY, reason) => Ok(Reply::PublicRefused(reason)),
        (ANSWER, SUCCESS) => Ok(Reply::Authenticated),
        (ANSWER, WRONG_KEY) => Ok(Reply::KeyMismatch),
        (ANSWER, reason) => Ok(Reply::AnswerRefused(reason)),
        _ => Err(Malformed),
    }
}
