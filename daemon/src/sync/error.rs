//! Why a method of the sync domain came to nothing.

use super::ports::SyncFailure;
use crate::store::StoreError;

/// Why it came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The device belongs to nobody.
    #[error("records belong to an account, and the device is nobody's")]
    NotBound,
    /// There is no such collection, record or question.
    #[error("there is nothing of that")]
    NotFound,
    /// What was asked for can't be.
    #[error("{0}")]
    InvalidArgument(&'static str),
    /// Another revision than the one that was named is the present one.
    #[error("the record has another revision")]
    Conflict,
    /// There is no room left at the cloud.
    #[error("the account's quota is used up")]
    QuotaExceeded,
    /// The cloud can't be reached.
    #[error("the cloud can't be reached")]
    Offline,
    /// The session has ended.
    #[error("the session has ended; the password is needed again")]
    ReauthenticationRequired,
    /// The cloud refused, or answered nonsense.
    #[error("the cloud refused")]
    CloudRefused,
    /// The cloud lacks a part of a content, which only who has it can bring again.
    #[error("the cloud lacks a part of a content; a device that has it brings it again")]
    Lacking,
    /// Records of the cloud don't open here.
    #[error("records of the cloud don't open here; the others are synced")]
    Unopened,
    /// Records of the cloud that don't open here are in the way of some that it has yet to get.
    #[error(
        "records of the cloud that don't open here keep some of this device from it; the others are synced"
    )]
    InTheWay,
    /// The account has other keys since; what was read of the content can't be read again.
    #[error("the account has new keys; it has to be put again")]
    KeyEpochOld,
    /// Sync is paused, by its owner, or by the policy for metered networks and the battery.
    #[error("sync is paused")]
    Paused,
    /// Somebody ended it, or the device became another's.
    #[error("cancelled")]
    Cancelled,
    /// A content is longer than can be synced.
    #[error("the content is too long")]
    TooLong,
    /// One of many contents doesn't fit a record; its number, from 1.
    #[error(
        "frame {0} of the stream has a content that doesn't fit a record: 256 KiB, compressed; Put takes it"
    )]
    LongFrame(usize),
    /// The database failed; the log says how.
    #[error("the database failed")]
    Storage,
    /// belayd stops.
    #[error("the sync actor is gone")]
    Gone,
}

impl SyncError {
    /// The error's name of the contract, as the property `LastError` says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotBound => "NotBound",
            Self::NotFound => "NotFound",
            Self::InvalidArgument(_) | Self::TooLong | Self::LongFrame(_) => "InvalidArgument",
            Self::Conflict => "Conflict",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::Offline => "Offline",
            Self::ReauthenticationRequired => "ReauthenticationRequired",
            Self::CloudRefused | Self::Lacking | Self::InTheWay | Self::Unopened => "CloudRefused",
            Self::Paused | Self::KeyEpochOld => "Busy",
            Self::Cancelled | Self::Gone => "Cancelled",
            Self::Storage => "Storage",
        }
    }
}

impl From<SyncFailure> for SyncError {
    fn from(failure: SyncFailure) -> Self {
        match failure {
            SyncFailure::Offline(_) | SyncFailure::NotConfigured => Self::Offline,
            SyncFailure::Reauthentication => Self::ReauthenticationRequired,
            SyncFailure::Quota => Self::QuotaExceeded,
            SyncFailure::NotFound => Self::NotFound,
            SyncFailure::KeyEpochOld => Self::KeyEpochOld,
            SyncFailure::CursorOver
            | SyncFailure::BadCursor
            | SyncFailure::Refused
            | SyncFailure::Nonsense => Self::CloudRefused,
        }
    }
}

impl From<StoreError> for SyncError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Gone => Self::Gone,
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "the records");
                Self::Storage
            }
        }
    }
}
