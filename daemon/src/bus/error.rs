//! What a method answers when it fails: one of the contract's names, whatever went wrong inside.

use belay_proto::dbus::Error;

use super::options::InvalidOption;
use crate::accessory::AccessoryError;
use crate::device::{DeviceError, name::BadName};
use crate::find::{DeedFailed, FindError};
use crate::store::StoreError;
use crate::sync::SyncError;
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

impl From<AccessoryError> for Error {
    fn from(error: AccessoryError) -> Self {
        let why = error.to_string();
        match error {
            AccessoryError::NotBound => Self::NotBound(why),
            AccessoryError::AdapterMissing | AccessoryError::PoweredOff | AccessoryError::NoDeviceId => {
                Self::AdapterMissing(why)
            }
            AccessoryError::NotFound => Self::NotFound(why),
            AccessoryError::Unreachable => Self::AccessoryUnreachable(why),
            AccessoryError::TimedOut => Self::AccessoryTimeout(why),
            AccessoryError::Refused | AccessoryError::Replayed => Self::AccessoryRefused(why),
            AccessoryError::NotConfirmed => Self::AccessoryNotConfirmed(why),
            AccessoryError::KeyMismatch => Self::AccessoryKeyMismatch(why),
            AccessoryError::KeyRequired => Self::KeyRequired(why),
            AccessoryError::NotSupported => Self::NotSupported(why),
            AccessoryError::Busy => Self::Busy(why),
            AccessoryError::Cancelled => Self::Cancelled(why),
            AccessoryError::Storage => Self::Storage(why),
            AccessoryError::Gone => Self::Cancelled("belayd is stopping".into()),
        }
    }
}

impl From<SyncError> for Error {
    fn from(error: SyncError) -> Self {
        let why = error.to_string();
        match error {
            SyncError::NotBound => Self::NotBound(why),
            SyncError::NotFound => Self::NotFound(why),
            SyncError::InvalidArgument(_) | SyncError::TooLong | SyncError::LongFrame(_) => {
                Self::InvalidArgument(why)
            }
            SyncError::Conflict => Self::Conflict(why),
            SyncError::QuotaExceeded => Self::QuotaExceeded(why),
            SyncError::Offline => Self::Offline(why),
            SyncError::ReauthenticationRequired => Self::ReauthenticationRequired(why),
            SyncError::CloudRefused | SyncError::Lacking | SyncError::InTheWay | SyncError::Unopened => {
                Self::CloudRefused(why)
            }
            SyncError::Paused | SyncError::KeyEpochOld => Self::Busy(why),
            SyncError::Cancelled => Self::Cancelled(why),
            SyncError::Storage => Self::Storage(why),
            SyncError::Gone => Self::Cancelled("belayd is stopping".into()),
        }
    }
}

impl From<FindError> for Error {
    fn from(error: FindError) -> Self {
        match error {
            FindError::NotLost => Self::NotAuthorized(error.to_string()),
            FindError::NotBound => Self::NotBound(error.to_string()),
            FindError::NoNumber => Self::NotFound(error.to_string()),
            FindError::NoPlace(failed) => Self::NotFound(failed.to_string()),
            FindError::Warden(error) => error.into(),
            FindError::Deed(failed) => {
                let why = failed.to_string();
                match failed.reason.as_ref() {
                    DeedFailed::UNSUPPORTED | "no-modem" => Self::NotSupported(why),
                    "busy" => Self::Busy(why),
                    _ => Self::Internal(why),
                }
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
            StoreError::Forgotten { .. } => Self::NotFound(error.to_string()),
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
            | StoreError::NotKept(_)
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
