//! A content on its way to the cloud.
//!
//! Three things go on beside each other: a part is read, the cloud is asked which of those that were read it lacks, and
//! those are sealed and brought. A part that the cloud has isn't sealed, and of one that came in part the rest is brought.

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::sync::Arc;

use belay_proto::clock::Clock;
use belay_proto::sync::{Buffer, ChunkId, ChunkRef, Chunks, CollectionKeys, NamedPart};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

use super::retry::Retry;
use super::source::{QUIET, Source, Unopened};
use super::{PART_WITHIN, cut};
use crate::sync::error::SyncError;
use crate::sync::ports::{SyncCloud, SyncFailure};

/// A part that was read, or why there is none; and what reads the next one.
type Read = Result<(Source, Option<Result<NamedPart, SyncError>>), JoinError>;
/// Parts that were asked after, and which of them the cloud lacks, from which byte on.
type Asked = Result<(Vec<NamedPart>, HashMap<ChunkId, u64>), SyncFailure>;

/// Brings all that the cloud lacks of a content; its chunks in their order.
///
/// # Errors
/// As [`crate::sync::ports::LongContents::bring`].
pub(super) async fn bring(
    cloud: &dyn SyncCloud,
    clock: &dyn Clock,
    memory: &Semaphore,
    keys: Arc<CollectionKeys>,
    content: Unopened,
) -> Result<Chunks, SyncError> {
    let opening = Arc::clone(&keys);
    let source = spawn_blocking(move || {
        let cut = cut(&opening);
        content.open(opening, cut)
    });
    let source = in_time(clock, source).await?.map_err(broken)??;
    let buffers = source.buffers();
    // In the order in which they came, so that a long content isn't passed by short ones for ever.
    let memory = memory
        .acquire_many(u32::try_from(buffers).unwrap_or(u32::MAX))
        .await;
    let _memory = memory.map_err(|_| SyncError::Gone)?;
    let mut upload = Upload {
        cloud,
        clock,
        keys,
        chunks: Vec::new(),
        seen: HashSet::new(),
        room: buffers - usize::from(source.looks_ahead()),
        spare: Vec::new(),
        read: Vec::new(),
        source: Some(source),
        reading: None,
        asking: None,
        bringing: FuturesUnordered::new(),
    };
    while upload.step().await? {}
    match upload.chunks.is_empty() {
        true => Err(SyncError::InvalidArgument("the content is empty")),
        false => Ok(Chunks(upload.chunks)),
    }
}

struct Upload<'a> {
    cloud: &'a dyn SyncCloud,
    clock: &'a dyn Clock,
    keys: Arc<CollectionKeys>,
    /// What was read, in its order.
    chunks: Vec<ChunkRef>,
    /// A content may hold the same chunk again and again.
    seen: HashSet<ChunkId>,
    /// Buffers that there may be besides those there are.
    room: usize,
    /// Buffers that nothing is in.
    spare: Vec<Buffer>,
    /// To be asked after.
    read: Vec<NamedPart>,
    /// What reads, while nothing is being read and there is more.
    source: Option<Source>,
    reading: Option<BoxFuture<'a, Result<Read, SyncError>>>,
    asking: Option<BoxFuture<'a, Asked>>,
    /// Each gives its buffer back, where it can.
    bringing: FuturesUnordered<BoxFuture<'a, Result<Option<Buffer>, SyncError>>>,
}

