//! Mirrors on real folders with the real inotify, and a collection in memory.

/// What of a source is as its field `folder` has it.
macro_rules! as_its_folder_does {
    () => {
        fn shows_siblings(&self) -> bool {
            self.folder.shows_siblings()
        }

        fn open(&self, item: &Local) -> Result<File, SourceError> {
            self.folder.open(item)
        }

        fn is_still(&self, item: &Local) -> bool {
            self.folder.is_still(item)
        }

        fn is_gone(&self, natural: &str, place: &str) -> bool {
            self.folder.is_gone(natural, place)
        }

        fn write(&self, arrival: Arrival<'_>, over: Option<&Local>) -> Result<Local, SourceError> {
            self.folder.write(arrival, over)
        }

        fn remove(&self, item: &Local) -> Result<(), SourceError> {
            self.folder.remove(item)
        }
    };
}

mod arrivals;
mod collection;
mod ends;
mod exfat;
mod unwatched;
mod zones;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use belay_proto::clock::BoottimeClock;
use tokio::task::JoinHandle;

use super::*;
use crate::model::Local;
use crate::ports::{Arrival, SourceError};
use crate::queue::SMALL;
use crate::source::{Folder, Which};
use collection::Collection;

/// A mirror that runs.
struct Running {
    root: PathBuf,
    collection: Arc<Collection>,
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<Status>,
    task: JoinHandle<()>,
}

impl Running {
    async fn new(home: &Path, collection: &Arc<Collection>) -> Self {
        fs::create_dir_all(home.join("root")).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(BoottimeClock::new());
        Self::over(home, collection, clock, |folder| Arc::new(folder)).await
    }

    /// Over a source that is made of the folder `root`.
    async fn over(
        home: &Path,
        collection: &Arc<Collection>,
        clock: Arc<dyn Clock>,
        source: impl FnOnce(Folder) -> Arc<dyn Source>,
    ) -> Self {
        let root = home.join("root");
        let folder = Folder::new(root.clone(), Which::All, Vec::new(), Arc::clone(&clock));
        let records: Arc<dyn Records> = Arc::<Collection>::clone(collection);
        let parts = Parts {
            name: "test".to_owned(),
            source: source(folder),
            records,
            memory: MemoryFile::new(&home.join("state"), "test"),
            settle: Duration::ZERO,
            gone: Gone::Unsaid,
            clock,
        };
        let (orders, receiver) = mpsc::channel(8);
        let (sender, status) = watch::channel(Status::default());
        let task = tokio::spawn(mirror(parts, receiver, sender));
        orders.send(Order::On(Binding::default())).await.unwrap();
        Self {
            root,
            collection: Arc::clone(collection),
            orders,
            status,
            task,
        }
    }

    async fn until(&mut self, wanted: impl Fn(&Status) -> bool) {
        let wait = self.status.wait_for(|status| wanted(status));
        tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .unwrap()
            .unwrap();
    }

    async fn settled(&mut self) {
        self.until(|status| status.is_settled).await;
    }

    /// Waits for the collection to be so.
    async fn holds(&mut self, wanted: &[(&str, &str)]) {
        let wanted: BTreeMap<String, String> = wanted
            .iter()
            .map(|(natural, text)| ((*natural).to_owned(), (*text).to_owned()))
            .collect();
        let mut changes = self.collection.changes.subscribe();
        let all = async {
            while self.collection.contents() != wanted {
                changes.recv().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
        self.settled().await;
    }

    /// After another device's change.
    async fn told(&mut self) {
        self.settled().await;
        self.orders.send(Order::Changed).await.unwrap();
        self.until(|status| !status.is_settled).await;
        self.settled().await;
    }

    async fn end(self) {
        drop(self.orders);
        self.task.await.unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.root.join(name)).ok()
    }
}

#[tokio::test]
async fn a_change_on_either_side_is_made_on_the_other() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    collection.others("from/elsewhere.txt", Some("hello"));
    fs::create_dir_all(home.path().join("root/a")).unwrap();
    fs::write(home.path().join("root/a/b.txt"), "mine").unwrap();
    let mut running = Running::new(home.path(), &collection).await;
    running
        .holds(&[("a/b.txt", "mine"), ("from/elsewhere.txt", "hello")])
        .await;
    assert_eq!(running.read("from/elsewhere.txt").as_deref(), Some("hello"));

    fs::write(running.root.join("a/b.txt"), "edited").unwrap();
    running
        .holds(&[("a/b.txt", "edited"), ("from/elsewhere.txt", "hello")])
        .await;
    fs::rename(running.root.join("a/b.txt"), running.root.join("c.txt")).unwrap();
    running
        .holds(&[("c.txt", "edited"), ("from/elsewhere.txt", "hello")])
        .await;

    collection.others("c.txt", Some("theirs"));
    collection.others("from/elsewhere.txt", None);
    running.told().await;
    assert_eq!(running.read("c.txt").as_deref(), Some("theirs"));
    assert_eq!(running.read("from/elsewhere.txt"), None);
    running.end().await;
}

