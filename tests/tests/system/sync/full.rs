//! An account that has used all of its room: what is at the cloud comes and goes, what is new waits here, and follows once there
//! is room.

use belay_tests::app::{Answer, New, SYNC, refused};
use belay_tests::bluez::Chance;

use super::backup::{WELL, admin};
use super::{Device, Fleet};
use crate::owner::ADA;

const ALL: &[&str] = &["notes", "documents"];
/// Bytes of a record, and of what fits none.
const SHORT: usize = 20_000;
const LONG: usize = 300_000;

/// What isn't shorter once it is compressed, and like no other.
fn noise(number: u64, length: usize) -> Vec<u8> {
    let mut chance = Chance::new(number);
    let words = (0..length.div_ceil(8)).flat_map(|_| chance.next().to_be_bytes());
    words.take(length).collect()
}

async fn put(device: &Device, name: &str, natural: &str, content: &[u8]) -> Answer<u64> {
    let new = New {
        natural,
        kind: "application/octet-stream",
        content,
    };
    device.app.put_new(name, &new).await.unwrap()
}

/// What there is by nature, on a device.
async fn notes(device: &Device) -> Vec<String> {
    let rows = device.app.list("notes").await.unwrap().unwrap();
    let mut naturals: Vec<String> = rows.into_iter().map(|row| row.natural).collect();
    naturals.sort();
    naturals
}

#[tokio::test]
async fn what_finds_no_room_waits_here_while_removals_go_and_come_and_follows_once_there_is_some() {
    let fleet = Fleet::of(2, ALL).await;
    let [first, second] = &fleet.devices[..] else {
        panic!("two devices");
    };
    put(first, "notes", "kept", &noise(1, SHORT)).await.unwrap();
    put(first, "notes", "little", b"a").await.unwrap();
    fleet.settled(ALL, "-").await;
    first.app.sync_now().await.unwrap().unwrap();
    let (used, _) = first.app.get::<(u64, u64)>(SYNC, "Quota").await.unwrap();
    let quota = async |bytes: &str| assert_eq!(admin(&first.scene, &["quota", ADA, bytes]).await, WELL);
    quota(&used.to_string()).await;

    let (new, film) = (noise(2, SHORT), noise(3, LONG));
    put(first, "notes", "new", &new).await.unwrap();
    refused(first.app.sync_now().await.unwrap(), "QuotaExceeded").unwrap();
    refused(put(first, "documents", "film", &film).await, "QuotaExceeded").unwrap();
    first.app.reads(SYNC, "State", "quota-exceeded").await.unwrap();
    let rows = second.app.list("notes").await.unwrap().unwrap();
    let little = rows.iter().find(|row| row.natural == "little").unwrap();
    let gone = second.app.delete("notes", &little.id, little.revision).await;
    gone.unwrap().unwrap();
    second.app.sync_now().await.unwrap().unwrap();
    refused(first.app.sync_now().await.unwrap(), "QuotaExceeded").unwrap();
    assert_eq!(first.pending("notes").await, 1);
    assert_eq!(notes(first).await, ["kept", "new"]);
    assert_eq!(notes(second).await, ["kept"]);

    quota("default").await;
    fleet.settled(ALL, "-").await;
    first.app.reads(SYNC, "State", "idle").await.unwrap();
    put(first, "documents", "film", &film).await.unwrap();
    let records = fleet.settled(ALL, "").await;
    let mut there: Vec<_> = records.into_values().collect();
    there.sort();
    let expected = [("film", film), ("kept", noise(1, SHORT)), ("new", new)];
    let expected = expected.map(|(natural, content)| (natural.to_owned(), content));
    assert!(there == expected, "{} records", there.len());
}
