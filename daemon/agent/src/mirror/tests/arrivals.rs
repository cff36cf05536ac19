//! Contents that are on their way while something else happens.

use std::os::unix::fs::MetadataExt;

use super::*;

/// A folder that has no room for a file beside another.
#[derive(Debug)]
struct Full {
    folder: Folder,
}

impl Source for Full {
    as_its_folder_does!();

    fn scan(&self, first: bool, make: bool) -> Result<Scan, Stop> {
        self.folder.scan(first, make)
    }

    fn has_room(&self, _length: u64) -> bool {
        false
    }

    fn sync(&self) -> io::Result<()> {
        self.folder.sync()
    }

    fn watch(&self) -> io::Result<Box<dyn Watch>> {
        self.folder.watch()
    }
}

/// A content that goes by itself.
fn long(word: &str) -> String {
    let text = word.repeat(40_000);
    assert!(text.len() as u64 > 2 * SMALL);
    text
}

#[tokio::test]
async fn what_waits_to_be_fetched_doesnt_land_where_a_medium_was_taken_away() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    fs::create_dir_all(home.path().join("root")).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(home.path().join("root").join(name), name).unwrap();
    }
    let mut running = Running::new(home.path(), &collection).await;
    running.holds(&[("a", "a"), ("b", "b"), ("c", "c")]).await;
    collection.flows.send_replace(false);
    let mut asked = collection.asked.subscribe();
    let film = long("film ");
    for n in 0..6 {
        collection.others(&format!("film {n}"), Some(&film));
    }
    collection.others("note", Some("short"));
    running.orders.send(Order::Changed).await.unwrap();
    // Four long ones and the short one are under way, the others wait.
    asked.wait_for(|asked| *asked == 5).await.unwrap();
    fs::rename(&running.root, home.path().join("away")).unwrap();
    running
        .until(|status| status.stopped == Some(Stop::Missing))
        .await;
    fs::create_dir(&running.root).unwrap();
    running.orders.send(Order::Again).await.unwrap();
    running
        .until(|status| status.stopped == Some(Stop::Replaced))
        .await;
    collection.flows.send_replace(true);
    running
        .until(|status| status.stopped.is_some() && status.is_settled)
        .await;
    assert_eq!(fs::read_dir(&running.root).unwrap().count(), 0);
    assert_eq!(
        (collection.contents().len(), running.status.borrow().refused),
        (10, 0)
    );
    fs::remove_dir(&running.root).unwrap();
    fs::rename(home.path().join("away"), &running.root).unwrap();
    running.orders.send(Order::Again).await.unwrap();
    running
        .until(|status| status.stopped.is_none() && status.is_settled && !status.waits)
        .await;
    assert_eq!(collection.contents().len(), 10);
    assert!((0..6).all(|n| running.read(&format!("film {n}")).as_ref() == Some(&film)));
    assert_eq!(running.read("note").as_deref(), Some("short"));
    running.end().await;
}

#[tokio::test]
async fn what_came_of_a_content_before_another_sign_in_isnt_gone_on_from_after_it() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    collection.others("film", Some(&long("before")));
    *collection.ends_after.lock().unwrap() = Some(100_000);
    let mut running = Running::new(home.path(), &collection).await;
    running.until(|status| status.waits).await;
    // Revisions begin anew.
    collection.spoil("film");
    collection.others("film", Some(&long("behind")));
    *collection.ends_after.lock().unwrap() = None;
    let since = 1;
    let signed_in = Binding {
        since,
        ..Binding::default()
    };
    running.orders.send(Order::On(signed_in)).await.unwrap();
    running.until(|status| status.is_settled && !status.waits).await;
    let film = running.read("film").unwrap();
    assert!(film == long("behind"), "{:?}", film.get(..12));
    assert_eq!(fs::read_dir(&running.root).unwrap().count(), 1);
    running.end().await;
}

