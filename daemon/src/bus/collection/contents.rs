//! Records' contents in descriptors. Whoever sends one may take as long as it likes, or be a file system of somebody's own:
//! descriptors are read and written on threads that may wait, a few at once, for a while.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use belay_proto::Secret;
use belay_proto::dbus::fd::write_bytes;
use belay_proto::dbus::records::{
    ContentReader, FrameError, FrameReader, FrameWriter, FramedRecord, ReadContentError,
};
use belay_proto::sync::RecordId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{SyncDesk, framed};
use crate::bus::Error;
use crate::sync::SyncError;

/// How long a caller waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// How long a pipe may bring nothing, or take nothing.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a short content, and a whole stream, may take.
const SHORT_WITHIN: Duration = Duration::from_secs(60);
const STREAM_WITHIN: Duration = Duration::from_secs(10 * 60);
/// Short contents that are read at once; each is in memory.
const READING: usize = 4;
/// Streams that are written, and long pipes that are passed on, at once.
const WRITING: usize = 8;
/// Records of a stream that are asked for at once, and how many bytes are read before it is answered.
const BATCH: usize = 32;
const AHEAD: usize = 8 * 1024 * 1024;
/// Passed on at once, bytes.
const PIECE: usize = 64 * 1024;

/// Reads and writes the descriptors of records; clones share their turns.
#[derive(Clone, Debug)]
pub struct Contents {
    reading: Arc<Semaphore>,
    writing: Arc<Semaphore>,
    /// One stream of records to store: all of it is in memory.
    storing: Arc<Semaphore>,
}

/// A content that came.
#[derive(Debug)]
pub(super) enum Received {
    /// At most as long as was asked for.
    Short(Secret<Vec<u8>>),
    /// A longer one, to be read to its end.
    Long(OwnedFd),
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            reading: Arc::new(Semaphore::new(READING)),
            writing: Arc::new(Semaphore::new(WRITING)),
            storing: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Contents {
    /// Reads a content, or finds it longer than `most` bytes.
    pub(super) async fn receive(&self, content: OwnedFd, most: usize) -> Result<Received, Error> {
        let turn = turn(&self.reading).await?;
        // The turn is the thread's, and comes back with it.
        let read = spawn_blocking(move || {
            let _turn = turn;
            read(content, most)
        });
        match read.await.map_err(|_| failed())?? {
            Begun::Received(received) => Ok(received),
            Begun::Pipe(begun, rest) => {
                let turn = self::turn(&self.writing).await?;
                let (reader, writer) = pipe()?;
                spawn_blocking(move || {
                    let _turn = turn;
                    // Where it fails nobody reads any more.
                    let _ = pass_on(&begun, &rest, writer);
                });
                Ok(Received::Long(reader))
            }
        }
    }

    /// Reads a stream of records. The turn is to be kept until they are stored.
    pub(super) async fn receive_many(
        &self,
        stream: OwnedFd,
    ) -> Result<(Vec<FramedRecord>, Arc<OwnedSemaphorePermit>), Error> {
        let turn = Arc::new(turn(&self.storing).await?);
        let threads = Arc::clone(&turn);
        let read = spawn_blocking(move || {
            let _turn = threads;
            let reader = ContentReader::new(stream, PATIENCE)?.within(STREAM_WITHIN);
            let records = FrameReader::strict(reader).collect::<Result<Vec<_>, FrameError>>();
            records.map_err(|error| Error::InvalidArgument(error.to_string()))
        });
        Ok((read.await.map_err(|_| failed())??, turn))
    }

    /// A content as a descriptor.
    pub(super) fn send(content: &Secret<Vec<u8>>) -> Result<OwnedFd, Error> {
        write_bytes(content.expose()).map_err(|_| failed())
    }

    /// These records of collection `name` as a stream.
    pub(super) async fn send_many(
        &self,
        desk: &SyncDesk,
        name: &'static str,
        ids: Vec<RecordId>,
    ) -> Result<OwnedFd, Error> {
        let turn = turn(&self.writing).await?;
        let mut ids = VecDeque::from(ids);
        let (mut ahead, mut bytes) = (Vec::new(), 0);
        while bytes < AHEAD && !ids.is_empty() {
            let records = fetch(desk, name, &mut ids).await?;
            bytes += records
                .iter()
                .map(|record| record.content.expose().len())
                .sum::<usize>();
            ahead.extend(records);
        }
        let (reader, writer) = pipe()?;
        let (sender, records) = mpsc::channel(1);
        spawn_blocking(move || {
            let _turn = turn;
            if let Err(error) = write(records, writer) {
                tracing::debug!(%error, "a stream of records ends early");
            }
        });
        let desk = desk.clone();
        tokio::spawn(async move {
            let mut next = Some(ahead);
            while let Some(records) = next {
                // Whoever reads may have had enough.
                if sender.send(records).await.is_err() {
                    return;
                }
                next = match ids.is_empty() {
                    false => fetch(&desk, name, &mut ids).await.ok(),
                    true => None,
                };
            }
        });
        Ok(reader)
    }
}

/// What reading began with.
enum Begun {
    Received(Received),
    /// A pipe that has brought so much, and more is to come.
    Pipe(Secret<Vec<u8>>, OwnedFd),
}

/// Waits for a turn, and not for long: what others sent may never end.
async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    match timeout(TURN_WITHIN, Arc::clone(turns).acquire_owned()).await {
        Ok(turn) => turn.map_err(|_| failed()),
        Err(_) => Err(Error::Busy("too many descriptors are being read".into())),
    }
}

