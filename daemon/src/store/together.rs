//! Edits that wait for the disk together.
//!
//! Each stands or falls alone, and is answered when it is on disk; those that wait at the same time get there with one write.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rusqlite::{Connection, Transaction};
use tokio::sync::mpsc;

use super::StoreError;
use super::thread::{self, Job};

/// Edits that are put on disk together at most.
const MOST: usize = 32;

/// An edit within a transaction; what it answers is told once that is on disk, or has failed.
pub(super) type Edit = Box<dyn FnOnce(&Transaction<'_>) -> Verdict + Send>;
/// Tells whoever waits.
pub(super) type Verdict = Box<dyn FnOnce(Result<(), StoreError>)>;

/// Does an edit, and those that wait already; jobs of another kind between them are left in `waiting`. Nobody hands two over
/// whose order counts without waiting for the first.
pub(super) fn edit(
    connection: &mut Connection,
    first: Edit,
    inbox: &mut mpsc::Receiver<Job>,
    waiting: &mut VecDeque<Job>,
) {
    let mut verdicts = Vec::new();
    let stands = transaction(connection, first, inbox, waiting, &mut verdicts);
    if let Err(error) = &stands {
        tracing::error!(error = error as &dyn std::error::Error, "edits weren't kept");
    }
    let stands = stands.map_err(Arc::new);
    for tell in verdicts {
        let stands = stands.clone().map_err(StoreError::NotKept);
        if catch_unwind(AssertUnwindSafe(|| tell(stands))).is_err() {
            tracing::error!("what follows an edit panicked");
        }
    }
    if let Err(error) = thread::cache(connection, thread::CACHE) {
        tracing::warn!(%error, "the cache stays large");
    }
}

fn transaction(
    connection: &mut Connection,
    first: Edit,
    inbox: &mut mpsc::Receiver<Job>,
    waiting: &mut VecDeque<Job>,
    verdicts: &mut Vec<Verdict>,
) -> rusqlite::Result<()> {
    // An edit may touch many rows in no order: pages that don't fit the usual cache would be written and read again and again.
    thread::cache(connection, thread::LARGE_CACHE)?;
    let transaction = connection.transaction()?;
    let mut next = Some(first);
    while let Some(edit) = next.take() {
        // A panic's answer is that its own is dropped.
        if let Ok(verdict) = catch_unwind(AssertUnwindSafe(|| edit(&transaction))) {
            verdicts.push(verdict);
        }
        // SQLite ends a transaction by itself where the disk fails: what came after it would stand alone.
        while !transaction.is_autocommit() && verdicts.len() < MOST && next.is_none() {
            match inbox.try_recv() {
                Ok(Job::Edit(edit)) => next = Some(edit),
                Ok(other) => waiting.push_back(other),
                Err(_) => break,
            }
        }
    }
    transaction.commit()
}

/// Runs `work` as a transaction within this one: what it did stays where it answers `Ok(Ok(_))`.
///
/// # Errors
/// What `work` answers, or that it panicked.
pub(super) fn within<T, E>(
    transaction: &Transaction<'_>,
    work: impl FnOnce(&Transaction<'_>) -> Result<Result<T, E>, StoreError>,
) -> Result<Result<T, E>, StoreError> {
    transaction.prepare_cached("SAVEPOINT edit")?.execute([])?;
    let done = catch_unwind(AssertUnwindSafe(|| work(transaction)));
    let done = done.unwrap_or_else(|_| {
        tracing::error!("work on the database panicked");
        Err(StoreError::Panicked)
    });
    let end = match done {
        Ok(Ok(_)) => "RELEASE edit",
        _ => "ROLLBACK TO edit; RELEASE edit",
    };
    if let Err(error) = transaction.execute_batch(end) {
        // Rather none of those that are together than half of this one.
        let _ = transaction.execute_batch("ROLLBACK");
        return Err(error.into());
    }
    done
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc as gate};

    use super::*;
    use crate::store::{SealingKey, Store, meta};

    #[tokio::test]
    async fn edits_that_wait_together_are_answered_together_and_each_stands_or_falls_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), SealingKey::default()).await.unwrap();
        let done: Arc<Mutex<Vec<String>>> = Arc::default();
        let set = |name: &'static str| {
            let done = Arc::clone(&done);
            move |db: &Transaction<'_>| {
                done.lock().unwrap().push(format!("{name} set"));
                meta::set(db, name, b"there")
            }
        };
        let told = |name: &'static str| {
            let done = Arc::clone(&done);
            move |()| done.lock().unwrap().push(format!("{name} told"))
        };
        // Holds the thread until all the others wait.
        let (open, closed) = gate::channel::<()>();
        let (set_first, set_refused, set_broken, set_panicked, set_last) =
            (set("a"), set("b"), set("c"), set("d"), set("e"));
        let first = store.edit(
            move |db| {
                closed.recv().ok();
                set_first(db).map(Ok::<(), ()>)
            },
            told("a"),
        );
        let refused = store.edit(move |db| set_refused(db).map(|()| Err::<(), _>(7)), told("b"));
        let broken = store.edit(
            move |db| {
                set_broken(db)?;
                Err::<Result<(), ()>, _>(StoreError::Malformed { what: "test" })
            },
            told("c"),
        );
        let panicked = store.edit(
            move |db| -> Result<Result<(), ()>, StoreError> {
                set_panicked(db)?;
                panic!("on purpose")
            },
            told("d"),
        );
        let last = store.edit(move |db| set_last(db).map(Ok::<(), ()>), told("e"));
        // Another kind of job keeps its place behind them.
        let there = store.call(|db| {
            let names = ["a", "b", "c", "d", "e"].into_iter();
            let there = |name: &&str| meta::get(db, name).unwrap().is_some();
            Ok(names.filter(there).collect::<Vec<_>>())
        });
        let open = async { open.send(()).unwrap() };
        let (first, refused, broken, panicked, last, there, ()) =
            tokio::join!(first, refused, broken, panicked, last, there, open);
        assert!(matches!((first, last), (Ok(Ok(())), Ok(Ok(())))));
        assert_eq!(refused.unwrap().unwrap_err(), 7);
        assert!(matches!(broken, Err(StoreError::Malformed { .. })));
        assert!(matches!(panicked, Err(StoreError::Panicked)));
        assert_eq!(there.unwrap(), ["a", "e"]);
        let done = done.lock().unwrap().join(", ");
        assert_eq!(done, "a set, b set, c set, d set, e set, a told, e told");
    }
}
