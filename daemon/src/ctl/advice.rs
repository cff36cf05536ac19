//! What each error name means to a person, and which exit code it gives. Switched on the name alone: the text that
//! comes over the bus is for logs.

pub mod accessories;
pub mod account;
mod commands;
pub mod here;
mod sync;

/// The exit codes of `belayctl`, from sysexits(3).
pub mod exit {
    use belay_proto::sysexits;

    /// It worked.
    pub const OK: u8 = sysexits::OK;
    /// Wrong arguments, or a question that nobody is there to answer.
    pub const USAGE: u8 = sysexits::USAGE;
    /// What was given isn't right: an identifier, a code, a new password; or it doesn't fit the device's state.
    pub const DATA: u8 = 65;
    /// Bus, daemon or cloud can't be reached or are busy: try again later.
    pub const UNAVAILABLE: u8 = sysexits::UNAVAILABLE;
    /// A mistake in Belay.
    pub const SOFTWARE: u8 = sysexits::SOFTWARE;
    /// Reading or writing failed, here or in the daemon's storage.
    pub const IO: u8 = sysexits::IO;
    /// Refused: wrong password, too many tries, not allowed, locked.
    pub const NO_PERMISSION: u8 = 77;
    /// Ctrl-C: what shells give for SIGINT, 128 and the signal's number.
    pub const INTERRUPTED: u8 = 130;
}

/// What a refusal means: the exit code, what happened, and what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// One of [`exit`].
    pub exit: u8,
    /// What happened, a sentence.
    pub happened: &'static str,
    /// What to do next, a sentence.
    pub next: &'static str,
}

/// The advice for an error name: without its prefix for `org.belay1.Error.`, in full for any other. A name this
/// version doesn't know counts as a mistake in Belay.
pub fn of(name: &str) -> Advice {
    let found = all().find(|(known, _)| *known == name);
    found.map_or(
        advice(
            exit::SOFTWARE,
            "Something went wrong inside Belay.",
            "See the journal: journalctl -u belayd -u belay-warden.",
        ),
        |(_, found)| *found,
    )
}

/// Every name that has advice of its own.
pub fn known() -> impl Iterator<Item = &'static str> {
    all().map(|(name, _)| *name)
}

fn all() -> impl Iterator<Item = &'static (&'static str, Advice)> {
    TABLE
        .iter()
        .chain(commands::TABLE)
        .chain(accessories::TABLE)
        .chain(sync::TABLE)
}

const fn advice(exit: u8, happened: &'static str, next: &'static str) -> Advice {
    Advice { exit, happened, next }
}

const NOT_RUNNING: Advice = advice(
    exit::UNAVAILABLE,
    "The Belay daemon isn't running.",
    "Start it: systemctl start belayd. In a development set-up, name its bus with DBUS_SYSTEM_BUS_ADDRESS or --session.",
);

const NO_BUS: Advice = advice(
    exit::UNAVAILABLE,
    "There is no message bus here.",
    "Run it on the device itself. In a development set-up, name the bus with DBUS_SYSTEM_BUS_ADDRESS or --session.",
);

const DIDNT_START: Advice = advice(
    exit::UNAVAILABLE,
    "A part of Belay couldn't be started.",
    "See the journal: journalctl -u belayd -u belay-warden.",
);

const NO_ANSWER: Advice = advice(
    exit::UNAVAILABLE,
    "The daemon didn't answer in time.",
    "See what became of it with belayctl status, then try again.",
);

const OTHER_VERSION: Advice = advice(
    exit::UNAVAILABLE,
    "The running daemon doesn't know this command.",
    "Install belayctl and belayd from the same release, then restart belayd.",
);

