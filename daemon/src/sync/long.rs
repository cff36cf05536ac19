//! Contents that don't fit a record: in chunks to the cloud and back, never kept on the device twice.
//!
//! `source` reads a content from a descriptor, cuts and names it, on a thread that may wait. `up` asks which chunks the
//! cloud lacks, compresses those of documents, and brings them; `down` fetches chunks into a pipe; `same` compares. What is in memory at
//! once is bounded, whatever the length: `BUFFERS` chunks of a content on its way up, one more for all that are compressed, and three of
//! one on its way down; `room` shares it out.

mod down;
mod progress;
mod questions;
mod retry;
mod room;
mod same;
mod source;
mod up;

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use belay_proto::clock::Clock;
use belay_proto::sync::{Chunks, CollectionKeys};
use belay_sync::chunker::Cut;
use belay_sync::compress::Packer;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use self::progress::Progress;
use self::questions::Questions;
use self::room::Room;
use self::source::Turn;
use super::error::SyncError;
use super::ports::{Allowed, Fetch, LongContents, Moving, SyncCloud};

/// Chunks of one content on its way up that there is memory for, 16 MiB in all: the one that is read, and those that are
/// brought. It is used again and again: what allocators keep of that which many threads gave back would be far more.
const BUFFERS: usize = 4;
/// Contents that are read on their way up at once; more wait.
const UPLOADS: usize = 4;
/// Chunks of all of them together that there is memory for: two long contents, or as many as may be of one chunk each. A chunk
/// takes as much as it is long.
const MEMORY: usize = 2 * BUFFERS;
/// KiB that those contents take together which may be in memory as a whole, as photos: many small ones at once, and of large ones as
/// few as the network needs.
const WHOLE: usize = 12 * 1024;
/// Contents that are on their way down at once; more wait, each with its pipe.
const DOWNLOADS: usize = 2;
/// Contents that are or wait to be on their way down.
const PIPES: usize = 16;
/// Contents that are compared at once; more wait, and those on their way up don't wait for them.
const COMPARISONS: usize = 2;
/// How long one waits to be compared: whoever asks can have the record fetched.
const COMPARED_WITHIN: Duration = Duration::from_secs(10 * 60);
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
    comparisons: Arc<Semaphore>,
    /// Threads that compare, as many again as in [`THREADS`].
    comparing: Arc<Semaphore>,
    room: Room,
    /// While anything is on its way up.
    packer: Mutex<Weak<Mutex<Packer>>>,
    downloads: Arc<Semaphore>,
    pipes: Arc<Semaphore>,
    progress: Progress,
    questions: Questions,
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
            comparisons: Arc::new(Semaphore::new(COMPARISONS)),
            comparing: Arc::new(Semaphore::new(2 * COMPARISONS)),
            room: Room::new(),
            packer: Mutex::default(),
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
            pipes: Arc::new(Semaphore::new(PIPES)),
            progress: Progress::default(),
            questions: Questions::default(),
            fetching: Mutex::default(),
        }
    }
}

impl Long {
    /// What compresses chunks, one at a time whatever content they are of; its memory is given back after the last content.
    fn packer(&self) -> Arc<Mutex<Packer>> {
        let mut kept = self.packer.lock().unwrap_or_else(PoisonError::into_inner);
        kept.upgrade().unwrap_or_else(|| {
            let packer = Arc::default();
            *kept = Arc::downgrade(&packer);
            packer
        })
    }

    /// A content that is to be read, with what ends that, and a turn for it.
    async fn reading(&self, content: OwnedFd) -> Result<(source::Unopened, source::Stop, Turn), SyncError> {
        // Each of those that have one gets on or ends, so that it comes.
        let turn = Arc::clone(&self.uploads).acquire_owned().await;
        let turn = turn.map_err(|_| SyncError::Gone)?;
        self.begin(content, turn, &self.threads).await
    }

    /// A content that is to be read in this turn, on one of these threads. There are enough unless as many wait for what never comes.
    async fn begin(
        &self,
        content: OwnedFd,
        turn: OwnedSemaphorePermit,
        threads: &Arc<Semaphore>,
    ) -> Result<(source::Unopened, source::Stop, Turn), SyncError> {
        let turn = Turn::new(turn);
        let thread = self.within(QUIET, threads).await?;
        let (reading, stop) = source::begin(content, self.quiet, (turn.clone(), thread))?;
        Ok((reading, stop, turn))
    }

    /// One of these, where one is free in time.
    async fn within(&self, within: Duration, of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, SyncError> {
        tokio::select! {
            biased;
            permit = Arc::clone(of).acquire_owned() => permit.map_err(|_| SyncError::Gone),
            () = self.clock.give(within) => Err(SyncError::Paused),
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
            let (reading, stop, turn) = self.reading(content).await?;
            let way = (&*self.cloud, &*self.clock, &self.questions);
            let memory = (&self.room, self.packer());
            let chunks = up::bring(way, memory, self.progress.begin(0), keys, reading).await;
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

    fn is_same(
        &self,
        keys: Arc<CollectionKeys>,
        content: OwnedFd,
        chunks: Chunks,
    ) -> BoxFuture<'_, Result<bool, SyncError>> {
        async move {
            let turn = self.within(COMPARED_WITHIN, &self.comparisons).await?;
            let (reading, stop, turn) = self.begin(content, turn, &self.comparing).await?;
            let same = same::is_same(&*self.clock, keys, reading, chunks).await;
            drop((stop, turn));
            same
        }
        .boxed()
    }

    fn moving(&self) -> watch::Receiver<Moving> {
        self.progress.watch()
    }

    fn fetch(&self, what: Fetch, allowed: Allowed) -> Result<OwnedFd, SyncError> {
        (*allowed.borrow())?;
        let place = Arc::clone(&self.pipes).try_acquire_owned();
        let place = place.map_err(|_| SyncError::Paused)?;
        let (reader, writer) = down::pipe().map_err(|error| {
            tracing::error!(%error, "there is no pipe to be had");
            SyncError::Storage
        })?;
        let (cloud, clock, quiet) = (Arc::clone(&self.cloud), Arc::clone(&self.clock), self.quiet);
        let downloads = Arc::clone(&self.downloads);
        let share = self
            .progress
            .begin(length(&what.chunks).saturating_sub(what.from));
        let fetching = async move {
            // Without a turn: none of this goes on.
            let _turn = downloads.acquire_owned().await.ok()?;
            down::fetch(&*cloud, &*clock, what, writer, (share, quiet)).await;
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

/// Of a content, bytes.
fn length(chunks: &Chunks) -> u64 {
    let lengths = chunks.0.iter().map(|chunk| chunk.length);
    lengths.fold(0, u64::saturating_add)
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
