//! The clock that belayd waits by.

use std::fmt::{self, Debug, Formatter};
use std::ops::Deref;
use std::sync::Arc;

use belay_proto::clock::{BoottimeClock, Clock};

/// The kernel's boot clock; in builds for tests the file that `BELAY_SIMULATED_CLOCK` names, if it is set.
pub fn clock() -> Arc<dyn Clock> {
    #[cfg(feature = "simulated")]
    if let Some(clock) = belay_proto::clock::FileClock::from_environment() {
        return Arc::new(clock);
    }
    Arc::new(BoottimeClock::new())
}

/// A clock that its holder's `Debug` can leave aside.
#[derive(Clone)]
pub(super) struct Time(Arc<dyn Clock>);

impl Time {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }
}

impl Deref for Time {
    type Target = dyn Clock;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl Debug for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}
