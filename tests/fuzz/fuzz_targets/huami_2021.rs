//! The protocol of 2021: chunks, what they put together, and what is inside.

#![no_main]

use belay_drivers::huami::v2021::chunked::{Acknowledgement, MAX_LENGTH, Reassembly};
use belay_drivers::huami::v2021::crypto::SessionKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packets: Vec<Vec<u8>>| {
    let key = SessionKey::new([0x42; 16]);
    let mut reassembly = Reassembly::default();
    for packet in packets {
        let _ = Acknowledgement::decode(&packet);
        let Ok(taken) = reassembly.take(&packet) else {
            continue;
        };
        let Some(message) = taken.message else { continue };
        assert!(message.body.len() <= MAX_LENGTH + 32);
        let _ = belay_drivers::huami::v2021::auth::decode(&message.body);
        if let Ok(opened) = key.open(message.handle, message.length, &message.body) {
            assert_eq!(
                key.seal(message.handle, opened.sequence, &opened.data).len(),
                message.body.len()
            );
        }
    }
});
