//! Mirrors on a real exFAT, as on memory cards.

use super::*;
use crate::exfat::Card;
use crate::model::{Attributes, MODIFIED};

/// A content that goes by itself.
fn long(word: &str) -> String {
    let text = word.repeat(40_000);
    assert!(text.len() as u64 > 2 * SMALL);
    text
}

async fn with(card: &Card, files: &[(&str, &str)]) -> Running {
    for (name, text) in files {
        fs::create_dir_all(card.at(name).parent().unwrap()).unwrap();
        fs::write(card.at(name), text).unwrap();
    }
    let mut running = Running::new(card.home(), &Collection::new()).await;
    running.holds(files).await;
    running
}

/// After another device's changes, until nothing is left to be done.
async fn arrived(running: &mut Running, card: &Card, wanted: &[&str]) {
    running.orders.send(Order::Changed).await.unwrap();
    let mut status = running.status.clone();
    let all = async {
        while !(card.files() == wanted && status.borrow_and_update().is_settled) {
            status.changed().await.unwrap();
        }
    };
    if tokio::time::timeout(Duration::from_secs(60), all).await.is_err() {
        let status = running.status.borrow();
        panic!("{:?}, {status:?}", card.files());
    }
}

/// After another device's changes, until so many of them have no place here.
async fn refused(running: &mut Running, count: usize) {
    running.orders.send(Order::Changed).await.unwrap();
    running
        .until(|status| status.refused == count && status.is_settled)
        .await;
}

#[tokio::test]
async fn a_file_or_folder_that_is_renamed_in_case_alone_on_the_card_is_put_anew_and_its_old_record_goes() {
    let Some(card) = Card::new() else { return };
    let film = long("film ");
    let mut running = with(
        &card,
        &[("Photo.jpg", "photo"), ("DCIM/Trip/a", "a"), ("DCIM/Film", &film)],
    )
    .await;
    fs::rename(card.at("Photo.jpg"), card.at("photo.jpg")).unwrap();
    running
        .holds(&[("photo.jpg", "photo"), ("DCIM/Trip/a", "a"), ("DCIM/Film", &film)])
        .await;
    fs::rename(card.at("DCIM"), card.at("dcim")).unwrap();
    running
        .holds(&[("photo.jpg", "photo"), ("dcim/Trip/a", "a"), ("dcim/Film", &film)])
        .await;
    fs::rename(card.at("dcim/Film"), card.at("dcim/film")).unwrap();
    let last = [("photo.jpg", "photo"), ("dcim/Trip/a", "a"), ("dcim/film", &film)];
    running.holds(&last).await;
    assert_eq!(card.files(), ["dcim/Trip/a", "dcim/film", "photo.jpg"]);
    assert_eq!(running.status.borrow().refused, 0);
    running.end().await;
}

#[tokio::test]
async fn a_file_or_folder_that_another_device_renames_in_case_alone_is_renamed_on_the_card() {
    let Some(card) = Card::new() else { return };
    let film = long("film ");
    let first = [
        ("Photo.jpg", "photo"),
        ("DCIM/Trip/a", "a"),
        ("DCIM/Film", &film),
        ("stays", "stays"),
    ];
    let mut running = with(&card, &first).await;
    let collection = Arc::clone(&running.collection);
    collection.others_rename("Photo.jpg", "photo.jpg", None);
    arrived(
        &mut running,
        &card,
        &["DCIM/Film", "DCIM/Trip/a", "photo.jpg", "stays"],
    )
    .await;
    collection.others_rename("DCIM/Film", "DCIM/film", None);
    arrived(
        &mut running,
        &card,
        &["DCIM/Trip/a", "DCIM/film", "photo.jpg", "stays"],
    )
    .await;
    collection.others_rename("DCIM/Trip/a", "dcim/trip/a", None);
    collection.others_rename("DCIM/film", "dcim/film", None);
    arrived(
        &mut running,
        &card,
        &["dcim/film", "dcim/trip/a", "photo.jpg", "stays"],
    )
    .await;
    assert!(running.read("dcim/film").as_ref() == Some(&film));
    assert_eq!(running.read("dcim/trip/a").as_deref(), Some("a"));
    let wanted = [
        ("photo.jpg", "photo"),
        ("dcim/trip/a", "a"),
        ("dcim/film", &film),
        ("stays", "stays"),
    ];
    running.holds(&wanted).await;
    assert_eq!(running.status.borrow().refused, 0);
    running.end().await;
}

