//! What a method answers when it fails: one of the contract's names, whatever went wrong inside.

use belay_proto::dbus::Error;

use super::options::InvalidOption;
use crate::device::{DeviceError, name::BadName};
use crate::store::StoreError;
use crate::warden::WardenError;

impl From<InvalidOption> for Error {
    fn from(error: InvalidOption) -> Self {
        Self::InvalidArgument(error.to_string())
    }
}

impl From<BadName> for Error {
    fn from(error: BadName) -> Self {
        Self::InvalidArgument(error.to_string())
    }
}

impl From<DeviceError> for Error {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Lost => Self::DeviceLost("the device is lost; only its owner can unlock it".into()),
            DeviceError::Name(error) => error.into(),
            DeviceError::Store(error) => error.into(),
            DeviceError::Warden(error) => error.into(),
            DeviceError::Answer(_) | DeviceError::Gone => {
                tracing::error!(error = &error as &dyn std::error::Error, "a device method failed");
                Self::Internal(error.to_string())
            }
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
        match error {
            StoreError::Panicked => Self::Internal(error.to_string()),
            StoreError::Gone => Self::Cancelled("belayd is stopping".into()),
            StoreError::Io { .. }
            | StoreError::Open { .. }
            | StoreError::InUse { .. }
            | StoreError::TooNew { .. }
            | StoreError::WrongKey
            | StoreError::KeyMissing { .. }
            | StoreError::BadKey { .. }
            | StoreError::Sql(_)
            | StoreError::Migration { .. }
            | StoreError::Sealed { .. }
            | StoreError::Malformed { .. } => Self::Storage(error.to_string()),
        }
    }
}

impl From<WardenError> for Error {
    fn from(error: WardenError) -> Self {
        match error {
            WardenError::Refused(error) => error,
            WardenError::Unreachable(_) | WardenError::TimedOut => {
                tracing::error!(error = &error as &dyn std::error::Error, "the warden failed");
                Self::Internal(error.to_string())
            }
        }
    }
}
