//! The database of belayd: one SQLite file, one thread that owns it, one module a family of tables.
//!
//! Everything else of belayd runs on one thread that must never wait for a disk, so a caller hands a closure
//! over and awaits its result. Writes are durable when [`Store::call`] answers (write-ahead log, synchronised
//! at each commit): what a method said is stored survives a kill and a power cut in the next instant.

pub mod accessory;
pub mod account;
pub mod device;
mod error;
pub mod find;
mod key;
pub mod meta;
pub mod migrations;
pub mod pairing;
pub mod registry;
pub mod release;
pub mod sealed;
pub mod sync;
#[cfg(test)]
pub(crate) mod testing;
mod thread;
mod together;
pub mod wishes;

use std::path::Path;
use std::sync::Arc;

use belay_proto::{DeviceId, Epoch};
use rusqlite::{Connection, Transaction};
use tokio::sync::{Notify, mpsc, oneshot, watch};

pub use error::StoreError;
pub use key::SealingKey;
pub use sealed::Sealer;
use thread::Job;
use together::Verdict;

/// The database's file name inside the state folder.
pub const FILE_NAME: &str = "belay.sqlite3";

/// How many closures may wait for the thread before a caller has to wait to hand one over.
const QUEUE: usize = 64;

/// The handle to the database; clones share the thread.
#[derive(Clone, Debug)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    sealer: Sealer,
    release_put: Arc<Notify>,
    session: account::HeldSession,
    /// Counts how often the owner's data was forgotten.
    forgotten: Arc<watch::Sender<u64>>,
}

impl Store {
    /// Opens the database in `folder`, making it (and the folder, mode 0700) at first start, and brings its
    /// schema up to date.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is ever deleted or made anew in place of something that can't be read.
    pub async fn open(folder: &Path, key: SealingKey) -> Result<Self, StoreError> {
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let (opened, outcome) = oneshot::channel();
        thread::start(folder.to_owned(), key, inbox, opened)?;
        let sealer = outcome.await.map_err(|_| StoreError::Gone)??;
        Ok(Self {
            jobs,
            sealer,
            release_put: Arc::default(),
            session: account::HeldSession::default(),
            forgotten: Arc::default(),
        })
    }

    /// Runs `work` on the database's thread and answers what it returned. Work whose caller has gone away
    /// is still done.
    ///
    /// # Errors
    /// What `work` returned; [`StoreError::Panicked`] when it panicked (its open transaction is rolled
    /// back); [`StoreError::Gone`] after [`Store::close`].
    pub async fn call<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let job = Job::Run(Box::new(move |connection| {
            // A caller that went away isn't interested; the work counts all the same.
            let _ = answer.send(work(connection));
        }));
        self.jobs.send(job).await.map_err(|_| StoreError::Gone)?;
        // The thread drops the answer's sender when the closure panics.
        outcome.await.unwrap_or(Err(StoreError::Panicked))
    }

    /// Like [`Store::call`], with everything `work` does in one transaction: all of it is stored, or none.
    ///
    /// # Errors
    /// As [`Store::call`].
    pub async fn transaction<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            let answer = work(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        })
        .await
    }

    /// Edits in a transaction: all of it is stored, or, where `work` fails or refuses, none. Then `then` is done, whether or not
    /// anybody still waits for this, and answered. Edits that wait at the same time are put on disk together.
    ///
    /// # Errors
    /// As [`Store::call`], and [`StoreError::NotKept`].
    pub async fn edit<T, E, U>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<Result<T, E>, StoreError> + Send + 'static,
        then: impl FnOnce(T) -> U + Send + 'static,
    ) -> Result<Result<U, E>, StoreError>
    where
        T: 'static,
        E: Send + 'static,
        U: Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let edit = move |transaction: &Transaction<'_>| -> Verdict {
            let done = together::within(transaction, work);
            Box::new(move |stands| {
                let done = match (done, stands) {
                    (Ok(Ok(done)), Ok(())) => Ok(Ok(then(done))),
                    (Ok(Ok(_)), Err(error)) => Err(error),
                    (Ok(Err(refused)), _) => Ok(Err(refused)),
                    (Err(error), _) => Err(error),
                };
                let _ = answer.send(done);
            })
        };
        let job = Job::Edit(Box::new(edit));
        self.jobs.send(job).await.map_err(|_| StoreError::Gone)?;
        outcome.await.unwrap_or(Err(StoreError::Panicked))
    }

    /// Keeps a release until the cloud has it, and wakes who waits in [`Store::release_put`].
    ///
    /// # Errors
    /// As [`Store::call`].
    pub async fn put_release(
        &self,
        device: DeviceId,
        epoch: Epoch,
        release: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.call(move |connection| release::put(connection, device.as_bytes(), epoch.as_bytes(), &release))
            .await?;
        self.release_put.notify_one();
        Ok(())
    }

    /// Has who waits in [`Store::release_put`] look again: the releases there are may get through now.
    pub fn hurry_releases(&self) {
        self.release_put.notify_one();
    }

    /// Answers after a release was put by [`Store::put_release`], or [`Store::hurry_releases`] was called; one that
    /// was put before counts too. For one waiter.
    pub async fn release_put(&self) {
        self.release_put.notified().await;
    }

    /// Tells who watches [`Store::forgotten`] that what was stored of the owner's data is gone.
    fn tell_forgotten(&self) {
        self.forgotten.send_modify(|times| *times = times.wrapping_add(1));
    }

    /// Changes each time that what was stored of the owner's data is gone.
    pub fn forgotten(&self) -> watch::Receiver<u64> {
        self.forgotten.subscribe()
    }

    /// What seals a value before it is stored, under belayd's sealing key.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Does what was handed over before, then closes the database; every later call is
    /// [`StoreError::Gone`].
    pub async fn close(&self) {
        let (closed, done) = oneshot::channel();
        if self.jobs.send(Job::Close(closed)).await.is_ok() {
            let _ = done.await;
        }
    }
}

#[cfg(test)]
mod tests;
