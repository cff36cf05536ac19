//! Why belayd couldn't start, or had to end.

use belay_proto::sysexits;

use crate::config::ConfigError;
use crate::store::StoreError;

/// What ends belayd with an exit code other than 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The configuration is wrong: 78.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store can't be opened: 74.
    #[error("the store can't be opened")]
    Store(#[from] StoreError),
    /// There is no bus to connect to: 69.
    #[error("can't connect to the message bus")]
    NoBus(#[source] zbus::Error),
    /// Another belayd owns the name: 69.
    #[error("another belayd is running: the bus name {0} is taken")]
    NameTaken(&'static str),
    /// The bus doesn't let belayd have the name: 69.
    #[error("the bus name {name} can't be owned (is the bus policy installed?)")]
    NameRefused {
        /// The name.
        name: &'static str,
        /// What the bus said.
        #[source]
        source: zbus::Error,
    },
    /// The bus went away: 69, for the service manager to start belayd again.
    #[error("the message bus closed the connection")]
    BusClosed,
    /// An object can't be exported: 70.
    #[error("an object can't be exported")]
    Export(#[source] zbus::Error),
    /// The clock, signals or the event loop aren't to be had: 70.
    #[error("the event loop can't be set up")]
    Runtime(#[source] std::io::Error),
    /// Standard output can't be written: 74.
    #[error("can't write to standard output")]
    Print(#[source] std::io::Error),
}

impl DaemonError {
    /// The exit code (sysexits).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => sysexits::CONFIG,
            Self::Store(_) | Self::Print(_) => sysexits::IO,
            Self::NoBus(_) | Self::NameTaken(_) | Self::NameRefused { .. } | Self::BusClosed => {
                sysexits::UNAVAILABLE
            }
            Self::Export(_) | Self::Runtime(_) => sysexits::SOFTWARE,
        }
    }
}
