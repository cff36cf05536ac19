//! What the protocol can't settle: `belay-cloud admin …`. All of it works beside a running cloud, but `restore`, which makes
//! the data that one starts on.

pub mod accounts;
pub mod backup;
pub mod bootloader;
pub mod compact;
pub mod hardware;
pub mod manifest;
pub mod quota;
pub mod restore;

use std::io;
use std::path::{Path, PathBuf};

use belay_proto::clock::system_clock;
use belay_proto::sysexits;

use crate::accounts::named::NoName;
use crate::app::{OpenError, open_data};
use crate::clock::{CloudClock, Millis};
use crate::problem::{Kind, Problem};
use crate::store::{self, StoreError};

/// Why an administrator's command failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// An argument that can't be.
    #[error("{0}")]
    Usage(&'static str),
    /// An argument that names no account.
    #[error(transparent)]
    Named(NoName),
    /// No such data folder.
    #[error("there is no database in this folder")]
    NoData,
    /// The running cloud, or another command, has the database at this moment.
    #[error("the database is busy: try again later")]
    Busy,
    /// The data can't be used.
    #[error("the data can't be used")]
    Open(#[source] OpenError),
    /// The work itself failed.
    #[error("the database refused")]
    Work(#[source] Problem),
    /// The hardware belongs to nobody.
    #[error("this hardware has no binding in force")]
    Free,
    /// Nobody has this id or address.
    #[error("there is no such account")]
    NoAccount,
    /// Devices and accessories are bound to the account.
    #[error(
        "{0} devices and {1} accessories are bound to this account: its owner lets them go, or `admin hardware release DEVICE` does with each device that `admin accounts show` names"
    )]
    StillBound(usize, usize),
    /// No request waits for a decision.
    #[error("no request of this device waits for a decision")]
    NoRequest,
    /// The request hasn't waited long enough.
    #[error("this request waits for {0} s more, so that its owner sees it")]
    TooEarly(u64),
    /// Another one works on the same folder.
    #[error("another backup is being made of this data, or into this folder")]
    Taken,
    /// A file can't be read or written.
    #[error("{0} can't be used")]
    File(PathBuf, #[source] io::Error),
    /// A backup that isn't whole, or isn't what this cloud wrote.
    #[error("this backup can't be used: {0}")]
    Bad(String),
    /// Something is there already.
    #[error("the data folder isn't empty: only a server.key may be there")]
    NotEmpty,
    /// The backup is made, but the data had lost some of what it should hold.
    #[error(
        "the backup is made, but {0} chunks were lost or spoilt before; devices are asked for them again, records that need one: {1}"
    )]
    Lost(u64, u64),
    /// The backup is restored, but for what of it was spoilt.
    #[error(
        "restored, but without {0} chunks that are spoilt in the backup; devices are asked for them again, records that need one: {1}"
    )]
    RestoredWithout(u64, u64),
}

impl AdminError {
    /// The code of `sysexits.h`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Named(_) => sysexits::USAGE,
            Self::NoData
            | Self::Open(_)
            | Self::File(..)
            | Self::Bad(_)
            | Self::NotEmpty
            | Self::Lost(..)
            | Self::RestoredWithout(..) => sysexits::IO,
            Self::Work(_) => sysexits::SOFTWARE,
            Self::Free
            | Self::NoAccount
            | Self::Taken
            | Self::StillBound(..)
            | Self::NoRequest
            | Self::TooEarly(_)
            | Self::Busy => sysexits::UNAVAILABLE,
        }
    }
}

impl From<NoName> for AdminError {
    fn from(error: NoName) -> Self {
        Self::Named(error)
    }
}

impl From<OpenError> for AdminError {
    fn from(error: OpenError) -> Self {
        match error.is_busy() {
            true => Self::Busy,
            false => Self::Open(error),
        }
    }
}

impl From<Problem> for AdminError {
    fn from(problem: Problem) -> Self {
        match problem.kind {
            Kind::Busy => Self::Busy,
            _ => Self::Work(problem),
        }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        OpenError::from(error).into()
    }
}

impl From<rusqlite::Error> for AdminError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// An error of this file or folder.
fn at(path: &Path) -> impl FnOnce(io::Error) -> AdminError {
    let path = path.to_owned();
    move |error| AdminError::File(path, error)
}

/// The present time, ms since 1970.
#[must_use]
pub fn now() -> Millis {
    CloudClock::new(system_clock()).now()
}

fn with_data<T>(
    data: &Path,
    work: impl FnOnce(&crate::vault::Vault, &rusqlite::Transaction<'_>, u64) -> Result<T, store::Failure>,
) -> Result<T, AdminError> {
    let database = data.join(store::FILE);
    if !database.exists() {
        return Err(AdminError::NoData);
    }
    let vault = open_data(data)?;
    let mut connection = store::connect(&database)?;
    Ok(store::run(&mut connection, |tx| work(&vault, tx, now()))?)
}
