//! Long contents against a cloud in memory that fails when it is told to.

mod down;
mod memory;
mod packed;
mod questions;
mod resume;
mod same;
mod up;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use belay_proto::signed::EpochKeys;
use belay_proto::sync::{CHUNK, ChunkId, Chunks, CollectionId, CollectionKeys};
use belay_proto::wire::{ChangesAnswer, MissingAnswer, MissingChunk, PushAnswer, PushRequest};
use belay_proto::{AccountId, Secret};
use belay_sync::chunker::Chunker;
use belay_sync::compress::Packer;
use futures_util::FutureExt;
use futures_util::future::ready;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::sync::{Notify, watch};

use super::{Long, cut};
use crate::cloud::tests::clock::SkippingClock;
use crate::sync::error::SyncError;
use crate::sync::ports::{Allowed, LongContents, Moving, Reply, SealedChunk, SyncCloud, SyncFailure};

/// Waits of tries pass at once, and those for a quiet pipe when a test says so.
const TRIED: Duration = Duration::from_secs(61);

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is carried out.
    None,
    /// It isn't heard of.
    Unheard(SyncFailure),
    /// So many 256ths of what it brings come.
    Part(u8),
    /// It is carried out, and the answer is lost.
    Unanswered,
}

const OFFLINE: SyncFailure = SyncFailure::Offline(None);

#[derive(Debug, Default)]
struct Kept {
    /// What has come of each chunk.
    chunks: HashMap<ChunkId, Vec<u8>>,
    whole: HashSet<ChunkId>,
    /// What becomes of the next calls.
    faults: VecDeque<Fault>,
    asked: usize,
    puts: usize,
    gets: usize,
    /// Bytes that calls brought now, and at most.
    live: usize,
    most_live: usize,
    ways: usize,
    most_ways: usize,
    /// This process's own memory at most, bytes; where what is brought is only counted.
    most_memory: u64,
    /// What should never have been asked for.
    wrong: Vec<&'static str>,
}

/// A cloud.
#[derive(Debug, Default)]
struct Fake {
    kept: Mutex<Kept>,
    /// Whether what is brought is only counted, and not kept.
    forgets: bool,
    /// When set, calls wait until they are let go on.
    held: Option<Arc<Notify>>,
    /// When set, what was brought is answered once this says so.
    answers: Option<watch::Receiver<bool>>,
    called: Notify,
}

impl Fake {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failing(faults: impl IntoIterator<Item = Fault>) -> Self {
        let fake = Self::default();
        fake.kept().faults.extend(faults);
        fake
    }

    fn holding(with: &Arc<Notify>) -> Self {
        Self {
            held: Some(Arc::clone(with)),
            ..Self::default()
        }
    }

    /// One that takes what is brought and doesn't answer, until the sender says so.
    fn taking() -> (Self, watch::Sender<bool>) {
        let (answer, answers) = watch::channel(false);
        let fake = Self {
            answers: Some(answers),
            ..Self::default()
        };
        (fake, answer)
    }

    /// Waits until so many chunks are brought at once.
    async fn has(&self, ways: usize) {
        while self.kept().ways < ways {
            self.called().await;
        }
    }

    async fn fault(&self) -> Fault {
        self.called.notify_one();
        if let Some(held) = &self.held {
            held.notified().await;
        }
        // Others get their turn meanwhile, as over a network.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        self.kept().faults.pop_front().unwrap_or(Fault::None)
    }

    /// Waits until a call has come.
    async fn called(&self) {
        self.called.notified().await;
    }

    fn take(&self, id: ChunkId, offset: u64, sealed: &[u8], fault: Fault) -> Result<(), SyncFailure> {
        let mut kept = self.kept();
        if kept.whole.contains(&id) {
            kept.wrong.push("a chunk that is there was brought");
            return Ok(());
        }
        let came = match fault {
            Fault::Unheard(failure) => return Err(failure),
            Fault::None | Fault::Unanswered => sealed.len(),
            Fault::Part(share) => sealed.len() * usize::from(share) / 256,
        };
        if self.forgets {
            kept.most_memory = kept.most_memory.max(memory::status("RssAnon"));
            kept.whole.insert(id);
            return Ok(());
        }
        let have = kept.chunks.entry(id).or_default();
        let right = have.len() as u64 == offset;
        let from = have.len();
        have.extend_from_slice(sealed.get(from..came).unwrap_or_default());
        let whole = have.len() == sealed.len();
        if !right {
            kept.wrong.push("a chunk went on elsewhere than where it was");
        }
        if whole {
            kept.whole.insert(id);
        }
        match fault {
            Fault::None => Ok(()),
            _ => Err(OFFLINE),
        }
    }
}

