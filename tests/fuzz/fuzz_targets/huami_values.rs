//! Each value that a band of the protocol before 2021 sends.

#![no_main]

use belay_drivers::huami::{advertisement, codec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = codec::auth::decode(data);
    let _ = codec::alarm::Alarm::decode(data);
    let _ = codec::battery::decode(data);
    let _ = codec::config::decode(data);
    let _ = codec::event::decode(data);
    let _ = codec::fetch::decode(data);
    let _ = codec::heart_rate::decode(data);
    let _ = codec::information::text(data);
    let _ = codec::information::version(data);
    let _ = codec::steps::decode(data);
    let _ = codec::time::decode_short(data);
    let _ = codec::time::civil(data);
    let _ = codec::sample::packet(data);
    for size in [codec::sample::Size::Four, codec::sample::Size::Eight] {
        if let Ok(samples) = codec::sample::decode(data, size) {
            assert!(samples.len() <= data.len());
        }
    }
    let _ = advertisement::manufacturer(data);
    let _ = advertisement::steps(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = codec::alert::new_alert(1, text);
        let _ = codec::alert::notification(1, true, text, text);
        let _ = codec::auth::key_of_text(text);
    }
});
