//! A disk that a test can stop.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use belay_warden::disk::files::{Disk, Files};

/// A disk that stops at a write, as a power cut or a SIGKILL does: everything after fails too.
#[derive(Clone)]
pub struct StoppingDisk {
    left: Arc<AtomicUsize>,
    /// The write at which it stops is done, only nobody hears of it.
    after: bool,
    failed: Arc<AtomicUsize>,
}

impl StoppingDisk {
    pub fn new(writes: usize, after: bool) -> Self {
        Self {
            left: Arc::new(AtomicUsize::new(writes)),
            after,
            failed: Arc::default(),
        }
    }

    /// How many writes were tried since it stopped, in all.
    pub fn failed(&self) -> usize {
        self.failed.load(Ordering::SeqCst)
    }

    /// Whether it came to a stop.
    pub fn stopped(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    /// From now on every write fails.
    pub fn stop(&self) {
        self.left.store(0, Ordering::SeqCst);
    }

    /// There is power, or room, again.
    pub fn revive(&self) {
        self.left.store(usize::MAX, Ordering::SeqCst);
    }

    fn write(&self, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        match self.left.load(Ordering::SeqCst) {
            0 => {
                self.failed.fetch_add(1, Ordering::SeqCst);
                return Err(io::Error::other("the device is off"));
            }
            left => self.left.store(left - 1, Ordering::SeqCst),
        }
        let last = self.stopped();
        if !last || self.after {
            work()?;
        }
        if last {
            Err(io::Error::other("the power went"))
        } else {
            Ok(())
        }
    }
}

impl Files for StoppingDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Disk.read(path)
    }
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write(|| Disk.replace(path, bytes))
    }
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // The line may be there in part.
        let half = &bytes[..bytes.len() / 2];
        let stops_here = self.left.load(Ordering::SeqCst) == 1;
        if stops_here && !self.after {
            Disk.append(path, half)?;
        }
        self.write(|| Disk.append(path, bytes))
    }
    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        self.write(|| Disk.truncate(path, length))
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.write(|| Disk.rename(from, to))
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.write(|| Disk.remove(path))
    }
    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        Disk.make_folder(path)
    }
}
