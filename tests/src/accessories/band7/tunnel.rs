//! The band's end of the tunnel: messages in pieces, and what is secret of them.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// A message that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whom it is to.
    pub endpoint: u16,
    /// Whether it was encrypted.
    pub secret: bool,
    /// What it says.
    pub text: Vec<u8>,
}

/// What both sides know.
#[derive(Debug, Clone)]
struct Secret {
    key: [u8; 16],
    /// The number of our next message.
    ours: u32,
    /// The number that the phone's next must have.
    theirs: u32,
}

/// The tunnel of one connection.
#[derive(Debug, Default)]
pub(super) struct Tunnel {
    secret: Option<Secret>,
    number: u8,
    begun: Option<Begun>,
    /// How many messages weren't as they should be.
    pub(super) wrong: u32,
}

#[derive(Debug)]
struct Begun {
    number: u8,
    piece: u8,
    length: usize,
    endpoint: u16,
    secret: bool,
    bytes: Vec<u8>,
}

impl Tunnel {
    pub(super) fn agree(&mut self, key: [u8; 16], first: u32) {
        self.secret = Some(Secret {
            key,
            ours: first,
            theirs: first,
        });
    }

    /// Takes a piece: what is to be answered to it, and the message that is whole now.
    pub(super) fn take(&mut self, piece: &[u8]) -> (Option<Vec<u8>>, Option<Message>) {
        let [3, flags, 0, number, index, rest @ ..] = piece else {
            self.wrong += 1;
            return (None, None);
        };
        let mut rest = rest;
        if flags & 1 != 0 {
            let [a, b, c, d, e, f, first @ ..] = rest else {
                self.wrong += 1;
                return (None, None);
            };
            self.begun = Some(Begun {
                number: *number,
                piece: 0,
                length: usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX),
                endpoint: u16::from_le_bytes([*e, *f]),
                secret: flags & 8 != 0,
                bytes: Vec::new(),
            });
            rest = first;
        }
        let Some(begun) = self
            .begun
            .as_mut()
            .filter(|b| b.number == *number && b.piece == *index)
        else {
            self.wrong += 1;
            return (None, None);
        };
        begun.bytes.extend(rest);
        begun.piece = begun.piece.wrapping_add(1);
        let answer = (flags & 4 != 0).then(|| vec![4, 0, *number, 1, *index]);
        if flags & 2 == 0 {
            return (answer, None);
        }
        let message = self.begun.take().and_then(|begun| self.open(begun));
        self.wrong += u32::from(message.is_none());
        (answer, message)
    }

    fn open(&mut self, begun: Begun) -> Option<Message> {
        let Begun {
            number,
            length,
            endpoint,
            secret,
            bytes,
            ..
        } = begun;
        let text = if secret {
            let known = self.secret.as_mut()?;
            let plain = blocks(&known.key, number, &bytes, false);
            let (text, tail) = plain.split_at_checked(length)?;
            let theirs = u32::from_le_bytes(*tail.first_chunk()?);
            let sum = u32::from_le_bytes(*tail.get(4..)?.first_chunk()?);
            // Nothing but padding follows, and nothing is left out.
            if sum != crc(&plain[..length + 4]) || theirs != known.theirs || tail.len() >= 8 + 16 {
                return None;
            }
            known.theirs = known.theirs.wrapping_add(1);
            text.to_vec()
        } else {
            (bytes.len() == length).then_some(bytes)?
        };
        Some(Message {
            endpoint,
            secret,
            text,
        })
    }

    /// The pieces of a message, none of more than `room` bytes.
    pub(super) fn give(&mut self, endpoint: u16, secret: bool, text: &[u8], room: usize) -> Vec<Vec<u8>> {
        self.number = self.number.wrapping_add(1);
        let mut bytes = text.to_vec();
        if let Some(known) = self.secret.as_mut().filter(|_| secret) {
            bytes.extend(known.ours.to_le_bytes());
            bytes.extend(crc(&bytes).to_le_bytes());
            bytes.resize(bytes.len().div_ceil(16) * 16, 0);
            bytes = blocks(&known.key, self.number, &bytes, true);
            known.ours = known.ours.wrapping_add(1);
        }
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let mut pieces = Vec::new();
        let mut left = &bytes[..];
        while pieces.is_empty() || !left.is_empty() {
            let first = pieces.is_empty();
            let head = if first { 11 } else { 5 };
            let (part, rest) = left.split_at(left.len().min(room.saturating_sub(head)));
            left = rest;
            let mut flags = u8::from(first) | u8::from(secret) << 3;
            if left.is_empty() {
                flags |= 2 | 4;
            }
            let index = u8::try_from(pieces.len() % 256).unwrap_or(0);
            let mut piece = vec![3, flags, 0, self.number, index];
            if first {
                piece.extend(length.to_le_bytes());
                piece.extend(endpoint.to_le_bytes());
            }
            piece.extend(part);
            pieces.push(piece);
        }
        pieces
    }
}

/// Encrypts or decrypts the message `number`.
fn blocks(key: &[u8; 16], number: u8, bytes: &[u8], encrypt: bool) -> Vec<u8> {
    let cipher = Aes128::new(&Array::from(key.map(|byte| byte ^ number)));
    let (whole, _) = bytes.as_chunks::<16>();
    let mut all = Vec::new();
    for block in whole {
        let mut block = Array::from(*block);
        if encrypt {
            cipher.encrypt_block(&mut block);
        } else {
            cipher.decrypt_block(&mut block);
        }
        all.extend(block);
    }
    all
}

/// CRC-32 of IEEE 802.3, bit by bit.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_known_one() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_known_message_is_made_and_read() {
        let key = *b"\x34\x49\xa3\x57\x2d\x90\x2d\x30\xa2\x45\x14\x6c\xcd\xdd\xee\xff";
        let mut one = Tunnel {
            number: 2,
            ..Tunnel::default()
        };
        one.agree(key, 3_222_136_223);
        let pieces = one.give(0x0029, true, &[3], 20);
        let known: [&[u8]; 2] = [
            b"\x03\x09\x00\x03\x00\x01\x00\x00\x00\x29\x00\x28\x77\x9c\x4c\x55\x09\x39\x71\x2d",
            b"\x03\x0e\x00\x03\x01\x24\xf5\x9b\x8e\x80\xd7\xd6",
        ];
        assert_eq!(pieces, known);
        let mut other = Tunnel::default();
        other.agree(key, 3_222_136_223);
        assert_eq!(other.take(known[0]), (None, None));
        let (answer, message) = other.take(known[1]);
        assert_eq!(answer, Some(vec![4, 0, 3, 1, 1]));
        assert_eq!(message.map(|it| it.text), Some(vec![3]));
        // The same again has a number of before.
        other.take(known[0]);
        assert_eq!(other.take(known[1]).1, None);
        assert_eq!(other.wrong, 1);
    }
}
