//! How much is done of the contents that are moved.

use tokio::sync::watch;

use crate::sync::ports::Moving;

/// Of all contents that are moved now.
#[derive(Debug, Default)]
pub(super) struct Progress(watch::Sender<Moving>);

/// A content's share in it, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    moving: watch::Sender<Moving>,
    done: u64,
    all: u64,
}

impl Progress {
    pub(super) fn watch(&self) -> watch::Receiver<Moving> {
        self.0.subscribe()
    }

    /// A content of so many bytes is about to be moved; 0: nobody knows yet.
    pub(super) fn begin(&self, all: u64) -> Share {
        self.0.send_modify(|moving| {
            moving.contents += 1;
            moving.all = moving.all.saturating_add(all);
        });
        let moving = self.0.clone();
        Share { moving, done: 0, all }
    }
}

impl Share {
    /// The content has so many bytes at least.
    pub(super) fn is_of(&mut self, all: u64) {
        let more = all.saturating_sub(self.all);
        if more > 0 {
            self.all += more;
            self.moving
                .send_modify(|moving| moving.all = moving.all.saturating_add(more));
        }
    }

    /// So many bytes of it are moved, or needn't be.
    pub(super) fn advance(&mut self, bytes: u64) {
        let bytes = bytes.min(self.all - self.done);
        self.done += bytes;
        self.moving
            .send_modify(|moving| moving.done = moving.done.saturating_add(bytes));
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.moving.send_modify(|moving| {
            moving.contents = moving.contents.saturating_sub(1);
            // What isn't moved any more isn't waited for either.
            moving.all = moving.all.saturating_sub(self.all - self.done);
            if moving.contents == 0 {
                *moving = Moving::default();
            }
        });
    }
}
