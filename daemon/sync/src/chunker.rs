//! Where a long content is cut.
//!
//! Pictures and videos never change inside and don't compress: they are cut every [`CHUNK`] bytes. Documents change in
//! places: they are cut by content (FastCDC, Xia et al., USENIX ATC 2016), so that an insertion moves one or two cuts.

use std::io::{self, Read};

use belay_proto::sync::{CHUNK, MIN_CHUNK};
use fastcdc::v2020::{Normalization, StreamCDC};

/// The mean length of a chunk that is cut by content, bytes.
const MEAN: usize = 1024 * 1024;
/// fastcdc wants even numbers.
const LONGEST: usize = CHUNK - 1;
/// What is longer is cut every [`CHUNK`] bytes in any case: its list of chunks has to fit its record.
const LONG: u64 = 1024 * 1024 * 1024;

/// How a content is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At fixed places.
    Fixed,
    /// Where the content says, with the collection's seed, so that lengths tell less of what it is.
    ByContent {
        /// [`belay_proto::sync::CollectionKeys::cut_seed`].
        seed: u64,
    },
}

/// The parts of a content in their order; reads it once, and holds one or two chunks' memory.
pub struct Chunker<R: Read>(Inner<R>);

enum Inner<R: Read> {
    Fixed(Option<R>),
    ByContent(Box<StreamCDC<R>>),
}

impl<R: Read> Chunker<R> {
    /// Cuts what `source` has, which is about `length` bytes.
    pub fn new(source: R, length: u64, cut: Cut) -> Self {
        Self(match cut {
            Cut::ByContent { seed } if length <= LONG => Inner::ByContent(Box::new(
                StreamCDC::with_level_and_seed(source, MIN_CHUNK, MEAN, LONGEST, Normalization::Level1, seed),
            )),
            _ => Inner::Fixed(Some(source)),
        })
    }
}

impl<R: Read> Iterator for Chunker<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Fixed(source) => {
                let part = fixed(source.as_mut()?);
                if !matches!(&part, Some(Ok(bytes)) if bytes.len() == CHUNK) {
                    *source = None;
                }
                part
            }
            Inner::ByContent(cuts) => Some(cuts.next()?.map(|chunk| chunk.data).map_err(io::Error::from)),
        }
    }
}

fn fixed(source: &mut impl Read) -> Option<io::Result<Vec<u8>>> {
    let mut part = Vec::new();
    match source.take(CHUNK as u64).read_to_end(&mut part) {
        Ok(0) => None,
        Ok(_) => Some(Ok(part)),
        Err(error) => Some(Err(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Bytes that look random and are the same each time (xorshift64).
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    fn cut(content: &[u8], cut: Cut) -> Vec<Vec<u8>> {
        let chunks: io::Result<Vec<_>> = Chunker::new(content, content.len() as u64, cut).collect();
        chunks.unwrap()
    }

    const BY_CONTENT: Cut = Cut::ByContent { seed: 7 };

    #[test]
    fn the_parts_are_the_whole() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let content = noise(length);
            for way in [Cut::Fixed, BY_CONTENT] {
                let parts = cut(&content, way);
                assert_eq!(parts.concat(), content, "{length} {way:?}");
                assert!(parts.iter().all(|part| (1..=CHUNK).contains(&part.len())));
                let last = parts.len().saturating_sub(1);
                assert!(parts[..last].iter().all(|part| part.len() >= MIN_CHUNK));
            }
        }
    }

    #[test]
    fn an_insertion_leaves_most_chunks_as_they_were() {
        let before = noise(16 * 1024 * 1024);
        let mut after = before.clone();
        after.splice(5_000_000..5_000_000, *b"a new paragraph");
        let old: HashSet<_> = cut(&before, BY_CONTENT).into_iter().collect();
        let new = cut(&after, BY_CONTENT);
        let changed = new.iter().filter(|chunk| !old.contains(*chunk)).count();
        assert!((1..=2).contains(&changed), "{changed} of {}", new.len());
        assert!(new.len() > 8);
    }

    #[test]
    fn another_seed_cuts_elsewhere() {
        let content = noise(8 * 1024 * 1024);
        let lengths = |seed| -> Vec<usize> {
            cut(&content, Cut::ByContent { seed })
                .iter()
                .map(Vec::len)
                .collect()
        };
        assert_ne!(lengths(1), lengths(2));
    }

    #[test]
    fn a_source_that_breaks_is_an_error_and_then_the_end() {
        struct Breaks;
        impl Read for Breaks {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the card is gone"))
            }
        }
        let mut chunks = Chunker::new(Breaks, 10, Cut::Fixed);
        assert!(chunks.next().unwrap().is_err());
        assert!(chunks.next().is_none());
        assert!(Chunker::new(Breaks, 10, BY_CONTENT).next().unwrap().is_err());
    }
}
