//! A content on its way to the cloud.
//!
//! Three things go on beside each other: a part is read, the cloud is asked which of those that were read it lacks, and
//! those are sealed and brought. A part that the cloud has isn't sealed, and of one that came in part the rest is brought.

use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use belay_proto::clock::Clock;
use belay_proto::sync::{
    Buffer, ChunkId, ChunkRef, Chunks, CollectionKeys, Encoding, NamedPart, RecordError,
};
use belay_sync::compress::Packer;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::task::{JoinError, spawn_blocking};

use super::progress::Share;
use super::questions::{Lacking, Questions};
use super::retry::Retry;
use super::room::Room;
use super::source::{QUIET, Source, Unopened};
use super::{PART_WITHIN, cut};
use crate::sync::error::SyncError;
use crate::sync::ports::{SealedChunk, SyncCloud, SyncFailure};

/// A part that was read, or why there is none; and what reads the next one.
type Read = Result<(Source, Option<Result<NamedPart, SyncError>>), JoinError>;
/// Parts that were asked after, and which of them the cloud lacks, from which byte on.
type Asked = Result<(Vec<NamedPart>, Lacking), SyncFailure>;
/// Bytes of the content that were brought, and the memory that they were in, sealed, where it can be given back.
type Brought = (u64, Option<Vec<u8>>);

/// Brings all that the cloud lacks of a content; its chunks in their order.
///
/// # Errors
/// As [`crate::sync::ports::LongContents::bring`].
pub(super) async fn bring(
    (cloud, clock, questions): (&dyn SyncCloud, &dyn Clock, &Questions),
    (room, packer): (&Room, Arc<Mutex<Packer>>),
    mut share: Share,
    keys: Arc<CollectionKeys>,
    content: Unopened,
) -> Result<Chunks, SyncError> {
    let opening = Arc::clone(&keys);
    let source = spawn_blocking(move || {
        let cut = cut(&opening);
        content.open(opening, cut)
    });
    let source = in_time(clock, source).await?.map_err(broken)??;
    share.is_of(source.length().unwrap_or(0));
    let buffers = source.buffers();
    let _memory = room.take(buffers, source.whole()).await?;
    let mut upload = Upload {
        cloud,
        clock,
        questions,
        share,
        cut: 0,
        keys,
        packer,
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
    questions: &'a Questions,
    share: Share,
    /// Bytes that were read.
    cut: u64,
    keys: Arc<CollectionKeys>,
    /// One for all contents: its memory is as much as a chunk's.
    packer: Arc<Mutex<Packer>>,
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
    bringing: FuturesUnordered<BoxFuture<'a, Result<Brought, SyncError>>>,
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
            Some(done) = self.bringing.next() => {
                let (length, memory) = done?;
                self.share.advance(length);
                match memory {
                    Some(memory) if self.is_more() => self.spare.push(Buffer::new(memory)),
                    Some(sealed) => {
                        Buffer::let_go_sealed(sealed);
                        self.room += 1;
                    }
                    None => self.room += 1,
                }
            }
        }
        Ok(true)
    }

    /// Whether there may be more to read.
    fn is_more(&self) -> bool {
        self.source.is_some() || self.reading.is_some()
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
        let chunk = part.chunk();
        self.chunks.push(chunk);
        self.cut = self.cut.saturating_add(chunk.length);
        self.share.is_of(self.cut);
        match self.seen.insert(chunk.id) {
            true => self.read.push(part),
            false => self.let_go(part),
        }
        Ok(())
    }

    fn ask(&mut self) {
        if self.asking.is_some() || self.read.is_empty() {
            return;
        }
        let parts = std::mem::take(&mut self.read);
        let (cloud, clock, questions) = (self.cloud, self.clock, self.questions);
        let asking = async move {
            let ids = parts.iter().map(|part| part.chunk().id).collect();
            let lacking = lacking((cloud, questions), &mut Retry::new(clock), ids).await?;
            Ok((parts, lacking))
        };
        self.asking = Some(asking.boxed());
    }

    /// Brings what the cloud lacks, and lets the rest go.
    fn sort(&mut self, (parts, lacking): (Vec<NamedPart>, Lacking)) {
        for part in parts {
            match lacking.get(&part.chunk().id) {
                Some(offset) => self.bring(part, *offset),
                None => self.let_go(part),
            }
        }
    }

    /// The cloud has it, or gets it as another part.
    fn let_go(&mut self, part: NamedPart) {
        self.share.advance(part.chunk().length);
        self.spare.push(part.into_buffer());
    }

    fn bring(&mut self, part: NamedPart, offset: u64) {
        let (way, clock) = ((self.cloud, self.questions), self.clock);
        let (keys, packer) = (Arc::clone(&self.keys), Arc::clone(&self.packer));
        let bringing = async move {
            let ChunkRef { id, length, .. } = part.chunk();
            let sealed = spawn_blocking(move || seal(part, &keys, &packer).map(SealedChunk::new));
            // It was named with the same keys.
            let sealed = sealed.await.map_err(broken)?.map_err(|_| SyncError::NotBound)?;
            put(way, &mut Retry::new(clock), id, offset, &sealed).await?;
            // The connection may hold on to it for a while.
            Ok((length, sealed.into_vec()))
        };
        self.bringing.push(bringing.boxed());
    }
}

fn seal(part: NamedPart, keys: &CollectionKeys, packer: &Mutex<Packer>) -> Result<Vec<u8>, RecordError> {
    match part.encoding() {
        Encoding::Identity => part.seal(keys, &mut ()),
        Encoding::Zstd => part.seal(keys, &mut *packer.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Waits for a part of a content, which may be a while in coming. The thread that reads it may wait on.
pub(super) async fn in_time<T>(clock: &dyn Clock, part: impl Future<Output = T>) -> Result<T, SyncError> {
    tokio::select! {
        biased;
        part = part => Ok(part),
        () = clock.give(PART_WITHIN) => Err(QUIET),
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
    (cloud, questions): (&dyn SyncCloud, &Questions),
    retry: &mut Retry<'_>,
    ids: Vec<ChunkId>,
) -> Result<Lacking, SyncFailure> {
    loop {
        match questions.lacking(cloud, ids.clone()).await {
            Ok(lacking) => return Ok(lacking),
            Err(failure) => retry.after(failure).await?,
        }
    }
}

/// Brings a sealed chunk from a byte on; goes on where the cloud is, when something breaks.
async fn put(
    way: (&dyn SyncCloud, &Questions),
    retry: &mut Retry<'_>,
    id: ChunkId,
    mut offset: u64,
    sealed: &SealedChunk,
) -> Result<(), SyncFailure> {
    // As far as it ever was: a cloud that goes back and forth gets nowhere.
    let mut furthest = offset;
    // It may have announced another length: a chunk has one form, so what came then isn't of it.
    let length = sealed.bytes().len() as u64;
    if offset > length {
        offset = 0;
    }
    loop {
        let Err(failure) = way.0.put_chunk(id, offset, sealed.clone()).await else {
            return Ok(());
        };
        retry.after(failure).await?;
        let Some(reached) = lacking(way, retry, vec![id]).await?.remove(&id) else {
            return Ok(());
        };
        if reached > furthest {
            furthest = reached;
            retry.reset();
        }
        offset = reached.min(length);
    }
}

pub(super) fn broken(error: JoinError) -> SyncError {
    if !error.is_cancelled() {
        tracing::error!(%error, "a long content");
    }
    SyncError::Gone
}
