//! A whole connection of everything that isn't a band.

#![no_main]

use belay_drivers::Kind;
use belay_drivers::infinitime;
use belay_drivers::standard::uuids;
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

const HISTORY: Uuid = Uuid::from_u128(0x0000_2a2f_0000_3512_2118_0009_af10_0700);

fuzz_target!(|data: &[u8]| {
    let Some((&which, data)) = data.split_first() else {
        return;
    };
    let kinds = [
        Kind::MiScale,
        Kind::MiBodyScale,
        Kind::InfiniTime,
        Kind::HeartRateMonitor,
        Kind::Generic,
    ];
    let all = [
        (uuids::WEIGHT_SCALE, uuids::CURRENT_TIME),
        (uuids::WEIGHT_SCALE, uuids::WEIGHT_MEASUREMENT),
        (uuids::WEIGHT_SCALE, HISTORY),
        (uuids::BODY_COMPOSITION, uuids::BODY_COMPOSITION_MEASUREMENT),
        (uuids::BODY_COMPOSITION, HISTORY),
        (uuids::HEART_RATE, uuids::HEART_RATE_MEASUREMENT),
        (uuids::BATTERY, uuids::BATTERY_LEVEL),
        (uuids::ALERT_NOTIFICATION, uuids::NEW_ALERT),
        (uuids::ALERT_NOTIFICATION, infinitime::CALL_ANSWER),
        (infinitime::MOTION, infinitime::STEPS),
        (uuids::IMMEDIATE_ALERT, uuids::ALERT_LEVEL),
        (uuids::DEVICE_INFORMATION, uuids::FIRMWARE_REVISION),
    ];
    let kind = kinds[usize::from(which) % kinds.len()];
    belay_fuzz::converse(kind, &belay_fuzz::gatt(&all, 23), data);
});
