//! How a mirror ends and begins anew.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::*;

/// A folder on a medium that takes as long to write as the test says.
#[derive(Debug)]
struct Slow {
    folder: Folder,
    begun: Mutex<Sender<()>>,
    ends: Mutex<Receiver<()>>,
}

impl Source for Slow {
    as_its_folder_does!();

    fn scan(&self, first: bool, make: bool) -> Result<Scan, Stop> {
        self.folder.scan(first, make)
    }

    fn sync(&self) -> io::Result<()> {
        self.begun.lock().unwrap().send(()).unwrap();
        // Once the test lets go of the other end it is quick.
        let _ = self.ends.lock().unwrap_or_else(PoisonError::into_inner).recv();
        Ok(())
    }

    fn watch(&self) -> io::Result<Box<dyn Watch>> {
        self.folder.watch()
    }
}

#[tokio::test]
async fn a_mirror_that_ends_waits_for_what_keeps_its_memory_already() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("root");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("a"), "a").unwrap();
    let collection = Collection::new();
    let clock: Arc<dyn Clock> = Arc::new(BoottimeClock::new());
    let (begun, has_begun) = channel();
    let (let_end, ends) = channel();
    let (begun, ends) = (Mutex::new(begun), Mutex::new(ends));
    let slow = |folder| -> Arc<dyn Source> { Arc::new(Slow { folder, begun, ends }) };
    let running = Running::over(home.path(), &collection, clock, slow).await;
    let Running { orders, mut task, .. } = running;
    let waiting = tokio::task::spawn_blocking(move || (has_begun.recv().unwrap(), has_begun).1);
    let has_begun = waiting.await.unwrap();
    drop(orders);
    // Real time: nothing tells that it doesn't end, and a mirror that did would take no longer.
    let early = tokio::time::timeout(Duration::from_millis(300), &mut task).await;
    assert!(early.is_err(), "it ended before its memory was kept");
    assert!(has_begun.try_recv().is_err(), "two write the same file");
    drop(let_end);
    task.await.unwrap();
    let memory = MemoryFile::new(&home.path().join("state"), "test");
    assert!(memory.load().root.is_some());
}

#[tokio::test]
async fn a_folder_that_takes_a_files_place_is_its_removal() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    fs::create_dir_all(home.path().join("root")).unwrap();
    fs::write(home.path().join("root/a"), "file").unwrap();
    fs::write(home.path().join("root/z"), "stays").unwrap();
    let mut running = Running::new(home.path(), &collection).await;
    running.holds(&[("a", "file"), ("z", "stays")]).await;
    let root = running.root.clone();
    running.end().await;
    fs::remove_file(root.join("a")).unwrap();
    fs::create_dir(root.join("a")).unwrap();
    fs::write(root.join("a/b"), "below").unwrap();
    let mut running = Running::new(home.path(), &collection).await;
    running.holds(&[("a/b", "below"), ("z", "stays")]).await;
    running.end().await;
}

#[tokio::test]
async fn a_memory_that_cant_be_kept_is_told_and_tried_again_without_hurry() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    fs::create_dir_all(home.path().join("root")).unwrap();
    fs::write(home.path().join("state"), "in the way").unwrap();
    fs::write(home.path().join("root/a"), "a").unwrap();
    let mut running = Running::new(home.path(), &collection).await;
    running.until(|status| status.waits).await;
    assert!(!running.status.borrow().is_settled);
    fs::remove_file(home.path().join("state")).unwrap();
    running.settled().await;
    running.end().await;
}

#[tokio::test]
async fn what_a_new_binding_lacks_a_part_of_is_brought_from_a_file_that_is_as_long_and_as_old() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    let long = "x".repeat(usize::try_from(SMALL).unwrap() + 1);
    fs::create_dir_all(home.path().join("root")).unwrap();
    fs::write(home.path().join("root/film"), &long).unwrap();
    let mut running = Running::new(home.path(), &collection).await;
    running.holds(&[("film", &long)]).await;
    collection.lacks.lock().unwrap().insert("film".to_owned());
    let anew = Binding {
        since: 7,
        ..Binding::default()
    };
    running.orders.send(Order::On(anew)).await.unwrap();
    running.until(|status| !status.is_settled).await;
    running.settled().await;
    assert!(collection.lacks.lock().unwrap().is_empty());
    assert_eq!(collection.calls.lock().unwrap().1, 2);
    running.holds(&[("film", &long)]).await;
    running.end().await;
}
