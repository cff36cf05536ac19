//! The framing with its extended header: messages to endpoints, in as many chunks as the MTU asks for.
//!
//! A chunk is `03 flags 00 handle index`, in the first followed by the length of the data (u32) and the endpoint
//! (u16), then bytes of the body. The body of an encrypted message is longer than its data.

use super::crypto::sealed_length;
use crate::cursor::Cursor;
use crate::huami::codec::Malformed;

/// The most data that a message may have: 64 KiB. No band is known to send a tenth of it.
pub const MAX_LENGTH: usize = 65_536;

/// Bits of [`Chunk::flags`].
pub mod flag {
    /// The first chunk of a message.
    pub const FIRST: u8 = 0x01;
    /// The last one.
    pub const LAST: u8 = 0x02;
    /// An acknowledgement is wanted.
    pub const ACKNOWLEDGE: u8 = 0x04;
    /// The message is encrypted.
    pub const ENCRYPTED: u8 = 0x08;
}

const CHUNK: u8 = 0x03;
const ACKNOWLEDGEMENT: u8 = 0x04;
/// What ATT takes of an MTU.
const ATT: usize = 3;
const HEADER: usize = 5;
const FIRST_HEADER: usize = 11;

/// A chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// See [`flag`].
    pub flags: u8,
    /// The message it belongs to.
    pub handle: u8,
    /// Its place in the message, from 0.
    pub index: u8,
    /// What only a first chunk tells.
    pub start: Option<Start>,
    /// Bytes of the body.
    pub body: &'a [u8],
}

/// What a first chunk tells of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Bytes of the data, without encryption.
    pub length: u32,
    /// Whom it is to.
    pub endpoint: u16,
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number.
    pub handle: u8,
    /// Whom it is to, or from.
    pub endpoint: u16,
    /// Whether the body is encrypted.
    pub encrypted: bool,
    /// Bytes of the data, without encryption.
    pub length: usize,
    /// The data, or what it was encrypted to.
    pub body: Vec<u8>,
}

/// That a chunk has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The chunk's message.
    pub handle: u8,
    /// The chunk.
    pub index: u8,
}

impl<'a> Chunk<'a> {
    /// Reads a chunk.
    ///
    /// # Errors
    /// [`Malformed`]: too short, or no chunk.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let Some([CHUNK, flags, _, handle, index]) = cursor.array() else {
            return Err(Malformed);
        };
        let start = if flags & flag::FIRST == 0 {
            None
        } else {
            Some(Start {
                length: cursor.u32().ok_or(Malformed)?,
                endpoint: cursor.u16().ok_or(Malformed)?,
            })
        };
        Ok(Self {
            flags,
            handle,
            index,
            start,
            body: cursor.rest(),
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![CHUNK, self.flags, 0, self.handle, self.index];
        if let Some(start) = self.start {
            bytes.extend(start.length.to_le_bytes());
            bytes.extend(start.endpoint.to_le_bytes());
        }
        bytes.extend(self.body);
        bytes
    }
}

impl Message {
    /// Bytes that the body must have.
    const fn body_length(length: usize, encrypted: bool) -> usize {
        if encrypted { sealed_length(length) } else { length }
    }

    /// The chunks, for an ATT MTU of `mtu` bytes; the last one asks for an acknowledgement. `None` where they are
    /// more than an index can count.
    #[must_use]
    pub fn chunks(&self, mtu: u16) -> Option<Vec<Vec<u8>>> {
        let room = usize::from(mtu.max(23)) - ATT;
        let (first, rest) = self.body.split_at(self.body.len().min(room - FIRST_HEADER));
        let parts: Vec<&[u8]> = std::iter::once(first).chain(rest.chunks(room - HEADER)).collect();
        let base = if self.encrypted { flag::ENCRYPTED } else { 0 };
        let start = Start {
            length: u32::try_from(self.length).ok()?,
            endpoint: self.endpoint,
        };
        let last = parts.len() - 1;
        let encode = |(index, body): (usize, &&[u8])| {
            let start = (index == 0).then_some(start);
            let first = start.map_or(0, |_| flag::FIRST);
            let end = if index == last {
                flag::LAST | flag::ACKNOWLEDGE
            } else {
                0
            };
            let chunk = Chunk {
                flags: base | first | end,
                handle: self.handle,
                index: u8::try_from(index).ok()?,
                start,
                body,
            };
            Some(chunk.encode())
        };
        parts.iter().enumerate().map(encode).collect()
    }
}

