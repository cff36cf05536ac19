//! A folder of which not all can be watched, as where the user's watches are used up.

use belay_proto::clock::FakeClock;

use super::*;

/// A folder that can't be watched, or only a part of it.
#[derive(Debug)]
struct Unwatched {
    folder: Folder,
    in_part: bool,
}

impl Source for Unwatched {
    as_its_folder_does!();

    fn scan(&self, first: bool, make: bool) -> Result<Scan, Stop> {
        let scan = self.folder.scan(first, make)?;
        Ok(Scan {
            is_watched: !self.in_part,
            ..scan
        })
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
        let unwatched = |folder| -> Arc<dyn Source> { Arc::new(Unwatched { folder, in_part }) };
        let mut running = Running::over(home.path(), &collection, shared, unwatched).await;
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
