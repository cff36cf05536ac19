//! Why a method of the accessories domain came to nothing, and what a person can do about it.

use belay_drivers::{Failure, KeyNeed};

use super::ports::{LinkEnd, RadioError};

/// Why it came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessoryError {
    /// The device belongs to nobody.
    #[error("accessories belong to an account, and the device is nobody's")]
    NotBound,
    /// No adapter, no BlueZ, or one that doesn't answer.
    #[error("there is no Bluetooth adapter")]
    AdapterMissing,
    /// The adapter is switched off.
    #[error("Bluetooth is switched off")]
    PoweredOff,
    /// BlueZ has no device id, and btleplug uses no adapter of such a BlueZ.
    #[error("BlueZ has no device id: DeviceID is off in its main.conf")]
    NoDeviceId,
    /// There is no such accessory, or nothing of what was asked for.
    #[error("there is nothing of that")]
    NotFound,
    /// Not in reach.
    #[error("the accessory isn't in reach")]
    Unreachable,
    /// It didn't answer, or the connection was lost on the way.
    #[error("the accessory didn't answer in time")]
    TimedOut,
    /// It refused, or sent nonsense.
    #[error("the accessory refused")]
    Refused,
    /// Nobody tapped it.
    #[error("nobody confirmed at the accessory")]
    NotConfirmed,
    /// It holds another key.
    #[error("the accessory holds another key")]
    KeyMismatch,
    /// It counts from before what was heard: somebody plays a recording, or its counter began anew.
    #[error("the accessory says what it has said before")]
    Replayed,
    /// Its key has to be brought.
    #[error("the accessory's key is needed")]
    KeyRequired,
    /// It can't do that.
    #[error("the accessory can't do that")]
    NotSupported,
    /// Something of that sort runs already.
    #[error("another request runs")]
    Busy,
    /// Somebody ended it.
    #[error("cancelled")]
    Cancelled,
    /// The database failed; the log says how.
    #[error("the database failed")]
    Storage,
    /// belayd stops.
    #[error("the accessories' actor is gone")]
    Gone,
}

impl AccessoryError {
    /// The advice for an accessory that BlueZ has a bond with and can't connect to: `Pair` with `replace` removes it.
    pub const REMOVE_THE_BOND: &'static str = "remove-the-bond";

    /// Whether only the owner can help.
    #[must_use]
    pub const fn is_the_owners(self) -> bool {
        matches!(self, Self::KeyMismatch | Self::KeyRequired | Self::NotSupported)
    }

    /// Whether it ends with an adapter that is on.
    #[must_use]
    pub const fn is_the_adapters(self) -> bool {
        matches!(self, Self::AdapterMissing | Self::PoweredOff | Self::NoDeviceId)
    }

    /// What a person can do, as the property `ProblemAdvice` says it; empty where there is nothing to do.
    #[must_use]
    pub const fn advice(self, need: KeyNeed, bonded: bool) -> &'static str {
        match self {
            // A bond that only one side still has keeps both from connecting.
            Self::Unreachable | Self::TimedOut | Self::Refused if bonded => Self::REMOVE_THE_BOND,
            Self::AdapterMissing => "check-the-adapter",
            Self::NoDeviceId => "set-the-device-id",
            Self::Replayed => "pair-with-its-key",
            Self::PoweredOff => "switch-bluetooth-on",
            Self::Unreachable => "bring-it-closer",
            Self::TimedOut | Self::Refused => "try-again",
            Self::NotConfirmed => "tap-the-accessory",
            Self::KeyMismatch => match need {
                KeyNeed::Chosen => "replace-the-key",
                _ => "bring-the-new-key",
            },
            Self::KeyRequired => "bring-the-key",
            _ => "",
        }
    }

    /// The error's name of the contract, as the property `Problem` says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotBound => "NotBound",
            Self::AdapterMissing | Self::PoweredOff | Self::NoDeviceId => "AdapterMissing",
            Self::NotFound => "NotFound",
            Self::Unreachable => "AccessoryUnreachable",
            Self::TimedOut => "AccessoryTimeout",
            Self::Refused | Self::Replayed => "AccessoryRefused",
            Self::NotConfirmed => "AccessoryNotConfirmed",
            Self::KeyMismatch => "AccessoryKeyMismatch",
            Self::KeyRequired => "KeyRequired",
            Self::NotSupported => "NotSupported",
            Self::Busy => "Busy",
            Self::Cancelled => "Cancelled",
            Self::Storage => "Storage",
            Self::Gone => "Internal",
        }
    }
}

impl From<Failure> for AccessoryError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused | Failure::Nonsense | Failure::NoKey => Self::Refused,
            Failure::NotConfirmed => Self::NotConfirmed,
            Failure::KeyMismatch => Self::KeyMismatch,
            Failure::KeyRequired => Self::KeyRequired,
            Failure::TimedOut | Failure::Lost => Self::TimedOut,
            Failure::NotSupported => Self::NotSupported,
            Failure::Busy => Self::Busy,
            Failure::Cancelled => Self::Cancelled,
        }
    }
}

impl From<RadioError> for AccessoryError {
    fn from(error: RadioError) -> Self {
        match error {
            RadioError::PoweredOff => Self::PoweredOff,
            RadioError::NoDeviceId => Self::NoDeviceId,
            RadioError::AdapterMissing | RadioError::Refused | RadioError::TimedOut => Self::AdapterMissing,
        }
    }
}

impl From<LinkEnd> for AccessoryError {
    fn from(end: LinkEnd) -> Self {
        match end {
            LinkEnd::Closed => Self::Cancelled,
            LinkEnd::Driver(failure) => failure.into(),
            LinkEnd::Unreachable => Self::Unreachable,
            LinkEnd::Lost => Self::TimedOut,
            LinkEnd::Radio(error) => error.into(),
        }
    }
}
