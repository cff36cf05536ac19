//! The arguments of `belayctl`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use super::accessory::cli::Accessory;
use super::account::cli::Account;
use super::find::cli::Find;
use super::policy;
use super::sync::cli::{Switch, Sync};

const EXIT_CODES: &str = "\
Exit codes (sysexits):
   0  done
  64  wrong arguments, or a question that no terminal is there to answer
  65  what was given isn't right: identifier, code, new password; or it doesn't fit the device's state
  69  bus, daemon or cloud can't be reached, or are busy: try again later
  70  a mistake in Belay
  74  reading or writing failed, here or in the daemon's storage
  77  refused: wrong password, too many tries, not allowed here, locked
 130  interrupted with Ctrl-C

Passwords are asked for on the terminal, without echo, or read from --password-file; never from the arguments.
The bus is the system bus, or the one in DBUS_SYSTEM_BUS_ADDRESS.";

/// Binds this device to its owner's account: registration, sign-in, sign-out, unlocking.
#[derive(Debug, Parser)]
#[command(name = "belayctl", bin_name = "belayctl", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Global {
    /// Answer with one JSON object, errors too (monitor: one a line)
    #[arg(long, global = true)]
    pub json: bool,
    /// Use the session bus, for development
    #[arg(long, global = true)]
    pub session: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show whose this device is and how it is
    Status,
    /// Make a new account with an e-mail address or a phone number, and this device its first one
    Register(Register),
    /// Give the code that was sent, bind this device and show the recovery code
    ///
    /// Until somebody says that the recovery code is written down, the same call shows it again. Scripts are asked nothing: they
    /// say it with --acknowledge, or later with acknowledge.
    Confirm(Confirm),
    /// Say that the recovery code is written down, so that it isn't shown again
    Acknowledge(Acknowledge),
    /// Send the code again
    Resend(Verification),
    /// Give up what waits for its code: a registration, a recovery, one more address
    Cancel(Verification),
    /// Bind this device to an account that exists
    SignIn(SignIn),
    /// Unbind this device; works without a network, and needs the password
    SignOut(SignOut),
    /// Give the current password after it was changed elsewhere
    Reauthenticate(Reauthenticate),
    /// Ask whether this device is free to be bound
    CheckActivation,
    /// List the devices of the account
    Devices,
    /// The account: its owner's profile, password, recovery, addresses, devices, and its end
    Account(Account),
    /// Lock, find, ring or erase a device of the account
    Find(Find),
    /// Find, pair and read bands, scales and sensors
    Accessory(Accessory),
    /// Sync contacts, calendars, notes, files: when, what, and what lies there
    Sync(Sync),
    /// Rename this device
    Name(Name),
    /// Show whether this device takes its owner's commands, or change it: find, lock, wipe from elsewhere
    FindDevice(FindDevice),
    /// Show what this device does by itself, or change it: lock, wipe, recovery without the code
    Policy(Policy),
    /// Say where this device is; what there is to ask has a minute
    Location,
    /// Stop this device's ringing
    StopRinging,
    /// While locked as lost: call the number that the owner left, from the lost screen or as root
    CallOwner,
    /// Unlock this device after it was locked as lost
    Unlock(Password),
    /// Allow a factory reset in the next 10 minutes, until a reboot
    Reset(Reset),
    /// Show the log of what happened to the binding
    History(History),
    /// Say how strong a password is, without using it for anything
    CheckPassword(Password),
    /// Follow changes as they happen, until Ctrl-C
    Monitor,
    /// Write completions for a shell to standard output
    Completions(Completions),
    /// Write the manual pages into a folder
    Man(Man),
}

