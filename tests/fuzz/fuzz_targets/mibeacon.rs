//! MiBeacon frames, open and sealed, and the objects in them.

#![no_main]

use belay_drivers::mibeacon::{Frame, objects};
use belay_drivers::{Address, Key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let address = Address([0x8c, 0xd0, 0xb2, 0xf6, 0xbe, 0xef]);
    if let Ok(frame) = Frame::decode(data) {
        for key in [
            None,
            Key::from_slice(&[0x42; 12]).ok(),
            Key::from_slice(&[0x42; 16]).ok(),
        ] {
            let _ = frame.open(address, key.as_ref());
        }
    }
    for object in objects(data).unwrap_or_default() {
        let _ = object.readings();
        let _ = object.profile();
    }
});
