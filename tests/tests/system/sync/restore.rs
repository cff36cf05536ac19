//! A new device that brings everything back, and whose belayd is killed again and again meanwhile.

use std::fs;

use belay_tests::app::{New, collection};
use belay_tests::bluez::Chance;
use belay_tests::guest;
use belay_tests::process::signal;
use belay_tests::proxy::Trick;
use belay_tests::until::until;
use rustix::process::Signal;

use super::{Device, Fleet, SPEED};
use crate::documented_sync::{framed, put_many, sync};

/// Where a device asks for what changed.
const CHANGES: &str = "/v1/sync/changes";
/// More than two pages of what the cloud lists.
const CONTACTS: usize = 2100;
/// So many in one call.
const AT_ONCE: usize = 300;
const PHOTOS: usize = 24;
/// A content that stays at the cloud until it is read, bytes.
const PHOTO: usize = 300_000;
/// So often belayd is killed while it brings the records, and while a content is read.
const KILLS: usize = 8;

fn photo(number: usize) -> Vec<u8> {
    let mut chance = Chance::new(number as u64);
    let words = (0..PHOTO.div_ceil(8)).flat_map(|_| chance.next().to_be_bytes());
    words.take(PHOTO).collect()
}

async fn fill(device: &Device) {
    let names: Vec<String> = (0..CONTACTS).map(|number| format!("contact {number}")).collect();
    for some in names.chunks(AT_ONCE) {
        let cards: Vec<_> = some.iter().map(|name| framed(name, 0)).collect();
        put_many(&device.app, &cards).await.unwrap();
    }
    for number in 0..PHOTOS {
        let new = New {
            natural: &number.to_string(),
            kind: "image/jpeg",
            content: &photo(number),
        };
        device.app.put_new("pictures", &new).await.unwrap().unwrap();
    }
    device.app.sync_now().await.unwrap().unwrap();
    assert_eq!(
        (device.pending("contacts").await, device.pending("pictures").await),
        (0, 0)
    );
}

/// Kills the device's belayd once so much more was said on the network, or once `over`.
async fn dies(fleet: &Fleet, device: &Device, more: usize, over: impl Fn() -> bool) {
    let moment = fleet.network().count() + more;
    until("the moment to kill belayd at", async || {
        (fleet.network().count() >= moment || over()).then_some(())
    })
    .await
    .unwrap();
    device.kill_now().await;
}

async fn count(device: &Device, name: &str) -> usize {
    device.app.list(name).await.unwrap().unwrap().len()
}

