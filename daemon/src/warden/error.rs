//! What the warden, or the way to it, can refuse.

use belay_proto::dbus;

/// A call to the warden that didn't succeed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WardenError {
    /// The warden refused, with one of the contract's names.
    #[error("the warden refused")]
    Refused(#[source] dbus::Error),
    /// There is no warden on the bus and none could be started, or its answer isn't what the contract says.
    #[error("the warden can't be reached")]
    Unreachable(#[source] zbus::Error),
    /// The warden didn't answer in time; whether it acted is unknown.
    #[error("the warden didn't answer in time")]
    TimedOut,
}

impl WardenError {
    /// Whether the warden compared the password and found it wrong.
    #[must_use]
    pub fn is_wrong_password(&self) -> bool {
        matches!(self, Self::Refused(dbus::Error::WrongPassword(_)))
    }

    /// Whether the same call may succeed later without anything else changing: the warden has no time or no room for it now, or
    /// nobody knows what it would have said.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal, dbus::Error::Busy(_) | dbus::Error::Storage(_)),
            Self::Unreachable(_) | Self::TimedOut => true,
        }
    }
}

impl From<dbus::Error> for WardenError {
    fn from(error: dbus::Error) -> Self {
        match error {
            dbus::Error::Bus(error) => Self::Unreachable(error),
            named => Self::Refused(named),
        }
    }
}
