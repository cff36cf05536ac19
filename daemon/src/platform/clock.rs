//! The clock that belayd waits by.

use std::fmt::{self, Debug, Formatter};
use std::ops::Deref;
use std::sync::Arc;

use belay_proto::clock::Clock;

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