impl Upload<'_> {
    /// Begins what can be, and takes in what is done first; whether there is more to do.
    async fn step(&mut self) -> Result<bool, SyncError> {
        self.read_on();
        self.ask();
        if self.reading.is_none() && self.asking.is_none() && self.bringing.is_empty() {
            return Ok(false);
        }
        tokio::select! {
            read = next(&mut self.reading) => self.take(read?)?,
            asked = next(&mut self.asking) => self.sort(asked?),
            Some(done) = self.bringing.next() => match done? {
                Some(buffer) => self.spare.push(buffer),
                None => self.room += 1,
            },
        }
        Ok(true)
    }

    fn read_on(&mut self) {
        if self.spare.is_empty() && self.room == 0 {
            return;
        }
        if let Some(mut source) = self.source.take() {
            let buffer = self.spare.pop().unwrap_or_else(|| {
                self.room = self.room.saturating_sub(1);
                // Here and not on the thread that reads: allocators keep what each thread gives back.
                Buffer::new(Vec::with_capacity(source.room()))
            });
            let reading = spawn_blocking(move || {
                let part = source.next(buffer);
                (source, part)
            });
            self.reading = Some(in_time(self.clock, reading).boxed());
        }
    }

    fn take(&mut self, read: Read) -> Result<(), SyncError> {
        let (source, part) = read.map_err(broken)?;
        let Some(part) = part.transpose()? else {
            return Ok(());
        };
        self.source = Some(source).filter(|source| !source.has_ended());
        self.chunks.push(part.chunk());
        match self.seen.insert(part.chunk().id) {
            true => self.read.push(part),
            false => self.spare.push(part.into_buffer()),
        }
        Ok(())
    }

    fn ask(&mut self) {
        if self.asking.is_some() || self.read.is_empty() {
            return;
        }
        let parts = std::mem::take(&mut self.read);
        let (cloud, clock) = (self.cloud, self.clock);
        let asking = async move {
            let ids = parts.iter().map(|part| part.chunk().id).collect();
            let lacking = lacking(cloud, &mut Retry::new(clock), ids).await?;
            Ok((parts, lacking))
        };
        self.asking = Some(asking.boxed());
    }

    /// Brings what the cloud lacks, and lets the rest go.
    fn sort(&mut self, (parts, lacking): (Vec<NamedPart>, HashMap<ChunkId, u64>)) {
        for part in parts {
            match lacking.get(&part.chunk().id) {
                Some(offset) => self.bring(part, *offset),
                None => self.spare.push(part.into_buffer()),
            }
        }
    }

    fn bring(&mut self, part: NamedPart, offset: u64) {
        let (cloud, clock, keys) = (self.cloud, self.clock, Arc::clone(&self.keys));
        let bringing = async move {
            let id = part.chunk().id;
            let sealed = spawn_blocking(move || part.seal(&keys)).await.map_err(broken)?;
            // It was named with the same keys.
            let sealed = Bytes::from(sealed.map_err(|_| SyncError::NotBound)?);
            put(cloud, &mut Retry::new(clock), id, offset, &sealed).await?;
            // The connection may hold on to it for a while.
            let buffer = sealed.try_into_mut().ok();
            Ok(buffer.map(|bytes| Buffer::new(bytes.into())))
        };
        self.bringing.push(bringing.boxed());
    }
}

/// Waits for a part of a content, which may be a while in coming. The thread that reads it may wait on.
async fn in_time<T>(clock: &dyn Clock, part: impl Future<Output = T>) -> Result<T, SyncError> {
    tokio::select! {
        biased;
        part = part => Ok(part),
        () = clock.sleep_until(clock.boottime() + PART_WITHIN) => Err(QUIET),
    }
}

/// Waits for what was begun, or for ever where nothing was.
async fn next<T>(begun: &mut Option<BoxFuture<'_, T>>) -> T {
    let done = match begun {
        Some(begun) => begun.await,
        None => pending().await,
    };
    *begun = None;
    done
}

/// Which of these chunks the cloud lacks, and how much of each it has.
async fn lacking(
    cloud: &dyn SyncCloud,
    retry: &mut Retry<'_>,
    ids: Vec<ChunkId>,
) -> Result<HashMap<ChunkId, u64>, SyncFailure> {
    loop {
        match cloud.missing(ids.clone()).await {
            Ok(answer) => {
                let missing = answer.missing.into_iter();
                return Ok(missing.map(|chunk| (chunk.id, chunk.offset)).collect());
            }
            Err(failure) => retry.after(failure).await?,
        }
    }
}

/// Brings a sealed chunk from a byte on; goes on where the cloud is, when something breaks.
async fn put(
    cloud: &dyn SyncCloud,
    retry: &mut Retry<'_>,
    id: ChunkId,
    mut offset: u64,
    sealed: &Bytes,
) -> Result<(), SyncFailure> {
    // As far as it ever was: a cloud that goes back and forth gets nowhere.
    let mut furthest = offset;
    // It may have announced another length: a chunk has one form, so what came then isn't of it.
    if offset > sealed.len() as u64 {
        offset = 0;
    }
    loop {
        let Err(failure) = cloud.put_chunk(id, offset, sealed.clone()).await else {
            return Ok(());
        };
        retry.after(failure).await?;
        let Some(reached) = lacking(cloud, retry, vec![id]).await?.remove(&id) else {
            return Ok(());
        };
        if reached > furthest {
            furthest = reached;
            retry.reset();
        }
        offset = reached.min(sealed.len() as u64);
    }
}

fn broken(error: JoinError) -> SyncError {
    if !error.is_cancelled() {
        tracing::error!(%error, "a long content");
    }
    SyncError::Gone
}
