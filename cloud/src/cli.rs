//! The command line of `belay-cloud`.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use belay_proto::sysexits;
use belay_proto::text::with_causes;
use clap::{Args, Parser, Subcommand};

use crate::admin::AdminError;
use crate::admin::restore::Spoilt;
use crate::config::{self, Console, Settings};
use crate::{admin, server};

const AFTER_HELP: &str = "\
Without a command it serves until SIGTERM or Ctrl-C; with TLS, SIGHUP has certificate and key read again. A data folder is needed, here or in the file; without --outbox or a
file that says how, nothing is sent.

Exit codes (sysexits): 0 done, 64 wrong arguments, 69 the address is in use, the database is busy, the hardware is nobody's,
there is no such account or request, something is bound to it, a request waits still or a backup runs, 70 a mistake in Belay, 74 the data or a backup can't be used, 78 configuration. BELAY_LOG says what is logged, such as debug.";

/// The reference cloud of Belay: a mailbox and a bookkeeper that holds no key which reads data.
#[derive(Debug, Parser)]
#[command(name = "belay-cloud", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What may stand on the command line instead of in the configuration file; the command line wins.
#[derive(Debug, Default, Args)]
pub struct Options {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The folder of the database, the server key and the chunks
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// The address to listen at [default: 127.0.0.1:8080]; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// A file that gets the port's number once connections are accepted
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
    /// The address that clients use, like `https://cloud.example.org`
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// A proxy whose X-Forwarded-For is believed: an address or a network; may come several times
    #[arg(long, value_name = "ADDR")]
    pub trusted_proxy: Vec<String>,
    /// The certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Write mails and messages into this folder instead of sending them
    #[arg(long, value_name = "DIR")]
    pub outbox: Option<PathBuf>,
    /// Whether to serve the pages that ask for a password [default: on]
    #[arg(long, value_name = "on|off", value_enum)]
    pub console: Option<Console>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What an operator does: accounts, hardware, bootloader requests, quotas, backups
    Admin {
        #[command(subcommand)]
        what: Admin,
    },
}

#[derive(Debug, Subcommand)]
enum Admin {
    /// List, show or delete accounts; addresses are masked
    Accounts {
        #[command(subcommand)]
        what: Accounts,
    },
    /// List and decide requests to unlock a bootloader
    Bootloader {
        #[command(subcommand)]
        what: Bootloader,
    },
    /// Show or release the bindings of a piece of hardware
    Hardware {
        #[command(subcommand)]
        what: Hardware,
    },
    /// Show what an account uses and may use, or set that
    Quota {
        /// The account's id, or an address of its owner
        account: String,
        /// Bytes, such as 5368709120 or 5GiB, or `default`
        bytes: Option<String>,
    },
    /// Back up a running or stopped cloud into a folder; over an earlier backup there, only what is new is copied
    Backup {
        /// The folder of the backup
        folder: PathBuf,
    },
    /// Check a backup, and make a data folder of it for a cloud to start on
    Restore {
        /// The folder of the backup
        folder: PathBuf,
        /// The server key of the cloud that was backed up, unless it lies in the data folder
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Leave out chunks that are spoilt in the backup, and have devices asked for them, instead of refusing it
        #[arg(long)]
        without_spoilt: bool,
    },
    /// Give back to the file system what nothing needs any more
    Compact {
        /// Write the database anew; a running cloud's calls wait
        #[arg(long)]
        rebuild: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Accounts {
    /// List all accounts, the oldest first
    List,
    /// Show an account's addresses, devices and accessories
    Show {
        /// The account's id, or an address of its owner
        account: String,
    },
    /// Delete an account to which no device and no accessory is bound
    Delete {
        /// The account's id, or an address of its owner
        account: String,
    },
}

#[derive(Debug, Subcommand)]
enum Bootloader {
    /// List the requests, the oldest first
    List,
    /// Approve a request that has waited long enough
    Approve {
        /// The device's id, 32 hexadecimal digits
        device: String,
    },
    /// Deny a request
    Deny {
        /// The device's id, 32 hexadecimal digits
        device: String,
    },
}

#[derive(Debug, Subcommand)]
enum Hardware {
    /// Tell which bindings a piece of hardware has and had
    Show {
        /// The id of a device that it was bound as, or the hardware's own, 64 hexadecimal digits
        hardware: String,
    },
    /// End the binding in force, as a release by its owner would
    Release {
        /// The id of a device that it was bound as, or the hardware's own, 64 hexadecimal digits
        hardware: String,
    },
}

/// Runs `belay-cloud` with its arguments, the program's name first, until it ends.
///
/// Exit codes are those of `sysexits.h`: 64 usage, 69 unavailable, 70 internal, 74 I/O, 78 configuration.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to tell when the terminal is gone.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() {
                sysexits::USAGE
            } else {
                sysexits::OK
            });
        }
    };
    start_logging();
    let settings = match config::load(&cli.options) {
        Ok(settings) => settings,
        Err(error) => return complain(&error, sysexits::CONFIG),
    };
    match cli.command {
        None => serve(settings),
        Some(Command::Admin { what }) => match administer(&settings, what) {
            Ok(text) => {
                println!("{text}");
                ExitCode::from(sysexits::OK)
            }
            Err(error) => complain(&error, error.exit_code()),
        },
    }
}

fn administer(settings: &Settings, what: Admin) -> Result<String, AdminError> {
    let data = &settings.data;
    match what {
        Admin::Accounts { what } => match what {
            Accounts::List => admin::accounts::list(data),
            Accounts::Show { account } => admin::accounts::show(data, &account),
            Accounts::Delete { account } => admin::accounts::delete(settings, &account),
        },
        Admin::Bootloader { what } => match what {
            Bootloader::List => admin::bootloader::list(data),
            Bootloader::Approve { device } => admin::bootloader::decide(settings, &device, true),
            Bootloader::Deny { device } => admin::bootloader::decide(settings, &device, false),
        },
        Admin::Hardware { what } => match what {
            Hardware::Show { hardware } => admin::hardware::show(data, &hardware),
            Hardware::Release { hardware } => admin::hardware::release(settings, &hardware),
        },
        Admin::Quota { account, bytes } => {
            admin::quota::quota(data, &account, bytes.as_deref(), settings.limits.quota)
        }
        Admin::Backup { folder } => admin::backup::backup(data, &folder, admin::now()),
        Admin::Restore {
            folder,
            key,
            without_spoilt,
        } => {
            let spoilt = match without_spoilt {
                true => Spoilt::LeftOut,
                false => Spoilt::Refused,
            };
            admin::restore::restore(data, &folder, key.as_deref(), spoilt, admin::now())
        }
        Admin::Compact { rebuild } => admin::compact::compact(data, rebuild, admin::now()),
    }
}

fn serve(settings: Settings) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(server::serve(settings)),
        Err(error) => return complain(&error, sysexits::SOFTWARE),
    };
    match result {
        Ok(()) => ExitCode::from(sysexits::OK),
        Err(error) => complain(&error, error.exit_code()),
    }
}

/// Prints an error with its causes, one line.
fn complain(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("belay-cloud: {}", with_causes(error));
    ExitCode::from(code)
}

fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("BELAY_LOG").unwrap_or_else(|_| "info".into());
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
    // In the playground and in tests somebody else may have set logging up already.
    drop(logging);
}
