//! Where contents of some megabytes are cut, from a source that gives what it likes at once.

#![no_main]

use std::io::{self, Read};

use belay_proto::sync::{CHUNK, MIN_CHUNK};
use belay_sync::chunker::{Chunker, Cut};
use libfuzzer_sys::fuzz_target;

/// The longest content.
const LONGEST: usize = 9 * 1024 * 1024;

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

fuzz_target!(|input: (Option<u64>, u32, bool, Vec<u16>, Vec<u8>)| {
    let (seed, length, is_known, reads, of) = input;
    let content = content(&of, length as usize % LONGEST);
    let cut = seed.map_or(Cut::Fixed, |seed| Cut::ByContent { seed });
    let source = Source {
        content: &content,
        reads: &reads,
        turn: 0,
    };
    let said = is_known.then_some(content.len() as u64);
    let mut left = content.as_slice();
    let mut lengths = Vec::new();
    for part in Chunker::new(source, said, cut) {
        let Ok(part) = part else {
            panic!("nothing breaks here")
        };
        let part = part.content();
        assert!(!part.is_empty() && part.len() <= CHUNK);
        assert!(left.starts_with(part), "the parts are the whole, in order");
        left = &left[part.len()..];
        assert!(
            part.len() >= MIN_CHUNK || left.is_empty(),
            "only the last is shorter"
        );
        lengths.push(part.len());
    }
    assert!(left.is_empty());
    let again: Vec<usize> = Chunker::new(content.as_slice(), said, cut)
        .map(|part| part.map_or(0, |part| part.content().len()))
        .collect();
    assert_eq!(again, lengths, "cut the same however it is read");
});
