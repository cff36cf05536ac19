//! A content on its way from the cloud, into a pipe.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::Secret;
use belay_proto::clock::Clock;
use belay_proto::sync::{ChunkRef, CollectionKeys, RecordError};
use belay_sync::compress::unpack;
use rustix::fs::OFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::progress::Share;
use super::retry::Retry;
use crate::sync::ports::{Fetch, SyncCloud, SyncFailure};

/// A pipe for a caller that may wait in reading it, and a writer that never waits.
///
/// # Errors
/// When the kernel has no descriptor left.
pub(super) fn pipe() -> io::Result<(OwnedFd, Sender)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let flags = rustix::fs::fcntl_getfl(&writer)?;
    rustix::fs::fcntl_setfl(&writer, flags | OFlags::NONBLOCK)?;
    Ok((reader, Sender::from_owned_fd_unchecked(writer)?))
}

/// Why a pipe ended before its content did.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the cloud gave no chunk")]
    Cloud(#[from] SyncFailure),
    #[error("a chunk isn't what the record says")]
    Chunk(#[from] RecordError),
    #[error("nobody reads it")]
    Unread,
    #[error("the pipe failed")]
    Pipe(#[from] io::Error),
    #[error("belayd stops")]
    Gone,
}

/// Fetches, opens and writes chunk after chunk. While one is written, the next one is there, and the one after that comes.
pub(super) async fn fetch(
    cloud: &dyn SyncCloud,
    clock: &dyn Clock,
    what: Fetch,
    pipe: Sender,
    (mut share, quiet): (Share, Duration),
) {
    let Fetch {
        keys,
        chunks,
        mut from,
        lost,
    } = what;
    let (opened, mut next) = mpsc::channel::<Secret<Vec<u8>>>(1);
    let fetching = async move {
        // It ends with this, and whoever writes with it.
        let opened = opened;
        for chunk in chunks.0 {
            if chunk.length <= from {
                from -= chunk.length;
                continue;
            }
            let mut content = fetch_one(cloud, clock, &keys, chunk).await?;
            // It can be checked only as a whole.
            let begins = usize::try_from(std::mem::take(&mut from)).unwrap_or(usize::MAX);
            if begins > 0 {
                content = Secret::new(content.expose().get(begins..).unwrap_or_default().to_vec());
            }
            // Whoever writes has ended, and says why.
            if opened.send(content).await.is_err() {
                break;
            }
        }
        Ok::<(), Ended>(())
    };
    let writing = async {
        while let Some(content) = next.recv().await {
            write(clock, &pipe, content.expose(), quiet).await?;
            share.advance(content.expose().len() as u64);
        }
        Ok::<(), Ended>(())
    };
    let both = async {
        let (mut fetching, mut writing) = (pin!(fetching), pin!(writing));
        tokio::select! {
            written = &mut writing => written,
            // What came before it failed is written all the same: who goes on from there needn't have it fetched again.
            fetched = &mut fetching => writing.await.and(fetched),
        }
    };
    let ended = tokio::select! {
        ended = both => ended,
        gone = pipe.ready(Interest::ERROR) => gone.map_err(Ended::from).and(Err(Ended::Unread)),
    };
    match ended {
        Ok(()) => {}
        Err(Ended::Unread) => tracing::debug!("a content was left before its end"),
        Err(Ended::Cloud(SyncFailure::NotFound)) => lost.await,
        // Neither which content nor which chunk: the log is no list of what the owner has.
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "a content ended before its time"
        ),
    }
}

async fn fetch_one(
    cloud: &dyn SyncCloud,
    clock: &dyn Clock,
    keys: &Arc<CollectionKeys>,
    chunk: ChunkRef,
) -> Result<Secret<Vec<u8>>, Ended> {
    let mut retry = Retry::new(clock);
    let sealed = loop {
        match cloud.get_chunk(chunk.id).await {
            Ok(sealed) => break sealed,
            Err(failure) => retry.after(failure).await?,
        }
    };
    let keys = Arc::clone(keys);
    let opening = spawn_blocking(move || keys.open_chunk(&chunk, sealed, unpack));
    Ok(opening.await.map_err(|_| Ended::Gone)??)
}

/// Writes all of it, as fast as it is read.
async fn write(clock: &dyn Clock, pipe: &Sender, mut content: &[u8], quiet: Duration) -> Result<(), Ended> {
    while !content.is_empty() {
        let over = clock.give(quiet);
        tokio::select! {
            ready = pipe.writable() => ready?,
            () = over => return Err(Ended::Unread),
        }
        match pipe.try_write(content) {
            Ok(written) => content = content.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(Ended::Unread),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
