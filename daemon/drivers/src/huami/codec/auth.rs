//! The authentication of Mi Band 2 to 6: a random block, encrypted with the key that both sides hold.

use super::{Malformed, bytes_at};
use crate::huami::aes::encrypt_block;

/// The key that Gadgetbridge takes where none is set, and of which a short text keeps the end.
const DEFAULT_KEY: &[u8; 16] = b"0123456789@ABCDE";

/// How a model speaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Set in the number of every command: 80 hex with keys of the account server, else 0.
    pub crypt: u8,
    /// The second byte: 8 on Mi Band 2, 0 later.
    pub flag: u8,
}

/// Step 1: hands over a new key. Bands with a key of the account server must never get this.
#[must_use]
pub fn send_key(flag: u8, key: &[u8; 16]) -> Vec<u8> {
    [&[0x01, flag], &key[..]].concat()
}

impl Dialect {
    /// Step 2: asks for a random block.
    #[must_use]
    pub fn request_random(self) -> Vec<u8> {
        if self.crypt == 0 {
            vec![0x02, self.flag]
        } else {
            vec![0x02 | self.crypt, self.flag, 0x02, 0x01, 0x00]
        }
    }

    /// Step 3: answers it.
    #[must_use]
    pub fn answer(self, key: &[u8; 16], random: &[u8; 16]) -> Vec<u8> {
        [&[0x03 | self.crypt, self.flag], &encrypt_block(key, random)[..]].concat()
    }
}

/// What a band answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The key is stored: its wearer has tapped.
    KeyStored,
    /// Nobody tapped in time.
    NotConfirmed,
    /// The key wasn't taken.
    KeyRefused,
    /// The random block.
    Random([u8; 16]),
    /// It has no random block for us.
    RandomRefused,
    /// Authenticated.
    Authenticated,
    /// It holds another key.
    KeyMismatch,
    /// The answer was refused for another reason.
    AnswerRefused,
}

/// Reads an answer `10 command status …`. The bit 80 hex of the command is passed over.
///
/// # Errors
/// [`Malformed`]: too short, or of no known command.
pub fn decode(bytes: &[u8]) -> Result<Reply, Malformed> {
    let [0x10, command, status] = bytes_at(bytes, 0).ok_or(Malformed)? else {
        return Err(Malformed);
    };
    Ok(match (command & 0x0f, status) {
        // What 6 means isn't known; a client takes it, and any odd status, for success. Where the key wasn't
        // stored after all the steps that follow fail.
        (1, 6) => Reply::KeyStored,
        (1, odd) if odd & 1 == 1 => Reply::KeyStored,
        (1, 2) => Reply::NotConfirmed,
        (1, _) => Reply::KeyRefused,
        (2, 1) => Reply::Random(bytes_at(bytes, 3).ok_or(Malformed)?),
        (2, _) => Reply::RandomRefused,
        (3, 1) => Reply::Authenticated,
        (3, 4 | 8) => Reply::KeyMismatch,
        (3, _) => Reply::AnswerRefused,
        _ => return Err(Malformed),
    })
}

/// The key that Gadgetbridge makes of a typed text that isn't hexadecimal: its first 16 bytes, written over the
/// beginning of a default key. For whoever brings such a key along; we never make one.
#[must_use]
pub fn key_of_text(text: &str) -> [u8; 16] {
    let mut key = *DEFAULT_KEY;
    key.iter_mut()
        .zip(text.trim().bytes())
        .for_each(|(to, from)| *to = from);
    key
}