#[tokio::test]
async fn a_new_record_whose_name_is_here_in_another_case_waits_for_it_and_harms_neither() {
    let Some(card) = Card::new() else { return };
    let mut running = with(&card, &[("Photo.jpg", "mine"), ("DCIM/a", "a"), ("b", "b")]).await;
    let collection = Arc::clone(&running.collection);
    collection.others("photo.jpg", Some("theirs"));
    collection.others("dcim/new", Some("new"));
    refused(&mut running, 2).await;
    assert_eq!(card.files(), ["DCIM/a", "Photo.jpg", "b"]);
    assert_eq!(running.read("Photo.jpg").as_deref(), Some("mine"));
    assert_eq!(collection.contents().len(), 5);
    // Another device removes what isn't here: the file stays.
    collection.others("photo.jpg", None);
    refused(&mut running, 1).await;
    assert_eq!(card.files(), ["DCIM/a", "Photo.jpg", "b"]);
    assert!(collection.contents().contains_key("Photo.jpg"));
    // Another device removes what was in the way.
    collection.others("photo.jpg", Some("theirs"));
    refused(&mut running, 2).await;
    collection.others("Photo.jpg", None);
    collection.others("DCIM/a", None);
    arrived(&mut running, &card, &["b", "dcim/new", "photo.jpg"]).await;
    running
        .holds(&[("photo.jpg", "theirs"), ("dcim/new", "new"), ("b", "b")])
        .await;
    running.end().await;
}

#[tokio::test]
async fn what_is_renamed_in_case_alone_on_both_sides_becomes_one_or_stays_two_and_nothing_goes_round() {
    let Some(card) = Card::new() else { return };
    let running = with(
        &card,
        &[("DCIM/a", "a"), ("Trip/b", "b"), ("Photo", "old"), ("c", "c")],
    )
    .await;
    let collection = Arc::clone(&running.collection);
    running.end().await;
    // The same on both, another on each, and one that the other device edited.
    for (from, to, theirs) in [
        ("DCIM", "dcim", Some(("DCIM/a", "dcim/a"))),
        ("Trip", "trip", Some(("Trip/b", "TRIP/b"))),
        ("Photo", "photo", None),
    ] {
        fs::rename(card.at(from), card.at(to)).unwrap();
        if let Some((from, to)) = theirs {
            collection.others_rename(from, to, None);
        }
    }
    collection.others("Photo", Some("edited"));
    let wanted = [
        ("dcim/a", "a"),
        ("trip/b", "b"),
        ("TRIP/b", "b"),
        ("photo", "old"),
        ("Photo", "edited"),
        ("c", "c"),
    ];
    for _ in 0..2 {
        let mut running = Running::new(card.home(), &collection).await;
        running.holds(&wanted).await;
        running.until(|status| status.refused == 2 && !status.waits).await;
        let calls = *collection.calls.lock().unwrap();
        running.orders.send(Order::Changed).await.unwrap();
        fs::write(card.at("c"), "c, edited").unwrap();
        running.until(|_| collection.contents()["c"] == "c, edited").await;
        running.settled().await;
        assert_eq!(*collection.calls.lock().unwrap(), (calls.0 + 1, calls.1));
        fs::write(card.at("c"), "c").unwrap();
        running.holds(&wanted).await;
        assert_eq!(card.files(), ["c", "dcim/a", "photo", "trip/b"]);
        running.end().await;
    }
}