impl SyncCloud for Fake {
    fn push(&self, _: PushRequest) -> Reply<'_, PushAnswer> {
        ready(Err(SyncFailure::Refused)).boxed()
    }

    fn changes<'a>(&'a self, _: Option<&'a str>, _: CollectionId, _: usize) -> Reply<'a, ChangesAnswer> {
        ready(Err(SyncFailure::Refused)).boxed()
    }

    fn missing(&self, chunks: Vec<ChunkId>) -> Reply<'_, MissingAnswer> {
        async move {
            let fault = self.fault().await;
            let mut kept = self.kept();
            kept.asked += 1;
            match fault {
                Fault::None => {}
                Fault::Unheard(failure) => return Err(failure),
                Fault::Part(_) | Fault::Unanswered => return Err(OFFLINE),
            }
            if chunks.iter().collect::<HashSet<_>>().len() < chunks.len() {
                kept.wrong.push("a chunk was asked after twice");
            }
            let missing = chunks.into_iter().filter(|id| !kept.whole.contains(id));
            let missing = missing.map(|id| MissingChunk {
                id,
                offset: kept.chunks.get(&id).map_or(0, Vec::len) as u64,
            });
            Ok(MissingAnswer {
                missing: missing.collect(),
            })
        }
        .boxed()
    }

    fn put_chunk(&self, id: ChunkId, offset: u64, sealed: SealedChunk) -> Reply<'_, ()> {
        {
            let mut kept = self.kept();
            kept.puts += 1;
            kept.ways += 1;
            kept.live += sealed.bytes().len();
            kept.most_ways = kept.most_ways.max(kept.ways);
            kept.most_live = kept.most_live.max(kept.live);
        }
        async move {
            let fault = self.fault().await;
            if let Some(answers) = &self.answers {
                // Without a sender it is answered too.
                let _ = answers.clone().wait_for(|answered| *answered).await;
            }
            let done = self.take(id, offset, sealed.bytes(), fault);
            let mut kept = self.kept();
            kept.ways -= 1;
            kept.live -= sealed.bytes().len();
            done
        }
        .boxed()
    }

    fn get_chunk(&self, id: ChunkId) -> Reply<'_, Vec<u8>> {
        self.kept().gets += 1;
        async move {
            match self.fault().await {
                Fault::None => {}
                Fault::Unheard(failure) => return Err(failure),
                Fault::Part(_) | Fault::Unanswered => return Err(OFFLINE),
            }
            let mut kept = self.kept();
            if self.forgets {
                kept.most_memory = kept.most_memory.max(memory::status("RssAnon"));
            }
            let whole = kept.chunks.get(&id).filter(|_| kept.whole.contains(&id));
            whole.cloned().ok_or(SyncFailure::NotFound)
        }
        .boxed()
    }
}

/// What moves contents, and what it moves them to.
struct Bench {
    cloud: Arc<Fake>,
    clock: Arc<SkippingClock>,
    long: Long,
    allowed: watch::Sender<Result<(), SyncError>>,
}

impl Bench {
    fn new(cloud: Fake) -> Self {
        let (cloud, clock) = (Arc::new(cloud), Arc::new(SkippingClock::skipping(TRIED)));
        let mut long = Long::new(cloud.clone(), clock.clone());
        long.quiet = Duration::from_secs(600);
        Self {
            cloud,
            clock,
            long,
            allowed: watch::Sender::new(Ok(())),
        }
    }

    fn allowed(&self) -> Allowed {
        self.allowed.subscribe()
    }

    async fn bring(&self, collection: &str, content: OwnedFd) -> Result<Chunks, SyncError> {
        self.long.bring(keys(collection), content, self.allowed()).await
    }
}

fn keys(collection: &str) -> Arc<CollectionKeys> {
    let epochs = EpochKeys::new(vec![(1, Secret::new([1; 32]))]).unwrap();
    let account = AccountId::from_bytes([9; 16]);
    Arc::new(CollectionKeys::new(
        account,
        collection.to_owned(),
        epochs,
        Secret::new([3; 32]),
    ))
}

/// Bytes that look random and are the same each time (xorshift64).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A memfd that was written and not rewound, as one that a program hands over.
fn memfd(content: &[u8]) -> OwnedFd {
    let memfd = memfd_create("content", MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(memfd);
    file.write_all(content).unwrap();
    file.into()
}

/// Writes a content into a pipe from a thread of its own.
fn piped(content: Vec<u8>) -> OwnedFd {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    std::thread::spawn(move || {
        let _ = File::from(writer).write_all(&content);
    });
    reader
}

fn file(content: &[u8]) -> OwnedFd {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.into()
}

/// A content of `parts` chunks, no two of them alike, that takes hardly any memory itself.
fn sparse(parts: usize) -> OwnedFd {
    numbered(parts * CHUNK, 0)
}

/// One of so many bytes, none of whose chunks is like one of another number.
fn numbered(length: usize, number: u64) -> OwnedFd {
    let memfd = memfd_create("content", MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&memfd, length as u64).unwrap();
    for (part, at) in (0_u64..).zip((0..length).step_by(CHUNK)) {
        let mark = (number << 32) + part + 1;
        rustix::io::pwrite(memfd.as_fd(), &mark.to_le_bytes(), at as u64).unwrap();
    }
    memfd
}

/// What a content is cut into, and each part sealed.
fn expected(collection: &str, content: &[u8]) -> (Chunks, HashMap<ChunkId, Vec<u8>>) {
    let keys = keys(collection);
    let parts = Chunker::new(content, Some(content.len() as u64), cut(&keys));
    let sealed = parts.map(|part| {
        let part = part.unwrap().name(&keys, cut(&keys).encoding()).unwrap();
        (part.chunk(), part.seal(&keys, &mut Packer::default()).unwrap())
    });
    let sealed: Vec<_> = sealed.collect();
    let chunks = Chunks(sealed.iter().map(|(chunk, _)| *chunk).collect());
    (
        chunks,
        sealed
            .into_iter()
            .map(|(chunk, sealed)| (chunk.id, sealed))
            .collect(),
    )
}
