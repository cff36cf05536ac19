//! What an error's name means where a verb of the account gets it, when that is more than the name tells.

use super::{Advice, advice, exit};

/// An answer that may have been lost after the cloud had done what was asked, of what the status shows.
pub const MAY_BE_DONE: Advice =
    may_be_done("It may be done all the same: look with belayctl status, then ask again.");

/// The same of another code.
pub const MAY_BE_SENT: Advice =
    may_be_done("It may be on its way all the same: look for the message, then ask again.");

/// The same of the profile.
pub const PROFILE_MAY_BE_CHANGED: Advice =
    may_be_done("It may be changed all the same: look with belayctl account profile, then ask again.");

/// The same of an address that was added, removed or made the login.
pub const ADDRESSES_MAY_BE_CHANGED: Advice =
    may_be_done("It may be done all the same: look with belayctl account addresses, then ask again.");

/// The same of a device that was removed.
pub const DEVICE_MAY_BE_REMOVED: Advice =
    may_be_done("It may be removed all the same: look with belayctl devices, then ask again.");

/// The same of a password.
pub const PASSWORD_MAY_BE_CHANGED: Advice = may_be_done(
    "It may be changed all the same: try the new one first. Where that isn't right, ask again with the old one.",
);

/// The same of a recovery code: asked again it is the same one.
pub const CODE_MAY_BE_MADE: Advice = may_be_done(
    "It may be made all the same, and the one before be void: ask again, which shows the one that was made.",
);

/// The same of a recovery: asked again with the same password it ends what was begun.
pub const RECOVERY_MAY_BE_DONE: Advice = may_be_done(
    "It may be done all the same: try the new password first. Where that isn't right, ask again with that same one.",
);

/// The same of a recovery without the code, which waits.
pub const HOLD_MAY_BE_BEGUN: Advice = may_be_done(
    "Its wait may have begun all the same: look with belayctl status, then ask again with that same new password.",
);

/// What happened is the same for each, and where to look isn't.
const fn may_be_done(next: &'static str) -> Advice {
    advice(
        exit::UNAVAILABLE,
        "The cloud can't be reached, or its answer was lost.",
        next,
    )
}

/// A modem that refused the SMS which proves a number.
pub const SMS_UNSENT: Advice = advice(
    exit::UNAVAILABLE,
    "The modem didn't send the SMS that proves the number.",
    "See whether this device can send one at all: signal, SIM, credit. Or do it without --outgoing-sms.",
);

/// The same for a number that was to be proved once more.
pub const SMS_UNSENT_AGAIN: Advice = advice(
    exit::UNAVAILABLE,
    "The modem didn't send the SMS that proves the number.",
    "See whether this device can send one at all: signal, SIM, credit. Then try again.",
);

/// A device that sends no SMS.
pub const NO_SMS_HERE: Advice = advice(
    exit::UNAVAILABLE,
    "This device can't send the SMS that would prove the number.",
    "Register without --outgoing-sms: the cloud sends the code then.",
);

/// A cloud that takes no SMS of a device's own.
pub const NO_SMS_TAKEN: Advice = advice(
    exit::UNAVAILABLE,
    "This cloud takes no SMS that would prove a number.",
    "Register without --outgoing-sms, or with an e-mail address.",
);

/// A cloud that sends nothing to such an address.
pub const NOT_REACHED: Advice = advice(
    exit::UNAVAILABLE,
    "This cloud sends no codes to an address of this kind.",
    "Take an e-mail address instead of a phone number, or a number instead of the address.",
);

/// An address that is to be added and is another account's.
pub const ANOTHERS_ADDRESS: Advice = advice(
    exit::DATA,
    "The address or number belongs to an account already.",
    "Take another one, or remove it from that account first: belayctl account remove-address there.",
);

/// An account that has as many addresses as it can have.
pub const NO_MORE_ADDRESSES: Advice = advice(
    exit::DATA,
    "The account has as many addresses as it can have.",
    "Remove one with belayctl account remove-address, then add this one again.",
);

/// Work that another registration is in the way of.
pub const BEING_MADE: Advice = advice(
    exit::DATA,
    "An account is being made on this device already.",
    "belayctl status shows its id: belayctl confirm goes on with it, belayctl cancel gives it up.",
);

/// Another code, where one was right already.
pub const PROVED_ALREADY: Advice = advice(
    exit::DATA,
    "The code was right already; another one isn't needed.",
    "Go on with the command that belayctl status shows.",
);

/// A registration that can't be given up any more.
pub const MADE_ALREADY: Advice = advice(
    exit::DATA,
    "The account is made already; there is nothing to give up.",
    "Bind this device with belayctl confirm, or with belayctl sign-in.",
);

/// An address whose order is older than the account's credentials.
pub const ADD_AGAIN: Advice = advice(
    exit::DATA,
    "The account's password or recovery code was changed since the address was added.",
    "Add it again: belayctl account add-address.",
);

