//! The words of mails and text messages: what is told, to whom in which language.

use fluent_bundle::FluentArgs;

use crate::catalogue;
use crate::clock::{HOUR, MINUTE};
use crate::delivery::Message;
use crate::language::Language;
use crate::verifications::state::{CODE_LIFE, LIFE};

/// The longest name in a mail, in characters: room for a name, and not for a stranger's letter.
const LONGEST_NAME: usize = 60;

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A mail.
    Mail,
    /// A text message of one part. It names no device, which would not fit.
    Text,
}

/// What a code is for. Whether the address belongs to an account is told to its owner alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A new account.
    Registration {
        /// Whether an account has the address already.
        taken: bool,
    },
    /// Another address of an account.
    Identifier {
        /// Whether an account has the address already.
        taken: bool,
    },
    /// A forgotten password.
    Recovery,
}

/// A code on its way to an address.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// What for.
    pub purpose: Purpose,
    /// The device that asked, as its owner named it.
    pub device: &'a str,
    /// Six digits.
    pub code: &'a str,
    /// The page whose button confirms as well, for a mail.
    pub link: &'a str,
}

/// What an account's owner is told, so that nothing happens to it in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'a> {
    /// Somebody signed in with a key that the account didn't know.
    SignedIn,
    /// The password was changed.
    PasswordChanged,
    /// The password was changed, and the root with it: the recovery code is void.
    NewRoot,
    /// Another recovery code was made.
    RecoveryCodeReplaced,
    /// Somebody proved one of the account's addresses, to choose a new password with the recovery code.
    RecoveryProved {
        /// The name of the device that asked.
        device: &'a str,
    },
    /// A new password was chosen with the recovery code.
    Recovered {
        /// The name of the device that asked.
        device: &'a str,
    },
    /// An address was added.
    AddressAdded {
        /// The address, masked.
        address: &'a str,
    },
    /// An address was removed.
    AddressRemoved {
        /// The address, masked.
        address: &'a str,
    },
    /// Another address signs in.
    LoginChanged {
        /// The address, masked.
        address: &'a str,
    },
    /// From now on the owner is told in another language, and for a while in the one before too.
    LanguageChanged {
        /// For how long.
        days: u32,
    },
    /// A recovery without a code was begun on this device, and how it is stopped.
    RecoveryBegun {
        /// Its name.
        device: &'a str,
        /// How long it waits.
        hours: u32,
    },
    /// A device that the account has left behind waits to follow it.
    RecoveryFollowed {
        /// Its name.
        device: &'a str,
        /// How long it waits.
        hours: u32,
    },
    /// A device of the account's that has come apart from it waits to go on with the account: one that has waited for a recovery in
    /// vain, or that a new root never reached. This cloud doesn't know which.
    RecoveryReturned {
        /// Its name.
        device: &'a str,
        /// How long it waits.
        hours: u32,
    },
    /// A recovery without a code has waited long enough: its password holds, and the recovery code is void.
    RecoveryHolds,
    /// A device was bound.
    DeviceAdded {
        /// Its name.
        device: &'a str,
    },
    /// A device was let go.
    DeviceRemoved {
        /// Its name.
        device: &'a str,
    },
    /// The operator let a device go.
    DeviceReleased {
        /// Its name.
        device: &'a str,
    },
    /// The account is gone.
    AccountDeleted,
    /// Somebody asked for a device's bootloader to be unlocked.
    UnlockRequested {
        /// Its name.
        device: &'a str,
        /// How long nothing is decided.
        days: u32,
    },
    /// The bootloader may be unlocked.
    UnlockApproved {
        /// Its name.
        device: &'a str,
    },
    /// The bootloader stays locked.
    UnlockDenied {
        /// Its name.
        device: &'a str,
    },
}

/// A message with a code.
#[must_use]
pub fn code(way: Way, to: &str, language: Language, code: &Code<'_>) -> Message {
    let mut arguments = FluentArgs::new();
    arguments.set("device", in_a_mail(code.device));
    arguments.set("code", code.code);
    arguments.set("link", code.link);
    arguments.set("minutes", CODE_LIFE / MINUTE);
    arguments.set("hours", LIFE / HOUR);
    let message = compose(way, to, language, code.purpose.id(), &arguments);
    let holds = |part: &str| message.text.contains(part).then(|| part.to_owned());
    Message {
        code: holds(code.code),
        link: holds(code.link).filter(|link| !link.is_empty()),
        ..message
    }
}

/// A message without a code.
#[must_use]
pub fn notice(way: Way, to: &str, language: Language, notice: &Notice<'_>) -> Message {
    let mut arguments = FluentArgs::new();
    if let Notice::RecoveryBegun { hours, .. }
    | Notice::RecoveryFollowed { hours, .. }
    | Notice::RecoveryReturned { hours, .. } = notice
    {
        arguments.set("hours", *hours);
    }
    if let Notice::UnlockRequested { days, .. } | Notice::LanguageChanged { days } = notice {
        arguments.set("days", *days);
    }
    if let Some(device) = notice.device() {
        arguments.set("device", in_a_mail(device));
    }
    if let Some(address) = notice.address() {
        arguments.set("address", in_a_mail(address));
    }
    compose(way, to, language, notice.id(), &arguments)
}