#[tokio::test]
async fn of_two_records_of_one_name_in_two_cases_one_is_written_and_either_may_go() {
    let Some(card) = Card::new() else { return };
    let collection = Collection::new();
    for (name, text) in [
        ("Photo", "one"),
        ("photo", "two"),
        ("DCIM/a", "a"),
        ("dcim/b", "b"),
    ] {
        collection.others(name, Some(text));
    }
    let mut running = Running::new(card.home(), &collection).await;
    running
        .until(|status| status.refused == 2 && status.is_settled)
        .await;
    assert_eq!(collection.contents().len(), 4);
    let files = card.files();
    assert_eq!(files.len(), 2, "{files:?}");
    // What is on the card goes elsewhere, and what waited for that comes.
    for name in &files {
        collection.others(name, None);
    }
    let others: Vec<String> = collection.contents().into_keys().collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    arrived(&mut running, &card, &others).await;
    assert_eq!(
        (collection.contents().len(), running.status.borrow().refused),
        (2, 0)
    );
    running.end().await;
}

#[tokio::test]
async fn a_file_that_takes_the_place_of_one_in_another_case_is_put_and_the_old_record_goes() {
    let Some(card) = Card::new() else { return };
    let mut running = with(&card, &[("Photo.jpg", "old"), ("b", "b")]).await;
    fs::remove_file(card.at("Photo.jpg")).unwrap();
    fs::write(card.at("photo.jpg"), "another one").unwrap();
    running.holds(&[("photo.jpg", "another one"), ("b", "b")]).await;
    fs::remove_file(card.at("PHOTO.JPG")).unwrap();
    // Where it is removed under another name than it is listed by, the kernel tells nobody.
    fs::write(card.at("c"), "c").unwrap();
    running.holds(&[("b", "b"), ("c", "c")]).await;
    assert_eq!(card.files(), ["b", "c"]);
    running.end().await;
}

#[tokio::test]
async fn a_card_that_is_pulled_loses_nothing_and_goes_on_where_it_was() {
    let Some(mut card) = Card::new() else { return };
    let first = [("DCIM/a", "a"), ("b", "b"), ("c", "c")];
    let mut running = with(&card, &first).await;
    let collection = Arc::clone(&running.collection);
    collection.others("DCIM/d", Some("d"));
    arrived(&mut running, &card, &["DCIM/a", "DCIM/d", "b", "c"]).await;
    for _ in 0..2 {
        card.pull();
        running.until(|status| status.stopped.is_some()).await;
        collection.others("DCIM/a", Some("edited elsewhere"));
        running.orders.send(Order::Changed).await.unwrap();
        running.orders.send(Order::Again).await.unwrap();
        running
            .until(|status| status.stopped.is_some() && status.is_settled)
            .await;
        assert_eq!(collection.contents().len(), 4);
        assert_eq!(card.files(), [""; 0]);
        let calls = *collection.calls.lock().unwrap();
        card.put_in().unwrap();
        running.orders.send(Order::Again).await.unwrap();
        running
            .until(|status| status.stopped.is_none() && status.is_settled)
            .await;
        assert_eq!(running.read("DCIM/a").as_deref(), Some("edited elsewhere"));
        assert_eq!(*collection.calls.lock().unwrap(), calls, "nothing is put again");
    }
    fs::write(card.at("b"), "edited here").unwrap();
    fs::remove_file(card.at("c")).unwrap();
    running
        .holds(&[
            ("DCIM/a", "edited elsewhere"),
            ("DCIM/d", "d"),
            ("b", "edited here"),
        ])
        .await;
    running.end().await;
}

