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
    /// Choose another password.
    ChangePassword,
    /// Choose a password without knowing the old one.
    Recover,
    /// Make another recovery code.
    RecoveryCode,
    /// Add, remove or choose the addresses of the account.
    Identifier,
    /// Remove a device from the account.
    RemoveDevice,
    /// Delete the account.
    DeleteAccount,
    /// Ask that the bootloader may be unlocked.
    Bootloader,
}

/// No purpose of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an unknown purpose")]
pub struct UnknownPurpose;

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 16] = [
        Self::Register,
        Self::SignIn,
        Self::Reauthenticate,
        Self::SignOut,
        Self::Reset,
        Self::Find,
        Self::Policies,
        Self::Unpair,
        Self::Command,
        Self::ChangePassword,
        Self::Recover,
        Self::RecoveryCode,
        Self::Identifier,
        Self::RemoveDevice,
        Self::DeleteAccount,
        Self::Bootloader,
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
            Self::ChangePassword => "change-password",
            Self::Recover => "recover",
            Self::RecoveryCode => "recovery-code",
            Self::Identifier => "identifier",
            Self::RemoveDevice => "remove-device",
            Self::DeleteAccount => "delete-account",
            Self::Bootloader => "bootloader",
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