impl Acknowledgement {
    /// What is written to the characteristic that the chunk came from.
    #[must_use]
    pub const fn encode(self) -> [u8; 5] {
        [ACKNOWLEDGEMENT, 0x00, self.handle, 0x01, self.index]
    }

    /// Reads one. What the fourth byte tells besides 1 isn't known.
    ///
    /// # Errors
    /// [`Malformed`]: too short, or something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        match bytes {
            [ACKNOWLEDGEMENT, _, handle, 0x01, index, ..] => Ok(Self {
                handle: *handle,
                index: *index,
            }),
            _ => Err(Malformed),
        }
    }
}

/// What a chunk led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// To be written back.
    pub acknowledge: Option<Acknowledgement>,
    /// The message that is whole now.
    pub message: Option<Message>,
}

/// Why a chunk wasn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untaken {
    /// It isn't a chunk, or not the next of a message: what was before it may have been lost.
    #[error("no chunk of a message")]
    Stray,
    /// Its message has another length than it told, or one above [`MAX_LENGTH`], which no loss explains.
    #[error("a message of another length than it told")]
    Length,
}

/// Puts messages together, one at a time.
#[derive(Debug, Default)]
pub struct Reassembly {
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    message: Message,
    next: u8,
}

impl Reassembly {
    /// Takes a chunk. One of another message than the one under way is ignored.
    ///
    /// # Errors
    /// [`Untaken`]. What was collected is forgotten, unless it wasn't a chunk at all.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Taken, Untaken> {
        let chunk = Chunk::decode(bytes).map_err(|_| Untaken::Stray)?;
        if let Some(partial) = &self.partial
            && partial.message.handle != chunk.handle
        {
            return Ok(Taken::default());
        }
        let message = self.append(&chunk)?;
        let acknowledge = (chunk.flags & flag::ACKNOWLEDGE != 0).then_some(Acknowledgement {
            handle: chunk.handle,
            index: chunk.index,
        });
        Ok(Taken { acknowledge, message })
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.partial.is_some()
    }

    /// Forgets what was collected: for a message whose end doesn't come, which would shut out all others.
    pub fn reset(&mut self) {
        self.partial = None;
    }

    fn append(&mut self, chunk: &Chunk<'_>) -> Result<Option<Message>, Untaken> {
        let collected = self.partial.take();
        let mut partial = match chunk.start {
            // The same message again, from its beginning, replaces what came of it.
            Some(start) => Partial::new(chunk, start)?,
            None => collected.ok_or(Untaken::Stray)?,
        };
        if chunk.start.is_none() && chunk.index == partial.next.wrapping_sub(1) {
            // A notification that arrived twice.
            self.partial = Some(partial);
            return Ok(None);
        }
        if partial.next != chunk.index {
            return Err(Untaken::Stray);
        }
        // Wraps: a long message at a small MTU has more chunks than an index can count.
        partial.next = chunk.index.wrapping_add(1);
        let message = &mut partial.message;
        let wanted = Message::body_length(message.length, message.encrypted);
        message.body.extend(chunk.body);
        if message.body.len() > wanted {
            return Err(Untaken::Length);
        }
        if chunk.flags & flag::LAST == 0 {
            self.partial = Some(partial);
            return Ok(None);
        }
        if message.body.len() == wanted {
            Ok(Some(partial.message))
        } else {
            Err(Untaken::Length)
        }
    }
}

impl Partial {
    fn new(chunk: &Chunk<'_>, start: Start) -> Result<Self, Untaken> {
        let length = usize::try_from(start.length).map_err(|_| Untaken::Length)?;
        if length > MAX_LENGTH {
            return Err(Untaken::Length);
        }
        let message = Message {
            handle: chunk.handle,
            endpoint: start.endpoint,
            encrypted: chunk.flags & flag::ENCRYPTED != 0,
            length,
            body: Vec::new(),
        };
        Ok(Self { message, next: 0 })
    }
}
