//! The arguments of `belayctl account`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::ctl::advice::{Advice, account as means};
use crate::ctl::cli::{Password, Qr};

/// Arguments of `account`.
#[derive(Args, Debug)]
pub struct Account {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with the account.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Say what could be better: recovery code, second address, devices not seen for long
    Check,
    /// Show what the account says of its owner, or change what is named
    Profile(Profile),
    /// Change the password
    Password(NewPassword),
    /// Make another recovery code; the one before is void
    ///
    /// Until somebody says that it is written down, for 24 hours and until this device restarts, the same code is shown
    /// again and no other is made. Scripts are asked nothing: they say it with --acknowledge.
    RecoveryCode(RecoveryCode),
    /// Password forgotten: have a code sent to the account's address
    Forgot(Forgot),
    /// Choose another password with that code and the recovery code, or without it after a wait
    Recover(Recover),
    /// List the account's addresses
    Addresses,
    /// Send a code to one more address or number
    AddAddress(AddAddress),
    /// Give that code
    ConfirmAddress(ConfirmAddress),
    /// Remove an address
    RemoveAddress(Address),
    /// Sign in with another of the addresses from now on
    SetLogin(Address),
    /// Remove another device from the account; it gets nothing of what is written from now on
    RemoveDevice(RemoveDevice),
    /// Delete the account, and unbind this device
    Delete(Delete),
    /// Get a token to sign in to another service of the account
    Token(Token),
    /// Ask the cloud's operator whether this device's bootloader may be unlocked
    UnlockBootloader(UnlockBootloader),
}

impl Verb {
    /// Where the cloud may have done it, though its answer didn't come: how that is seen. Not where only a code would have been
    /// sent: one that nobody knows the id of is good for nothing.
    pub fn may_be_done(&self) -> Option<Advice> {
        match self {
            Self::Profile(changes) => changes.is_any().then_some(means::PROFILE_MAY_BE_CHANGED),
            Self::Password(_) => Some(means::PASSWORD_MAY_BE_CHANGED),
            Self::RecoveryCode(_) => Some(means::CODE_MAY_BE_MADE),
            Self::Recover(args) if args.without_code => Some(means::HOLD_MAY_BE_BEGUN),
            Self::Recover(_) => Some(means::RECOVERY_MAY_BE_DONE),
            Self::ConfirmAddress(_) | Self::RemoveAddress(_) | Self::SetLogin(_) => {
                Some(means::ADDRESSES_MAY_BE_CHANGED)
            }
            Self::RemoveDevice(_) => Some(means::DEVICE_MAY_BE_REMOVED),
            Self::Delete(_) | Self::UnlockBootloader(_) => Some(means::MAY_BE_DONE),
            Self::Check | Self::Forgot(_) | Self::Addresses | Self::AddAddress(_) | Self::Token(_) => None,
        }
    }

    /// How what became of it is seen by whoever left it, a sentence.
    pub fn shown_by(&self) -> &'static str {
        match self {
            Self::Profile(_) => "belayctl account profile shows what became of it.",
            Self::ConfirmAddress(_) | Self::RemoveAddress(_) | Self::SetLogin(_) => {
                "belayctl account addresses shows what became of it."
            }
            Self::RemoveDevice(_) => "belayctl devices shows what became of it.",
            Self::RecoveryCode(_) => "belayctl account recovery-code shows the code that was made.",
            Self::Password(_) => {
                "Try the new password first. Where that isn't right, the old one holds still."
            }
            Self::Recover(args) if !args.without_code => {
                "Try the new password first. Where that isn't right, ask again with that same one."
            }
            Self::Token(_) => "It is shown nowhere else: ask for another one.",
            _ => "belayctl status shows what became of it.",
        }
    }
}

/// Arguments of `account profile`.
#[derive(Args, Debug)]
pub struct Profile {
    /// What the owner is called; empty removes it
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// The owner's country, two letters; empty removes it
    #[arg(long, value_name = "CC")]
    pub country: Option<String>,
    /// The language for messages, such as de or en; empty removes it
    #[arg(long, value_name = "LANG")]
    pub language: Option<String>,
    /// Receive the newsletter, or not
    #[arg(long, value_name = "YES/NO", value_parser = ["yes", "no"])]
    pub newsletter: Option<String>,
}

impl Profile {
    /// Whether something is to be changed.
    fn is_any(&self) -> bool {
        let texts = [&self.name, &self.country, &self.language, &self.newsletter];
        texts.into_iter().any(Option::is_some)
    }
}

/// Arguments of `account password`.
#[derive(Args, Debug)]
pub struct NewPassword {
    /// Make new keys besides, for when somebody may have the old ones
    #[arg(long)]
    pub new_keys: bool,
    /// Read the new password from the first line of FILE (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub new_password_file: Option<PathBuf>,
    /// The password so far
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `account recovery-code`.
#[derive(Args, Debug)]
pub struct RecoveryCode {
    /// Draw the code as a QR code: auto draws it on a terminal
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub qr: Qr,
    /// Don't ask whether the code is written down: it is kept safe by whoever reads the output. Without this nothing that is
    /// piped or in JSON counts as written down, and the next call shows the same code again
    #[arg(long)]
    pub acknowledge: bool,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `account forgot`.
#[derive(Args, Debug)]
pub struct Forgot {
    /// An address or number of the account
    pub identifier: String,
}

/// Arguments of `account recover`.
#[derive(Args, Debug)]
pub struct Recover {
    /// The id that `account forgot` answered; `status` shows it
    pub id: String,
    /// The address or number that the code went to
    pub identifier: String,
    /// The code from the message; asked for when absent. Once the link of the e-mail was opened none is needed
    pub code: Option<String>,
    /// Read that code from the first line of FILE (`-`: standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "code")]
    pub code_file: Option<PathBuf>,
    /// Read the recovery code from the first line of FILE (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub recovery_code_file: Option<PathBuf>,
    /// The recovery code is lost too: wait 72 hours, where the device's policy allows it
    #[arg(long, conflicts_with = "recovery_code_file")]
    pub without_code: bool,
    /// Read the new password from the first line of FILE (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub new_password_file: Option<PathBuf>,
}

/// Arguments of `account add-address`.
#[derive(Args, Debug)]
pub struct AddAddress {
    /// An e-mail address, or a phone number with its country
    pub identifier: String,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `account confirm-address`.
#[derive(Args, Debug)]
pub struct ConfirmAddress {
    /// The id that add-address answered; `status` shows it
    pub id: String,
    /// The code; asked for when absent. Once the link of the e-mail was opened none is needed
    pub code: Option<String>,
    /// Read the code from the first line of FILE (`-`: standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "code")]
    pub code_file: Option<PathBuf>,
}

/// An address of the account.
#[derive(Args, Debug)]
pub struct Address {
    /// Its id, as `account addresses` shows it; the beginning is enough
    pub id: String,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `account remove-device`.
#[derive(Args, Debug)]
pub struct RemoveDevice {
    /// Its id or name, as `devices` shows them
    pub device: String,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `account delete`.
#[derive(Args, Debug)]
pub struct Delete {
    /// Don't ask: everything of the account at the cloud goes for good
    #[arg(long)]
    pub yes_delete_everything: bool,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `account token`.
#[derive(Args, Debug)]
pub struct Token {
    /// Which service
    pub service: String,
}

/// Arguments of `account unlock-bootloader`.
#[derive(Args, Debug)]
pub struct UnlockBootloader {
    /// Why, for whoever decides
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The password
    #[command(flatten)]
    pub password: Password,
}