#[tokio::test]
async fn a_file_that_became_a_folder_elsewhere_gives_its_name_to_that() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    fs::create_dir_all(home.path().join("root")).unwrap();
    for name in ["a", "b"] {
        fs::write(home.path().join("root").join(name), name).unwrap();
    }
    let mut running = Running::new(home.path(), &collection).await;
    running.holds(&[("a", "a"), ("b", "b")]).await;
    let film = long("film ");
    collection.others("a", None);
    collection.others("a/film", Some(&film));
    collection.others("a/note", Some("note"));
    running.told().await;
    assert!(running.read("a/film").as_ref() == Some(&film));
    assert_eq!(running.read("a/note").as_deref(), Some("note"));
    assert_eq!(running.status.borrow().refused, 0);
    running.end().await;
}

#[tokio::test]
async fn a_comparison_that_is_cut_off_is_made_again_and_keeps_nothing_beside() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    let film = long("film ");
    collection.others("film", Some(&film));
    *collection.ends_after.lock().unwrap() = Some(100_000);
    fs::create_dir_all(home.path().join("root")).unwrap();
    fs::write(home.path().join("root/film"), &film).unwrap();
    let mut running = Running::new(home.path(), &collection).await;
    running.until(|status| status.waits || status.is_settled).await;
    assert_eq!(collection.contents().len(), 1);
    *collection.ends_after.lock().unwrap() = None;
    running.orders.send(Order::Again).await.unwrap();
    running.until(|status| status.is_settled && !status.waits).await;
    assert_eq!(
        (collection.contents().len(), collection.calls.lock().unwrap().1),
        (1, 0)
    );
    // One that is another, and as long, is kept beside.
    fs::write(running.root.join("film"), film.replace("film", "flim")).unwrap();
    collection.others("film", Some(&film));
    running.told().await;
    assert_eq!(collection.contents().len(), 2);
    running.end().await;
}

#[tokio::test]
async fn a_long_file_that_another_device_renamed_is_written_from_the_one_that_is_here() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    let film = long("film ");
    fs::create_dir_all(home.path().join("root")).unwrap();
    fs::write(home.path().join("root/film"), &film).unwrap();
    let mut running = Running::new(home.path(), &collection).await;
    running.holds(&[("film", film.as_str())]).await;
    let inode = |name: &str| fs::metadata(home.path().join("root").join(name)).unwrap().ino();
    let before = inode("film");
    collection.others_rename("film", "2026/film", None);
    running.told().await;
    assert!(running.read("2026/film").as_ref() == Some(&film));
    assert_eq!((running.read("film"), *collection.asked.borrow()), (None, 0));
    assert_eq!(inode("2026/film"), before, "it is the same file");
    // Another one of its time and length is fetched.
    let other = film.replace("film", "flim");
    collection.others_rename("2026/film", "2027/film", Some(&other));
    running.told().await;
    assert!(running.read("2027/film").as_ref() == Some(&other));
    assert_eq!((running.read("2026/film"), *collection.asked.borrow()), (None, 1));
    running.end().await;
}

#[tokio::test]
async fn a_long_file_that_was_renamed_and_has_no_room_twice_is_fetched() {
    let home = tempfile::tempdir().unwrap();
    let collection = Collection::new();
    let film = long("film ");
    fs::create_dir_all(home.path().join("root")).unwrap();
    fs::write(home.path().join("root/film"), &film).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(BoottimeClock::new());
    let full = |folder| -> Arc<dyn Source> { Arc::new(Full { folder }) };
    let mut running = Running::over(home.path(), &collection, clock, full).await;
    running.holds(&[("film", film.as_str())]).await;
    collection.others_rename("film", "2026/film", None);
    running.told().await;
    assert!(running.read("2026/film").as_ref() == Some(&film));
    assert_eq!((running.read("film"), *collection.asked.borrow()), (None, 1));
    running.end().await;
}