#[tokio::test]
async fn what_both_changed_while_nobody_looked_is_kept_twice_and_equal_contents_once() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    let long = "long ".repeat(40_000);
    assert!(long.len() as u64 > SMALL);
    fs::create_dir_all(home.path().join("root")).unwrap();
    for name in ["a.txt", "b.txt"] {
        fs::write(home.path().join("root").join(name), "first").unwrap();
    }
    fs::write(home.path().join("root/long"), &long).unwrap();
    let mut running = Running::new(home.path(), &collection).await;
    running
        .holds(&[("a.txt", "first"), ("b.txt", "first"), ("long", &long)])
        .await;
    let root = running.root.clone();
    running.end().await;
    fs::write(root.join("a.txt"), "mine").unwrap();
    collection.others("a.txt", Some("theirs"));
    fs::write(root.join("b.txt"), "same").unwrap();
    collection.others("b.txt", Some("same"));
    // Without the memory too.
    for forgets in [false, true] {
        if forgets {
            fs::remove_dir_all(home.path().join("state")).unwrap();
        }
        let mut running = Running::new(home.path(), &collection).await;
        running.settled().await;
        let version = "a (version 55555555).txt";
        assert_eq!(running.read("a.txt").as_deref(), Some("theirs"));
        assert_eq!(running.read(version).as_deref(), Some("mine"));
        assert_eq!(running.read("b.txt").as_deref(), Some("same"));
        assert_eq!(
            collection.contents().len(),
            4,
            "{:?}",
            collection.contents().keys()
        );
        running.end().await;
    }
    assert_eq!(collection.calls.lock().unwrap().1, 1, "the long one was put once");
}

#[tokio::test]
async fn many_short_ones_go_in_one_call_and_one_that_is_refused_holds_up_none() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    *collection.refuses.lock().unwrap() = vec!["07".to_owned()];
    fs::create_dir_all(home.path().join("root")).unwrap();
    for n in 0..64 {
        fs::write(home.path().join(format!("root/{n:02}")), n.to_string()).unwrap();
    }
    let mut running = Running::new(home.path(), &collection).await;
    running.settled().await;
    assert_eq!(collection.contents().len(), 63);
    assert_eq!(running.status.borrow().refused, 1);
    // Halves: 1 + 2 · 6 calls.
    assert_eq!(*collection.calls.lock().unwrap(), (13, 0));
    running.end().await;
}

#[tokio::test]
async fn what_cant_be_done_now_is_done_when_it_can() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    let mut running = Running::new(home.path(), &collection).await;
    running.settled().await;
    *collection.is_away.lock().unwrap() = true;
    fs::write(running.root.join("a"), "mine").unwrap();
    running.until(|status| status.waits).await;
    *collection.is_away.lock().unwrap() = false;
    running.orders.send(Order::Again).await.unwrap();
    running.holds(&[("a", "mine")]).await;
    // Off, nothing happens; on again, what was missed does.
    running.orders.send(Order::Off).await.unwrap();
    running.until(|status| !status.is_on).await;
    fs::write(running.root.join("b"), "mine").unwrap();
    running.orders.send(Order::On(Binding::default())).await.unwrap();
    running.holds(&[("a", "mine"), ("b", "mine")]).await;
    running.end().await;
}

#[tokio::test]
async fn a_folder_that_vanishes_under_it_deletes_nothing_and_goes_on_when_it_is_back() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    fs::create_dir_all(home.path().join("root")).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(home.path().join("root").join(name), name).unwrap();
    }
    let all = [("a", "a"), ("b", "b"), ("c", "c")];
    let mut running = Running::new(home.path(), &collection).await;
    running.holds(&all).await;
    fs::rename(&running.root, home.path().join("away")).unwrap();
    running
        .until(|status| status.stopped == Some(Stop::Missing))
        .await;
    fs::create_dir(&running.root).unwrap();
    fs::write(running.root.join("d"), "d").unwrap();
    running.orders.send(Order::Again).await.unwrap();
    running
        .until(|status| matches!(status.stopped, Some(Stop::Emptied | Stop::Replaced)))
        .await;
    assert_eq!(collection.contents().len(), 3);
    fs::remove_dir_all(&running.root).unwrap();
    fs::rename(home.path().join("away"), &running.root).unwrap();
    running.orders.send(Order::Again).await.unwrap();
    running
        .until(|status| status.stopped.is_none() && status.is_settled)
        .await;
    fs::remove_file(running.root.join("a")).unwrap();
    running.holds(&all[1..]).await;
    running.end().await;
}

#[tokio::test]
async fn a_record_that_isnt_listed_any_more_and_that_nobody_deleted_is_put_again_from_its_file() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    for name in ["a.txt", "b.txt", "c.txt"] {
        collection.others(name, Some(name));
    }
    let mut running = Running::new(home.path(), &collection).await;
    running.settled().await;
    collection.spoil("a.txt");
    collection.others("b.txt", None);
    running.told().await;
    running.holds(&[("a.txt", "a.txt"), ("c.txt", "c.txt")]).await;
    assert_eq!(running.read("a.txt").as_deref(), Some("a.txt"));
    assert_eq!(running.read("b.txt"), None);
    running.end().await;
}

#[tokio::test]
async fn where_nothing_is_listed_any_more_what_nobody_deleted_is_put_again_and_what_somebody_did_stays() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    let all = ["a", "b", "c", "d"].map(|name| (name, name));
    fs::create_dir_all(home.path().join("root")).unwrap();
    for (name, text) in all {
        fs::write(home.path().join("root").join(name), text).unwrap();
    }
    let mut running = Running::new(home.path(), &collection).await;
    running.holds(&all).await;
    for (name, _) in all {
        collection.spoil(name);
    }
    running.told().await;
    running.holds(&all).await;
    running.until(|status| status.doubt.is_none()).await;
    for (name, _) in all {
        collection.others(name, None);
    }
    running.told().await;
    assert_eq!(running.status.borrow().doubt, Some(Doubt::CollectionEmptied));
    for (name, text) in all {
        assert_eq!(running.read(name).as_deref(), Some(text));
    }
    assert_eq!(collection.contents().len(), 0);
    running.end().await;
}
