//! The frame codec.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use rmp_serde::decode::Error as DecodeError;
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use super::texts::Texts;
use super::{MAX_FRAME, MAX_FRAMES, MAX_SHORT, MAX_STREAM, is_within};
use crate::secret::Secret;
use crate::sync::{Attributes, RecordId};

/// Maps in maps at most: a frame holds one.
const DEPTH: usize = 8;
/// Written and read at once, bytes.
const BUFFER: usize = 64 * 1024;

/// A record in a stream. `Debug` shows nothing of what it says.
pub struct FramedRecord {
    /// Which; `None` where it follows from `natural`, or a new one is to be drawn.
    pub id: Option<RecordId>,
    /// The revision that it replaces, or, read, that it has; 0 = new.
    pub revision: u64,
    /// What it is by nature.
    pub natural: Option<String>,
    /// Its media type.
    pub kind: String,
    /// What its source knows of it besides.
    pub attributes: Attributes,
    /// Where the revision is stale: keep both, instead of a conflict.
    pub keep_both: bool,
    /// The content, at most [`MAX_SHORT`]; belayd takes one that has at most 256 KiB once it is compressed.
    pub content: Secret<Vec<u8>>,
}

impl fmt::Debug for FramedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramedRecord")
            .field("id", &self.id)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// A stream that can't be written or read. On the bus all but [`FrameError::Io`] are `InvalidArgument`.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A frame over [`MAX_FRAME`], or a part of a record over its limit.
    #[error("a record is too long for a stream")]
    TooLong,
    /// Over [`MAX_FRAMES`] or [`MAX_STREAM`].
    #[error("the stream has too many records")]
    TooMany,
    /// It ends within a frame.
    #[error("the stream ends within a record")]
    Truncated,
    /// A frame is no record.
    #[error("record {0} of the stream isn't as documented")]
    Malformed(usize),
    /// It can't be written or read.
    #[error("the stream failed")]
    Io(#[source] io::Error),
}

/// Writes records into a stream, short ones together.
#[derive(Debug)]
pub struct FrameWriter<W> {
    out: W,
    count: Count,
    /// What isn't written yet.
    waiting: Zeroizing<Vec<u8>>,
}

/// Reads records from a stream, one in memory at a time. After an error it has ended.
#[derive(Debug)]
pub struct FrameReader<R> {
    from: R,
    count: Count,
    strict: bool,
    ended: bool,
    /// What was read ahead, from `taken` to `filled`.
    ahead: Zeroizing<Vec<u8>>,
    taken: usize,
    filled: usize,
    frame: Zeroizing<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Count {
    frames: usize,
    bytes: u64,
}

impl Count {
    /// One more of `length` bytes, where there is room for it.
    fn add(&mut self, length: usize) -> Result<(), FrameError> {
        self.frames += 1;
        self.bytes += 4 + length as u64;
        match self.frames <= MAX_FRAMES && self.bytes <= MAX_STREAM {
            true => Ok(()),
            false => Err(FrameError::TooMany),
        }
    }
}

impl<W: Write> FrameWriter<W> {
    /// Into `out`. It buffers by itself, in a buffer that is overwritten at the end.
    pub fn new(out: W) -> Self {
        Self {
            out,
            count: Count::default(),
            waiting: Zeroizing::new(Vec::with_capacity(BUFFER)),
        }
    }

