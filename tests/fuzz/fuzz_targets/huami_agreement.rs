//! The key agreement of the protocol of 2021, with whatever point the other side names.

#![no_main]

use belay_drivers::huami::v2021::b163::{Encoded, KeyPair};
use belay_drivers::huami::v2021::crypto::{SessionKey, first_sequence};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: ([u8; 24], Encoded)| {
    let (private, public) = input;
    let Ok(pair) = KeyPair::new(&private) else { return };
    // The own point is always one to agree on; any other may be.
    assert!(pair.agree(pair.public()).is_ok());
    if let Ok(shared) = pair.agree(&public) {
        let key = belay_drivers::Key::from_slice(&[0x42; 16]).ok();
        let _ = key.and_then(|key| SessionKey::derive(&shared, &key));
        let _ = first_sequence(&shared);
    }
});
