//! A folder of which not all can be watched, as where the user's watches are used up.

use std::fs::File;

use belay_proto::clock::FakeClock;

use super::*;
use crate::model::Local;
use crate::ports::{Arrival, SourceError};

/// A folder that can't be watched, or only a part of it.
#[derive(Debug)]
struct Unwatched {
    folder: Folder,
    in_part: bool,
}

impl Source for Unwatched {
    fn shows_siblings(&self) -> bool {
        self.folder.shows_siblings()
    }

    fn scan(&self, first: bool, make: bool) -> Result<Scan, Stop> {
        let scan = self.folder.scan(first, make)?;
        Ok(Scan {
            is_watched: !self.in_part,
            ..scan
        })
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

    fn sync(&self) -> io::Result<()> {
        self.folder.sync()
    }

    fn watch(&self) -> io::Result<Box<dyn Watch>> {
        match self.in_part {
            true => Ok(Box::new(Nothing)),
            false => Err(rustix::io::Errno::MFILE.into()),
        }
    }
}

/// Tells of nothing.
struct Nothing;

impl Watch for Nothing {
    fn changed(&mut self) -> crate::ports::BoxFuture<'_, io::Result<()>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn what_changes_where_nothing_is_watched_is_seen_after_a_quarter_of_an_hour_and_told_to_be_so() {
    for in_part in [true, false] {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("a"), "a").unwrap();
        let (collection, clock) = (Collection::new(), FakeClock::new());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let folder = Folder::new(root.clone(), Which::All, Vec::new(), Arc::clone(&shared));
        let records: Arc<dyn Records> = Arc::<Collection>::clone(&collection);
        let parts = Parts {
            name: "test".to_owned(),
            source: Arc::new(Unwatched { folder, in_part }),
            records,
            memory: MemoryFile::new(&home.path().join("state"), "test"),
            settle: Duration::ZERO,
            gone: Gone::Unsaid,
            clock: shared,
        };
        let (orders, receiver) = mpsc::channel(8);
        let (sender, status) = watch::channel(Status::default());
        let task = tokio::spawn(mirror(parts, receiver, sender));
        orders.send(Order::On(Binding::default())).await.unwrap();
        let mut running = Running {
            root,
            collection,
            orders,
            status,
            task,
        };
        running.holds(&[("a", "a")]).await;
        assert!(!running.status.borrow().is_watched);
        fs::write(running.root.join("b"), "b").unwrap();
        running.collection.others("c", Some("c"));
        running.told().await;
        assert_eq!(running.read("c").as_deref(), Some("c"));
        assert_eq!(running.collection.contents().len(), 2, "nobody has looked");
        clock.advance(WITHOUT_WATCH);
        running.holds(&[("a", "a"), ("b", "b"), ("c", "c")]).await;
        running.end().await;
    }
}
