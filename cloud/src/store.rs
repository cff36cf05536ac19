//! SQLite on a thread of its own.
//!
//! Each call hands one closure to that thread, which runs it as one transaction: all of it happens, or
//! nothing does. Nobody else holds the connection. Calls that wait for the thread at the same time are put on disk together:
//! whoever calls then waits for one write of the disk and not for one a call. What nobody relies on after a power cut is
//! noted without waiting for the disk at all.

pub mod migrations;
mod together;

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use self::together::{Job, Lasts, Together, Verdict};
use crate::clock::{Millis, SECOND};
use crate::problem::{Kind, Problem};
use crate::vault::VaultError;

/// The database's name in the data folder.
pub const FILE: &str = "belay-cloud.sqlite";

/// The largest number that a column holds.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// Statements that are kept prepared: those of the calls of sync, with room for others between them.
const STATEMENTS: usize = 64;
/// Calls that may wait for the thread; more are refused with `busy`.
const QUEUE: usize = 256;
/// How long a transaction waits for another program's to end, such as an administrator's.
const PATIENCE: Duration = Duration::from_secs(5);

thread_local! {
    /// What the running transaction of this thread has others told once it stands.
    static AFTERWARDS: RefCell<Vec<Box<dyn FnOnce() + Send>>> = const { RefCell::new(Vec::new()) };
}

/// What others are told once a transaction stands.
type Effects = Vec<Box<dyn FnOnce() + Send>>;

/// The database; cloning gives another handle to the same thread.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
}

/// Why a transaction gave no answer.
#[derive(Debug)]
pub enum Failure {
    /// Refused; what was written before the refusal stays, and the same call may be tried again.
    Refused(Problem),
    /// Refused, and the refusal itself counted (a wrong code): a repetition of the call gets it again.
    Counted(Problem),
    /// Something broke: nothing of the transaction stays.
    Broken(StoreError),
}

/// What can break.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// A sealed column doesn't open.
    #[error("a column doesn't open")]
    Vault(#[from] VaultError),
    /// A column holds what this program never wrote.
    #[error("the database holds something unreadable: {0}")]
    Unreadable(&'static str),
    /// The database was made by a newer program.
    #[error("the database has version {0}, which is newer than this program")]
    Newer(u32),
    /// The database belongs to another server key.
    #[error("the database was made with another server key")]
    OtherKey,
    /// The folder of the chunks' files can't be read.
    #[error("the chunks' files can't be read")]
    Files(#[source] std::io::Error),
    /// The thread could not be started.
    #[error("the database's thread can't be started")]
    Thread(#[source] std::io::Error),
}

impl StoreError {
    /// Whether another program only has the database at this moment.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if is_busy(error))
    }

    /// What a caller is told of it.
    fn problem(&self) -> Problem {
        match self.is_busy() {
            true => Problem::wait(Kind::Busy, SECOND),
            false => Problem::new(Kind::Internal),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl<E: Into<StoreError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

impl Store {
    /// Opens or makes the database at `path`, brings it to this program's version, starts its thread.
    ///
    /// # Errors
    /// When the file can't be opened, is newer than this program, or is no database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = connect(path)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let together = Together::new(connection, queue);
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || together.run())
            .map_err(StoreError::Thread)?;
        Ok(Self { jobs })
    }

    /// Runs `work` in one transaction.
    ///
    /// # Errors
    /// The refusal, after committing what was written before it; or `internal` or `busy`, with nothing
    /// written.
    pub async fn transact<T, W>(&self, work: W) -> Result<T, Problem>
    where
        T: Send + 'static,
        W: FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    {
        self.run(Lasts::PowerCut, work).await
    }

    /// As [`Store::transact`], without waiting for the disk: for what only reads, and for what is worth nothing after a power
    /// cut. What is answered survives the end of this program, and a power cut too as soon as a later transaction does.
    ///
    /// # Errors
    /// As [`Store::transact`].
    pub async fn note<T, W>(&self, work: W) -> Result<T, Problem>
    where
        T: Send + 'static,
        W: FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    {
        self.run(Lasts::Run, work).await
    }

    async fn run<T, W>(&self, lasts: Lasts, work: W) -> Result<T, Problem>
    where
        T: Send + 'static,
        W: FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work = move |transaction: Option<&Transaction<'_>>| -> Verdict {
            let done = transaction.map(|transaction| within(transaction, work));
            Box::new(move |fails| {
                let result = match (done, fails) {
                    (Some((result, effects)), None) => {
                        effects.into_iter().for_each(|effect| effect());
                        result
                    }
                    (_, fails) => Err(fails.unwrap_or(Problem::new(Kind::Internal))),
                };
                // Nobody waits any more when the client went away.
                drop(answer.send(result));
            })
        };
        let work = Box::new(work);
        self.jobs
            .try_send(Job { work, lasts })
            .map_err(|_| Problem::wait(Kind::Busy, SECOND))?;
        answered
            .await
            .unwrap_or_else(|_| Err(Problem::new(Kind::Internal)))
    }
}

/// Runs `work` as a transaction within this one, and what it has others told once that stands.
fn within<T>(
    transaction: &Transaction<'_>,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
) -> (Result<T, Problem>, Effects) {
    // One that broke or panicked has left its own.
    AFTERWARDS.take();
    // A panic inside must not take the thread along.
    let attempted = catch_unwind(AssertUnwindSafe(|| -> Result<T, Failure> {
        transaction.prepare_cached("SAVEPOINT call")?.execute([])?;
        let outcome = work(transaction);
        if !matches!(outcome, Err(Failure::Broken(_))) {
            transaction.prepare_cached("RELEASE call")?.execute([])?;
        }
        outcome
    }));
    let undo = |problem| {
        if transaction
            .execute_batch("ROLLBACK TO call; RELEASE call")
            .is_err()
        {
            // Rather none of those that are together than half of this one.
            let _ = transaction.execute_batch("ROLLBACK");
        }
        (Err(problem), Effects::new())
    };
    match attempted {
        Ok(Ok(answer)) => (Ok(answer), AFTERWARDS.take()),
        Ok(Err(Failure::Refused(problem) | Failure::Counted(problem))) => (Err(problem), AFTERWARDS.take()),
        Ok(Err(Failure::Broken(error))) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a transaction failed");
            undo(error.problem())
        }
        Err(_) => {
            tracing::error!("a transaction panicked");
            undo(Problem::new(Kind::Internal))
        }
    }
}

