//! The ways in which the warden says no; each is one of the contract's error names.

use std::time::Duration;

/// A refusal. Its text is for logs; a settings app switches on the name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The arguments aren't what the contract says.
    #[error("invalid argument: {0}")]
    InvalidArgument(String),
    /// The caller may not.
    #[error("not authorized: {0}")]
    NotAuthorized(&'static str),
    /// Only a bound device can do that.
    #[error("this device isn't bound")]
    NotBound,
    /// Only an unbound device can do that.
    #[error("this device is bound already")]
    AlreadyBound,
    /// The password isn't the owner's.
    #[error("wrong password")]
    WrongPassword,
    /// Too many wrong ones; how long to wait.
    #[error("too many attempts: wait {} s", .0.as_secs().saturating_add(1))]
    TooManyAttempts(Duration),
    /// Not a recovery code, or not this account's.
    #[error("wrong recovery code")]
    WrongCode,
    /// A new password that is too easy to guess, or the one that it is to replace.
    #[error("the new password is too weak")]
    WeakPassword,
    /// No such ticket, or not for this.
    #[error("bad ticket")]
    BadTicket,
    /// While lost only unlocking is possible.
    #[error("this device is lost")]
    DeviceLost,
    /// The state isn't what the warden wrote.
    #[error("the warden's state was tampered with")]
    Tampered,
    /// A recovery without the code is being waited out; how long still.
    #[error("a recovery is being waited out: {} s are left", .0.as_secs().saturating_add(1))]
    RecoveryOnHold(Duration),
    /// What came from the cloud doesn't prove itself.
    #[error("the cloud's answer doesn't hold: {0}")]
    CloudRefused(String),
    /// Too much at once.
    #[error("busy")]
    Busy,
    /// A part of the contract that this warden doesn't have.
    #[error("not supported: {0}")]
    NotSupported(String),
    /// No such registration.
    #[error("not found")]
    NotFound,
    /// The state can't be read or written, or was never made.
    #[error("storage: {0}")]
    Storage(String),
    /// A mistake of ours.
    #[error("internal: {0}")]
    Internal(&'static str),
}
