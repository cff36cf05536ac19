//! Refusals under the names of the contract.

use belay_proto::dbus::Error;

use crate::core::refusal::Refusal;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::InvalidArgument(_) => Self::InvalidArgument(text),
            Refusal::NotAuthorized(_) => Self::NotAuthorized(text),
            Refusal::NotBound => Self::NotBound(text),
            Refusal::AlreadyBound => Self::AlreadyBound(text),
            Refusal::WrongPassword => Self::WrongPassword(text),
            Refusal::TooManyAttempts(_) => Self::TooManyAttempts(text),
            Refusal::WrongCode => Self::WrongCode(text),
            Refusal::WeakPassword => Self::WeakPassword(text),
            Refusal::BadTicket => Self::BadTicket(text),
            Refusal::DeviceLost => Self::DeviceLost(text),
            Refusal::Tampered => Self::Tampered(text),
            Refusal::RecoveryOnHold(_) => Self::RecoveryOnHold(text),
            Refusal::CloudRefused(_) => Self::CloudRefused(text),
            Refusal::Busy => Self::Busy(text),
            Refusal::NotSupported(_) => Self::NotSupported(text),
            Refusal::NotFound => Self::NotFound(text),
            Refusal::Storage(_) => Self::Storage(text),
            Refusal::Internal(_) => Self::Internal(text),
        }
    }
}
