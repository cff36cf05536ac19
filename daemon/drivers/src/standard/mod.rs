//! The services of the Bluetooth SIG that Belay understands: what their values look like, and the driver of devices
//! that have nothing else. The layouts are those of the GATT Specification Supplement.

pub mod alert;
pub mod composition;
pub mod device;
mod driver;
pub mod heart_rate;
pub(crate) mod pulse;
pub(crate) mod session;
pub mod time;
pub mod weight;

pub use driver::Standard;

/// The value doesn't have the layout of its characteristic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a value of this characteristic")]
pub struct Invalid;

/// Short UUIDs of services and characteristics.
pub mod uuids {
    use uuid::Uuid;

    use crate::gatt::sig;

    /// Immediate Alert.
    pub const IMMEDIATE_ALERT: Uuid = sig(0x1802);
    /// Current Time.
    pub const CURRENT_TIME_SERVICE: Uuid = sig(0x1805);
    /// Device Information.
    pub const DEVICE_INFORMATION: Uuid = sig(0x180a);
    /// Heart Rate.
    pub const HEART_RATE: Uuid = sig(0x180d);
    /// Battery.
    pub const BATTERY: Uuid = sig(0x180f);
    /// Alert Notification.
    pub const ALERT_NOTIFICATION: Uuid = sig(0x1811);
    /// Body Composition.
    pub const BODY_COMPOSITION: Uuid = sig(0x181b);
    /// Weight Scale.
    pub const WEIGHT_SCALE: Uuid = sig(0x181d);

    /// Alert Level.
    pub const ALERT_LEVEL: Uuid = sig(0x2a06);
    /// Local Time Information.
    pub const LOCAL_TIME: Uuid = sig(0x2a0f);
    /// Battery Level.
    pub const BATTERY_LEVEL: Uuid = sig(0x2a19);
    /// Serial Number String.
    pub const SERIAL_NUMBER: Uuid = sig(0x2a25);
    /// Firmware Revision String.
    pub const FIRMWARE_REVISION: Uuid = sig(0x2a26);
    /// Hardware Revision String.
    pub const HARDWARE_REVISION: Uuid = sig(0x2a27);
    /// Software Revision String.
    pub const SOFTWARE_REVISION: Uuid = sig(0x2a28);
    /// Current Time.
    pub const CURRENT_TIME: Uuid = sig(0x2a2b);
    /// Heart Rate Measurement.
    pub const HEART_RATE_MEASUREMENT: Uuid = sig(0x2a37);
    /// New Alert.
    pub const NEW_ALERT: Uuid = sig(0x2a46);
    /// Body Composition Measurement.
    pub const BODY_COMPOSITION_MEASUREMENT: Uuid = sig(0x2a9c);
    /// Weight Measurement.
    pub const WEIGHT_MEASUREMENT: Uuid = sig(0x2a9d);
}
