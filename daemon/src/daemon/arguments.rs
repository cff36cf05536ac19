//! What `belayd` can be told.

use std::path::PathBuf;

use clap::{ArgAction, Parser};

const EXIT_CODES: &str = "\
Exit codes (sysexits): 0 done, 64 wrong arguments, 69 no bus, or another belayd has the name, 70 a mistake in Belay,
74 the store can't be used, 78 configuration.";

/// The Belay daemon: binds this device to its owner's account.
#[derive(Debug, Parser)]
#[command(name = "belayd", version, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The configuration; drop-ins are the files of belay.d beside it [default: /etc/belay/belay.toml]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Check the configuration and exit: 0, or 78 with file, line and key of the mistake
    #[arg(long, conflicts_with = "print_config")]
    pub(super) check_config: bool,
    /// Print the effective configuration with comments and exit
    #[arg(long)]
    pub(super) print_config: bool,
    /// Use the session bus, for development
    #[arg(long)]
    pub(super) session: bool,
    /// Log more: -v for debugging, -vv for each step (BELAY_LOG=TARGET=LEVEL,… for the libraries)
    #[arg(short, long, action = ArgAction::Count)]
    pub(super) verbose: u8,
}
