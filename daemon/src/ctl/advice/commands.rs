//! What the errors of commands to other devices mean.

use super::{Advice, advice, exit};

/// As the table of all others.
pub const TABLE: &[(&str, Advice)] = &[
    (
        "NoSuchDevice",
        advice(
            exit::DATA,
            "The account has no such device.",
            "belayctl find list shows names and ids.",
        ),
    ),
    (
        "CommandRefused",
        advice(
            exit::NO_PERMISSION,
            "The device refused the command.",
            "Its reason says why: after “stale” ask again, “superseded” means that a newer command came first, “unsupported” that find-device is off there or that it can't do this, “expired” that the clock it was sent by is behind.",
        ),
    ),
    (
        "CommandFailed",
        advice(
            exit::UNAVAILABLE,
            "The device tried and gave up.",
            "Its reason says why, such as “no-sound” where nothing there makes one; try again later, or another way.",
        ),
    ),
    (
        "CommandExpired",
        advice(
            exit::UNAVAILABLE,
            "Its time was over before the device told of it.",
            "Send it again, or use belayctl find sms where the device has a SIM.",
        ),
    ),
    (
        "CommandForgotten",
        advice(
            exit::UNAVAILABLE,
            "The cloud doesn't know the command any more; what became of it isn't known.",
            "See how the device stands with belayctl find status before you send it again.",
        ),
    ),
    (
        "AnswerLost",
        advice(
            exit::UNAVAILABLE,
            "The cloud's answer was lost: the command may be on its way.",
            "belayctl find status shows under this id what became of it; belayctl find cancel takes it back.",
        ),
    ),
    (
        "ClockWrong",
        advice(
            exit::UNAVAILABLE,
            "The command's time was over when it reached the cloud: this computer's clock looks wrong.",
            "Set this computer's clock, then send it again.",
        ),
    ),
    (
        "Interrupted",
        advice(
            exit::INTERRUPTED,
            "Interrupted.",
            "belayctl status, belayctl sync status and belayctl find status show what goes on.",
        ),
    ),
    (
        "QueueFull",
        advice(
            exit::UNAVAILABLE,
            "Too many commands wait for this device already.",
            "They wait until it is there again; belayctl find status shows them.",
        ),
    ),
    (
        "TooManyCommands",
        advice(
            exit::UNAVAILABLE,
            "The cloud takes no more commands for now: too many were sent.",
            "Send it again later, or use belayctl find sms where the device has a SIM.",
        ),
    ),
    (
        "ForeignCertificate",
        advice(
            exit::UNAVAILABLE,
            "The cloud gives out a device that the owner never certified; it was not used.",
            "Don't trust this cloud: check its address, and ask who runs it.",
        ),
    ),
    (
        "ForgedReport",
        advice(
            exit::UNAVAILABLE,
            "The cloud gives out a report that the device didn't sign; nothing was sent.",
            "Don't trust this cloud: check its address, and ask who runs it.",
        ),
    ),
    (
        "ForgedOutcome",
        advice(
            exit::UNAVAILABLE,
            "The cloud gives out an outcome that the device didn't sign; it was not believed.",
            "Don't trust this cloud: what became of the command isn't known.",
        ),
    ),
    (
        "OldReport",
        advice(
            exit::UNAVAILABLE,
            "The cloud holds back what the device reported last; nothing was sent.",
            "Try again later; if it stays so, ask who runs this cloud.",
        ),
    ),
    (
        "FileExposed",
        advice(
            exit::NO_PERMISSION,
            "Others can read or change that file, so what it holds isn't used.",
            "Remove it and make a new one with --remember, in a folder of your own.",
        ),
    ),
    (
        "RememberedOver",
        advice(
            exit::NO_PERMISSION,
            "The remembered key is over.",
            "Use --cloud and --login with the password, and --remember again if you like.",
        ),
    ),
    (
        "NoMemory",
        advice(
            exit::UNAVAILABLE,
            "This computer hasn't got the memory to check the password.",
            "Close something, or use another computer.",
        ),
    ),
];
