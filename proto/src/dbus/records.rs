//! Records as they cross the bus: one a descriptor, or many in a stream of frames.
//!
//! A frame is its length, u32 big-endian, and so many bytes of one MessagePack map. Whoever reads one bounds everything
//! before it takes memory: who sends it may be a program gone wrong.

mod descriptor;
mod frame;
mod listed;
mod texts;

use crate::sync::Attributes;

pub use descriptor::{ContentReader, ReadContentError, read_content};
pub use frame::{FrameError, FrameReader, FrameWriter, FramedRecord};
pub use listed::{Listed, NotListed, attributes_of, texts};

/// The longest content of a frame, bytes; a longer one lies in chunks in any case. belayd takes one of a frame that fits a record,
/// which has 256 KiB, compressed.
pub const MAX_SHORT: usize = 4 * 1024 * 1024;
/// The longest frame, without its length, bytes.
pub const MAX_FRAME: usize = MAX_SHORT + 64 * 1024;
/// Frames in a stream at most.
pub const MAX_FRAMES: usize = 100_000;
/// The longest stream, bytes.
pub const MAX_STREAM: u64 = 256 * 1024 * 1024;
/// The longest natural key, bytes.
pub const MAX_NATURAL: usize = 4096;
/// The longest kind, bytes.
pub const MAX_KIND: usize = 255;
/// Attributes of a record's source at most.
pub const MAX_ATTRIBUTES: usize = 64;
/// The longest that they are in all, names and texts, bytes.
pub const MAX_ATTRIBUTE_BYTES: usize = 16 * 1024;
/// Ids or natural keys in one call at most.
pub const MAX_NAMED: usize = 10_000;
/// Rows that `Collection.List` answers at most.
pub const MAX_LISTED: u32 = 1000;

/// Whether a natural key, a kind and attributes keep to the limits, and can be texts of the bus: without a zero.
pub fn is_within(natural: Option<&str>, kind: &str, attributes: &Attributes) -> bool {
    let mut texts = attributes.0.iter().flat_map(|(name, text)| [name, text]);
    if natural.is_some_and(|natural| natural.contains('\0')) || kind.contains('\0') {
        return false;
    }
    if texts.any(|text| text.contains('\0')) {
        return false;
    }
    let length: usize = attributes
        .0
        .iter()
        .map(|(name, text)| name.len() + text.len())
        .sum();
    natural.is_none_or(|natural| (1..=MAX_NATURAL).contains(&natural.len()))
        && kind.len() <= MAX_KIND
        && attributes.0.len() <= MAX_ATTRIBUTES
        && length <= MAX_ATTRIBUTE_BYTES
}

#[cfg(test)]
mod tests;