fn failed() -> Error {
    Error::Internal("no thread or descriptor for a content".into())
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|_| failed())
}

fn read(content: OwnedFd, most: usize) -> Result<Begun, ReadContentError> {
    let mut reader = ContentReader::new(content, PATIENCE)?.within(SHORT_WITHIN);
    let length = reader.length();
    if length.is_some_and(|length| length > most as u64) {
        return Ok(Begun::Received(Received::Long(reader.into_inner())));
    }
    let (content, ended) = reader.read_beyond(most)?;
    match (ended, length) {
        (true, _) => Ok(Begun::Received(Received::Short(content))),
        (false, None) => Ok(Begun::Pipe(content, reader.into_inner())),
        // A file that grows: all of it is read again.
        (false, Some(_)) => Ok(Begun::Received(Received::Long(reader.into_inner()))),
    }
}

/// Passes on what a pipe has brought and brings, until it ends or nobody reads any more. How long it may bring nothing is
/// the reader's to say.
fn pass_on(begun: &Secret<Vec<u8>>, from: &OwnedFd, to: OwnedFd) -> io::Result<()> {
    let mut to = File::from(to);
    to.write_all(begun.expose())?;
    let mut piece = Zeroizing::new(vec![0; PIECE]);
    loop {
        match rustix::io::read(from, piece.as_mut_slice()) {
            Ok(0) => return Ok(()),
            Ok(taken) => to.write_all(piece.get(..taken).unwrap_or_default())?,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // The end of the one who reads is told without being asked after.
                let mut fds = [
                    PollFd::new(from, PollFlags::IN),
                    PollFd::new(&to, PollFlags::empty()),
                ];
                rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
                if fds[1].revents().contains(PollFlags::ERR) {
                    return Err(ErrorKind::BrokenPipe.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The first records of these, some at least, and as many as there is memory for.
async fn fetch(
    desk: &SyncDesk,
    name: &'static str,
    ids: &mut VecDeque<RecordId>,
) -> Result<Vec<FramedRecord>, Error> {
    desk.device.not_lost()?;
    let batch = ids.iter().take(BATCH).copied().collect();
    let got = desk.sync.get_many(name, batch).await?;
    ids.drain(..got.len().min(ids.len()));
    let framed = got.into_iter().map(framed).collect::<Option<Vec<_>>>();
    Ok(framed.ok_or(SyncError::InvalidArgument("a record's content is long"))?)
}

fn write(mut records: mpsc::Receiver<Vec<FramedRecord>>, to: OwnedFd) -> Result<(), FrameError> {
    let mut stream = FrameWriter::new(Patient::new(to).map_err(FrameError::Io)?);
    while let Some(batch) = records.blocking_recv() {
        for record in &batch {
            stream.write(record)?;
        }
    }
    stream.finish().map(drop)
}

/// The writing end of a pipe whose reader may have stopped reading.
struct Patient(OwnedFd);

impl Patient {
    fn new(to: OwnedFd) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&to)?;
        rustix::fs::fcntl_setfl(&to, flags | OFlags::NONBLOCK)?;
        Ok(Self(to))
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let until = Instant::now() + PATIENCE;
        loop {
            match rustix::io::write(&self.0, bytes) {
                Err(Errno::AGAIN) => {}
                Err(Errno::INTR) => continue,
                written => return Ok(written?),
            }
            let left = Timespec::try_from(until.saturating_duration_since(Instant::now()))
                .map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], Some(&left)) {
                Ok(0) => return Err(ErrorKind::TimedOut.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;
