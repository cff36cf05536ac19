//! What can go wrong with the database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

/// A failure of the store. Over D-Bus each of them is `org.belay1.Error.Storage`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder of the store can't be read, made or written.
    #[error("{}: can't be used", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database can't be opened.
    #[error("{}: not a database that can be opened; it was left as it is", path.display())]
    Open {
        /// The database's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// Another process has the database open.
    #[error("{}: in use by another belayd", path.display())]
    InUse {
        /// The database's file.
        path: PathBuf,
    },
    /// The database was written by a newer belayd.
    #[error("the database has schema {found}, this belayd knows {known}: install the newer version again")]
    TooNew {
        /// The file's schema version.
        found: usize,
        /// The newest schema this build knows.
        known: usize,
    },
    /// The sealing key isn't the one that the database was made with.
    #[error(
        "the database was sealed with another key; nothing was changed: bring back the key it was made with"
    )]
    WrongKey,
    /// There is a database and no key to it.
    #[error("{}: the sealing key is missing though there is a database; nothing was changed", path.display())]
    KeyMissing {
        /// Where the key was looked for.
        path: PathBuf,
    },
    /// The sealing key's file isn't 32 bytes that only its owner can read.
    #[error("{}: not a sealing key: {reason}", path.display())]
    BadKey {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A statement failed.
    #[error("the database refused a statement")]
    Sql(#[from] rusqlite::Error),
    /// What was to be put on disk wasn't: nothing of it is stored.
    #[error("the database kept nothing of it")]
    NotKept(#[source] Arc<rusqlite::Error>),
    /// A migration failed; the database is as it was before it.
    #[error("migration {number} of the database failed")]
    Migration {
        /// The migration's number, from 1.
        number: usize,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A sealed value doesn't open: it was changed, or moved from another place.
    #[error("the stored {what} doesn't open under belayd's key")]
    Sealed {
        /// The value's label.
        what: String,
    },
    /// A stored value isn't what its column promises.
    #[error("the stored {what} can't be read")]
    Malformed {
        /// The value.
        what: &'static str,
    },
    /// What the value is about was forgotten meanwhile.
    #[error("the {what} was forgotten meanwhile")]
    Forgotten {
        /// What was.
        what: &'static str,
    },
    /// The closure that was run panicked.
    #[error("work on the database panicked")]
    Panicked,
    /// The store is closed.
    #[error("the database is closed")]
    Gone,
}

impl StoreError {
    /// Whether it is about one value alone, which can't be read: whatever lies beside it can.
    #[must_use]
    pub const fn is_of_a_value(&self) -> bool {
        use rusqlite::Error as Sql;
        matches!(
            self,
            Self::Sealed { .. }
                | Self::Malformed { .. }
                | Self::Sql(
                    Sql::FromSqlConversionFailure(..)
                        | Sql::InvalidColumnType(..)
                        | Sql::IntegralValueOutOfRange(..)
                )
        )
    }

    /// The failure to open the database at `path`.
    pub(super) fn opening(path: &Path, error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse {
                path: path.to_owned(),
            },
            _ => Self::Open {
                path: path.to_owned(),
                source: error,
            },
        }
    }
}
