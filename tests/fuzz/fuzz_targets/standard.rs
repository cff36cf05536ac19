//! The values of the Bluetooth SIG's services.

#![no_main]

use belay_drivers::standard::{alert, composition, device, heart_rate, time, weight};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = heart_rate::measurement(data);
    let _ = heart_rate::location(data);
    let _ = weight::measurement(data).map(|weight| weight.readings());
    let _ = composition::measurement(data).map(|composition| composition.readings());
    let _ = device::text(data);
    let _ = device::version(data);
    let _ = device::pnp_id(data);
    let _ = device::system_id(data);
    let _ = device::battery_level(data);
    let _ = time::time_zone(data);
    if let Ok(read) = time::CurrentTime::decode(data) {
        assert_eq!(read.encode()[..], *data);
    }
    if let Ok(read) = time::LocalTime::decode(data) {
        assert_eq!(read.encode()[..], *data);
    }
    if let Ok(read) = alert::NewAlert::decode(data) {
        assert_eq!(read.encode(), data);
    }
    let _ = alert::Control::decode(data);
});
