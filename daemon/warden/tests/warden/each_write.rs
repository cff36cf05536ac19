//! Killed at every single write: the way that the stories of all crash tests go.

use std::fmt;

use crate::stopping_disk::StoppingDisk;
use crate::support::{Device, Running};

/// Where a story was killed.
#[derive(Clone, Copy)]
pub struct Kill {
    /// At which write, the first is 1.
    write: usize,
    /// That write was done, only nobody heard of it.
    after: bool,
    /// The story was over before it.
    pub is_none: bool,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.after { "after" } else { "before" };
        write!(f, "{side} write {}", self.write)
    }
}

/// Runs `story` with the disk stopping at each write in turn, on either side of it, until one ends before its disk does. After each
/// the process is gone, and `judge` gets what the story came to.
pub async fn at_each_write<T>(
    device: &Device,
    story: impl AsyncFn(&Running) -> T,
    judge: impl AsyncFn(&Device, T, Kill),
) {
    let files = device.snapshot();
    for after in [false, true] {
        for write in 1.. {
            assert!(write < 100, "the story ends");
            device.put_back(&files);
            let disk = StoppingDisk::new(write, after);
            let warden = device.start_on(Box::new(disk.clone()));
            let outcome = story(&warden).await;
            drop(warden);
            let is_none = !disk.stopped();
            let kill = Kill {
                write,
                after,
                is_none,
            };
            judge(device, outcome, kill).await;
            if is_none {
                break;
            }
        }
    }
}
