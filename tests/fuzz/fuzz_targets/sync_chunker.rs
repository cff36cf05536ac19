//! Where contents of some megabytes are cut, from a source that gives what it likes at once.

#![no_main]

use std::io::{self, Read};

use arbitrary::Arbitrary;
use belay_proto::sync::{CHUNK, MIN_CHUNK};
use belay_sync::chunker::{Chunker, Cut};
use libfuzzer_sys::fuzz_target;

/// The longest content.
const LONGEST: usize = 9 * 1024 * 1024;
/// What is said to be longer is cut at fixed places.
const LONG: u64 = 1024 * 1024 * 1024;

struct Source<'a> {
    content: &'a [u8],
    reads: &'a [u16],
    turn: usize,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at_once = self.reads.get(self.turn).copied();
        self.turn = if self.turn + 1 < self.reads.len() {
            self.turn + 1
        } else {
            0
        };
        let most = at_once.map_or(usize::MAX, |most| 256 * usize::from(most) + 1);
        let count = most.min(buffer.len()).min(self.content.len());
        let (now, later) = self.content.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.content = later;
        Ok(count)
    }
}

/// `of` again and again, each page changed as its number says.
fn content(of: &[u8], length: usize) -> Vec<u8> {
    let page = |at: usize| (at / 4096 * 31) as u8;
    let bytes = of.iter().cycle().take(length).enumerate();
    bytes.map(|(at, byte)| byte ^ page(at)).collect()
}

/// How long a content is said to be.
#[derive(Arbitrary, Debug)]
enum Said {
    /// Nobody knows.
    Nothing,
    /// As long as it is.
    Right,
    /// So long, though it may be longer or shorter: it changed since.
    About(u32),
    /// The same, for lengths that are cut at fixed places in any case.
    Any(u64),
}

/// The parts up to the end or the first error, and whether there was one.
fn cut_up<R: Read>(source: R, said: Option<u64>, cut: Cut) -> (Vec<Vec<u8>>, bool) {
    let mut parts = Vec::new();
    let mut chunker = Chunker::new(source, said, cut);
    for part in chunker.by_ref() {
        match part {
            Ok(part) => parts.push(part.content().to_vec()),
            Err(_) => {
                assert!(chunker.next().is_none(), "an error is the end");
                return (parts, true);
            }
        }
    }
    (parts, false)
}

fuzz_target!(|input: (Option<u64>, u32, Said, Vec<u16>, Vec<u8>)| {
    let (seed, length, said, reads, of) = input;
    let content = content(&of, length as usize % LONGEST);
    let long = content.len() as u64;
    let cut = seed.map_or(Cut::Fixed, |seed| Cut::ByContent { seed });
    let said = match said {
        Said::Nothing => None,
        Said::Right => Some(long),
        Said::About(length) => Some(u64::from(length) % LONGEST as u64),
        Said::Any(length) => Some(length),
    };
    let source = Source {
        content: &content,
        reads: &reads,
        turn: 0,
    };
    let (parts, is_refused) = cut_up(source, said, cut);
    // Where it is cut by content the length only chooses the way.
    let counts = said.filter(|said| cut == Cut::Fixed || *said > LONG);
    let mut left = content.as_slice();
    for part in &parts {
        assert!(!part.is_empty() && part.len() <= CHUNK);
        assert!(left.starts_with(part), "the parts are the whole, in order");
        left = &left[part.len()..];
        assert!(
            part.len() >= MIN_CHUNK || left.is_empty(),
            "only the last is shorter"
        );
    }
    match counts {
        // Nothing is read of what is empty.
        Some(0) => assert!(parts.is_empty() && !is_refused),
        // What is longer than it was is refused with its last part.
        Some(said) if said < long => {
            assert!(is_refused);
            assert_eq!(parts.len() as u64, said.div_ceil(CHUNK as u64) - 1);
        }
        // Of what is shorter, whoever reads it knows.
        _ => assert!(!is_refused && left.is_empty()),
    }
    let again = cut_up(content.as_slice(), said, cut);
    assert!(again == (parts, is_refused), "cut the same however it is read");
});
