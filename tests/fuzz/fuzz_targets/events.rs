//! The stream of hints as the cloud may send it, cut anywhere.

#![no_main]

use belay_proto::wire::sse::{Item, Parser, TooLong};
use libfuzzer_sys::fuzz_target;

/// Bytes of the longest line; nothing that is kept of a stream is longer.
const LONGEST_LINE: usize = 4096;

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Item>, Result<(), TooLong>) {
    let (mut parser, mut items) = (Parser::default(), Vec::new());
    let ended = pieces
        .into_iter()
        .try_for_each(|piece| parser.read(piece, |item| items.push(item)));
    (items, ended)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let whole = read([bytes]);
    for item in &whole.0 {
        match item {
            Item::Comment(text) | Item::Event { name: text, id: None } => {
                // A byte that is no UTF-8 becomes a character of three.
                assert!(text.len() <= 3 * LONGEST_LINE);
            }
            Item::Event { id: Some(id), .. } => assert!(id.bytes().all(|byte| byte.is_ascii_graphic())),
            Item::Retry(wish) => assert!(wish.as_secs() <= 5 * 60),
        }
    }
    assert_eq!(read(bytes.chunks(usize::from(cut).max(1))), whole);
    assert_eq!(read(bytes.chunks(1)), whole);
});
