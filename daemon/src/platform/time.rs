//! Who keeps the wall clock right, and the zone that the device is in.

mod timedate;

use tokio::sync::watch;

pub(super) use timedate::Timedate;

/// Who keeps the device's wall clock right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timekeeping {
    /// Nobody that is known of.
    #[default]
    Unknown,
    /// The network will, and hasn't yet.
    Waiting,
    /// The network does.
    Synchronised,
}

/// What is known of the time. The default: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeView {
    /// Whether the network keeps the wall clock right.
    pub kept: Timekeeping,
    /// The zone's name in the IANA's database; empty: what the system's files say.
    pub zone: String,
    /// Counts the readings: each says anew what may have been so before.
    pub readings: u64,
}

/// Nobody tells of the time.
pub(super) fn unknown() -> watch::Receiver<TimeView> {
    watch::channel(TimeView::default()).1
}
