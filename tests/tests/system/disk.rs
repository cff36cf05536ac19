//! Waiting for what a program does to its files.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use belay_tests::until::within;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::net::unix::pipe;

/// Resolves when a file anywhere below `folder` is next put in its place by a rename. The watch stands when this
/// returns, not when it is first polled.
pub fn next_write(folder: &Path) -> impl Future<Output = ()> + use<> {
    writes(folder, 1)
}

/// Resolves when so many files below `folder` were put in their places since this returned.
pub fn writes(folder: &Path, wanted: usize) -> impl Future<Output = ()> + use<> {
    events(folder, wanted, WatchFlags::MOVED_TO)
}

/// Resolves when files below `folder` were written to about so often since this returned; quick ones after each other may
/// count as one.
pub fn touches(folder: &Path, wanted: usize) -> impl Future<Output = ()> + use<> {
    events(folder, wanted, WatchFlags::MODIFY)
}

fn events(folder: &Path, wanted: usize, of: WatchFlags) -> impl Future<Output = ()> + use<> {
    let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
    for folder in folders(folder) {
        inotify::add_watch(&watch, &folder, of).unwrap();
    }
    let events = pipe::Receiver::from_owned_fd_unchecked(watch).unwrap();
    async move {
        let mut seen = 0;
        while seen < wanted {
            within("a program to write a file", events.readable())
                .await
                .unwrap()
                .unwrap();
            let end = events.try_io(|| count(&events, &mut seen)).unwrap_err();
            assert_eq!(end.kind(), io::ErrorKind::WouldBlock);
        }
    }
}

/// Counts the events that wait, to their end.
fn count(events: impl AsFd, seen: &mut usize) -> io::Result<Infallible> {
    let mut room = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(events, &mut room);
    loop {
        reader.next()?;
        *seen += 1;
    }
}

/// `folder` and every folder below it.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(folder) = all.get(next).cloned() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all.push(path);
            }
        }
        next += 1;
    }
    all
}
