//! Watching folders. What was changed isn't told, only that something was: the scan that follows sees it, and misses
//! nothing when the kernel's queue overflows.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;
use tokio::net::unix::pipe::Receiver;

use crate::names;
use crate::ports::{BoxFuture, Watch};

/// An instance of inotify(7).
#[derive(Debug)]
pub struct Inotify(Result<OwnedFd, Errno>);

impl Inotify {
    /// A new one, which watches nothing yet; and never does where the user has too many of them.
    #[must_use]
    pub fn new() -> Self {
        Self(init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC))
    }

    fn instance(&self) -> io::Result<&OwnedFd> {
        self.0.as_ref().map_err(|errno| (*errno).into())
    }

    /// Watches a folder, from before it is read, so that nothing falls in between. A folder that is watched already stays
    /// so.
    ///
    /// # Errors
    /// `ENOSPC` where `fs.inotify.max_user_watches` is reached, `EMFILE` where `fs.inotify.max_user_instances` was.
    pub fn add(&self, folder: &Path) -> io::Result<()> {
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR
            | WatchFlags::EXCL_UNLINK;
        add_watch(self.instance()?, folder, flags)?;
        Ok(())
    }

    /// Waits for its events.
    ///
    /// # Errors
    /// Where there is no instance, no descriptor left, or no runtime with I/O.
    pub fn watch(&self) -> io::Result<Box<dyn Watch>> {
        // It reads like a pipe that never ends.
        Ok(Box::new(Events(Receiver::from_owned_fd_unchecked(
            self.instance()?.try_clone()?,
        )?)))
    }
}

impl Default for Inotify {
    fn default() -> Self {
        Self::new()
    }
}

struct Events(Receiver);

impl Watch for Events {
    fn changed(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async {
            loop {
                self.0.readable().await?;
                match self.0.try_io(|| matters(&self.0)) {
                    Ok(true) => return Ok(()),
                    Ok(false) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        })
    }
}

/// Reads all events that wait; whether one of them is about something that is mirrored.
fn matters(fd: impl AsFd) -> io::Result<bool> {
    let mut room = [MaybeUninit::uninit(); 16 * 1024];
    let mut reader = Reader::new(fd.as_fd(), &mut room);
    let (mut found, mut any) = (false, false);
    loop {
        match reader.next() {
            Ok(event) => {
                any = true;
                let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
                let is_about_watch = event.events().intersects(ReadFlags::IGNORED | ReadFlags::UNMOUNT);
                found |= is_about_watch
                    || event.events().contains(ReadFlags::QUEUE_OVERFLOW)
                    || name.is_none_or(|name| names::is_mirrored(&name));
            }
            Err(Errno::AGAIN) if any => return Ok(found),
            Err(Errno::INTR) => {}
            // Also `EAGAIN`: it has to be waited for.
            Err(error) => return Err(error.into()),
        }
    }
}
