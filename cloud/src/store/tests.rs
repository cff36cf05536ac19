//! Calls that are put on disk together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as gate;

use super::*;

fn add(tx: &Transaction<'_>, number: u32) -> Result<(), Failure> {
    tx.execute(
        "INSERT INTO meta (name, value) VALUES (?1, x'00')",
        [format!("n{number}")],
    )?;
    Ok(())
}

async fn numbers(store: &Store) -> String {
    let all = store.transact(|tx| {
        let sql = "SELECT coalesce(group_concat(name), '') FROM (SELECT name FROM meta WHERE name LIKE 'n_' ORDER BY name)";
        Ok(tx.query_row(sql, [], |row| row.get(0))?)
    });
    all.await.unwrap()
}

#[tokio::test]
async fn calls_that_wait_together_each_stand_or_fall_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join(FILE)).unwrap();
    // Holds the thread until all the others wait.
    let (open, closed) = gate::channel::<()>();
    let told = Arc::new(AtomicUsize::new(0));
    let tells = |number: u32| {
        let told = Arc::clone(&told);
        move |tx: &Transaction<'_>| {
            add(tx, number)?;
            after_commit(move || {
                told.fetch_add(1, Ordering::SeqCst);
            });
            Ok(())
        }
    };
    let (tell_first, tell_last) = (tells(1), tells(6));
    let tell_broken = tells(2);
    let (first, broken, panicked, refused, counted, last, ()) = tokio::join!(
        store.transact(move |tx| {
            closed.recv().ok();
            tell_first(tx)
        }),
        store.transact(move |tx| {
            tell_broken(tx)?;
            Err::<(), _>(Failure::Broken(StoreError::Unreadable("a test")))
        }),
        store.transact(|tx| -> Result<(), Failure> {
            add(tx, 3)?;
            panic!("a test")
        }),
        store.transact(|tx| {
            add(tx, 4)?;
            Err::<(), Failure>(Problem::new(Kind::NotFound).into())
        }),
        store.transact(|tx| {
            add(tx, 5)?;
            Err::<(), _>(Failure::Counted(Problem::new(Kind::NotFound)))
        }),
        store.transact(tell_last),
        async { open.send(()).unwrap() },
    );
    assert!(first.is_ok() && last.is_ok());
    for (outcome, kind) in [
        (broken, Kind::Internal),
        (panicked, Kind::Internal),
        (refused, Kind::NotFound),
        (counted, Kind::NotFound),
    ] {
        assert_eq!(outcome.unwrap_err().kind, kind);
    }
    assert_eq!(numbers(&store).await, "n1,n4,n5,n6");
    assert_eq!(told.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_the_disk_refuses_stands_for_none_of_those_that_waited_together() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join(FILE)).unwrap();
    let (open, closed) = gate::channel::<()>();
    let (first, ended, last, ()) = tokio::join!(
        store.transact(move |tx| {
            closed.recv().ok();
            add(tx, 1)
        }),
        // As SQLite does by itself when the disk is full.
        store.transact(|tx| {
            tx.execute_batch("ROLLBACK")?;
            Err::<(), _>(Failure::Broken(StoreError::Unreadable("a test")))
        }),
        store.transact(|tx| add(tx, 3)),
        async { open.send(()).unwrap() },
    );
    assert!(first.is_err() && ended.is_err());
    // It came in the next turn.
    assert!(last.is_ok());
    assert_eq!(numbers(&store).await, "n3");
}

/// What SQLite does at the end of the transaction: 1 writes to its log, 2 waits for the disk too.
fn level(tx: &Transaction<'_>) -> Result<u8, Failure> {
    Ok(tx.pragma_query_value(None, "synchronous", |row| row.get(0))?)
}

#[tokio::test]
async fn what_is_noted_waits_for_the_disk_only_with_what_has_to_last() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join(FILE)).unwrap();
    assert_eq!(store.transact(level).await.unwrap(), 2);
    assert_eq!(store.note(level).await.unwrap(), 1);
    assert_eq!(store.transact(level).await.unwrap(), 2);
    // Holds the thread, so that the others wait together.
    let (open, closed) = gate::channel::<()>();
    let (begin, begun) = oneshot::channel();
    let holding = store.clone();
    let held = tokio::spawn(async move {
        let hold = move |tx: &Transaction<'_>| {
            begin.send(()).ok();
            closed.recv().ok();
            level(tx)
        };
        holding.note(hold).await
    });
    begun.await.unwrap();
    let (noted, lasting, ()) = tokio::join!(store.note(level), store.transact(level), async {
        open.send(()).unwrap()
    },);
    let levels = [held.await.unwrap(), noted, lasting].map(Result::unwrap);
    assert_eq!(levels, [1, 2, 2]);
}
