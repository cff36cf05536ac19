//! What lies at the cloud as a chunk, and chunks of every content.

#![no_main]

use belay_proto::sync::{ChunkId, ChunkRef, seal_chunk};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: ([u8; 32], u64, u16, Vec<u8>)| {
    let (id, length, at, bytes) = input;
    let Some(keys) = belay_fuzz::collection_keys() else {
        return;
    };
    let claimed = ChunkRef {
        id: ChunkId::from_bytes(id),
        length,
        key_epoch: 1,
    };
    assert!(
        keys.open_chunk(&claimed, bytes.as_slice()).is_err(),
        "sealed without the key"
    );
    let Ok((chunk, mut sealed)) = seal_chunk(&keys, &bytes) else {
        return;
    };
    let opened = keys.open_chunk(&chunk, sealed.as_slice());
    assert!(opened.is_ok_and(|opened| *opened.expose() == bytes));
    if let Some(byte) = sealed.get_mut(usize::from(at)) {
        *byte ^= 1;
        assert!(
            keys.open_chunk(&chunk, sealed.as_slice()).is_err(),
            "a changed byte"
        );
    }
});
