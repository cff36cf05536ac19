//! The services and characteristics of Huami's bands.
//!
//! Those of Huami's own are `0000XXXX-0000-3512-2118-0009af100700`. No handles: they differ from firmware to firmware.

use uuid::Uuid;

use crate::gatt::sig;

/// A UUID of Huami's own base.
#[must_use]
pub const fn huami(short: u16) -> Uuid {
    Uuid::from_u128(((short as u128) << 96) | 0x0000_0000_0000_3512_2118_0009_af10_0700)
}

/// The service with nearly everything.
pub const BAND: Uuid = sig(0xfee0);
/// The service of the authentication.
pub const AUTHENTICATION_SERVICE: Uuid = sig(0xfee1);
/// The service of the heart rate.
pub const HEART_RATE: Uuid = sig(0x180d);
/// The service that tells what the device is.
pub const INFORMATION: Uuid = sig(0x180a);
/// The service of the immediate alert.
pub const IMMEDIATE_ALERT: Uuid = sig(0x1802);
/// The service of alert notifications.
pub const ALERTS: Uuid = sig(0x1811);

/// In [`BAND`]: the clock.
pub const CURRENT_TIME: Uuid = sig(0x2a2b);
/// In [`BAND`]: configuration commands and their replies.
pub const CONFIGURATION: Uuid = huami(0x0003);
/// In [`BAND`]: control of a fetch.
pub const FETCH_CONTROL: Uuid = huami(0x0004);
/// In [`BAND`]: what is fetched.
pub const FETCH_DATA: Uuid = huami(0x0005);
/// In [`BAND`]: the battery.
pub const BATTERY: Uuid = huami(0x0006);
/// In [`BAND`]: today's counters.
pub const STEPS: Uuid = huami(0x0007);
/// In [`BAND`]: wearer, goal, wrist.
pub const USER_SETTINGS: Uuid = huami(0x0008);
/// In [`BAND`]: what happens at the device.
pub const DEVICE_EVENT: Uuid = huami(0x0010);
/// In [`BAND`]: what is longer than one write, in chunks.
pub const CHUNKED: Uuid = huami(0x0020);
/// In [`BAND`], with the protocol of 2021: the chunks of messages to the band.
pub const MESSAGES_TO: Uuid = huami(0x0016);
/// In [`BAND`], with the protocol of 2021: the chunks of its messages; what is written here acknowledges them.
pub const MESSAGES_FROM: Uuid = huami(0x0017);
/// In [`AUTHENTICATION_SERVICE`]: the authentication.
pub const AUTHENTICATION: Uuid = huami(0x0009);
/// In [`HEART_RATE`]: measurements.
pub const HEART_RATE_MEASUREMENT: Uuid = sig(0x2a37);
/// In [`HEART_RATE`]: control of measurements.
pub const HEART_RATE_CONTROL: Uuid = sig(0x2a39);
/// In [`INFORMATION`]: the serial number.
pub const SERIAL_NUMBER: Uuid = sig(0x2a25);
/// In [`INFORMATION`]: the version of the hardware.
pub const HARDWARE_REVISION: Uuid = sig(0x2a27);
/// In [`INFORMATION`]: the version of the firmware, as its users see it. There is no 2A26.
pub const SOFTWARE_REVISION: Uuid = sig(0x2a28);
/// In [`IMMEDIATE_ALERT`]: how much to alert.
pub const ALERT_LEVEL: Uuid = sig(0x2a06);
/// In [`ALERTS`]: an alert with a text. Bands turn the roles of the standard round: the phone writes it.
pub const NEW_ALERT: Uuid = sig(0x2a46);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_of_huami_is_spelt_out() {
        assert_eq!(huami(0x0009).to_string(), "00000009-0000-3512-2118-0009af100700");
    }
}
