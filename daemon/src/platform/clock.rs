//! The clock that belayd waits by.

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
