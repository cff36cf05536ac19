//! When there is nothing left to stay for.

use std::time::Duration;

/// How long nobody has asked for anything. Counted in two halves: a boot clock that jumps, as after
/// a suspend, ends at most one, and whoever wakes the device isn't met by a warden on its way out.
#[derive(Clone, Copy)]
pub(crate) struct Quiet {
    pub(crate) since: Duration,
    pub(crate) halves: u8,
    /// Said to have nothing to do: the process ends, and a ticket made now would end with it.
    pub(crate) leaving: bool,
}

impl Quiet {
    pub(crate) const fn since(boottime: Duration) -> Self {
        Self {
            since: boottime,
            halves: 0,
            leaving: false,
        }
    }
}
