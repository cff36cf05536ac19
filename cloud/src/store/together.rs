//! The thread that runs transactions, several in one.

use std::collections::VecDeque;

use belay_proto::failpoint;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::mpsc;

use super::StoreError;
use crate::problem::Problem;

/// Calls that are put on disk together at most.
const MOST: usize = 64;

/// What is done within a transaction, or isn't where there is none; what it answers is told once the transaction stands, or has
/// failed.
type Work = Box<dyn FnOnce(Option<&Transaction<'_>>) -> Verdict + Send>;

/// A call.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) lasts: Lasts,
}

/// Tells whoever waits; why the transaction doesn't stand.
pub(super) type Verdict = Box<dyn FnOnce(Option<Problem>)>;

/// What a transaction survives once it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lasts {
    /// The end of this program. A power cut may take it, unless one that came later survives that.
    Run,
    /// A power cut.
    PowerCut,
}

impl Lasts {
    /// What SQLite is told (`synchronous`, <https://www.sqlite.org/pragma.html>): `NORMAL` writes to the log, `FULL` waits until
    /// the disk has all of the log.
    const fn pragma(self) -> &'static str {
        match self {
            Self::Run => "PRAGMA synchronous = NORMAL",
            Self::PowerCut => "PRAGMA synchronous = FULL",
        }
    }
}

/// The connection and who waits for it.
pub(super) struct Together {
    connection: Connection,
    queue: mpsc::Receiver<Job>,
    /// Taken from the queue, and not done yet.
    waiting: VecDeque<Job>,
    /// What the connection was last told.
    lasts: Lasts,
}

impl Together {
    /// With a connection as [`super::connect`] makes it.
    pub(super) const fn new(connection: Connection, queue: mpsc::Receiver<Job>) -> Self {
        Self {
            connection,
            queue,
            waiting: VecDeque::new(),
            lasts: Lasts::PowerCut,
        }
    }

    /// Works until nobody can call any more.
    pub(super) fn run(mut self) {
        loop {
            if self.waiting.is_empty() {
                let Some(job) = self.queue.blocking_recv() else {
                    return;
                };
                self.waiting.push_back(job);
            }
            let mut verdicts = Vec::new();
            let fails = self.transaction(&mut verdicts).err().map(|error| {
                let error = StoreError::from(error);
                tracing::error!(error = &error as &dyn std::error::Error, "transactions failed");
                if verdicts.is_empty() {
                    // It didn't even begin: whoever waits is told so. Each further turn would take as long.
                    self.give_up(&mut verdicts, error.is_busy());
                }
                error.problem()
            });
            for tell in verdicts {
                tell(fails.clone());
            }
        }
    }

    /// Has what waits end undone, with what came meanwhile too.
    fn give_up(&mut self, verdicts: &mut Vec<Verdict>, with_those_who_came: bool) {
        verdicts.extend(self.waiting.drain(..).map(|job| (job.work)(None)));
        while with_those_who_came && let Ok(job) = self.queue.try_recv() {
            verdicts.push((job.work)(None));
        }
    }

    /// Runs those that wait in one transaction.
    fn transaction(&mut self, verdicts: &mut Vec<Verdict>) -> rusqlite::Result<()> {
        while self.waiting.len() < MOST
            && let Ok(job) = self.queue.try_recv()
        {
            self.waiting.push_back(job);
        }
        let lasts = self.waiting.iter().map(|job| job.lasts).max();
        let lasts = lasts.unwrap_or(Lasts::PowerCut);
        // Within a transaction it can't be told.
        if self.lasts != lasts {
            self.connection.execute_batch(lasts.pragma())?;
            self.lasts = lasts;
        }
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let rows = transaction.total_changes();
        // SQLite ends a transaction by itself where the disk fails: what came after it would stand alone.
        while verdicts.len() < MOST && !transaction.is_autocommit() {
            let job = match self.waiting.pop_front() {
                Some(job) => job,
                // One that came meanwhile, where it lasts as long as it wants to.
                None if lasts == Lasts::PowerCut => match self.queue.try_recv() {
                    Ok(job) => job,
                    Err(_) => break,
                },
                None => break,
            };
            verdicts.push((job.work)(Some(&transaction)));
        }
        let wrote = lasts == Lasts::PowerCut && transaction.total_changes() != rows;
        if wrote {
            failpoint!("cloud.transaction.written");
        }
        transaction.commit()?;
        if wrote {
            failpoint!("cloud.transaction.committed");
        }
        Ok(())
    }
}
