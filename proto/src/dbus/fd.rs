//! Secrets cross the bus in descriptors, so that no bus monitor sees one.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{MemfdFlags, OFlags, SealFlags};
use tokio::net::unix::pipe::Receiver;
use zeroize::{Zeroize, Zeroizing};

use super::Error;
use crate::secret::Secret;

/// The longest secret, bytes.
pub const MAX_BYTES: usize = 1024;

/// How long a pipe may take.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A descriptor gave no secret. On the bus each is `InvalidArgument`.
#[derive(Debug, thiserror::Error)]
pub enum ReadSecretError {
    /// Something else than a memfd or the reading end of a pipe; not a byte was read.
    #[error("the descriptor is neither a memfd nor the reading end of a pipe")]
    NotMemfdOrPipe,
    /// More than [`MAX_BYTES`].
    #[error("the secret is over 1024 bytes")]
    TooLong,
    /// The pipe didn't end within [`PATIENCE`].
    #[error("the pipe didn't end within 2 s")]
    TimedOut,
    /// Not UTF-8.
    #[error("the secret isn't UTF-8")]
    NotUtf8,
    /// Reading failed.
    #[error("the descriptor can't be read")]
    Io(#[source] io::Error),
}

impl From<ReadSecretError> for Error {
    fn from(error: ReadSecretError) -> Self {
        Self::InvalidArgument(error.to_string())
    }
}

/// A secret in a sealed memfd, ready to be sent.
///
/// # Errors
/// When the kernel has no descriptor or memory left.
pub fn write_secret(secret: &Secret<String>) -> io::Result<OwnedFd> {
    write_text(secret.expose())
}

/// As [`write_secret`], for texts that prove themselves and are no secret: releases, authorisations.
///
/// # Errors
/// As [`write_secret`].
pub fn write_text(text: &str) -> io::Result<OwnedFd> {
    write_bytes(text.as_bytes())
}

/// As [`write_secret`], for contents of any kind and length.
///
/// # Errors
/// As [`write_secret`].
pub fn write_bytes(bytes: &[u8]) -> io::Result<OwnedFd> {
    let memfd = rustix::fs::memfd_create("belay", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut rest = bytes;
    let mut offset = 0;
    while !rest.is_empty() {
        // Writing at an offset leaves the file position at the start, for readers that use it.
        let written = rustix::io::pwrite(&memfd, rest, offset)?;
        if written == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        offset += u64::try_from(written).unwrap_or(0);
        rest = rest.get(written..).unwrap_or_default();
    }
    rustix::fs::fcntl_add_seals(
        &memfd,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    Ok(memfd)
}

/// Reads a secret that somebody sent: a memfd (`F_GET_SEALS` succeeds) or a pipe, UTF-8, at most
/// 1,024 bytes within 2 s. Needs a tokio runtime with I/O and time; never blocks it.
///
/// # Errors
/// [`ReadSecretError`].
pub async fn read_secret(fd: impl Into<OwnedFd>) -> Result<Secret<String>, ReadSecretError> {
    let fd = fd.into();
    // Not fstat: on a file of somebody's own file system it would wait for them.
    let bytes = if rustix::fs::fcntl_get_seals(&fd).is_ok() {
        read_memfd(&fd)?
    } else if rustix::pipe::fcntl_getpipe_size(&fd).is_ok() {
        tokio::time::timeout(PATIENCE, read_pipe(fd))
            .await
            .map_err(|_| ReadSecretError::TimedOut)??
    } else {
        return Err(ReadSecretError::NotMemfdOrPipe);
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| ReadSecretError::NotUtf8)?;
    Ok(Secret::of_text(text))
}

/// What was read so far, overwritten when dropped, and room for the one byte too many.
type Bytes = Zeroizing<Vec<u8>>;

fn read_memfd(fd: &OwnedFd) -> Result<Bytes, ReadSecretError> {
    let mut bytes = room();
    loop {
        let mut chunk = Zeroizing::new([0; MAX_BYTES + 1]);
        let offset = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match rustix::io::pread(fd.as_fd(), chunk.as_mut_slice(), offset) {
            Ok(0) => return Ok(bytes),
            Ok(count) => take(&mut bytes, chunk.get(..count).unwrap_or_default())?,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(ReadSecretError::Io(error.into())),
        }
    }
}

async fn read_pipe(fd: OwnedFd) -> Result<Bytes, ReadSecretError> {
    let flags = rustix::fs::fcntl_getfl(&fd).map_err(|error| ReadSecretError::Io(error.into()))?;
    if (flags & OFlags::RWMODE) == OFlags::WRONLY {
        return Err(ReadSecretError::NotMemfdOrPipe);
    }
    rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)
        .map_err(|error| ReadSecretError::Io(error.into()))?;
    let pipe = Receiver::from_owned_fd_unchecked(fd).map_err(ReadSecretError::Io)?;
    let mut bytes = room();
    loop {
        pipe.readable().await.map_err(ReadSecretError::Io)?;
        let mut chunk = Zeroizing::new([0; MAX_BYTES + 1]);
        match pipe.try_read(chunk.as_mut_slice()) {
            Ok(0) => return Ok(bytes),
            Ok(count) => take(&mut bytes, chunk.get(..count).unwrap_or_default())?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(ReadSecretError::Io(error)),
        }
    }
}

fn room() -> Bytes {
    // Never grows: a growing buffer would leave pieces of the secret behind.
    Zeroizing::new(Vec::with_capacity(MAX_BYTES))
}

fn take(bytes: &mut Bytes, chunk: &[u8]) -> Result<(), ReadSecretError> {
    if bytes.len() + chunk.len() > MAX_BYTES {
        bytes.zeroize();
        return Err(ReadSecretError::TooLong);
    }
    bytes.extend_from_slice(chunk);
    Ok(())
}

#[cfg(test)]
mod tests;
