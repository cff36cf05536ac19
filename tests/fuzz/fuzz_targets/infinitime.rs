//! InfiniTime's values.

#![no_main]

use belay_drivers::infinitime::{alert::Notification, motion, weather::Weather};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = motion::steps(data);
    let _ = motion::Acceleration::decode(data).map(|acceleration| acceleration.gravities());
    if let Ok(weather) = Weather::decode(data) {
        assert_eq!(Weather::decode(&weather.encode()), Ok(weather));
    }
    if let Ok(notification) = Notification::decode(data) {
        for room in [0, 20, 100, 240] {
            assert!(notification.encode(room).len() <= room);
        }
    }
});
