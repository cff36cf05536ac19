//! The arguments of `belayctl sync`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

/// Arguments of `sync`.
#[derive(Args, Debug)]
pub struct Sync {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with synced records.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show what sync is doing, and what it waits for
    Status,
    /// Sync now and show how it goes on
    Now(Now),
    /// Stop syncing until it is resumed
    Pause,
    /// Go on after pause
    Resume,
    /// Show when to sync, or change it
    Policy(Policy),
    /// List the collections: which are synced, and what they hold
    Sources,
    /// Sync a collection
    Enable(One),
    /// Stop syncing a collection; what is here and at the cloud stays
    Disable(One),
    /// List the records of a collection
    List(One),
    /// Write a record to standard output or a file
    Get(Get),
    /// Store a record from a file or standard input
    Put(Put),
    /// Delete a record, on all devices
    Delete(Record),
    /// List the records of which two versions were kept
    Conflicts,
    /// Choose between two versions of a record
    Resolve(Resolve),
    /// Answer whether many records really go
    Confirm(Confirm),
    /// Show when it was synced last, and which records changed last in each collection
    History(History),
    /// Bring everything onto this device: contacts first, videos last
    Restore(Restore),
    /// Write the records into a folder: vCards, iCalendar, notes and files
    Export(Export),
}

/// A collection.
#[derive(Args, Clone, Debug)]
pub struct One {
    /// contacts, calendars, notes, messages, calls, health, documents, pictures or videos
    pub collection: String,
}

/// Arguments of `now`.
#[derive(Args, Debug)]
pub struct Now {
    /// Which collections; all that are on without any. What the cloud refused of those that are named is tried again
    pub collections: Vec<String>,
    /// Whatever the policy says: on a metered network, while roaming, on a low battery
    #[arg(long)]
    pub anyway: bool,
}

/// Arguments of `policy`.
#[derive(Args, Debug)]
pub struct Policy {
    /// Sync on metered networks too
    #[arg(long, value_enum, value_name = "YES|NO")]
    pub metered: Option<Switch>,
    /// Sync while roaming too
    #[arg(long, value_enum, value_name = "YES|NO")]
    pub roaming: Option<Switch>,
    /// Don't sync on battery below PERCENT; 0: always
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub battery_floor: Option<u8>,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    Yes,
    /// Off.
    No,
}

/// A record.
#[derive(Args, Clone, Debug)]
pub struct Record {
    /// The collection.
    #[command(flatten)]
    pub of: One,
    /// What it is by nature, as list shows it, or its id
    pub record: String,
}

/// Arguments of `get`.
#[derive(Args, Debug)]
pub struct Get {
    /// The record.
    #[command(flatten)]
    pub one: Record,
    /// Write to FILE, which mustn't be there yet
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Arguments of `put`.
#[derive(Args, Debug)]
pub struct Put {
    /// The collection.
    #[command(flatten)]
    pub of: One,
    /// The file (`-`: standard input)
    pub file: PathBuf,
    /// What it is by nature: a vCard's UID, a file's path; without it a new name is drawn
    #[arg(long, value_name = "TEXT")]
    pub natural: Option<String>,
    /// Its media type, such as text/vcard; needed for a new record
    #[arg(long, value_name = "TYPE")]
    pub kind: Option<String>,
    /// The revision it replaces; without it the present one
    #[arg(long, value_name = "NUMBER")]
    pub revision: Option<u64>,
    /// Where the revision is stale keep both versions
    #[arg(long)]
    pub keep_both: bool,
}

/// Arguments of `resolve`.
#[derive(Args, Debug)]
pub struct Resolve {
    /// The collection.
    #[command(flatten)]
    pub of: One,
    /// The id that conflicts shows
    pub id: String,
    /// Which version stays
    #[arg(value_enum)]
    pub choice: Choice,
    /// Its revision as conflicts shows it: where it has another since, nothing is chosen
    #[arg(long, value_name = "NUMBER")]
    pub revision: Option<u64>,
    /// The same of the other version
    #[arg(long, value_name = "NUMBER")]
    pub other: Option<u64>,
}

/// Which version stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// The one that was made on this device
    Mine,
    /// The other one
    Theirs,
    /// Both, as records of their own
    Both,
}

impl Choice {
    /// As the bus has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mine => "mine",
            Self::Theirs => "theirs",
            Self::Both => "both",
        }
    }
}

/// Arguments of `confirm`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("answer").required(true))]
pub struct Confirm {
    /// Remove them
    #[arg(long, group = "answer")]
    pub yes: bool,
    /// Bring them back
    #[arg(long, group = "answer")]
    pub no: bool,
    /// The question's id; without it the one that waits now
    #[arg(long, value_name = "ID")]
    pub question: Option<String>,
}

/// Arguments of `history`.
#[derive(Args, Debug)]
pub struct History {
    /// So many changes of each collection
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    pub last: usize,
}

/// Arguments of `restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// Which collections; all without any
    pub collections: Vec<String>,
    /// Whatever the policy says: on a metered network, while roaming, on a low battery
    #[arg(long)]
    pub anyway: bool,
}

/// Arguments of `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// The folder; it is made where it isn't there, and nothing in it is overwritten
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Which collections; all without any
    pub collections: Vec<String>,
}
