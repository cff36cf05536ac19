//! A record's content in a descriptor.

use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags};
use zeroize::Zeroizing;

use crate::dbus::Error;
use crate::secret::Secret;

/// Read at once, bytes.
const PIECE: usize = 64 * 1024;

/// A descriptor gave no content. On the bus each is `InvalidArgument`.
#[derive(Debug, thiserror::Error)]
pub enum ReadContentError {
    /// Something else than a memfd, a regular file or the reading end of a pipe; not a byte was read.
    #[error("the descriptor is neither a memfd nor a file nor the reading end of a pipe")]
    NotContent,
    /// Longer than it may be.
    #[error("the content is too long")]
    TooLong,
    /// A pipe that brought nothing for too long.
    #[error("the pipe didn't go on")]
    TimedOut,
    /// Reading failed.
    #[error("the descriptor can't be read")]
    Io(#[source] io::Error),
}

impl From<ReadContentError> for Error {
    fn from(error: ReadContentError) -> Self {
        Self::InvalidArgument(error.to_string())
    }
}

impl From<io::Error> for ReadContentError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Io(error),
        }
    }
}

/// Reads a content from a descriptor that somebody sent. It blocks its thread: a pipe for as long as it is given
/// patience, a file for as long as its file system likes.
#[derive(Debug)]
pub struct ContentReader {
    fd: OwnedFd,
    kind: Kind,
    patience: Duration,
    /// When all of it has to have come.
    until: Option<Instant>,
}

#[derive(Debug)]
enum Kind {
    /// A memfd or a file, read from its start wherever its position is, and so far yet.
    File(u64),
    /// The reading end of a pipe.
    Pipe,
}

impl ContentReader {
    /// Looks what the descriptor is. `patience`: how long a pipe may bring nothing.
    ///
    /// # Errors
    /// [`ReadContentError::NotContent`], [`ReadContentError::Io`].
    pub fn new(fd: impl Into<OwnedFd>, patience: Duration) -> Result<Self, ReadContentError> {
        let fd = fd.into();
        let flags = rustix::fs::fcntl_getfl(&fd).map_err(io::Error::from)?;
        if flags.contains(OFlags::PATH) || (flags & OFlags::RWMODE) == OFlags::WRONLY {
            return Err(ReadContentError::NotContent);
        }
        // fstat last: on a file of somebody's own file system it waits for them.
        let kind = if rustix::fs::fcntl_get_seals(&fd).is_ok() {
            Kind::File(0)
        } else if rustix::pipe::fcntl_getpipe_size(&fd).is_ok() {
            rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK).map_err(io::Error::from)?;
            Kind::Pipe
        } else {
            let stat = rustix::fs::fstat(&fd).map_err(io::Error::from)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Kind::File(0),
                _ => return Err(ReadContentError::NotContent),
            }
        };
        Ok(Self {
            fd,
            kind,
            patience,
            until: None,
        })
    }

    /// The same where a pipe has to have ended after `whole`.
    #[must_use]
    pub fn within(self, whole: Duration) -> Self {
        Self {
            until: Instant::now().checked_add(whole),
            ..self
        }
    }

    /// How long it is, bytes, where that is known before it is read: of a memfd or a file.
    pub fn length(&self) -> Option<u64> {
        match self.kind {
            Kind::File(_) => rustix::fs::fstat(&self.fd)
                .ok()
                .and_then(|stat| u64::try_from(stat.st_size).ok()),
            Kind::Pipe => None,
        }
    }

    /// The rest of it, at most `most` bytes.
    ///
    /// # Errors
    /// [`ReadContentError`].
    pub fn read_within(&mut self, most: usize) -> Result<Secret<Vec<u8>>, ReadContentError> {
        match self.read_beyond(most)? {
            (content, true) => Ok(content),
            (_, false) => Err(ReadContentError::TooLong),
        }
    }

    /// The rest of it and true; false once more than `most` bytes were read, which are answered.
    ///
    /// # Errors
    /// [`ReadContentError`].
    pub fn read_beyond(&mut self, most: usize) -> Result<(Secret<Vec<u8>>, bool), ReadContentError> {
        let (pieces, ended) = pieces(self, most)?;
        let length = pieces.iter().map(|piece| piece.len()).sum();
        let mut content = Vec::with_capacity(length);
        pieces.iter().for_each(|piece| content.extend_from_slice(piece));
        Ok((Secret::new(content), ended))
    }

    /// Its descriptor, to go on with by other means: a pipe holds what wasn't read yet, a file all of it.
    pub fn into_inner(self) -> OwnedFd {
        self.fd
    }

    /// Waits until a pipe has something or has ended.
    fn wait(&self, until: Instant) -> io::Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        match poll(&mut fds, Some(&left)) {
            Ok(0) => Err(ErrorKind::TimedOut.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let quiet = Instant::now() + self.patience;
        let until = self.until.map_or(quiet, |until| until.min(quiet));
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return Err(ErrorKind::TimedOut.into());
        }
        loop {
            let result = match &mut self.kind {
                Kind::File(offset) => rustix::io::pread(&self.fd, &mut *buffer, *offset)
                    .inspect(|count| *offset += u64::try_from(*count).unwrap_or(0)),
                Kind::Pipe => rustix::io::read(&self.fd, &mut *buffer),
            };
            match result {
                Ok(count) => return Ok(count),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => self.wait(until)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What `from` has, in pieces that are joined at the end, instead of a buffer that grows and leaves pieces of itself behind;
/// and whether that was all, or it was left with more than `most` bytes. Only the last piece isn't full: whoever writes
/// byte by byte takes no more memory.
fn pieces(from: &mut impl Read, most: usize) -> io::Result<(Vec<Zeroizing<Vec<u8>>>, bool)> {
    let mut pieces = Vec::new();
    let mut length = 0;
    loop {
        let (mut piece, mut filled) = (Zeroizing::new(vec![0; PIECE]), 0);
        let mut ended = false;
        while !ended && filled < PIECE && length <= most {
            match from.read(piece.get_mut(filled..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                taken => {
                    let taken = taken?;
                    ended = taken == 0;
                    filled += taken;
                    length += taken;
                }
            }
        }
        piece.truncate(filled);
        pieces.push(piece);
        if ended || length > most {
            return Ok((pieces, length <= most));
        }
    }
}

/// Reads a whole content of at most `most` bytes; see [`ContentReader`].
///
/// # Errors
/// [`ReadContentError`].
pub fn read_content(
    fd: impl Into<OwnedFd>,
    most: usize,
    patience: Duration,
) -> Result<Secret<Vec<u8>>, ReadContentError> {
    let mut reader = ContentReader::new(fd, patience)?;
    if reader.length().is_some_and(|length| length > most as u64) {
        return Err(ReadContentError::TooLong);
    }
    reader.read_within(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe whose writer has one byte each time.
    struct Dripping(usize);

    impl Read for Dripping {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let taken = self.0.min(1).min(buffer.len());
            self.0 -= taken;
            Ok(taken)
        }
    }

    #[test]
    fn what_comes_byte_by_byte_takes_no_more_memory_than_what_comes_at_once() {
        let (dripped, ended) = pieces(&mut Dripping(PIECE + 1), 2 * PIECE).unwrap();
        let lengths: Vec<_> = dripped.iter().map(|piece| piece.len()).collect();
        assert_eq!((lengths, ended), (vec![PIECE, 1], true));
        let (dripped, ended) = pieces(&mut Dripping(100), 10).unwrap();
        assert_eq!((dripped.len(), dripped[0].len(), ended), (1, 11, false));
    }
}
