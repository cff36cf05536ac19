//! The arguments of `belayctl find`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::ctl::cli::Password;

/// Arguments of `find`.
#[derive(Args, Debug)]
pub struct Find {
    /// Who asks.
    #[command(flatten)]
    pub by: By,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Who asks: this device, or a computer that has nothing of the account.
#[derive(Args, Clone, Debug, Default)]
pub struct By {
    /// Ask the account's cloud directly, from any computer: its address
    #[arg(long, global = true, value_name = "URL", requires = "login")]
    pub cloud: Option<String>,
    /// The account's e-mail address or phone number, with --cloud
    #[arg(long, global = true, value_name = "IDENTIFIER", requires = "cloud")]
    pub login: Option<String>,
    /// The certificate authority of a cloud of your own, PEM
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Keep a key for ring, stop, locate, message and lock in FILE for 12 hours, so that the password isn't asked again
    #[arg(long, global = true, value_name = "FILE", requires = "cloud")]
    pub remember: Option<PathBuf>,
    /// Use the key that --remember kept
    #[arg(long, global = true, value_name = "FILE", conflicts_with_all = ["cloud", "login", "remember", "ca", "password_file"])]
    pub remembered: Option<PathBuf>,
    /// Don't wait for what becomes of the command
    #[arg(long, global = true)]
    pub no_wait: bool,
    /// The password.
    #[command(flatten)]
    pub password: Anywhere,
}

/// As [`Password`], also after the verb.
#[derive(Args, Clone, Debug, Default)]
pub struct Anywhere {
    /// Read the password from the first line of FILE (`-`: standard input) instead of the terminal
    #[arg(long, global = true, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

impl From<&Anywhere> for Password {
    fn from(password: &Anywhere) -> Self {
        Self {
            password_file: password.password_file.clone(),
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List the devices of the account
    List,
    /// Lock a device as lost; it shows the message and calls only the number
    Lock(Lock),
    /// End a device's lost mode; asks for its id where it is given by name
    Unlock(Device),
    /// Erase a device for good
    Wipe(Wipe),
    /// Let a device ring aloud
    Ring(Ring),
    /// Stop it ringing
    Stop(Device),
    /// Ask a device where it is
    Locate(Device),
    /// Show another message on a device that is locked as lost
    Message(Message),
    /// Show how a device was when it was last heard of
    Status(Device),
    /// Take a command back that the device hasn't begun
    Cancel(Cancel),
    /// Print a text that does it when it is sent to the device as an SMS, from any phone
    Sms(Sms),
}

/// A device.
#[derive(Args, Clone, Debug)]
pub struct Device {
    /// The device: its id, the beginning of it, or its name, as `find list` shows them
    #[arg(value_name = "DEVICE")]
    pub device: String,
}

/// Arguments of `find lock`.
#[derive(Args, Debug)]
pub struct Lock {
    /// Which.
    #[command(flatten)]
    pub device: Device,
    /// What to tell whoever holds it, at most 200 characters
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub message: String,
    /// The one number that it calls, with its country: +491701234567
    #[arg(long, value_name = "NUMBER", default_value = "")]
    pub phone: String,
}

/// Arguments of `find wipe`.
#[derive(Args, Debug)]
pub struct Wipe {
    /// Which.
    #[command(flatten)]
    pub device: Device,
    /// Erase memory cards too
    #[arg(long)]
    pub external: bool,
    /// Leave the eSIM, so that the device can still be reached
    #[arg(long)]
    pub keep_esim: bool,
    /// Don't ask for the device's id: it is given here, or the first 8 digits of it or more
    #[arg(long, value_name = "ID")]
    pub yes_wipe: Option<String>,
}

/// Arguments of `find ring`.
#[derive(Args, Debug)]
pub struct Ring {
    /// Which.
    #[command(flatten)]
    pub device: Device,
    /// For how many seconds
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
}

/// Arguments of `find message`.
#[derive(Args, Debug)]
pub struct Message {
    /// Which.
    #[command(flatten)]
    pub device: Device,
    /// The message, at most 200 characters
    pub text: String,
}

/// Arguments of `find cancel`.
#[derive(Args, Debug)]
pub struct Cancel {
    /// Which.
    #[command(flatten)]
    pub device: Device,
    /// The command's id, as it was shown when it was sent
    pub id: String,
}

/// Arguments of `find sms`.
#[derive(Args, Debug)]
pub struct Sms {
    /// Which.
    #[command(flatten)]
    pub device: Device,
    /// What the device is to do
    pub action: SmsVerb,
}

/// What can be asked for by SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SmsVerb {
    /// Lock it; without message and number.
    Lock,
    /// End lost mode; the text is good for an hour. Asks for the id of a device given by name.
    Unlock,
    /// Ring; the text is good for 10 minutes.
    Ring,
    /// Stop ringing.
    Stop,
    /// Tell where it is; the text is good for 10 minutes.
    Locate,
}
