//! Why a round came to nothing.

use crate::sync::error::SyncError;
use crate::sync::ports::SyncFailure;

/// Why a round came to nothing. What it did until then stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) enum Failure {
    /// The cloud.
    Cloud(SyncFailure),
    /// This device.
    Here(SyncError),
}

impl From<SyncFailure> for Failure {
    fn from(failure: SyncFailure) -> Self {
        Self::Cloud(failure)
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        Self::Here(error)
    }
}

impl Failure {
    /// As whoever waits is told.
    pub(super) fn error(self) -> SyncError {
        match self {
            // With keys that were asked for anew: it never has enough of them.
            Self::Cloud(SyncFailure::KeyEpochOld) => SyncError::CloudRefused,
            Self::Cloud(failure) => failure.into(),
            Self::Here(error) => error,
        }
    }

    /// Whether whatever else is tried comes to nothing in the same way.
    pub(super) fn is_everyones(self) -> bool {
        matches!(
            self.error(),
            SyncError::Offline | SyncError::ReauthenticationRequired
        )
    }
}