#[tokio::test]
async fn a_card_that_comes_back_while_nobody_looks_is_known_and_another_one_is_told_from_it() {
    let Some(mut card) = Card::new() else { return };
    let first = [("DCIM/1", "a"), ("DCIM/2", "b"), ("DCIM/3", "c")];
    let running = with(&card, &first).await;
    let collection = Arc::clone(&running.collection);
    running.end().await;
    card.pull();
    let mut running = Running::new(card.home(), &collection).await;
    running
        .until(|status| status.stopped == Some(Stop::Unmounted))
        .await;
    running.end().await;
    // One that a camera gave the same names.
    let put_aside = card.change();
    fs::create_dir(card.at("DCIM")).unwrap();
    for name in ["DCIM/1", "DCIM/2"] {
        fs::write(card.at(name), "of another day").unwrap();
    }
    let mut running = Running::new(card.home(), &collection).await;
    running
        .until(|status| status.stopped == Some(Stop::Replaced) && status.is_settled)
        .await;
    assert_eq!(card.files(), ["DCIM/1", "DCIM/2"]);
    running.end().await;
    card.change_back(&put_aside);
    fs::rename(card.at("DCIM/3"), card.at("DCIM/4")).unwrap();
    let mut running = Running::new(card.home(), &collection).await;
    running
        .holds(&[("DCIM/1", "a"), ("DCIM/2", "b"), ("DCIM/4", "c")])
        .await;
    running.end().await;
}

#[tokio::test]
async fn a_long_file_that_was_renamed_elsewhere_is_moved_on_the_card() {
    let Some(card) = Card::new() else { return };
    let (film, song) = (long("film "), long("song, "));
    let mut running = with(&card, &[("film", &film), ("b", "b")]).await;
    let collection = Arc::clone(&running.collection);
    // The card can't keep its time.
    let modified = (MODIFIED.to_owned(), "1700000001.123456789".to_owned());
    collection.others_of("song", Some(&song), Attributes::from([modified]));
    arrived(&mut running, &card, &["b", "film", "song"]).await;
    assert_eq!(*collection.asked.borrow(), 1);
    for folder in ["2026", "2027"] {
        for (name, from) in [("film", "2026/film"), ("song", "2026/song")] {
            let from = if folder == "2026" { name } else { from };
            collection.others_rename(from, &format!("{folder}/{name}"), None);
        }
        let [film, song] = ["film", "song"].map(|name| format!("{folder}/{name}"));
        arrived(&mut running, &card, &[&film, &song, "b"]).await;
        assert_eq!(*collection.asked.borrow(), 1, "none is fetched again");
    }
    assert!(running.read("2027/film").as_ref() == Some(&film));
    assert!(running.read("2027/song").as_ref() == Some(&song));
    running
        .holds(&[("2027/film", &film), ("2027/song", &song), ("b", "b")])
        .await;
    running.end().await;
}

#[tokio::test]
async fn what_the_card_cant_hold_is_told_and_holds_up_nothing_else() {
    let Some(card) = Card::new() else { return };
    let mut running = with(&card, &[("a", "a")]).await;
    let collection = Arc::clone(&running.collection);
    let film = long("12:30 ");
    collection.others("12:30.mp4", Some(&film));
    collection.others("2026: spring/a", Some("a"));
    collection.others("b", Some("b"));
    arrived(&mut running, &card, &["a", "b"]).await;
    running.until(|status| status.refused == 2 && !status.waits).await;
    assert_eq!(*collection.asked.borrow(), 1, "nothing of the film is asked for");
    assert_eq!(collection.contents().len(), 4);
    fs::write(card.at("fills"), vec![0; 60 << 20]).unwrap();
    running
        .until(|_| collection.contents().contains_key("fills"))
        .await;
    running.settled().await;
    let asked = *collection.asked.borrow();
    collection.others("film", Some(&"film ".repeat(2 << 20)));
    collection.others("c", Some("c"));
    arrived(&mut running, &card, &["a", "b", "c", "fills"]).await;
    running.until(|status| status.waits).await;
    assert_eq!(*collection.asked.borrow(), asked + 2);
    fs::remove_file(card.at("fills")).unwrap();
    running.settled().await;
    running.orders.send(Order::Again).await.unwrap();
    arrived(&mut running, &card, &["a", "b", "c", "film"]).await;
    running.end().await;
}
