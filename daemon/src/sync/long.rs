//! Contents that don't fit a record: in chunks to the cloud and back, never kept on the device twice.
//!
//! `source` reads a content from a descriptor, cuts and names it, on a thread that may wait. `up` asks which chunks the
//! cloud lacks and brings those; `down` fetches chunks into a pipe. What is in memory at once is bounded, whatever the
//! length: `BUFFERS` chunks of a content on its way up, and three of one on its way down.

mod down;
mod retry;
mod source;
mod up;

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use belay_proto::clock::Clock;
use belay_proto::sync::{Chunks, CollectionKeys};
use belay_sync::chunker::Cut;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use self::source::Turn;
use super::error::SyncError;
use super::ports::{Allowed, LongContents, SyncCloud};

/// Chunks of one content on its way up that there is memory for, 16 MiB in all: the one that is read, and those that are
/// brought. It is used again and again: what allocators keep of that which many threads gave back would be far more.
const BUFFERS: usize = 4;
/// Contents that are read on their way up at once; more wait.
const UPLOADS: usize = 4;
/// Chunks of all of them together that there is memory for: two long contents, or as many as may be of one chunk each. A chunk
/// takes as much as it is long.
const MEMORY: usize = 2 * BUFFERS;
/// Contents that are on their way down at once; more wait, each with its pipe.
const DOWNLOADS: usize = 2;
/// Contents that are or wait to be on their way down.
const PIPES: usize = 16;
/// Threads that read them. One may wait for a file system that never answers: its content has failed, and its turn is
/// another's; the thread is back when the file system is.
const THREADS: usize = 2 * UPLOADS;
/// How long a part of a content may take to come: a pipe that brings a byte now and then, and a file on a file system of
/// somebody's own, would hold a turn for ever.
const PART_WITHIN: Duration = Duration::from_secs(10 * 60);
/// How long whoever writes a pipe, or reads one, may do nothing.
const QUIET: Duration = Duration::from_secs(60);

/// Contents whose parts never change inside, and don't compress.
pub(super) const FIXED: [&str; 2] = ["pictures", "videos"];

/// Moves long contents.
pub struct Long {
    cloud: Arc<dyn SyncCloud>,
    clock: Arc<dyn Clock>,
    /// How long a pipe may be quiet.
    quiet: Duration,
    uploads: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    memory: Semaphore,
    downloads: Arc<Semaphore>,
    pipes: Arc<Semaphore>,
    /// Downloads, which go on when their caller has its pipe; they end with this.
    fetching: Mutex<JoinSet<()>>,
}

impl fmt::Debug for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Long")
            .field("cloud", &self.cloud)
            .finish_non_exhaustive()
    }
}

impl Long {
    /// Moves contents to and from `cloud`.
    #[must_use]
    pub fn new(cloud: Arc<dyn SyncCloud>, clock: Arc<dyn Clock>) -> Self {
        Self {
            cloud,
            clock,
            quiet: QUIET,
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            threads: Arc::new(Semaphore::new(THREADS)),
            memory: Semaphore::new(MEMORY),
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
            pipes: Arc::new(Semaphore::new(PIPES)),
            fetching: Mutex::default(),
        }
    }
}

impl Long {
    /// A thread to read on. There are enough unless as many wait for what never comes.
    async fn thread(&self) -> Result<OwnedSemaphorePermit, SyncError> {
        tokio::select! {
            biased;
            thread = Arc::clone(&self.threads).acquire_owned() => thread.map_err(|_| SyncError::Gone),
            () = self.clock.sleep_until(self.clock.boottime() + QUIET) => Err(SyncError::Paused),
        }
    }
}

impl LongContents for Long {
    fn bring(
        &self,
        keys: Arc<CollectionKeys>,
        content: OwnedFd,
        allowed: Allowed,
    ) -> BoxFuture<'_, Result<Chunks, SyncError>> {
        let bringing = async move {
            // Each of those that have one gets on or ends, so that it comes.
            let turn = Arc::clone(&self.uploads).acquire_owned().await;
            let turn = Turn::new(turn.map_err(|_| SyncError::Gone)?);
            let thread = self.thread().await?;
            let (reading, stop) = source::begin(content, self.quiet, (turn.clone(), thread))?;
            let chunks = up::bring(&*self.cloud, &*self.clock, &self.memory, keys, reading).await;
            drop((stop, turn));
            chunks
        };
        async move {
            tokio::select! {
                biased;
                error = forbidden(allowed) => Err(error),
                chunks = bringing => chunks,
            }
        }
        .boxed()
    }

    fn fetch(
        &self,
        keys: Arc<CollectionKeys>,
        chunks: Chunks,
        allowed: Allowed,
    ) -> Result<OwnedFd, SyncError> {
        (*allowed.borrow())?;
        let place = Arc::clone(&self.pipes).try_acquire_owned();
        let place = place.map_err(|_| SyncError::Paused)?;
        let (reader, writer) = down::pipe().map_err(|error| {
            tracing::error!(%error, "there is no pipe to be had");
            SyncError::Storage
        })?;
        let (cloud, clock, quiet) = (Arc::clone(&self.cloud), Arc::clone(&self.clock), self.quiet);
        let downloads = Arc::clone(&self.downloads);
        let fetching = async move {
            // Without a turn: none of this goes on.
            let _turn = downloads.acquire_owned().await.ok()?;
            down::fetch(&*cloud, &*clock, keys, chunks, writer, quiet).await;
            Some(())
        };
        let fetching = async move {
            let _place = place;
            tokio::select! {
                biased;
                _ = forbidden(allowed) => {}
                _ = fetching => {}
            }
        };
        let mut running = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(fetching);
        Ok(reader)
    }
}

/// How contents of this collection are cut.
fn cut(keys: &CollectionKeys) -> Cut {
    match FIXED.contains(&keys.name()) {
        true => Cut::Fixed,
        false => Cut::ByContent {
            seed: keys.cut_seed(),
        },
    }
}

/// Waits until contents may not be moved any more; why not.
async fn forbidden(mut allowed: Allowed) -> SyncError {
    match allowed.wait_for(Result::is_err).await.map(|denied| *denied) {
        Ok(Err(error)) => error,
        // Who says whether they may is gone.
        Ok(Ok(())) | Err(_) => SyncError::Gone,
    }
}

#[cfg(test)]
mod tests;
