//! A database without a thread: whatever is asked of it waits until the test has it done.

use std::collections::VecDeque;
use std::sync::Arc;

use belay_proto::secret::Secret;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::thread::Job;
use super::{QUEUE, Sealer, Store, migrations, together};

/// The database in memory, and what waits for it.
pub(crate) struct ByHand {
    connection: Connection,
    inbox: mpsc::Receiver<Job>,
    waiting: VecDeque<Job>,
}

impl ByHand {
    /// An empty one, and the handle to it.
    pub(crate) fn open() -> (Store, Self) {
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        connection.set_prepared_statement_cache_capacity(256);
        migrations::run(&mut connection, migrations::ALL).unwrap();
        let store = Store {
            jobs,
            sealer: Sealer::new(&Secret::new([1; 32])),
            release_put: Arc::default(),
            session: Default::default(),
            forgotten: Arc::default(),
        };
        let hand = Self {
            connection,
            inbox,
            waiting: VecDeque::new(),
        };
        (store, hand)
    }

    /// What was asked last waits; how much does in all.
    pub(crate) fn gather(&mut self) -> usize {
        while let Ok(job) = self.inbox.try_recv() {
            self.waiting.push_back(job);
        }
        self.waiting.len()
    }

    /// Does what waits longest, or what was asked last.
    pub(crate) fn does(&mut self, last: bool) {
        let job = match last {
            true => self.waiting.pop_back(),
            false => self.waiting.pop_front(),
        };
        match job {
            Some(Job::Run(run)) => run(&mut self.connection),
            Some(Job::Edit(edit)) => {
                together::edit(&mut self.connection, edit, &mut self.inbox, &mut self.waiting);
            }
            Some(Job::Close(_)) | None => {}
        }
    }

    /// Forgets what waits: whoever asked is dead.
    pub(crate) fn drops(&mut self) {
        self.gather();
        self.waiting.clear();
    }

    /// The database itself.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
