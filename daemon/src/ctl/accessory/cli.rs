//! The arguments of `belayctl accessory`.

use std::path::PathBuf;

use belay_drivers::Kind;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use crate::ctl::cli::Password;
use crate::ctl::text::date;

/// Arguments of `accessory`.
#[derive(Args, Debug)]
pub struct Accessory {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with accessories.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Look for accessories nearby and show them as they appear, until Ctrl-C
    Scan(Scan),
    /// Make an accessory the account's
    Pair(Pair),
    /// List the accessories that are paired or nearby
    List,
    /// Show all that is known of an accessory, and its newest values
    Show(Show),
    /// Fetch an accessory's history
    Sync(One),
    /// Show an alert on an accessory
    Alert(Alert),
    /// End an alert
    StopAlert(StopAlert),
    /// Connect to an accessory
    Connect(One),
    /// Disconnect from an accessory
    Disconnect(One),
    /// Measure the heart rate now
    Measure(One),
    /// Change an accessory's settings, and what it is used for
    Settings(Settings),
    /// Pass the desktop's notifications on to the accessories that want them, until Ctrl-C
    Forward,
    /// Forget an accessory; needs the password
    Unpair(Unpair),
    /// Draw a day: steps, heart rate, sleep
    Activity(Day),
    /// Write activity by the minute, as CSV or JSON
    Export(Export),
}

/// An accessory.
#[derive(Args, Clone, Debug)]
pub struct One {
    /// Its id, an unambiguous beginning of its id, or its name
    #[arg(value_name = "ID")]
    pub id: String,
}

/// Arguments of `scan`.
#[derive(Args, Debug)]
pub struct Scan {
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Only this kind; may be given several times
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(Kind::ALL.map(Kind::name)))]
    pub kind: Vec<String>,
    /// Switch Bluetooth on where it is off
    #[arg(long)]
    pub power_on: bool,
}

/// Arguments of `pair`.
#[derive(Args, Debug)]
pub struct Pair {
    /// Which.
    #[command(flatten)]
    pub one: One,
    /// Read the accessory's key, 32 hexadecimal digits, from the first line of FILE (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Take over a band that holds another key: its former owner's app loses it
    #[arg(long)]
    pub replace: bool,
}

/// Arguments of `show`.
#[derive(Args, Debug)]
pub struct Show {
    /// Which.
    #[command(flatten)]
    pub one: One,
    /// Show its address and serial number too
    #[arg(long)]
    pub identity: bool,
}

/// What an accessory is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AlertKind {
    /// Vibrate until it is found.
    Find,
    /// A message.
    Message,
    /// A call.
    Call,
}

impl AlertKind {
    /// The word on the bus.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Message => "message",
            Self::Call => "call",
        }
    }
}

/// Arguments of `alert`.
#[derive(Args, Debug)]
pub struct Alert {
    /// Which.
    #[command(flatten)]
    pub one: One,
    /// Its kind
    pub kind: AlertKind,
    /// The first line: who writes or calls
    #[arg(default_value = "")]
    pub title: String,
    /// The rest of a message
    #[arg(default_value = "")]
    pub body: String,
}

/// Arguments of `stop-alert`.
#[derive(Args, Debug)]
pub struct StopAlert {
    /// Which.
    #[command(flatten)]
    pub one: One,
    /// Its kind
    pub kind: AlertKind,
}

/// Arguments of `settings`.
#[derive(Args, Debug)]
pub struct Settings {
    /// Which.
    #[command(flatten)]
    pub one: One,
    /// What to change.
    #[command(flatten)]
    pub change: Change,
}

/// What to change; the wearer's four go together, since a band takes them at once.
#[derive(Args, Clone, Debug, Default)]
#[group(required = true, multiple = true)]
pub struct Change {
    /// Steps a day
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub step_goal: Option<u32>,
    /// The wearer's day of birth, YYYY-MM-DD
    #[arg(long, value_name = "DATE", value_parser = date, requires_all = ["height", "weight", "sex"])]
    pub birth_date: Option<Date>,
    /// The wearer's height, cm
    #[arg(long, value_name = "CM", value_parser = clap::value_parser!(u16).range(50..=250), requires = "birth_date")]
    pub height: Option<u16>,
    /// The wearer's weight, kg
    #[arg(long, value_name = "KG", value_parser = weight, requires = "birth_date")]
    pub weight: Option<f64>,
    /// The wearer's sex
    #[arg(long, value_parser = PossibleValuesParser::new(["male", "female", "other"]), requires = "birth_date")]
    pub sex: Option<String>,
    /// The wrist that wears it
    #[arg(long, value_parser = PossibleValuesParser::new(["left", "right"]))]
    pub wrist: Option<String>,
    /// How it shows the time
    #[arg(long, value_parser = PossibleValuesParser::new(["12h", "24h"]))]
    pub clock: Option<String>,
    /// How it shows distances
    #[arg(long, value_parser = PossibleValuesParser::new(["metric", "imperial"]))]
    pub units: Option<String>,
    /// Whether it shows calls that come in
    #[arg(long, value_name = "ON")]
    pub show_calls: Option<Switch>,
    /// Whether it shows texts that come in
    #[arg(long, value_name = "ON")]
    pub show_messages: Option<Switch>,
    /// Whether `accessory forward` passes notifications on to it
    #[arg(long, value_name = "ON")]
    pub show_notifications: Option<Switch>,
    /// Whether it measures the heart rate without pause while it is connected
    #[arg(long, value_name = "ON")]
    pub follow_heart_rate: Option<Switch>,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Arguments of `unpair`.
#[derive(Args, Debug)]
pub struct Unpair {
    /// Which.
    #[command(flatten)]
    pub one: One,
    /// Don't ask for the accessory's name
    #[arg(long)]
    pub yes: bool,
    /// The password
    #[command(flatten)]
    pub password: Password,
}

/// Arguments of `activity`.
#[derive(Args, Debug)]
pub struct Day {
    /// Which.
    #[command(flatten)]
    pub one: One,
    /// The day, YYYY-MM-DD in this device's time zone; today when absent
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub day: Option<Date>,
}

/// Arguments of `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// Which.
    #[command(flatten)]
    pub one: One,
    /// Begin at a date (its first minute here), an age (45min, 12h, 3d) or seconds since 1970
    #[arg(long, value_name = "WHEN")]
    pub from: String,
    /// End before an age or seconds since 1970, or with a date's last minute; now when absent
    #[arg(long, value_name = "WHEN")]
    pub to: Option<String>,
    /// The form; csv when absent, json with --json
    #[arg(long)]
    pub format: Option<Format>,
    /// Write to FILE, which only its owner can read; an existing file is not overwritten
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated values with a heading (RFC 4180), lines ending in LF.
    Csv,
    /// One JSON object.
    Json,
}

fn weight(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|weight| (10.0..=300.0).contains(weight))
        .ok_or_else(|| "a weight lies between 10 and 300 kg".to_owned())
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
