//! Scales' frames.

#![no_main]

use belay_drivers::mi_scale::{Frame, Model};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for model in [Model::Weight, Model::Composition] {
        if let Ok(frame) = Frame::decode(model, data) {
            let _ = (frame.is_final(), frame.weight(), frame.impedance());
            let _ = frame.time(jiff::tz::Offset::UTC, Some(belay_fuzz::now()));
        }
    }
});
