//! What a ticket is for.

use std::fmt;
use std::str::FromStr;

/// A ticket's one purpose, as `Present` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Make an account and bind this device to it.
    Register,
    /// Bind this device to an existing account.
    SignIn,
    /// Open a new session of the account this device is bound to.
    Reauthenticate,
    /// Unbind this device.
    SignOut,
    /// Allow a factory reset.
    Reset,
    /// Turn find-device on or off.
    Find,
    /// Change what the device does by itself.
    Policies,
    /// Forget an accessory.
    Unpair,
    /// Sign a command to another device of the account.
    Command,
}

/// No purpose of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an unknown purpose")]
pub struct UnknownPurpose;

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 9] = [
        Self::Register,
        Self::SignIn,
        Self::Reauthenticate,
        Self::SignOut,
        Self::Reset,
        Self::Find,
        Self::Policies,
        Self::Unpair,
        Self::Command,
    ];

    /// The name on the bus.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::SignIn => "sign-in",
            Self::Reauthenticate => "reauthenticate",
            Self::SignOut => "sign-out",
            Self::Reset => "reset",
            Self::Find => "find",
            Self::Policies => "policies",
            Self::Unpair => "unpair",
            Self::Command => "command",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(text: &str) -> Result<Self, UnknownPurpose> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or(UnknownPurpose)
    }
}
