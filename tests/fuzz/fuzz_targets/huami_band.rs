//! A whole connection of a band with a link and a band that do anything.

#![no_main]

use belay_drivers::Kind;
use belay_drivers::huami::uuids::{
    ALERT_LEVEL, ALERTS, AUTHENTICATION, AUTHENTICATION_SERVICE, BAND, BATTERY, CHUNKED, CONFIGURATION,
    CURRENT_TIME, DEVICE_EVENT, FETCH_CONTROL, FETCH_DATA, HARDWARE_REVISION, HEART_RATE, HEART_RATE_CONTROL,
    HEART_RATE_MEASUREMENT, IMMEDIATE_ALERT, INFORMATION, NEW_ALERT, SERIAL_NUMBER, SOFTWARE_REVISION, STEPS,
    USER_SETTINGS, huami,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&which, data)) = data.split_first() else {
        return;
    };
    let kinds = [
        Kind::MiBand2,
        Kind::MiBand3,
        Kind::MiBand4,
        Kind::MiBand5,
        Kind::MiBand6,
        Kind::MiBand7,
    ];
    let all = [
        (BAND, CURRENT_TIME),
        (BAND, CONFIGURATION),
        (BAND, FETCH_CONTROL),
        (BAND, FETCH_DATA),
        (BAND, BATTERY),
        (BAND, STEPS),
        (BAND, USER_SETTINGS),
        (BAND, DEVICE_EVENT),
        (BAND, CHUNKED),
        (AUTHENTICATION_SERVICE, AUTHENTICATION),
        (HEART_RATE, HEART_RATE_MEASUREMENT),
        (HEART_RATE, HEART_RATE_CONTROL),
        (INFORMATION, SERIAL_NUMBER),
        (INFORMATION, HARDWARE_REVISION),
        (INFORMATION, SOFTWARE_REVISION),
        (IMMEDIATE_ALERT, ALERT_LEVEL),
        (ALERTS, NEW_ALERT),
        // The tunnel of the protocol of 2021, for those who speak it.
        (BAND, huami(0x0016)),
        (BAND, huami(0x0017)),
    ];
    // Without the last two, a band speaks the protocol before.
    let offered = if which & 0x80 == 0 { &all[..17] } else { &all[..] };
    let mtu = if which & 0x40 == 0 { 23 } else { 247 };
    let kind = kinds[usize::from(which & 0x3f) % kinds.len()];
    belay_fuzz::converse(kind, &belay_fuzz::gatt(offered, mtu), data);
});
