//! Compressed bodies that keep their promise or don't.

#![no_main]

use belay_proto::sync::Encoding;
use belay_sync::compress::{compress, decompress};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, u32, &[u8])| {
    let (compressed, length, body) = input;
    let encoding = if compressed {
        Encoding::Zstd
    } else {
        Encoding::Identity
    };
    // Up to 8 MiB: twice what a record may hold.
    let length = u64::from(length) % (8 * 1024 * 1024);
    if let Ok(content) = decompress(encoding, body, length) {
        assert_eq!(content.expose().len() as u64, length);
    }
    let (encoding, shorter) = compress(body);
    assert!(shorter.len() <= body.len());
    let content = decompress(encoding, &shorter, body.len() as u64);
    assert!(content.is_ok_and(|content| content.expose() == body));
});
