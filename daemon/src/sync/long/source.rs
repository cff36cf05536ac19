//! A content that comes in a descriptor: read on a thread that may wait, cut and named.

use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use belay_proto::sync::{Buffer, CHUNK, CollectionKeys, Encoding, NamedPart, RecordError, part_room};
use belay_proto::wire::RECORD_CHUNKS;
use belay_sync::chunker::{Chunker, Cut};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::sync::OwnedSemaphorePermit;

use super::BUFFERS;
use crate::sync::error::SyncError;

/// A content that can't be read to its end as what it was when it began.
const CHANGED: SyncError = SyncError::InvalidArgument("the content changed while it was read");
const UNREADABLE: SyncError = SyncError::InvalidArgument("the content can't be read");
pub(super) const QUIET: SyncError = SyncError::InvalidArgument("the content didn't come in time");
const NEITHER: SyncError = SyncError::InvalidArgument(
    "the content is neither a regular file, a memfd nor the reading end of a pipe",
);

/// A content that isn't opened yet: on a file system of somebody's own even a look at it may wait.
pub(super) struct Unopened {
    descriptor: OwnedFd,
    stop: OwnedFd,
    quiet: Duration,
    held: (Turn, OwnedSemaphorePermit),
}

/// A turn to read. The first clone that is dropped gives it back: where all is read before it is brought, and where a thread
/// waits on for a content that has failed.
#[derive(Clone)]
pub(super) struct Turn(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Turn {
    pub(super) fn new(turn: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(Mutex::new(Some(turn))))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Ends the reading of a pipe when it is dropped.
pub(super) struct Stop {
    _writer: OwnedFd,
}

/// A content, and what ends the reading of it. Of what is `held` the thread is given back when none waits for the content any more; a pipe
/// that brings nothing for `quiet` is an error.
///
/// # Errors
/// [`SyncError::Storage`] where the kernel has no descriptor left.
pub(super) fn begin(
    content: OwnedFd,
    quiet: Duration,
    held: (Turn, OwnedSemaphorePermit),
) -> Result<(Unopened, Stop), SyncError> {
    let (stop, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| {
        tracing::error!(%error, "there is no pipe to be had");
        SyncError::Storage
    })?;
    let unopened = Unopened {
        descriptor: content,
        stop,
        quiet,
        held,
    };
    Ok((unopened, Stop { _writer: writer }))
}

/// A content on its way into parts. All of it waits for the disk, or for whoever writes the pipe.
pub(super) struct Source {
    parts: Chunker<Reading>,
    keys: Arc<CollectionKeys>,
    encoding: Encoding,
    length: Option<u64>,
    count: usize,
    /// How long it is, bytes, where all of it may be in memory at once.
    whole: Option<u64>,
    _held: (Turn, OwnedSemaphorePermit),
}

/// A content that was looked at, to be read as it is.
pub(super) struct Opened {
    reading: Reading,
    held: (Turn, OwnedSemaphorePermit),
}

impl Unopened {
    /// Looks what it is.
    ///
    /// # Errors
    /// [`SyncError::InvalidArgument`] for what is neither a file nor a pipe.
    pub(super) fn look(self) -> Result<Opened, SyncError> {
        let stat = rustix::fs::fstat(&self.descriptor).map_err(|_| UNREADABLE)?;
        let flags = rustix::fs::fcntl_getfl(&self.descriptor).map_err(|_| UNREADABLE)?;
        if flags.contains(OFlags::PATH) || (flags & OFlags::RWMODE) == OFlags::WRONLY {
            return Err(UNREADABLE);
        }
        let length = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Some(u64::try_from(stat.st_size).unwrap_or(0)),
            FileType::Fifo => {
                // Somebody else may read it too: then there is nothing, after there was something.
                let flags = flags | OFlags::NONBLOCK;
                rustix::fs::fcntl_setfl(&self.descriptor, flags).map_err(|_| UNREADABLE)?;
                None
            }
            _ => return Err(NEITHER),
        };
        let reading = Reading {
            descriptor: self.descriptor,
            stop: self.stop,
            length,
            at: 0,
            quiet: self.quiet,
        };
        let held = self.held;
        Ok(Opened { reading, held })
    }

    /// Looks what it is, to cut it.
    ///
    /// # Errors
    /// As [`Unopened::look`]; [`SyncError::TooLong`].
    pub(super) fn open(self, keys: Arc<CollectionKeys>, cut: Cut) -> Result<Source, SyncError> {
        let Opened { reading, held } = self.look()?;
        let length = reading.length;
        if length.is_some_and(|length| length > (RECORD_CHUNKS * CHUNK) as u64) {
            return Err(SyncError::TooLong);
        }
        let parts = Chunker::new(reading, length, cut);
        let is_whole = |length: &u64| !parts.looks_ahead() && *length <= (BUFFERS * CHUNK) as u64;
        let whole = length.filter(is_whole);
        Ok(Source {
            parts,
            keys,
            encoding: cut.encoding(),
            length,
            count: 0,
            whole,
            _held: held,
        })
    }
}

impl Opened {
    /// How long all of it is, bytes; none: that turns out at its end.
    pub(super) const fn length(&self) -> Option<u64> {
        self.reading.length
    }

    /// What comes next, as much as there is room for at most; how many bytes, 0 at its end.
    ///
    /// # Errors
    /// [`SyncError::InvalidArgument`], [`SyncError::Cancelled`].
    pub(super) fn read(&mut self, room: &mut [u8]) -> Result<usize, SyncError> {
        self.reading.read(room).map_err(|error| refused(&error))
    }
}

impl Source {
    /// The length of a buffer that the next part fits once it is sealed, bytes.
    pub(super) fn room(&self) -> usize {
        part_room(self.parts.longest())
    }

    /// How long all of it is, bytes; none: that turns out at its end.
    pub(super) const fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether there is certainly no further part.
    pub(super) fn has_ended(&self) -> bool {
        self.parts.has_ended()
    }

    /// Chunks that there has to be memory for, while this is brought.
    pub(super) fn buffers(&self) -> usize {
        let chunks = |length: u64| usize::try_from(length.div_ceil(CHUNK as u64)).unwrap_or(BUFFERS);
        self.whole
            .map_or(BUFFERS, |length| chunks(length).clamp(1, BUFFERS))
    }

    /// How long it is, bytes, where no part of it waits to be read until another one was brought.
    pub(super) const fn whole(&self) -> Option<u64> {
        self.whole
    }

    /// Whether it holds a buffer of its own.
    pub(super) fn looks_ahead(&self) -> bool {
        self.parts.looks_ahead()
    }

    /// The next part, in this buffer; none after the last.
    ///
    /// # Errors
    /// [`SyncError::InvalidArgument`], [`SyncError::TooLong`] for more parts than a record may name.
    pub(super) fn next(&mut self, buffer: Buffer) -> Option<Result<NamedPart, SyncError>> {
        let part = match self.parts.next_in(buffer)? {
            Ok(part) => part,
            Err(error) => return Some(Err(refused(&error))),
        };
        self.count += 1;
        if self.count > RECORD_CHUNKS {
            return Some(Err(SyncError::TooLong));
        }
        Some(part.name(&self.keys, self.encoding).map_err(|error| match error {
            RecordError::TooLong => SyncError::TooLong,
            // There are no keys of this collection, or not any more.
            _ => SyncError::NotBound,
        }))
    }
}

fn refused(error: &io::Error) -> SyncError {
    match error.kind() {
        ErrorKind::UnexpectedEof => CHANGED,
        ErrorKind::TimedOut => QUIET,
        ErrorKind::ConnectionAborted => SyncError::Cancelled,
        _ => UNREADABLE,
    }
}

/// Reads a descriptor: a file from its start, whatever its position, and a pipe as it comes.
struct Reading {
    descriptor: OwnedFd,
    /// Has no writer any more when the reading is to end.
    stop: OwnedFd,
    /// Of a file, when it was opened.
    length: Option<u64>,
    at: u64,
    quiet: Duration,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(length) = self.length else {
            return self.read_pipe(buffer);
        };
        let read =
            match rustix::io::retry_on_intr(|| rustix::io::pread(&self.descriptor, &mut *buffer, self.at))? {
                // What is there can be less than what there was room for, but nothing is the end.
                0 if !buffer.is_empty() && self.at < length => return Err(ErrorKind::UnexpectedEof.into()),
                read => read,
            };
        self.at += read as u64;
        match self.at <= length {
            true => Ok(read),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Reading {
    fn read_pipe(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let patience = Timespec::try_from(self.quiet).map_err(|_| ErrorKind::InvalidInput)?;
        loop {
            match rustix::io::read(&self.descriptor, &mut *buffer) {
                Ok(read) => return Ok(read),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
            let mut ready = [
                PollFd::new(&self.descriptor, PollFlags::IN),
                PollFd::new(&self.stop, PollFlags::IN),
            ];
            match poll(&mut ready, Some(&patience)) {
                Ok(0) => return Err(ErrorKind::TimedOut.into()),
                Ok(_) if !ready[1].revents().is_empty() => return Err(ErrorKind::ConnectionAborted.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