#[tokio::test]
async fn a_restore_that_is_killed_again_and_again_brings_all_back_and_contacts_before_photos() {
    let mut fleet = Fleet::of(2, &[]).await;
    for name in ["contacts", "pictures"] {
        fleet.devices[0].app.enable(name, true).await.unwrap().unwrap();
    }
    fill(&fleet.devices[0]).await;

    let mut chance = Chance::new(11);
    // Whatever was switched on first.
    sync(&fleet.devices[1].app, "Pause").await.unwrap();
    for name in ["pictures", "contacts"] {
        fleet.devices[1].app.enable(name, true).await.unwrap().unwrap();
    }
    // The first time it dies between two pages of contacts.
    let network = fleet.network();
    network.plan(CHANGES, 2, &Trick::rewrite(|_, _| {}));
    network.plan(CHANGES, KILLS, &Trick::Hang);
    sync(&fleet.devices[1].app, "Resume").await.unwrap();
    let some = async || {
        let contacts = count(&fleet.devices[1], "contacts").await;
        (contacts > 0).then_some(contacts)
    };
    let contacts = until("some contacts to come", some).await.unwrap();
    fleet.devices[1].kill_now().await;
    assert!(contacts < CONTACTS, "{contacts} contacts are all");
    network.behave();
    fleet.devices[1].stands().await;
    assert!(count(&fleet.devices[1], "contacts").await >= contacts);
    let mut seen = Vec::new();
    for _ in 0..KILLS {
        let device = &fleet.devices[1];
        let syncing = tokio::spawn({
            let app = device.app.clone();
            async move { app.sync_now().await }
        });
        dies(&fleet, device, 1 + chance.below(4), || syncing.is_finished()).await;
        // Its answer is that belayd is gone, or that it was done before.
        let _ = syncing.await.unwrap();
        let device = &mut fleet.devices[1];
        device.stands().await;
        // The photos first: the contacts may all come between the two looks, and photos after them.
        let photos = count(device, "pictures").await;
        let contacts = count(device, "contacts").await;
        assert!(
            photos == 0 || contacts == CONTACTS,
            "{photos} photos before {contacts} contacts"
        );
        seen.push((contacts, photos));
    }
    println!("there after each kill: {seen:?}");
    let device = &fleet.devices[1];
    device.app.sync_now().await.unwrap().unwrap();
    assert_eq!(count(device, "contacts").await, CONTACTS);
    assert_eq!(count(device, "pictures").await, PHOTOS);

    // The contents, which stay at the cloud until somebody reads them.
    let rows = device.app.list("pictures").await.unwrap().unwrap();
    let mut kills = 0;
    for row in rows {
        let number: usize = row.natural.parse().unwrap();
        if kills < KILLS {
            kills += 1;
            let device = &fleet.devices[1];
            let reading = tokio::spawn({
                let (app, id) = (device.app.clone(), row.id.clone());
                async move { app.content("pictures", &id).await }
            });
            dies(&fleet, device, 1, || reading.is_finished()).await;
            // Half a content is no photo, and says so by its length.
            if let Ok(Ok((content, _))) = reading.await.unwrap() {
                assert!(photo(number).starts_with(&content));
            }
            fleet.devices[1].stands().await;
        }
        let app = &fleet.devices[1].app;
        let (content, _) = app.content("pictures", &row.id).await.unwrap().unwrap();
        assert!(content == photo(number), "photo {number}");
    }
    assert_eq!(kills, KILLS);
    // And nothing of it is taken for an edit.
    let device = &fleet.devices[1];
    assert_eq!(
        (device.pending("contacts").await, device.pending("pictures").await),
        (0, 0)
    );
}

#[tokio::test]
async fn who_leaves_a_restore_is_told_that_it_goes_on_and_it_does() {
    let fleet = Fleet::of(2, &[]).await;
    let [first, second] = &fleet.devices[..] else {
        panic!("two devices");
    };
    first.app.enable("contacts", true).await.unwrap().unwrap();
    let cards: Vec<_> = ["ada", "grace"].into_iter().map(|name| framed(name, 0)).collect();
    put_many(&first.app, &cards).await.unwrap();
    first.app.sync_now().await.unwrap().unwrap();
    // What hangs isn't given up before it is left.
    second.scene.clock().crawl().unwrap();
    fleet.network().plan(CHANGES, 1000, &Trick::Hang);
    let args = ["sync", "restore", "contacts"];
    let belayctl = second.scene.program("belayctl", &args);
    let mut belayctl = belayctl.as_user(guest::person()).start().unwrap();
    until("the restore to begin", async || {
        let is_on: bool = second.app.get(collection("contacts"), "Enabled").await.unwrap();
        is_on.then_some(())
    })
    .await
    .unwrap();
    signal(belayctl.pid().unwrap(), Signal::INT).unwrap();
    assert_eq!(belayctl.wait().await.unwrap().code(), Some(130));
    let said = fs::read_to_string(belayctl.log()).unwrap();
    assert!(
        said.contains("the restore may be on its way, and goes on"),
        "{said}"
    );
    fleet.network().behave();
    second.scene.clock().run(SPEED).unwrap();
    until("the contacts to come", async || {
        (count(second, "contacts").await == cards.len()).then_some(())
    })
    .await
    .unwrap();
}
