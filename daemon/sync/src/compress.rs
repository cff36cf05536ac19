//! Zstandard before sealing, and never more out of it than was promised.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read};

use belay_proto::Secret;
use belay_proto::sync::{Buffer, Compress, Encoding};
use zstd::bulk::Compressor;

/// zstd's own default: 10,000 contacts take a few hundredths of a second.
const LEVEL: i32 = 3;
/// What is shorter isn't compressed: the padding would swallow the gain, bytes.
const SHORT: usize = 200;
/// The decoder's window at most, as a power of two: 8 MiB of memory, whatever a frame asks for (RFC 8878 §3.1.1.1.2).
const WINDOW: u32 = 23;

/// The longest content of a record, decoded, bytes; longer ones lie in chunks.
pub const LONGEST: u64 = 4 * 1024 * 1024;

/// Up to this length the memory that zstd takes is kept for the next content, bytes: it takes longer to get than to use.
const KEPT: usize = 16 * 1024;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// A compressed content that isn't what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the compressed content isn't of the length that it promises")]
pub struct BadContent;

/// Compresses `content` where that makes it shorter.
#[must_use]
pub fn compress(content: &[u8]) -> (Encoding, Vec<u8>) {
    if content.len() >= SHORT
        && let Ok(shorter) = shorter(content)
        && shorter.len() < content.len()
    {
        return (Encoding::Zstd, shorter);
    }
    (Encoding::Identity, content.to_vec())
}

fn shorter(content: &[u8]) -> io::Result<Vec<u8>> {
    if content.len() > KEPT {
        return zstd::bulk::compress(content, LEVEL);
    }
    COMPRESSOR.with_borrow_mut(|kept| {
        let mut compressor = match kept.take() {
            Some(compressor) => compressor,
            None => Compressor::new(LEVEL)?,
        };
        let shorter = compressor.compress(content);
        *kept = Some(compressor);
        shorter
    })
}

/// Compresses chunks, one after the other, each into the same memory: as much as the longest of them is long and, for zstd itself, 2 MiB
/// more. It has none before the first.
#[derive(Default)]
pub struct Packer {
    compressor: Option<Compressor<'static>>,
    frame: Buffer,
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

impl Packer {
    fn frame(&mut self, content: &[u8]) -> io::Result<()> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(LEVEL)?),
        };
        if self.frame.capacity() < content.len() {
            self.frame = Buffer::new(Vec::with_capacity(content.len()));
        }
        self.frame.clear();
        compressor.compress_to_buffer(content, &mut *self.frame)?;
        Ok(())
    }
}

impl Compress for Packer {
    fn compress(&mut self, content: &[u8]) -> Option<&[u8]> {
        if content.len() < SHORT {
            return None;
        }
        // What doesn't get shorter doesn't fit either.
        self.frame(content).ok()?;
        Some(&self.frame)
    }
}

/// The content of a chunk's frame, as [`decompress`] has it.
#[must_use]
pub fn unpack(frame: &[u8], length: u64) -> Option<Secret<Vec<u8>>> {
    decompress(Encoding::Zstd, frame, length).ok()
}

