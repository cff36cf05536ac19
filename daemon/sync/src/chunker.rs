//! Where a long content is cut.
//!
//! Pictures and videos never change inside and don't compress: they are cut every [`CHUNK`] bytes. Documents change in
//! places: they are cut by content (FastCDC, Xia et al., USENIX ATC 2016), so that an insertion moves one or two cuts.

use std::borrow::Cow;
use std::io::{self, Read};

use belay_proto::sync::{Buffer, CHUNK, Encoding, MIN_CHUNK, PACKED_CHUNK, Part};
use fastcdc::v2020::{Normalization, cut_gear, get_gear_with_seed, select_masks};

/// The mean length of a chunk that is cut by content, bytes.
const MEAN: usize = 1024 * 1024;
/// fastcdc wants even numbers.
const LONGEST: usize = PACKED_CHUNK & !1;
/// What is longer is cut every [`LONGEST`] bytes in any case: its list of chunks has to fit its record.
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

impl Cut {
    /// How what is cut so is compressed where that makes it shorter: what doesn't change inside doesn't compress either.
    #[must_use]
    pub const fn encoding(self) -> Encoding {
        match self {
            Self::Fixed => Encoding::Identity,
            Self::ByContent { .. } => Encoding::Zstd,
        }
    }

    /// How long a part may be, bytes.
    const fn longest(self) -> usize {
        match self {
            Self::Fixed => CHUNK,
            Self::ByContent { .. } => LONGEST,
        }
    }
}

/// The parts of a content in their order; reads it once. Where it cuts by content it looks as far ahead as a part may be
/// long, and holds that much memory.
pub struct Chunker<R: Read> {
    source: R,
    by_content: Option<Box<ByContent>>,
    /// What is left of a content that is cut at fixed places from its start, where its length is known.
    left: Option<u64>,
    /// How long a part may be, bytes.
    longest: usize,
    ended: bool,
}

impl<R: Read> Chunker<R> {
    /// Cuts what `source` has, which is `length` bytes; of a length that nobody knows, what comes after 1 GiB is cut at
    /// fixed places.
    pub fn new(source: R, length: Option<u64>, cut: Cut) -> Self {
        Self::with_long(source, length, cut, LONG)
    }

    fn with_long(source: R, length: Option<u64>, cut: Cut, long: u64) -> Self {
        let by_content = match cut {
            Cut::ByContent { seed } if length.is_none_or(|length| length <= long) => {
                Some(Box::new(ByContent::new(seed, long)))
            }
            _ => None,
        };
        let left = match by_content {
            None => length,
            Some(_) => None,
        };
        Self {
            source,
            by_content,
            left,
            longest: cut.longest(),
            ended: left == Some(0),
        }
    }

    /// How long the next part may be, bytes.
    pub fn longest(&self) -> usize {
        let left = self.left.map(|left| usize::try_from(left).unwrap_or(usize::MAX));
        left.map_or(self.longest, |left| left.min(self.longest))
    }

    /// Whether the last part was given, as far as that is known.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether it holds memory to look ahead.
    pub fn looks_ahead(&self) -> bool {
        self.by_content.is_some()
    }

