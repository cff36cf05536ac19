//! What lies at the cloud as a chunk, chunks of every content, compressed or not, and chunks that a device with the key made of
//! any bytes as a frame.

#![no_main]

use belay_proto::sync::{ChunkId, ChunkRef, Compress, Encoding, Part, seal_chunk};
use belay_sync::compress::{Packer, unpack};
use libfuzzer_sys::fuzz_target;

/// Says of any bytes that they are the frame.
struct Claims<'a>(&'a [u8]);

impl Compress for Claims<'_> {
    fn compress(&mut self, _: &[u8]) -> Option<&[u8]> {
        Some(self.0)
    }
}

fuzz_target!(|input: ([u8; 32], u64, u16, Vec<u8>, Vec<u8>)| {
    let (id, length, at, bytes, frame) = input;
    let Some(keys) = belay_fuzz::collection_keys() else {
        return;
    };
    let claimed = ChunkRef {
        id: ChunkId::from_bytes(id),
        length,
        key_epoch: 1,
    };
    assert!(
        keys.open_chunk(&claimed, bytes.as_slice(), unpack).is_err(),
        "sealed without the key"
    );
    let packed = |compressor: &mut dyn FnMut(belay_proto::sync::NamedPart) -> Option<Vec<u8>>| {
        let part = Part::of(&bytes).name(&keys, Encoding::Zstd).ok()?;
        Some((part.chunk(), compressor(part)?))
    };
    let all = [
        seal_chunk(&keys, &bytes).ok(),
        packed(&mut |part| part.seal(&keys, &mut Packer::default()).ok()),
    ];
    for (chunk, mut sealed) in all.into_iter().flatten() {
        let opened = keys.open_chunk(&chunk, sealed.as_slice(), unpack);
        assert!(opened.is_ok_and(|opened| *opened.expose() == bytes));
        if let Some(byte) = sealed.get_mut(usize::from(at)) {
            *byte ^= 1;
            assert!(
                keys.open_chunk(&chunk, sealed.as_slice(), unpack).is_err(),
                "a changed byte"
            );
        }
    }
    if let Some((chunk, sealed)) = packed(&mut |part| part.seal(&keys, &mut Claims(&frame)).ok()) {
        let opened = keys.open_chunk(&chunk, sealed, unpack);
        assert!(opened.is_err() || opened.is_ok_and(|opened| *opened.expose() == bytes));
    }
});
