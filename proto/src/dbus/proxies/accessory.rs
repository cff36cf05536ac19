//! Proxies of the accessories' interfaces.

use super::{Details, Options};
use crate::dbus::Error;

/// `org.belay1.AccessoryManager`.
#[zbus::proxy(
    interface = "org.belay1.AccessoryManager",
    default_service = "org.belay1",
    default_path = "/org/belay1/accessories"
)]
pub trait AccessoryManager {
    /// Whether there is an adapter.
    #[zbus(property)]
    fn available(&self) -> Result<bool, Error>;

    /// Whether it is on.
    #[zbus(property)]
    fn powered(&self) -> Result<bool, Error>;

    /// Whether a discovery runs.
    #[zbus(property)]
    fn discovering(&self) -> Result<bool, Error>;

    /// Begins a discovery; options `kinds`, `timeout`, `power-on`. It ends with this connection.
    fn start_discovery(&self, options: &Options<'_>) -> Result<(), Error>;

    /// Ends it.
    fn stop_discovery(&self, options: &Options<'_>) -> Result<(), Error>;
}

/// `org.belay1.Accessory`.
#[zbus::proxy(interface = "org.belay1.Accessory", default_service = "org.belay1")]
pub trait Accessory {
    /// What it calls itself.
    #[zbus(property)]
    fn name(&self) -> Result<String, Error>;

    /// Which it is.
    #[zbus(property)]
    fn kind(&self) -> Result<String, Error>;

    /// What it is doing.
    #[zbus(property)]
    fn state(&self) -> Result<String, Error>;

    /// The name of an error, or empty.
    #[zbus(property)]
    fn problem(&self) -> Result<String, Error>;

    /// What to do about it, or empty.
    #[zbus(property)]
    fn problem_advice(&self) -> Result<String, Error>;

    /// dBm; 127 not known.
    #[zbus(property(emits_changed_signal = "false"))]
    fn rssi(&self) -> Result<i16, Error>;

    /// Percent; 255 unknown.
    #[zbus(property)]
    fn battery(&self) -> Result<u8, Error>;

    /// Whether it charges.
    #[zbus(property)]
    fn charging(&self) -> Result<bool, Error>;

    /// As it says.
    #[zbus(property)]
    fn firmware_version(&self) -> Result<String, Error>;

    /// Seconds since the epoch; 0 never.
    #[zbus(property)]
    fn last_sync(&self) -> Result<u64, Error>;

    /// Records done, and in all.
    #[zbus(property)]
    fn sync_progress(&self) -> Result<(u64, u64), Error>;

    /// What its owner has switched on.
    #[zbus(property)]
    fn uses(&self) -> Result<Vec<String>, Error>;

    /// `address`, `serial`.
    fn identity(&self, options: &Options<'_>) -> Result<Details, Error>;

    /// Makes it the account's; options `key` (a descriptor with hexadecimal digits) and `replace`.
    fn pair(&self, options: &Options<'_>) -> Result<(), Error>;

    /// Ends a pairing.
    fn cancel_pairing(&self, options: &Options<'_>) -> Result<(), Error>;

    /// Connects.
    fn connect(&self, options: &Options<'_>) -> Result<(), Error>;

    /// Disconnects.
    fn disconnect(&self, options: &Options<'_>) -> Result<(), Error>;

    /// Forgets it, with a ticket of purpose `unpair`.
    fn unpair(&self, ticket: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Fetches its history; answers how many records came.
    fn sync(&self, options: &Options<'_>) -> Result<u32, Error>;

    /// The newest measurements.
    fn latest(&self, options: &Options<'_>) -> Result<Details, Error>;

    /// Minute, kind, intensity, steps and heart rate of each minute that begins from `from` to before `to`.
    fn activity(
        &self,
        from: u64,
        to: u64,
        options: &Options<'_>,
    ) -> Result<Vec<(u64, u8, u8, u8, u8)>, Error>;

    /// Shows an alert.
    fn alert(&self, kind: &str, title: &str, body: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Ends it.
    fn stop_alert(&self, kind: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Measures the heart rate, beats a minute.
    fn measure_heart_rate(&self, options: &Options<'_>) -> Result<u16, Error>;

    /// Changes settings.
    fn set_settings(&self, settings: &Options<'_>, options: &Options<'_>) -> Result<(), Error>;

    /// `Latest` has news.
    #[zbus(signal)]
    fn measurement_changed(&self) -> Result<(), Error>;
}