/// The content of `body`, which is `length` bytes long; reads not a byte more, however many there are.
///
/// # Errors
/// [`BadContent`] for another length, and for what isn't one frame.
pub fn decompress(encoding: Encoding, body: &[u8], length: u64) -> Result<Secret<Vec<u8>>, BadContent> {
    if length > LONGEST {
        return Err(BadContent);
    }
    if encoding == Encoding::Identity {
        return match body.len() as u64 == length {
            true => Ok(Secret::new(body.to_vec())),
            false => Err(BadContent),
        };
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(|_| BadContent)?;
    decoder.window_log_max(WINDOW).map_err(|_| BadContent)?;
    // Room from the start: a buffer that grows leaves copies behind.
    let mut content = Vec::with_capacity(usize::try_from(length).map_err(|_| BadContent)?.saturating_add(1));
    let read = decoder.take(length.saturating_add(1)).read_to_end(&mut content);
    let content = Secret::new(content);
    match read.is_ok() && content.expose().len() as u64 == length {
        true => Ok(content),
        false => Err(BadContent),
    }
}

#[cfg(test)]
mod tests {
    use belay_proto::AccountId;
    use belay_proto::signed::EpochKeys;
    use belay_proto::sync::{CHUNK, ChunkRef, CollectionKeys, Part, sealed_length};
    use proptest::prelude::*;

    use super::*;

    fn round(content: &[u8]) -> (Encoding, usize) {
        let (encoding, body) = compress(content);
        let opened = decompress(encoding, &body, content.len() as u64).unwrap();
        assert_eq!(opened.expose(), content);
        (encoding, body.len())
    }

    #[test]
    fn what_is_compressed_comes_back() {
        assert_eq!(round(b""), (Encoding::Identity, 0));
        assert_eq!(round(b"short").0, Encoding::Identity);
        let (encoding, length) = round(&b"BEGIN:VCARD\r\n".repeat(1000));
        assert!(encoding == Encoding::Zstd && length < 200);
    }

    #[test]
    fn a_bomb_ends_at_the_length_it_promised() {
        let bomb = zstd::bulk::compress(&vec![0; 100_000_000], LEVEL).unwrap();
        assert!(bomb.len() < 20_000);
        assert_eq!(decompress(Encoding::Zstd, &bomb, 1000).unwrap_err(), BadContent);
        assert_eq!(
            decompress(Encoding::Zstd, &bomb, u64::MAX).unwrap_err(),
            BadContent
        );
    }

    #[test]
    fn a_frame_that_wants_a_huge_window_is_refused() {
        // A frame's header: magic, no single segment, a window of 2^41 bytes, then an empty last block.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00];
        assert_eq!(decompress(Encoding::Zstd, &frame, 0).unwrap_err(), BadContent);
    }

    /// Bytes that nothing makes shorter (xorshift64).
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        let mut bytes: Vec<u8> = std::iter::repeat_with(next)
            .take(length / 8 + 1)
            .flatten()
            .collect();
        bytes.truncate(length);
        bytes
    }

    fn keys() -> CollectionKeys {
        let keys = EpochKeys::new(vec![(1, Secret::new([1; 32]))]).unwrap();
        let account = AccountId::from_bytes([9; 16]);
        CollectionKeys::new(account, "documents".to_owned(), keys, Secret::new([3; 32]))
    }

    fn sealed(content: &[u8], compressor: &mut impl Compress) -> (ChunkRef, Vec<u8>) {
        let part = Part::of(content).name(&keys(), Encoding::Zstd).unwrap();
        (part.chunk(), part.seal(&keys(), compressor).unwrap())
    }

    /// What is said to be the frame of any content.
    struct Claims(Vec<u8>);

    impl Compress for Claims {
        fn compress(&mut self, _: &[u8]) -> Option<&[u8]> {
            Some(&self.0)
        }
    }

    #[test]
    fn chunks_are_compressed_one_after_the_other() {
        let mut packer = Packer::default();
        let text = b"a line of a letter, and the next one\n".repeat(20_000);
        for content in [&text[..], &noise(300_000), &text[..100], b"", &text[..400_000]] {
            let (chunk, sealed) = sealed(content, &mut packer);
            assert!(sealed.len() <= sealed_length(content.len()) + 12);
            assert_eq!(
                sealed.len() < 2000,
                content.starts_with(b"a ") || content.is_empty()
            );
            let opened = keys().open_chunk(&chunk, sealed, unpack).unwrap();
            assert_eq!(opened.expose(), content);
        }
    }

    #[test]
    fn a_bomb_in_a_chunk_ends_at_the_length_the_record_promised() {
        let content = noise(300_000);
        let bomb = zstd::bulk::compress(&vec![0; 100_000_000], LEVEL).unwrap();
        let many = zstd::bulk::compress(&content, LEVEL).unwrap();
        for frame in [
            bomb.clone(),
            [bomb.clone(), bomb].concat(),
            [many.clone(), many].concat(),
        ] {
            assert!(unpack(&frame, content.len() as u64).is_none());
        }
        let bomb = zstd::bulk::compress(&vec![0; 100_000_000], LEVEL).unwrap();
        let (chunk, sealed) = sealed(&content, &mut Claims(bomb));
        assert!(sealed.len() < 20_000);
        assert!(keys().open_chunk(&chunk, sealed.as_slice(), unpack).is_err());
        // Whatever length the record makes up.
        for length in [0, CHUNK as u64, CHUNK as u64 + 1, 100_000_000, u64::MAX] {
            let chunk = ChunkRef { length, ..chunk };
            assert!(keys().open_chunk(&chunk, sealed.as_slice(), unpack).is_err());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_or_keep_their_promise(bytes: Vec<u8>, length in 0_u64..10_000) {
            if let Ok(content) = decompress(Encoding::Zstd, &bytes, length) {
                prop_assert_eq!(content.expose().len() as u64, length);
            }
        }
    }
}
