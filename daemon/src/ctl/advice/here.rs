//! What an error's name means where one command gets it, when that is more than the name tells.

use super::{Advice, advice, exit};

/// A session's bus that isn't there, for what only a session has.
pub const NO_SESSION: Advice = advice(
    exit::UNAVAILABLE,
    "There is no session here whose notifications could be passed on.",
    "Start it in the desktop's session, or name its bus with DBUS_SESSION_BUS_ADDRESS.",
);

/// A password that came with an address: a cloud tells nobody which addresses have an account.
pub const WRONG_LOGIN: Advice = advice(
    exit::NO_PERMISSION,
    "That isn't the account's password, or no account is called so. Nothing was changed.",
    "Check both and try again.",
);

/// An address that can't be removed.
pub const IS_LOGIN: Advice = advice(
    exit::DATA,
    "The account signs in with this address.",
    "Make another one the login first: belayctl account set-login.",
);

/// A token for a service that nobody has named.
pub const NO_SERVICE: Advice = advice(
    exit::DATA,
    "The cloud's operator has named no such service.",
    "Write it as the operator does, such as https://photos.example.org.",
);

/// A recovery without the code, where the device doesn't wait for one.
pub const NO_RECOVERY: Advice = advice(
    exit::UNAVAILABLE,
    "This device's policy lets nobody recover the account without the recovery code.",
    "Give the recovery code or the old password. For another time, with the password: belayctl policy --recovery-without-code yes \
     --dry-run no.",
);

/// A recovery for which two codes were given.
pub const ONE_OF_TWO: Advice = advice(
    exit::DATA,
    "One of the two codes isn't right: the one from the message, or the recovery code.",
    "Look at the newest message and at what you wrote down, then try again.",
);

/// A device that its owner removed from the account: no password helps there.
pub const REMOVED: Advice = advice(
    exit::NO_PERMISSION,
    "You removed this device from the account.",
    "Its data stays. To give it away, or to sign in again: belayctl sign-out.",
);

/// A device whose account is gone.
pub const DELETED: Advice = advice(
    exit::NO_PERMISSION,
    "The account was deleted.",
    "The data on this device stays. To give it away, or to begin anew: belayctl sign-out.",
);

/// A device that nothing has told where it is.
pub const NO_PLACE: Advice = advice(
    exit::UNAVAILABLE,
    "Nothing has told yet where this device is.",
    "Try again under the open sky, or with a network.",
);

/// A device that nothing can tell where it is.
pub const NOTHING_LOCATES: Advice = advice(
    exit::UNAVAILABLE,
    "Nothing in this device tells where it is.",
    "It takes a modem with satellite navigation, or GeoClue.",
);

/// A call to the owner of a device that isn't lost.
pub const NOT_LOST: Advice = advice(
    exit::DATA,
    "This device isn't locked as lost, so there is nobody to call.",
    "belayctl status shows whose it is.",
);

/// A call to the owner by somebody who isn't at the lost screen.
pub const FOR_THE_SCREEN: Advice = advice(
    exit::NO_PERMISSION,
    "Only the lost screen and root call the owner.",
    "Use the lost screen's button; belayctl status shows the number, where the owner left one.",
);

/// A call to an owner who left no number.
pub const NO_NUMBER: Advice = advice(
    exit::DATA,
    "The owner left no number to call.",
    "belayctl status shows the message that they left.",
);

/// A call without a modem.
pub const NO_MODEM: Advice = advice(
    exit::UNAVAILABLE,
    "There is no modem here to call with.",
    "Call the number from another phone; belayctl status shows it.",
);

/// A call that the modem didn't make, or of which it said nothing.
pub const NOT_DIALLED: Advice = advice(
    exit::UNAVAILABLE,
    "The modem didn't dial, or doesn't answer.",
    "Try again in a minute, or call the number from another phone; belayctl status shows it.",
);

/// A password for an account that this device can't follow: nobody vouches there for the root that the account has, or the cloud was
/// put back to an older password.
pub const OTHER_ROOT: Advice = advice(
    exit::DATA,
    "The account goes on with other credentials than this device, as after a recovery without the code, or with a cloud that was put \
     back to an older day: no password opens both.",
    "Sign out with this device's own password, and keep what hasn't gone up yet: belayctl sign-out --keep-data; then \
     belayctl sign-in with the account's. After a recovery, who knows the account's alone can have this device follow it in 72 hours, \
     if its policy allows that: belayctl account forgot, then belayctl account recover --without-code, with that password as the \
     new one. If that is refused, change the password once more on a device that has the account's, and try again.",
);

/// A device too many for its account.
pub const TOO_MANY_DEVICES: Advice = advice(
    exit::UNAVAILABLE,
    "The account has as many devices as it may: 64, or 256 with those that were removed and never signed out. Nothing was changed.",
    "At 64 remove one that you no longer use, on another device: belayctl devices, then belayctl account remove-device. Or sign out of one. \
     At 256 sign out of one, or have the cloud's operator release one.",
);

/// An account whose devices, passwords and addresses were changed too often to take another device now.
pub const TOO_MANY_CHANGES: Advice = advice(
    exit::UNAVAILABLE,
    "The account was changed very often within the last hour, and takes no other device for now. Nothing was changed.",
    "Try again in an hour.",
);

/// All of them, for a look at how they are written.
#[cfg(test)]
pub const ALL: &[Advice] = &[
    NO_SESSION,
    WRONG_LOGIN,
    OTHER_ROOT,
    TOO_MANY_DEVICES,
    TOO_MANY_CHANGES,
    IS_LOGIN,
    NO_SERVICE,
    NO_RECOVERY,
    ONE_OF_TWO,
    REMOVED,
    DELETED,
    NO_PLACE,
    NOTHING_LOCATES,
    NOT_LOST,
    FOR_THE_SCREEN,
    NO_NUMBER,
    NO_MODEM,
    NOT_DIALLED,
];