    /// The next part, in a buffer that was used before.
    pub fn next_in(&mut self, buffer: Buffer) -> Option<io::Result<Part>> {
        if self.ended {
            return None;
        }
        let part = self.part(buffer);
        self.ended = !matches!(&part, Ok(part) if !part.content().is_empty());
        match part {
            Ok(_) if self.ended => None,
            Ok(part) => Some(self.is_whole(part.content().len()).map(|()| part)),
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }

    /// After a part of this length: whether a content of a known length ends where it said. Nobody has to ask for another part,
    /// with room for one, to learn it.
    fn is_whole(&mut self, length: usize) -> io::Result<()> {
        let Some(left) = &mut self.left else { return Ok(()) };
        *left = left.saturating_sub(length as u64);
        if *left > 0 {
            return Ok(());
        }
        self.ended = true;
        match self.source.by_ref().take(1).read_to_end(&mut Vec::new())? {
            0 => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn part(&mut self, buffer: Buffer) -> io::Result<Part> {
        if let Some(by_content) = &mut self.by_content {
            by_content.fill(&mut self.source)?;
            if by_content.left > 0 || by_content.window.len() > MIN_CHUNK {
                return Ok(by_content.part(buffer));
            }
            let window = std::mem::take(&mut by_content.window);
            self.by_content = None;
            return Part::read(buffer, &mut window.chain(&mut self.source), self.longest);
        }
        let longest = self.longest();
        Part::read(buffer, &mut self.source, longest)
    }
}

impl<R: Read> Iterator for Chunker<R> {
    type Item = io::Result<Part>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_in(Buffer::default())
    }
}

/// FastCDC over a window of a source, as fastcdc's own `StreamCDC` does it, but what is left behind is overwritten, and what
/// is given has room to be sealed.
struct ByContent {
    window: Buffer,
    /// Bytes that may still be looked at; what follows is cut at fixed places.
    left: u64,
    masks: [u64; 2],
    gears: [Cow<'static, [u64]>; 2],
}

impl ByContent {
    fn new(seed: u64, left: u64) -> Self {
        let (strict, loose) = select_masks(MEAN, Normalization::Level1);
        let (gear, gear_shifted) = get_gear_with_seed(seed);
        Self {
            window: Buffer::new(Vec::with_capacity(LONGEST)),
            left,
            masks: [strict, loose],
            gears: [gear, gear_shifted],
        }
    }

    /// Looks as far ahead as a part may be long.
    fn fill(&mut self, source: &mut impl Read) -> io::Result<()> {
        let room = LONGEST - self.window.len();
        let room = room.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= source.take(room as u64).read_to_end(&mut self.window)? as u64;
        Ok(())
    }

    /// The next part; an empty one at the end.
    fn part(&mut self, buffer: Buffer) -> Part {
        let ([strict, loose], [gear, gear_shifted]) = (self.masks, &self.gears);
        let (_, length) = cut_gear(
            &self.window,
            MIN_CHUNK,
            MEAN,
            LONGEST,
            strict,
            loose,
            strict << 1,
            loose << 1,
            gear,
            gear_shifted,
        );
        let (part, rest) = self.window.split_at(length.min(self.window.len()));
        let (part, rest) = (Part::of_in(buffer, part), rest.len());
        let begin = part.content().len();
        self.window.copy_within(begin.., 0);
        self.window.truncate(rest);
        part
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use fastcdc::v2020::StreamCDC;

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
        let chunks = Chunker::new(content, Some(content.len() as u64), cut);
        chunks.map(|part| part.unwrap().content().to_vec()).collect()
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
    fn of_a_known_length_the_last_part_takes_no_more_room_than_it_needs_and_is_known_to_be_the_last() {
        let content = noise(CHUNK + 1000);
        let length = Some(content.len() as u64);
        let mut chunks = Chunker::new(&content[..], length, Cut::Fixed);
        assert_eq!(chunks.longest(), CHUNK);
        assert!(chunks.next().is_some() && !chunks.has_ended());
        assert_eq!(chunks.longest(), 1000);
        assert_eq!(chunks.next().unwrap().unwrap().content().len(), 1000);
        assert!(chunks.has_ended() && chunks.next().is_none());
        let grown = [content, vec![7]].concat();
        let mut chunks = Chunker::new(&grown[..], length, Cut::Fixed);
        assert!(chunks.next().unwrap().is_ok());
        let error = chunks.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(chunks.next().is_none());
    }

    #[test]
    fn a_source_that_breaks_is_an_error_and_then_the_end() {
        struct Breaks;
        impl Read for Breaks {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the card is gone"))
            }
        }
        for way in [Cut::Fixed, BY_CONTENT] {
            let mut chunks = Chunker::new(Breaks, Some(10), way);
            assert!(chunks.next().unwrap().is_err());
            assert!(chunks.next().is_none());
        }
    }

    /// Gives a few bytes a call, as a pipe does.
    struct Drops<'a>(&'a [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let few = buffer.len().min(40_001);
            self.0.read(&mut buffer[..few])
        }
    }

    #[test]
    fn a_content_is_cut_where_fastcdc_cuts_it_however_it_comes() {
        let content = noise(12 * 1024 * 1024 + 7);
        let level = Normalization::Level1;
        let stream = StreamCDC::with_level_and_seed(&content[..], MIN_CHUNK, MEAN, LONGEST, level, 7);
        let expected: Vec<Vec<u8>> = stream.map(|chunk| chunk.unwrap().data).collect();
        assert!(cut(&content, BY_CONTENT) == expected);
        let drops = Chunker::new(Drops(&content), None, BY_CONTENT);
        let dropped: Vec<Vec<u8>> = drops.map(|part| part.unwrap().content().to_vec()).collect();
        assert!(dropped == expected);
    }

    #[test]
    fn what_is_longer_than_anybody_said_is_cut_at_fixed_places_in_the_end() {
        let long = 3 * LONGEST as u64 + 1;
        let zeros = io::repeat(0).take(long + 3 * CHUNK as u64);
        let lengths: Vec<usize> = Chunker::with_long(zeros, None, BY_CONTENT, long)
            .map(|part| part.unwrap().content().len())
            .collect();
        // Zeros have no place to be cut at, so that each part is as long as it may be.
        assert_eq!(lengths, [LONGEST, LONGEST, LONGEST, LONGEST, LONGEST, LONGEST, 4]);
    }
}