/// A recovery that was carried out before, by a call with another password.
pub const DONE_WITH_ANOTHER: Advice = advice(
    exit::DATA,
    "The recovery was done before, with another password. That one holds.",
    "Use that password. For yet another one begin again: belayctl account forgot.",
);

/// A recovery of an account that went on meanwhile.
pub const RECOVER_AGAIN: Advice = advice(
    exit::DATA,
    "The account's password or recovery code was changed meanwhile.",
    "Begin again, if that is still wanted: belayctl account forgot.",
);

/// A new password that is the one before.
pub const SAME_PASSWORD: Advice = advice(
    exit::DATA,
    "That is the password which the account has already.",
    "Take another one.",
);

/// Sign-ins that the cloud takes no more of. Why isn't known: others of the same network count with this device.
pub const TRIES_AT_THE_CLOUD: Advice = advice(
    exit::NO_PERMISSION,
    "The cloud takes no more sign-ins from here for now.",
    "Wait, then try again.",
);

/// Codes that it takes no more of.
pub const CODES_AT_THE_CLOUD: Advice = advice(
    exit::NO_PERMISSION,
    "The cloud takes no more codes from here for now.",
    "Wait, then try again.",
);

/// Recoveries that it takes no more of: codes, or on a device that was left behind the account's password.
pub const RECOVERIES_AT_THE_CLOUD: Advice = advice(
    exit::NO_PERMISSION,
    "The cloud takes no more tries to recover an account from here for now.",
    "Wait, then try again.",
);

/// A device that was left behind by a recovery without the code, and a new password that isn't the one the account got there.
pub const NOT_THE_ACCOUNTS: Advice = advice(
    exit::NO_PERMISSION,
    "The account has got another password since, and this isn't it. Nothing was changed.",
    "Give the password that the account has by now as the new one, here too.",
);

/// A registration that is over.
pub const REGISTER_AGAIN: Advice = advice(
    exit::DATA,
    "The registration is over: no code of it can be used any more.",
    "Begin again: belayctl register.",
);

/// An address that was to be added, and whose proof is over.
pub const ADDRESS_AGAIN: Advice = advice(
    exit::DATA,
    "It took too long: no code for this address can be used any more.",
    "Begin again: belayctl account add-address.",
);

/// A recovery that is over.
pub const FORGOT_AGAIN: Advice = advice(
    exit::DATA,
    "The recovery is over: no code of it can be used any more.",
    "Begin again: belayctl account forgot.",
);

/// Devices that are bound to an account that was to be deleted.
pub const DEVICES_BOUND: Advice = advice(
    exit::DATA,
    "Other devices still belong to this account. Nothing was deleted.",
    "Sign each of them out there, with belayctl sign-out, then ask again.",
);

/// Accessories that are.
pub const ACCESSORIES_BOUND: Advice = advice(
    exit::DATA,
    "Accessories still belong to this account. Nothing was deleted.",
    "Unpair them with belayctl accessory unpair, each on a device that knows it, then ask again.",
);

/// Both.
pub const BOTH_BOUND: Advice = advice(
    exit::DATA,
    "Other devices and accessories still belong to this account. Nothing was deleted.",
    "Unpair the accessories with belayctl accessory unpair, each on a device that knows it; sign the devices out there, with \
     belayctl sign-out; then ask again.",
);

/// All of them, for a look at how they are written.
#[cfg(test)]
pub const ALL: &[Advice] = &[
    MAY_BE_DONE,
    MAY_BE_SENT,
    PROFILE_MAY_BE_CHANGED,
    ADDRESSES_MAY_BE_CHANGED,
    DEVICE_MAY_BE_REMOVED,
    PASSWORD_MAY_BE_CHANGED,
    CODE_MAY_BE_MADE,
    RECOVERY_MAY_BE_DONE,
    HOLD_MAY_BE_BEGUN,
    SMS_UNSENT,
    SMS_UNSENT_AGAIN,
    NO_SMS_HERE,
    NO_SMS_TAKEN,
    NOT_REACHED,
    ANOTHERS_ADDRESS,
    NO_MORE_ADDRESSES,
    BEING_MADE,
    PROVED_ALREADY,
    MADE_ALREADY,
    ADD_AGAIN,
    DONE_WITH_ANOTHER,
    RECOVER_AGAIN,
    SAME_PASSWORD,
    TRIES_AT_THE_CLOUD,
    CODES_AT_THE_CLOUD,
    RECOVERIES_AT_THE_CLOUD,
    NOT_THE_ACCOUNTS,
    REGISTER_AGAIN,
    ADDRESS_AGAIN,
    FORGOT_AGAIN,
    DEVICES_BOUND,
    ACCESSORIES_BOUND,
    BOTH_BOUND,
];
