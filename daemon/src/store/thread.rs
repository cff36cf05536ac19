//! The thread that owns the connection.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::together::{self, Edit};
use super::{FILE_NAME, Sealer, SealingKey, StoreError, meta, migrations};

/// How long to wait for a belayd that is stopping: it gives its name up, for which this one may have been
/// started, before it closes the database, and has 2 s for both.
const HANDOVER: Duration = Duration::from_millis(2500);

/// The cache, KiB: the tables are small, and an idle daemon should be too.
pub(super) const CACHE: i64 = 256;
/// The cache while many rows are written, KiB: the indices of some 15,000 records.
pub(super) const LARGE_CACHE: i64 = 1536;

/// Statements that are kept prepared: those of a round of sync and of the calls between.
const STATEMENTS: usize = 32;

/// What the thread is asked to do.
pub(super) enum Job {
    /// Run this on the connection.
    Run(Box<dyn FnOnce(&mut Connection) + Send>),
    /// Do this in a transaction, which others may share.
    Edit(Edit),
    /// Close the connection, then answer.
    Close(oneshot::Sender<()>),
}

/// Starts the thread, which opens the database, says how that went and then works through `inbox` until it
/// is closed.
pub(super) fn start(
    folder: PathBuf,
    key: SealingKey,
    inbox: mpsc::Receiver<Job>,
    opened: oneshot::Sender<Result<Sealer, StoreError>>,
) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name("store".into())
        .stack_size(512 * 1024)
        .spawn(move || match open(&folder, &key) {
            Ok((connection, sealer)) => {
                if opened.send(Ok(sealer)).is_ok() {
                    work(connection, inbox);
                }
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        })
        .map_err(|source| StoreError::Io {
            path: "the thread of the database".into(),
            source,
        })?;
    Ok(())
}

fn work(mut connection: Connection, mut inbox: mpsc::Receiver<Job>) {
    let mut closed = None;
    let mut waiting = VecDeque::new();
    while let Some(job) = waiting.pop_front().or_else(|| inbox.blocking_recv()) {
        match job {
            Job::Edit(first) => together::edit(&mut connection, first, &mut inbox, &mut waiting),
            Job::Run(run) => {
                // A transaction that was open is rolled back by its guard while the panic unwinds, so the
                // connection is whole afterwards.
                if std::panic::catch_unwind(AssertUnwindSafe(|| run(&mut connection))).is_err() {
                    tracing::error!("work on the database panicked");
                }
            }
            Job::Close(done) => {
                inbox.close();
                closed = Some(done);
            }
        }
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "closing the database");
    }
    if let Some(done) = closed {
        let _ = done.send(());
    }
}

fn open(folder: &Path, key: &SealingKey) -> Result<(Connection, Sealer), StoreError> {
    super::key::make_folder(folder)?;
    let path = folder.join(FILE_NAME);
    let is_new = !path.try_exists().map_err(|source| StoreError::Io {
        path: path.clone(),
        source,
    })?;
    let sealer = Sealer::new(&key.load(folder, is_new)?);
    let mut connection = Connection::open(&path).map_err(|error| StoreError::opening(&path, error))?;
    prepare(&connection).map_err(|error| StoreError::opening(&path, error))?;
    migrations::run(&mut connection, migrations::ALL)?;
    meta::check_key(&connection, &sealer)?;
    Ok((connection, sealer))
}

fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    // One process, one connection: the exclusive lock keeps a second belayd out and the log's index off
    // shared memory. It comes first, since the log's mode is decided under it.
    connection.busy_timeout(HANDOVER)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // What is deleted is overwritten: a token or a share that was dropped is gone from the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    cache(connection, CACHE)
}

/// Bounds the memory for pages, KiB. What is over is given back at once.
pub(super) fn cache(connection: &Connection, most: i64) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "cache_size", -most)
}
