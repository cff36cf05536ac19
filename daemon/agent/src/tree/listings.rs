//! Tells tests whether a folder was listed.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

/// Hears of each listing of a folder.
pub(super) struct Listings(OwnedFd);

impl Listings {
    pub(super) fn of(folder: &Path) -> Self {
        let inotify = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        add_watch(&inotify, folder, WatchFlags::ACCESS).unwrap();
        Self(inotify)
    }

    /// Whether one came since this was asked last.
    pub(super) fn came(&self) -> bool {
        let (mut room, mut came) = ([MaybeUninit::uninit(); 4096], false);
        let mut reader = Reader::new(&self.0, &mut room);
        loop {
            match reader.next() {
                // Of itself and not of what is in it.
                Ok(event) => came |= event.file_name().is_none(),
                Err(Errno::AGAIN) => return came,
                Err(error) => panic!("{error}"),
            }
        }
    }
}