/// Where a password comes from.
#[derive(Args, Clone, Debug, Default)]
pub struct Password {
    /// Read the password from the first line of FILE (`-`: standard input) instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// Arguments of `register`.
#[derive(Args, Debug)]
pub struct Register {
    /// An e-mail address, or a phone number with its country: +491701234567
    pub identifier: String,
    /// What the owner is called
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// The owner's country, two letters; that of the number unless given
    #[arg(long, value_name = "CC")]
    pub country: Option<String>,
    /// The language for messages, such as de or en
    #[arg(long, value_name = "LANG")]
    pub language: Option<String>,
    /// Receive the newsletter
    #[arg(long)]
    pub newsletter: bool,
    /// Prove the number by sending an SMS from this device instead of receiving one
    #[arg(long, visible_alias = "sms-out")]
    pub outgoing_sms: bool,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// A verification by its id.
#[derive(Args, Debug)]
pub struct Verification {
    /// The id that came when the code was sent; `status` shows it
    pub id: String,
}

/// Arguments of `acknowledge`.
#[derive(Args, Debug)]
pub struct Acknowledge {
    /// The id that register answered; none for the code of `account recovery-code`
    #[arg(default_value = "", hide_default_value = true)]
    pub id: String,
}

/// Arguments of `confirm`.
#[derive(Args, Debug)]
pub struct Confirm {
    /// The id that register answered; `status` shows it
    pub id: String,
    /// The code; asked for when absent. Once the link of the e-mail was opened none is needed
    pub code: Option<String>,
    /// Read the code from the first line of FILE (`-`: standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "code")]
    pub code_file: Option<PathBuf>,
    /// Draw the recovery code as a QR code: auto draws it on a terminal
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub qr: Qr,
    /// Don't ask whether the recovery code is written down: it is kept safe by whoever reads the output. Without this nothing that
    /// is piped or in JSON counts as written down, and the same call shows the same code again
    #[arg(long)]
    pub acknowledge: bool,
}

/// Arguments of `sign-in`.
#[derive(Args, Debug)]
pub struct SignIn {
    /// The e-mail address or phone number of the account
    pub identifier: String,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `reauthenticate`.
#[derive(Args, Debug)]
pub struct Reauthenticate {
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `sign-out`.
#[derive(Args, Debug)]
pub struct SignOut {
    /// Keep the data that was synced to this device
    #[arg(long)]
    pub keep_data: bool,
    /// How to show the release
    #[command(flatten)]
    pub release: Release,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// How a release is shown and kept.
#[derive(Args, Clone, Debug, Default)]
pub struct Release {
    /// Draw the release as a QR code: auto draws it on a terminal
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub qr: Qr,
    /// Save the release to FILE too; an existing file is not overwritten
    #[arg(long, value_name = "FILE")]
    pub release_file: Option<PathBuf>,
}

/// When to draw a QR code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Qr {
    /// On a terminal.
    #[default]
    Auto,
    /// Always, except with --json.
    Yes,
    /// Never.
    No,
}

/// Arguments of `name`.
#[derive(Args, Debug)]
pub struct Name {
    /// The new name
    pub new: String,
}

/// Arguments of `find-device`. Without any it is shown; a change needs the password.
#[derive(Args, Debug)]
pub struct FindDevice {
    /// Whether it takes them. With no it still takes those that end something: unlock, stop, sign-out, cancel
    #[arg(value_enum, value_name = "YES|NO")]
    pub enabled: Option<Switch>,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `policy`. Without any the policies are shown; what isn't named stays, and a change needs the password.
#[derive(Args, Debug)]
pub struct Policy {
    /// Lock after so long without contact to the cloud: off, 36h, 7d; 24h is the shortest
    #[arg(long, value_name = "TIME", value_parser = policy::offline)]
    pub lock_after_offline: Option<u64>,
    /// Once lost for 72 h, wipe after so long without contact: off, 36h, 7d. Whoever can keep the device from its cloud can cause
    /// this wipe
    #[arg(long, value_name = "TIME", value_parser = policy::offline)]
    pub wipe_after_offline: Option<u64>,
    /// Lock when another SIM is in the device
    #[arg(long, value_enum, value_name = "YES|NO")]
    pub lock_on_sim_change: Option<Switch>,
    /// Alert, then lock, when a paired band goes out of range, wherever that is
    #[arg(long, value_enum, value_name = "YES|NO")]
    pub lock_on_accessory_lost: Option<Switch>,
    /// Let a recovery without the recovery code take hold here after 72 h
    #[arg(long, value_enum, value_name = "YES|NO")]
    pub recovery_without_code: Option<Switch>,
    /// The number that gets an SMS from a new SIM, or none
    #[arg(long, value_name = "NUMBER", value_parser = policy::number)]
    pub trusted_number: Option<String>,
    /// Only tell what would have happened
    #[arg(long, value_enum, value_name = "YES|NO")]
    pub dry_run: Option<Switch>,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `reset`.
#[derive(Args, Debug)]
pub struct Reset {
    /// Sign out too, so that the next owner can bind the device
    #[arg(long)]
    pub release: bool,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `history`.
#[derive(Args, Debug)]
pub struct History {
    /// Begin at a date (2026-11-21), an age (45min, 12h, 3d) or seconds since 1970
    #[arg(long, value_name = "WHEN", default_value = "0")]
    pub since: String,
}

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// Which shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Args, Debug)]
pub struct Man {
    /// Where to; made if missing
    pub folder: PathBuf,
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// Clap's error: wrong arguments, or a question for help or the version, which is no failure.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(args)
}

/// The arguments that would have answered what is asked on a terminal: those of the command that aren't among `args`, which
/// could be read.
pub fn answers(args: impl IntoIterator<Item = OsString>) -> Vec<String> {
    let mut command = Cli::command();
    let Ok(given) = command.try_get_matches_from_mut(args) else {
        return Vec::new();
    };
    let (mut command, mut given): (&clap::Command, &ArgMatches) = (&command, &given);
    while let Some((name, inner)) = given.subcommand() {
        let Some(named) = command.find_subcommand(name) else {
            break;
        };
        (command, given) = (named, inner);
    }
    let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    let missing = |argument: &&clap::Arg| !is_given(argument.get_id().as_str());
    command
        .get_arguments()
        .filter(missing)
        .filter_map(answer)
        .collect()
}

/// How an argument is written that answers a question; `None` for any other.
fn answer(argument: &clap::Arg) -> Option<String> {
    let names = argument.get_value_names().unwrap_or_default();
    let value = names.first().map(ToString::to_string);
    match argument.get_long() {
        Some("release-file") => None,
        Some(long) if long.ends_with("-file") => Some(format!("--{long} {}", value?)),
        Some(long) if long == "yes" || long.starts_with("yes-") => {
            Some(match argument.get_action().takes_values() {
                true => format!("--{long} {}", value?),
                false => format!("--{long}"),
            })
        }
        None if argument.is_positional() => value.or_else(|| Some(argument.get_id().as_str().to_uppercase())),
        _ => None,
    }
}

/// Whether `--json` stands among arguments that couldn't be read, so that even that error is JSON.
pub fn wants_json(args: &[OsString]) -> bool {
    args.iter()
        .skip(1)
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--json")
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
