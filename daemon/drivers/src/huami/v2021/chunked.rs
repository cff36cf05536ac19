//! Messages in chunks with the extended header: written to H-0016, notified by H-0017.

use crate::huami::codec::{Malformed, bytes_at, u16_at, u32_at};

const FIRST: u8 = 1;
const LAST: u8 = 2;
const WANTED: u8 = 4;
const ENCRYPTED: u8 = 8;
/// The most bytes of a message that are kept.
const LIMIT: usize = 64 * 1024;

/// The beginning of a message, as its first chunk tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The number of the message; wraps.
    pub handle: u8,
    /// Length before encryption, bytes.
    pub length: u32,
    /// Where to.
    pub endpoint: u16,
    /// Whether it is encrypted.
    pub encrypted: bool,
}

/// The chunks of a message whose bytes, encrypted where they are to be, are `data`; `None` where they are more than
/// an index can count.
#[must_use]
pub fn chunks(header: Header, data: &[u8], mtu: u16) -> Option<Vec<Vec<u8>>> {
    let room = usize::from(mtu.max(23)) - 8;
    let (first, rest) = data.split_at(data.len().min(room - 6));
    let kind = if header.encrypted { ENCRYPTED } else { 0 };
    let last = rest.len().div_ceil(room);
    let ending = |index| if index == last { LAST | WANTED } else { 0 };
    let mut all = vec![vec![3, kind | FIRST | ending(0), 0, header.handle, 0]];
    for part in &mut all {
        part.extend(header.length.to_le_bytes());
        part.extend(header.endpoint.to_le_bytes());
        part.extend(first);
    }
    for (at, part) in rest.chunks(room).enumerate() {
        let start = [
            3,
            kind | ending(at + 1),
            0,
            header.handle,
            u8::try_from(at + 1).ok()?,
        ];
        all.push([&start, part].concat());
    }
    Some(all)
}

/// What is written to H-0017 for a chunk that wants an acknowledgement.
#[must_use]
pub const fn acknowledgement(handle: u8, index: u8) -> [u8; 5] {
    [4, 0, handle, 1, index]
}

/// Puts messages together; keeps 64 KiB at most.
#[derive(Default)]
pub struct Assembly {
    open: Option<(Header, u8, Vec<u8>)>,
}

/// What a chunk brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// To write to H-0017.
    pub acknowledge: Option<[u8; 5]>,
    /// A whole message, still encrypted where it is.
    pub message: Option<(Header, Vec<u8>)>,
}

impl Assembly {
    /// Takes a chunk. One of another message in mid-message is passed over.
    ///
    /// # Errors
    /// [`Malformed`]: no chunk, out of order (what was kept is dropped), or too long.
    pub fn take(&mut self, chunk: &[u8]) -> Result<Taken, Malformed> {
        let [3, flags, _, handle, index] = bytes_at(chunk, 0).ok_or(Malformed)? else {
            return Err(Malformed);
        };
        let nothing = Taken {
            acknowledge: None,
            message: None,
        };
        if self.open.as_ref().is_some_and(|(open, ..)| open.handle != handle) {
            return Ok(nothing);
        }
        let (header, due, mut data) = if flags & FIRST != 0 {
            self.open = None;
            let header = Header {
                handle,
                length: u32_at(chunk, 5).ok_or(Malformed)?,
                endpoint: u16_at(chunk, 9).ok_or(Malformed)?,
                encrypted: flags & ENCRYPTED != 0,
            };
            (header, 0, Vec::new())
        } else {
            self.open.take().ok_or(Malformed)?
        };
        let part = chunk
            .get(if flags & FIRST != 0 { 11 } else { 5 }..)
            .ok_or(Malformed)?;
        if index != due || data.len() + part.len() > LIMIT {
            return Err(Malformed);
        }
        data.extend(part);
        let acknowledge = (flags & WANTED != 0).then(|| acknowledgement(handle, index));
        if flags & LAST == 0 {
            self.open = Some((header, due.wrapping_add(1), data));
            return Ok(Taken {
                acknowledge,
                ..nothing
            });
        }
        let message = Some((header, data));
        Ok(Taken { acknowledge, message })
    }
}
