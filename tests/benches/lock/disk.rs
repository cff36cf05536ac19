//! What the warden writes, and what it takes to have that on disk.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use belay_tests::{Outcome, Stage};
use belay_warden::disk::files::{Disk, Files as _};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::print;

/// How often one write is timed.
const TIMES: usize = 200;
/// A line of the audit log, about.
const LINE: usize = 300;

/// How often the warden had something on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    /// A file was replaced: written beside it and renamed over it. Two fsyncs: of the file, of its folder.
    replaced: usize,
    /// A line was added to the log. One fsync.
    appended: usize,
}

impl Written {
    const fn fsyncs(self) -> usize {
        2 * self.replaced + self.appended
    }
}

/// Sees what is written in the warden's folders from now on.
pub struct Writes {
    inotify: OwnedFd,
    seen: Written,
}

impl Writes {
    /// Of the warden whose state lies in `folder`: copies in its `a` and `b`.
    pub fn watch(folder: &Path) -> Outcome<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        for part in folders(folder)? {
            inotify::add_watch(&inotify, &part, WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE)?;
        }
        Ok(Self {
            inotify,
            seen: Written::default(),
        })
    }

    /// What was written until now.
    pub fn so_far(&mut self) -> Outcome<Written> {
        let mut buffer = [const { MaybeUninit::uninit() }; 4096];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(self.seen),
                Err(error) => return Err(error.into()),
            };
            let is_log = event
                .file_name()
                .is_some_and(|name| name.to_string_lossy().ends_with(".log"));
            if event.events().contains(ReadFlags::MOVED_TO) {
                self.seen.replaced += 1;
            } else if is_log {
                self.seen.appended += 1;
            }
        }
    }
}

/// Times both ways of writing, and says what they make of a lock's.
pub fn measure(stage: &Stage, typical: Written) -> Outcome {
    let folder = stage.place().at("bench");
    fs::create_dir(&folder)?;
    let (file, log) = (folder.join("lock"), folder.join("audit.log"));
    let content = fs::read(stage.place().at("warden/a/lock"))?;
    let mut disk = Disk;
    let (mut replaced, mut appended) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let begun = Instant::now();
        disk.replace(&file, &content)?;
        replaced.push(begun.elapsed());
        let begun = Instant::now();
        disk.append(&log, &[b'x'; LINE])?;
        appended.push(begun.elapsed());
    }
    print(
        &format!("one file of {} bytes replaced: 2 fsyncs", content.len()),
        &mut replaced,
    );
    print("one line added to the log: 1 fsync", &mut appended);
    let median = |times: &[std::time::Duration]| {
        times
            .get(times.len() / 2)
            .copied()
            .unwrap_or_default()
            .as_secs_f64()
    };
    let one = |times: usize, time: f64| f64::from(u32::try_from(times).unwrap_or(u32::MAX)) * time * 1e3;
    println!(
        "the warden, until it says lost: {} files replaced, {} lines added = {} fsyncs, about {:.2} ms",
        typical.replaced,
        typical.appended,
        typical.fsyncs(),
        one(typical.replaced, median(&replaced)) + one(typical.appended, median(&appended)),
    );
    Ok(())
}

/// The folder and those in it.
fn folders(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut all = vec![folder.to_owned()];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            all.push(entry.path());
        }
    }
    Ok(all)
}
