//! Waiting for what a program does to its files.

use std::future::Future;
use std::path::{Path, PathBuf};

use belay_tests::until::within;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::net::unix::pipe;

/// Resolves when a file anywhere below `folder` is next put in its place by a rename. The watch stands when this
/// returns, not when it is first polled.
pub fn next_write(folder: &Path) -> impl Future<Output = ()> + use<> {
    let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
    for folder in folders(folder) {
        inotify::add_watch(&watch, &folder, WatchFlags::MOVED_TO).unwrap();
    }
    let events = pipe::Receiver::from_owned_fd_unchecked(watch).unwrap();
    async move {
        within("a program to write a file", events.readable())
            .await
            .unwrap()
            .unwrap();
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