const TABLE: &[(&str, Advice)] = &[
    (
        "InvalidArgument",
        advice(
            exit::DATA,
            "What was given can't be right.",
            "Check how it is written and try again.",
        ),
    ),
    (
        "NotAuthorized",
        advice(
            exit::NO_PERMISSION,
            "You may not do this from here.",
            "Do it in a session on the device itself: its screen and keyboard, not ssh.",
        ),
    ),
    (
        "NotBound",
        advice(
            exit::DATA,
            "This device has no owner yet.",
            "Register with belayctl register, or sign in with belayctl sign-in.",
        ),
    ),
    (
        "AlreadyBound",
        advice(
            exit::DATA,
            "This device already has an owner.",
            "The owner signs out first: belayctl sign-out, with the account password.",
        ),
    ),
    (
        "ActivationLocked",
        advice(
            exit::NO_PERMISSION,
            "This device belongs to another account.",
            "Its owner signs in with belayctl sign-in, or hands you the release from signing out.",
        ),
    ),
    (
        "ReauthenticationRequired",
        advice(
            exit::NO_PERMISSION,
            "The account was changed elsewhere.",
            "Run belayctl reauthenticate with the account's current password.",
        ),
    ),
    (
        "WrongPassword",
        advice(
            exit::NO_PERMISSION,
            "That isn't the account password. Nothing was changed.",
            "Try again.",
        ),
    ),
    (
        "TooManyAttempts",
        advice(
            exit::NO_PERMISSION,
            "Too many wrong passwords.",
            "Wait, then try again.",
        ),
    ),
    (
        "WeakPassword",
        advice(
            exit::DATA,
            "That password is too easy to guess.",
            "Take at least 8 characters with a letter and a digit; three or four unrelated words are good.",
        ),
    ),
    (
        "BadTicket",
        advice(
            exit::NO_PERMISSION,
            "It took too long: a password given is good for a minute.",
            "Run the command again.",
        ),
    ),
    (
        "WrongCode",
        advice(
            exit::DATA,
            "That isn't the code that was sent, or nothing has confirmed the address yet.",
            "Look at the newest message and try again; an SMS of this device's own takes a moment to arrive.",
        ),
    ),
    (
        "CodeExpired",
        advice(
            exit::DATA,
            "That code can't be used any more.",
            "Ask for a new one with belayctl resend; belayctl status shows the id.",
        ),
    ),
    (
        "TooSoon",
        advice(
            exit::UNAVAILABLE,
            "It is too soon: the cloud asks to wait.",
            "Try again later.",
        ),
    ),
    (
        "IdentifierTaken",
        advice(
            exit::DATA,
            "There is an account with this address or number already.",
            "Sign in to it: belayctl sign-in.",
        ),
    ),
    (
        "DevicesStillBound",
        advice(
            exit::DATA,
            "Other devices or accessories still belong to this account.",
            "Sign the devices out and unpair the accessories first: belayctl devices and belayctl accessory list show them.",
        ),
    ),
    (
        "DeviceLost",
        advice(
            exit::NO_PERMISSION,
            "This device is locked as lost.",
            "Its owner unlocks it: belayctl unlock.",
        ),
    ),
    (
        "Tampered",
        advice(
            exit::NO_PERMISSION,
            "The device's record of its owner is missing or was changed.",
            "Its owner signs in again: belayctl sign-in.",
        ),
    ),
    (
        "RecoveryOnHold",
        advice(
            exit::UNAVAILABLE,
            "A recovery without the code is being waited out.",
            "Try again once it is over; the old password ends it.",
        ),
    ),
    (
        "Offline",
        advice(
            exit::UNAVAILABLE,
            "The cloud can't be reached.",
            "Check the network and try again.",
        ),
    ),
    (
        "CloudRefused",
        advice(
            exit::UNAVAILABLE,
            "The cloud refused.",
            "Check its address: --cloud, or on the device what belayd --print-config shows. Then try again later.",
        ),
    ),
    (
        "QuotaExceeded",
        advice(
            exit::UNAVAILABLE,
            "The account's space is used up.",
            "Remove something, then try again.",
        ),
    ),
    (
        "Conflict",
        advice(
            exit::DATA,
            "It was changed in the meantime.",
            "Look at it again, then repeat.",
        ),
    ),
    (
        "NotFound",
        advice(
            exit::DATA,
            "There is no such thing.",
            "Check the id; belayctl status shows a running verification.",
        ),
    ),
    (
        "NotSupported",
        advice(
            exit::UNAVAILABLE,
            "This device can't do that.",
            "belayctl status shows what it can.",
        ),
    ),
    (
        "Busy",
        advice(
            exit::UNAVAILABLE,
            "Something else is being done at the moment.",
            "Try again in a few seconds.",
        ),
    ),
    (
        "Cancelled",
        advice(
            exit::UNAVAILABLE,
            "It was cancelled.",
            "Run the command again when you want to.",
        ),
    ),
    (
        "Storage",
        advice(
            exit::IO,
            "Belay's storage can't be read or written, or the warden was never set up.",
            "Check the space on the disk and the journal: journalctl -u belayd -u belay-warden.",
        ),
    ),
    (
        "Internal",
        advice(
            exit::SOFTWARE,
            "Something went wrong inside Belay.",
            "See the journal: journalctl -u belayd -u belay-warden.",
        ),
    ),
    (
        "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
        advice(
            exit::NO_PERMISSION,
            "This needs a confirmation that can't be asked for here.",
            "Do it in a session on the device itself.",
        ),
    ),
    (
        "org.freedesktop.DBus.Error.AccessDenied",
        advice(
            exit::NO_PERMISSION,
            "The bus doesn't let you talk to Belay.",
            "Do it in a session on the device itself, or as root.",
        ),
    ),
    ("org.freedesktop.DBus.Error.ServiceUnknown", NOT_RUNNING),
    ("org.freedesktop.DBus.Error.NameHasNoOwner", NOT_RUNNING),
    ("org.freedesktop.DBus.Error.Spawn.ChildExited", DIDNT_START),
    ("org.freedesktop.DBus.Error.Spawn.ChildSignaled", DIDNT_START),
    ("org.freedesktop.DBus.Error.Spawn.Failed", DIDNT_START),
    ("org.freedesktop.DBus.Error.Disconnected", NOT_RUNNING),
    ("org.freedesktop.DBus.Error.NoServer", NO_BUS),
    ("org.freedesktop.DBus.Error.NoReply", NO_ANSWER),
    ("org.freedesktop.DBus.Error.Timeout", NO_ANSWER),
    ("org.freedesktop.DBus.Error.TimedOut", NO_ANSWER),
    ("org.freedesktop.DBus.Error.UnknownMethod", OTHER_VERSION),
    ("org.freedesktop.DBus.Error.UnknownInterface", OTHER_VERSION),
    ("org.freedesktop.DBus.Error.UnknownObject", OTHER_VERSION),
];

#[cfg(test)]
#[path = "advice_tests.rs"]
mod tests;