    /// Writes one.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], [`FrameError::TooMany`], [`FrameError::Io`].
    pub fn write(&mut self, record: &FramedRecord) -> Result<(), FrameError> {
        let frame = encode(record)?;
        self.count.add(frame.len())?;
        let length = u32::try_from(frame.len()).map_err(|_| FrameError::TooLong)?;
        if self.waiting.len() + 4 + frame.len() > BUFFER {
            self.flush()?;
        }
        self.waiting.extend_from_slice(&length.to_be_bytes());
        match self.waiting.len() + frame.len() <= BUFFER {
            true => self.waiting.extend_from_slice(&frame),
            false => {
                self.flush()?;
                self.out.write_all(&frame).map_err(FrameError::Io)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), FrameError> {
        self.out.write_all(&self.waiting).map_err(FrameError::Io)?;
        self.waiting.clear();
        Ok(())
    }

    /// Whether another one of up to [`MAX_FRAME`] surely fits.
    pub fn has_room(&self) -> bool {
        self.count.frames < MAX_FRAMES && self.count.bytes + 4 + MAX_FRAME as u64 <= MAX_STREAM
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// [`FrameError::Io`].
    pub fn finish(mut self) -> Result<W, FrameError> {
        self.flush()?;
        self.out.flush().map_err(FrameError::Io)?;
        Ok(self.out)
    }
}

impl<R: Read> FrameReader<R> {
    /// For whoever stores them: a key that isn't documented is refused.
    pub fn strict(from: R) -> Self {
        Self::new(from, true)
    }

    /// For whoever shows them: a key that isn't known is passed over.
    pub fn lenient(from: R) -> Self {
        Self::new(from, false)
    }

    fn new(from: R, strict: bool) -> Self {
        Self {
            from,
            count: Count::default(),
            strict,
            ended: false,
            ahead: Zeroizing::new(vec![0; BUFFER]),
            taken: 0,
            filled: 0,
            frame: Zeroizing::default(),
        }
    }

    fn record(&mut self) -> Result<Option<FramedRecord>, FrameError> {
        let Some(length) = self.length()? else {
            return Ok(None);
        };
        if length > MAX_FRAME {
            return Err(FrameError::TooLong);
        }
        self.count.add(length)?;
        if self.frame.capacity() < length {
            // Another one, instead of growing: that would leave pieces of contents behind.
            self.frame = Zeroizing::new(Vec::with_capacity(length));
        }
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        // What is read counts, and not what is announced.
        while frame.len() < length {
            let piece = self.more(length - frame.len())?;
            if piece.is_empty() {
                return Err(FrameError::Truncated);
            }
            frame.extend_from_slice(piece);
        }
        let record = decode(&frame, self.strict);
        self.frame = frame;
        record.map(Some).ok_or(FrameError::Malformed(self.count.frames))
    }

    fn length(&mut self) -> Result<Option<usize>, FrameError> {
        let mut length = Vec::with_capacity(4);
        while length.len() < 4 {
            let piece = self.more(4 - length.len())?;
            match (piece, length.is_empty()) {
                ([], true) => return Ok(None),
                ([], false) => return Err(FrameError::Truncated),
                (piece, _) => length.extend_from_slice(piece),
            }
        }
        let length = length
            .into_iter()
            .fold(0_u64, |all, byte| all << 8 | u64::from(byte));
        usize::try_from(length).map(Some).map_err(|_| FrameError::TooLong)
    }

    /// The next bytes, at most `most`; none at the end.
    fn more(&mut self, most: usize) -> Result<&[u8], FrameError> {
        if self.taken >= self.filled {
            self.filled = loop {
                match self.from.read(&mut self.ahead) {
                    Ok(count) => break count,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(FrameError::Io(error)),
                }
            };
            self.taken = 0;
        }
        let ahead = self.ahead.get(self.taken..self.filled).unwrap_or_default();
        let piece = ahead.get(..most).unwrap_or(ahead);
        self.taken += piece.len();
        Ok(piece)
    }
}

impl<R: Read> Iterator for FrameReader<R> {
    type Item = Result<FramedRecord, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let record = self.record();
        self.ended = !matches!(record, Ok(Some(_)));
        record.transpose()
    }
}

#[derive(Serialize)]
struct Written<'a> {
    id: &'a str,
    revision: u64,
    natural: Option<&'a str>,
    kind: &'a str,
    attributes: &'a BTreeMap<String, String>,
    keep_both: bool,
    content: Bin<'a>,
}

struct Bin<'a>(&'a [u8]);

impl Serialize for Bin<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

fn encode(record: &FramedRecord) -> Result<Zeroizing<Vec<u8>>, FrameError> {
    let content = record.content.expose();
    let within = is_within(record.natural.as_deref(), &record.kind, &record.attributes);
    if content.len() > MAX_SHORT || !within {
        return Err(FrameError::TooLong);
    }
    let id = record.id.map(|id| id.to_string()).unwrap_or_default();
    let written = Written {
        id: &id,
        revision: record.revision,
        natural: record.natural.as_deref(),
        kind: &record.kind,
        attributes: &record.attributes.0,
        keep_both: record.keep_both,
        content: Bin(content),
    };
    // All but the content is at most so long: it never grows.
    let mut frame = Zeroizing::new(Vec::with_capacity(content.len() + MAX_FRAME - MAX_SHORT));
    rmp_serde::encode::write_named(&mut *frame, &written)
        .map_err(|error| FrameError::Io(io::Error::other(error)))?;
    Ok(frame)
}

/// What both kinds of readers know.
macro_rules! read {
    ($(#[$meta:meta])* $name:ident) => {
        #[derive(Deserialize)]
        $(#[$meta])*
        struct $name<'a> {
            #[serde(default)]
            id: &'a str,
            #[serde(default)]
            revision: u64,
            #[serde(default)]
            natural: Option<&'a str>,
            #[serde(default)]
            kind: &'a str,
            #[serde(default)]
            attributes: Texts,
            #[serde(default)]
            keep_both: bool,
            content: &'a [u8],
        }

        impl $name<'_> {
            fn record(self) -> Option<FramedRecord> {
                let id = match self.id {
                    "" => None,
                    id => Some(id.parse().ok()?),
                };
                let record = FramedRecord {
                    id,
                    revision: self.revision,
                    natural: self.natural.map(ToOwned::to_owned),
                    kind: self.kind.to_owned(),
                    attributes: self.attributes.0,
                    keep_both: self.keep_both,
                    content: Secret::new(self.content.to_vec()),
                };
                let within = is_within(self.natural, self.kind, &record.attributes);
                (within && self.content.len() <= MAX_SHORT).then_some(record)
            }
        }
    };
}

read!(
    #[serde(deny_unknown_fields)]
    Strict
);
read!(Lenient);

fn decode(bytes: &[u8], strict: bool) -> Option<FramedRecord> {
    // A map, and not the array that a struct may be as well.
    if !matches!(bytes.first(), Some(0x80..=0x8f | 0xde | 0xdf)) {
        return None;
    }
    let mut frame = rmp_serde::Deserializer::from_read_ref(bytes);
    frame.set_max_depth(DEPTH);
    let record = match strict {
        true => Strict::deserialize(&mut frame).ok()?.record()?,
        false => Lenient::deserialize(&mut frame).ok()?.record()?,
    };
    // Nothing may follow.
    match bool::deserialize(&mut frame) {
        Err(DecodeError::InvalidMarkerRead(_)) => Some(record),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, FrameError, MAX_FRAME, MAX_FRAMES, MAX_STREAM};

    /// How many frames of this length fit a stream.
    fn fitting(length: usize) -> usize {
        let mut count = Count::default();
        (0..).take_while(|_| count.add(length).is_ok()).count()
    }

    #[test]
    fn a_stream_has_neither_too_many_frames_nor_too_many_bytes() {
        assert_eq!(fitting(0), MAX_FRAMES);
        assert_eq!(fitting(100), MAX_FRAMES);
        assert_eq!(fitting(MAX_FRAME) as u64, MAX_STREAM / (4 + MAX_FRAME as u64));
        let mut count = Count::default();
        assert!(matches!(
            count.add(usize::try_from(MAX_STREAM).unwrap()),
            Err(FrameError::TooMany)
        ));
    }
}