fn compose(way: Way, to: &str, language: Language, id: &str, arguments: &FluentArgs<'_>) -> Message {
    let say = |attribute| catalogue::text(language, id, attribute, arguments);
    let (channel, subject, text) = match way {
        Way::Mail => ("email", Some(say("subject")), say("mail") + "\n"),
        Way::Text => ("sms", None, say("sms")),
    };
    Message {
        to: to.to_owned(),
        channel: channel.to_owned(),
        subject,
        text,
        code: None,
        link: None,
    }
}

/// A name between marks that keep its direction of writing to itself (Unicode TR9 §6.3), and in which no reader finds an
/// address to click: anybody may have a mail sent to anybody, with a name of his choice. Names have no line ends.
fn in_a_mail(name: &str) -> String {
    let mut shown = String::from('\u{2068}');
    let mut rest = name.chars();
    for c in rest.by_ref().take(LONGEST_NAME) {
        shown.push(c);
        if matches!(c, '.' | ':' | '/' | '@') {
            shown.push('\u{200b}');
        }
    }
    if rest.next().is_some() {
        shown.push('…');
    }
    shown.push('\u{2069}');
    shown
}

impl Purpose {
    /// The name in the catalogue.
    const fn id(self) -> &'static str {
        match self {
            Self::Registration { taken: false } => "registration",
            Self::Registration { taken: true } => "registration-taken",
            Self::Identifier { taken: false } => "identifier",
            Self::Identifier { taken: true } => "identifier-taken",
            Self::Recovery => "recovery",
        }
    }
}

impl<'a> Notice<'a> {
    /// The name in the catalogue.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::SignedIn => "signed-in",
            Self::PasswordChanged => "password-changed",
            Self::NewRoot => "new-root",
            Self::RecoveryCodeReplaced => "recovery-code-replaced",
            Self::RecoveryProved { .. } => "recovery-proved",
            Self::Recovered { .. } => "recovered",
            Self::AddressAdded { .. } => "address-added",
            Self::AddressRemoved { .. } => "address-removed",
            Self::LoginChanged { .. } => "login-changed",
            Self::LanguageChanged { .. } => "language-changed",
            Self::RecoveryBegun { .. } => "recovery-begun",
            Self::RecoveryFollowed { .. } => "recovery-followed",
            Self::RecoveryReturned { .. } => "recovery-returned",
            Self::RecoveryHolds => "recovery-holds",
            Self::DeviceAdded { .. } => "device-added",
            Self::DeviceRemoved { .. } => "device-removed",
            Self::DeviceReleased { .. } => "device-released",
            Self::AccountDeleted => "account-deleted",
            Self::UnlockRequested { .. } => "unlock-requested",
            Self::UnlockApproved { .. } => "unlock-approved",
            Self::UnlockDenied { .. } => "unlock-denied",
        }
    }

    /// Whether it tells that somebody came into the account, or has a way to.
    #[must_use]
    pub const fn is_of_access(&self) -> bool {
        matches!(
            self,
            Self::SignedIn
                | Self::PasswordChanged
                | Self::NewRoot
                | Self::RecoveryCodeReplaced
                | Self::RecoveryProved { .. }
                | Self::Recovered { .. }
                | Self::RecoveryBegun { .. }
                | Self::RecoveryFollowed { .. }
                | Self::RecoveryReturned { .. }
                | Self::RecoveryHolds
        )
    }

    /// The device that it is about.
    const fn device(&self) -> Option<&'a str> {
        match *self {
            Self::SignedIn
            | Self::PasswordChanged
            | Self::NewRoot
            | Self::RecoveryHolds
            | Self::RecoveryCodeReplaced
            | Self::AddressAdded { .. }
            | Self::AddressRemoved { .. }
            | Self::LoginChanged { .. }
            | Self::LanguageChanged { .. }
            | Self::AccountDeleted => None,
            Self::RecoveryBegun { device, .. }
            | Self::RecoveryFollowed { device, .. }
            | Self::RecoveryReturned { device, .. }
            | Self::RecoveryProved { device }
            | Self::Recovered { device }
            | Self::DeviceAdded { device }
            | Self::DeviceRemoved { device }
            | Self::DeviceReleased { device }
            | Self::UnlockRequested { device, .. }
            | Self::UnlockApproved { device }
            | Self::UnlockDenied { device } => Some(device),
        }
    }

    /// The address that it is about, masked.
    const fn address(&self) -> Option<&'a str> {
        match *self {
            Self::AddressAdded { address }
            | Self::AddressRemoved { address }
            | Self::LoginChanged { address } => Some(address),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
