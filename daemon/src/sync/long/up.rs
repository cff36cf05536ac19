//! A content on its way to the cloud.
//!
//! Three things go on beside each other: a part is read, the cloud is asked which of those that were read it lacks, and
//! those are sealed and brought. A part that the cloud has isn't sealed, and of one that came in part the rest is brought.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::pending;
use std::sync::Arc;

use belay_proto::clock::Clock;
use belay_proto::sync::{ChunkId, ChunkRef, Chunks, CollectionKeys, MAX_SEALED_CHUNK, NamedPart};
use belay_proto::wire::MISSING_CHUNKS;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::task::{JoinError, spawn_blocking};

use super::retry::Retry;
use super::source::{Source, Unopened};
use super::{UP, WAYS, cut};
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
    keys: Arc<CollectionKeys>,
    content: Unopened,
) -> Result<Chunks, SyncError> {
    let opening = Arc::clone(&keys);
    let source = spawn_blocking(move || {
        let cut = cut(&opening);
        content.open(opening, cut)
    });
    let source = source.await.map_err(broken)??;
    let mut upload = Upload {
        cloud,
        clock,
        keys,
        chunks: Vec::new(),
        seen: HashSet::new(),
        held: 0,
        read: Vec::new(),
        missing: VecDeque::new(),
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
    /// Bytes of parts in memory, as they are or will be sealed.
    held: usize,
    /// To be asked after.
    read: Vec<NamedPart>,
    /// To be brought, from these bytes on.
    missing: VecDeque<(NamedPart, u64)>,
    /// What reads, while nothing is being read and there is more.
    source: Option<Source>,
    reading: Option<BoxFuture<'a, Read>>,
    asking: Option<BoxFuture<'a, Asked>>,
    /// Each answers how much less is held.
    bringing: FuturesUnordered<BoxFuture<'a, Result<usize, SyncError>>>,
}

impl Upload<'_> {
    /// Begins what can be, and takes in what is done first; whether there is more to do.
    async fn step(&mut self) -> Result<bool, SyncError> {
        self.read_on();
        self.ask();
        self.bring();
        if self.reading.is_none() && self.asking.is_none() && self.bringing.is_empty() {
            return Ok(false);
        }
        tokio::select! {
            read = next(&mut self.reading) => self.take(read)?,
            asked = next(&mut self.asking) => self.sort(asked?),
            Some(less) = self.bringing.next() => self.held = self.held.saturating_sub(less?),
        }
        Ok(true)
    }

    fn read_on(&mut self) {
        let room = UP.saturating_sub(self.held);
        if let Some(mut source) = self.source.take_if(|source| source.needs <= room) {
            let reading = spawn_blocking(move || {
                let part = source.next();
                (source, part)
            });
            self.reading = Some(reading.boxed());
        }
    }

    fn take(&mut self, read: Read) -> Result<(), SyncError> {
        let (source, part) = read.map_err(broken)?;
        let Some(part) = part.transpose()? else {
            return Ok(());
        };
        self.source = Some(source);
        self.chunks.push(part.chunk());
        if self.seen.insert(part.chunk().id) {
            self.held += part.sealed_length();
            self.read.push(part);
        }
        Ok(())
    }

    fn ask(&mut self) {
        if self.asking.is_some() || self.read.is_empty() {
            return;
        }
        let parts: Vec<NamedPart> = self.read.drain(..self.read.len().min(MISSING_CHUNKS)).collect();
        let (cloud, clock) = (self.cloud, self.clock);
        let asking = async move {
            let ids = parts.iter().map(|part| part.chunk().id).collect();
            let lacking = lacking(cloud, &mut Retry::new(clock), ids).await?;
            Ok((parts, lacking))
        };
        self.asking = Some(asking.boxed());
    }

    /// Keeps what the cloud lacks, and lets the rest go.
    fn sort(&mut self, (parts, lacking): (Vec<NamedPart>, HashMap<ChunkId, u64>)) {
        for part in parts {
            match lacking.get(&part.chunk().id) {
                Some(offset) => self.missing.push_back((part, *offset)),
                None => self.held = self.held.saturating_sub(part.sealed_length()),
            }
        }
    }

    fn bring(&mut self) {
        while self.bringing.len() < WAYS
            && let Some((part, offset)) = self.missing.pop_front()
        {
            let (cloud, clock, keys) = (self.cloud, self.clock, Arc::clone(&self.keys));
            let bringing = async move {
                let (id, length) = (part.chunk().id, part.sealed_length());
                let sealed = spawn_blocking(move || part.seal(&keys)).await.map_err(broken)?;
                // It was named with the same keys.
                let sealed = Bytes::from(sealed.map_err(|_| SyncError::NotBound)?);
                put(cloud, &mut Retry::new(clock), id, offset, sealed).await?;
                Ok(length)
            };
            self.bringing.push(bringing.boxed());
        }
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
    sealed: Bytes,
) -> Result<(), SyncFailure> {
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
        if reached > offset {
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

/// No part is longer, sealed: two of them fit what may be in memory, so that one is read while others are brought.
const _: () = assert!(2 * MAX_SEALED_CHUNK <= UP / 2);