/// Runs `effect` once the transaction that calls this has been committed, and never when it is not. That also
/// holds when the caller whose request it is has gone away meanwhile. For waking others, so `effect` is short.
pub fn after_commit(effect: impl FnOnce() + Send + 'static) {
    AFTERWARDS.with_borrow_mut(|effects| effects.push(Box::new(effect)));
}

/// A number that SQLite can hold; no honest counter reaches its end.
///
/// # Errors
/// `malformed`.
pub fn countable(number: u64) -> Result<u64, Problem> {
    match number <= LARGEST {
        true => Ok(number),
        false => Err(Problem::malformed("a number over 2⁶³ − 1")),
    }
}

/// As [`countable`], for a time; one so far ahead never comes.
#[must_use]
pub fn storable(time: Millis) -> Millis {
    time.min(LARGEST)
}

/// Opens a connection with the settings and the schema of this program.
///
/// # Errors
/// As [`Store::open`].
pub fn connect(path: &Path) -> Result<Connection, StoreError> {
    // Made here, so that the folder's mode and the umask don't decide who reads it; SQLite gives its log the
    // same mode. What goes wrong here, SQLite says better.
    drop(
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path),
    );
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    // Only a new database, or one that is rebuilt, takes it: free pages go back to the file system a few at a time.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An answer that says "stored" survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    migrations::apply(&mut connection)?;
    Ok(connection)
}

/// Pages of the database that hold nothing.
///
/// # Errors
/// A broken database.
pub fn free_pages(connection: &Connection) -> rusqlite::Result<u64> {
    connection.pragma_query_value(None, "freelist_count", |row| row.get(0))
}

/// Gives so many free pages back to the file system, which has them with the next checkpoint. A database from before there was
/// such a thing keeps them until it is rebuilt.
///
/// # Errors
/// A broken database.
pub fn give_back(connection: &Connection, pages: u64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    // A row a page.
    while rows.next()?.is_some() {}
    Ok(())
}

/// Runs `work` and decides what of it stays.
///
/// # Errors
/// As [`Store::transact`].
pub fn run<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
) -> Result<T, Problem> {
    let outcome = attempt(connection, work);
    outcome.map_err(|failure| match failure {
        Failure::Refused(problem) | Failure::Counted(problem) => problem,
        Failure::Broken(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a transaction failed");
            error.problem()
        }
    })
}

fn attempt<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    // One that broke or panicked has left its own.
    AFTERWARDS.take();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match work(&transaction) {
        Err(broken @ Failure::Broken(_)) => Err(broken),
        decided => {
            transaction.commit()?;
            for effect in AFTERWARDS.take() {
                effect();
            }
            decided
        }
    }
}

#[cfg(test)]
mod tests;
