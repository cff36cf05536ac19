//! Putting, deleting and choosing on one device.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use belay_drivers::ActivityMinute;
use belay_proto::DeviceId;
use belay_proto::id::AccessoryId;
use belay_proto::keys::random;
use belay_proto::sync::{Attributes, version_name};
use belay_proto::text::hex;
use futures_util::FutureExt;
use rustix::pipe::pipe;

use super::super::health::HEALTH;
use super::super::{Choice, PutLong, Shown, SyncError, View};
use super::rig::{ACCOUNT, CONTACTS, Cloud, Phone, all, phone, put};
use crate::accessory::model::Saved;
use crate::store::accessory as accessories;

/// A device on which `n` says `theirs`, with another version that says `mine`.
async fn torn() -> Phone {
    let one = phone(&Arc::new(Cloud::default())).await;
    one.puts("n", "theirs").await;
    let mut mine = put("n", 9, "mine");
    mine.keep_both = true;
    one.handle.put(CONTACTS, mine).await.unwrap();
    one
}

fn shown(revision: u64, other: Option<u64>) -> Shown {
    Shown {
        revision: Some(revision),
        other,
    }
}

async fn chosen(choice: Choice) -> Vec<String> {
    let one = torn().await;
    let entries = one.handle.list(CONTACTS, 0, 9).await.unwrap();
    let sibling = entries
        .iter()
        .find(|entry| entry.conflict_with.is_some())
        .unwrap();
    assert_eq!(sibling.conflict_with, Some(one.entry("n").await.unwrap().id));
    let other = sibling.conflict_with.unwrap();
    for shown in [
        shown(sibling.revision + 1, None),
        shown(sibling.revision, Some(2)),
        shown(sibling.revision, Some(0)),
    ] {
        let refused = one.handle.resolve(CONTACTS, sibling.id, choice, shown).await;
        assert_eq!(refused, Err(SyncError::Conflict), "{shown:?}");
    }
    let kept = one
        .handle
        .resolve(CONTACTS, sibling.id, choice, shown(sibling.revision, Some(1)))
        .await
        .unwrap();
    let left = one.handle.list(CONTACTS, 0, 9).await.unwrap();
    assert!(left.iter().all(|entry| entry.conflict_with.is_none()));
    assert!(left.iter().all(|entry| entry.id != sibling.id));
    // The other one first, and what each has is what it is known by.
    let (others, own): (Vec<_>, Vec<_>) = left.iter().partition(|entry| entry.id == other);
    let there: Vec<_> = others
        .iter()
        .chain(&own)
        .map(|entry| (entry.id, entry.revision))
        .collect();
    assert_eq!(kept, there);
    for entry in own {
        let name = version_name("n", &sibling.id);
        let id = one.handle.identify(CONTACTS, vec![name.clone()]).await.unwrap();
        assert_eq!((&entry.natural, vec![entry.id]), (&name, id));
    }
    one.has().await.into_values().collect()
}

#[tokio::test]
async fn a_stale_revision_is_refused_and_nothing_of_many_is_stored_then() {
    let one = phone(&Arc::new(Cloud::default())).await;
    one.puts("n", "a").await;
    let puts = vec![put("m", 0, "b"), put("n", 0, "c")];
    assert_eq!(
        one.handle.put_many(CONTACTS, puts).await,
        Err(SyncError::Conflict)
    );
    assert_eq!(one.has().await, all(&[("n", "a")]));
    let id = one.entry("n").await.unwrap().id;
    assert_eq!(one.handle.delete(CONTACTS, id, 7).await, Err(SyncError::Conflict));
    one.removes("n").await;
    assert_eq!(one.handle.delete(CONTACTS, id, 2).await, Err(SyncError::NotFound));
}

#[tokio::test]
async fn a_record_without_a_natural_key_gets_one_and_keeps_it() {
    let one = phone(&Arc::new(Cloud::default())).await;
    let mut new = put("", 0, "a");
    new.natural = None;
    let stored = one.handle.put_many(CONTACTS, vec![new]).await.unwrap();
    let [entry] = <[_; 1]>::try_from(one.handle.list(CONTACTS, 0, 9).await.unwrap()).unwrap();
    assert_eq!(stored, [(entry.id, 1)]);
    let natural = vec![entry.natural.clone()];
    assert_eq!(one.handle.identify(CONTACTS, natural).await.unwrap(), [entry.id]);
    let mut next = put("another", 1, "b");
    next.id = Some(entry.id);
    assert!(matches!(
        one.handle.put(CONTACTS, next).await,
        Err(SyncError::InvalidArgument(_))
    ));
    let mut next = put("", 1, "b");
    (next.id, next.natural, next.kind) = (Some(entry.id), None, String::new());
    assert_eq!(one.handle.put(CONTACTS, next).await, Ok(2));
    assert_eq!(one.entry(&entry.natural).await.unwrap().kind, "text/plain");
}

#[tokio::test]
async fn the_owner_s_choice_leaves_what_was_chosen() {
    assert_eq!(chosen(Choice::Mine).await, ["mine"]);
    assert_eq!(chosen(Choice::Theirs).await, ["theirs"]);
    assert_eq!(chosen(Choice::Both).await, ["theirs", "mine"]);
}

#[tokio::test]
async fn a_day_of_health_data_is_a_record_and_only_a_day_that_changed_is_put_again() {
    let one = phone(&Arc::new(Cloud::default())).await;
    let (device, band) = (DeviceId::from_bytes([5; 16]), AccessoryId::from_bytes([6; 16]));
    let measured = async |starts: Vec<u64>| {
        let sealer = one.store.sealer().clone();
        let commit = move |transaction: &rusqlite::Transaction<'_>| {
            let saved = Saved {
                id: band,
                kind: belay_drivers::Kind::MiBand2,
                address: belay_drivers::Address([0; 6]),
                name: String::new(),
                serial: String::new(),
                key: None,
                synced_to: 0,
                synced_at: 0,
            };
            accessories::save(transaction, &sealer, ACCOUNT, &saved)?;
            let minute = |start| ActivityMinute {
                start,
                kind: 1,
                intensity: 2,
                steps: 3,
                heart_rate: 60,
            };
            let minutes: Vec<_> = starts.into_iter().map(minute).collect();
            accessories::commit_minutes(transaction, &sealer, band, &minutes)
        };
        one.store.transaction(commit).await.unwrap();
    };
    measured(vec![0, 86_400]).await;
    assert_eq!(one.handle.share_health(device).await, Ok(2));
    assert_eq!(one.handle.share_health(device).await, Ok(0));
    measured(vec![60]).await;
    assert_eq!(one.handle.share_health(device).await, Ok(1));
    let days = one.handle.list(HEALTH, 0, 9).await.unwrap();
    let revisions: Vec<_> = days.iter().map(|day| day.revision).collect();
    assert_eq!(revisions, [2, 1]);
    assert_eq!(days[0].natural, format!("{band}/0/minutes/{device}"));
}

#[tokio::test]
async fn a_push_fits_the_body_that_a_cloud_takes_with_all_that_is_around_the_records() {
    let one = phone(&Arc::new(Cloud::default())).await;
    // 1,900 bytes once they are compressed.
    let noise = || hex(&random::<1900>());
    let puts = (0..600).map(|n| put(&format!("n{n}"), 0, &noise())).collect();
    one.handle.put_many(CONTACTS, puts).await.unwrap();
    one.syncs().await;
    let view = one.handle.view();
    assert_eq!(view.collections.get(CONTACTS).unwrap().pending, 0);
}

#[tokio::test]
async fn an_edit_whose_caller_has_left_is_told_and_pushed_like_any_other() {
    let one = phone(&Arc::new(Cloud::default())).await;
    one.puts("m", "b").await;
    one.syncs().await;
    let mut changes = one.handle.changes();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let store = one.store.clone();
    let held_up = tokio::spawn(async move {
        store
            .call(move |_| {
                let _ = wait.recv();
                Ok(())
            })
            .await
    });
    tokio::task::yield_now().await;
    // It has given the edit to the database, and is dropped.
    assert!(
        one.handle
            .put(CONTACTS, put("n", 0, "a"))
            .now_or_never()
            .is_none()
    );
    go.send(()).unwrap();
    held_up.await.unwrap().unwrap();
    let soon = Duration::from_secs(60);
    let change = tokio::time::timeout(soon, changes.recv()).await.unwrap().unwrap();
    assert_eq!(change.ids, [one.entry("n").await.unwrap().id]);
    let mut view = one.handle.watch();
    let pending = async |view: &mut tokio::sync::watch::Receiver<View>, count| {
        let all = view.wait_for(|view| view.collections[CONTACTS].pending == count);
        tokio::time::timeout(soon, all).await.unwrap().unwrap();
    };
    pending(&mut view, 1).await;
    one.clock.advance(Duration::from_secs(2));
    pending(&mut view, 0).await;
}

#[tokio::test]
async fn what_is_asked_for_by_name_can_be_a_name() {
    let one = phone(&Arc::new(Cloud::default())).await;
    for natural in ["", &"n".repeat(4097), "n\0m"] {
        let ids = one.handle.identify(CONTACTS, vec![natural.to_owned()]).await;
        assert!(matches!(ids, Err(SyncError::InvalidArgument(_))));
    }
    let ids = one.handle.identify(CONTACTS, vec!["n".repeat(4096)]).await;
    assert_eq!(ids.unwrap().len(), 1);
}

#[tokio::test]
async fn no_more_contents_are_in_memory_at_once_than_there_is_room_for_however_many_are_asked_for() {
    let one = phone(&Arc::new(Cloud::default())).await;
    // Little once it is compressed.
    let text = "n".repeat(3 * 1024 * 1024);
    let puts = (0..6).map(|n| put(&format!("n{n}"), 0, &text)).collect();
    let ids: Vec<_> = one.handle.put_many(CONTACTS, puts).await.unwrap();
    let mut ids: Vec<_> = ids.into_iter().map(|(id, _)| id).collect();
    let mut got = Vec::new();
    while !ids.is_empty() {
        let some = one.handle.get_many(CONTACTS, ids.clone()).await.unwrap();
        assert!((1..=3).contains(&some.len()));
        ids.drain(..some.len());
        got.extend(some.iter().map(|got| got.entry.natural.clone()));
    }
    assert_eq!(got, ["n0", "n1", "n2", "n3", "n4", "n5"]);
}

#[tokio::test]
async fn a_long_content_of_a_collection_that_is_off_goes_nowhere() {
    let one = phone(&Arc::new(Cloud::default())).await;
    let long = || put("n", 0, &hex(&random::<{ 300 * 1024 }>()));
    let stored = one.handle.put("pictures", long()).await;
    assert_eq!(stored, Err(SyncError::Paused));
    one.handle.set_enabled("pictures", true).await.unwrap();
    // Whoever moves it was asked, and moves nothing here.
    assert_eq!(one.handle.put("pictures", long()).await, Err(SyncError::TooLong));
}

fn long(natural: &str, content: OwnedFd) -> PutLong {
    PutLong {
        id: None,
        revision: 0,
        natural: Some(natural.to_owned()),
        kind: "text/plain".to_owned(),
        attributes: Attributes::default(),
        keep_both: false,
        content,
    }
}

#[tokio::test]
async fn a_long_content_is_brought_with_the_keys_of_now_where_it_can_be_read_again() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    let newest = |epoch: u64| {
        *cloud.epoch_of_longs.lock().unwrap() = epoch;
        one.epochs.lock().unwrap().0.push(epoch);
    };
    one.puts("m", "the keys are known").await;
    newest(2);
    let file = || OwnedFd::from(tempfile::tempfile().unwrap());
    assert_eq!(one.handle.put_long(CONTACTS, long("n", file())).await, Ok(1));
    newest(3);
    let pipe = || pipe().unwrap().0;
    let put = one.handle.put_long(CONTACTS, long("p", pipe())).await;
    assert_eq!(put, Err(SyncError::KeyEpochOld), "what it brought is gone");
    assert_eq!(one.handle.put_long(CONTACTS, long("p", pipe())).await, Ok(1));
    // The warden knows none newer.
    *cloud.epoch_of_longs.lock().unwrap() = 9;
    let put = one.handle.put_long(CONTACTS, long("q", file())).await;
    assert_eq!(put, Err(SyncError::KeyEpochOld));
}

#[tokio::test]
async fn a_long_content_among_many_is_refused_by_its_number_and_nothing_is_stored_or_brought() {
    let cloud = Arc::new(Cloud::default());
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let one = phone(&cloud).await;
    one.syncs().await;
    let photo = || put("photo", 0, &hex(&random::<{ 300 * 1024 }>()));
    let many = vec![put("ada", 0, "a"), photo(), put("grace", 0, "g"), photo()];
    let stored = one.handle.put_many(CONTACTS, many).await;
    assert_eq!(stored, Err(SyncError::LongFrame(2)));
    let alone = one.handle.put_many(CONTACTS, vec![photo()]).await;
    assert_eq!(alone, Err(SyncError::LongFrame(1)));
    assert_eq!(one.handle.list(CONTACTS, 0, 9).await.unwrap(), []);
    assert_eq!(*cloud.tried_longs.lock().unwrap(), 0);
    // By itself it goes to the cloud.
    assert_eq!(one.handle.put(CONTACTS, photo()).await, Ok(1));
    assert_eq!(*cloud.tried_longs.lock().unwrap(), 1);
    assert!(one.entry("photo").await.unwrap().is_long);
    // What fits once it is compressed is short, of whatever collection.
    let text = "n".repeat(300 * 1024);
    let many = vec![put("p", 0, &text), put("q", 0, "a")];
    let stored = one.handle.put_many("pictures", many).await.unwrap();
    assert_eq!(stored.len(), 2);
    assert_eq!(*cloud.tried_longs.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_message_is_put_once_and_never_said_otherwise() {
    let one = phone(&Arc::new(Cloud::default())).await;
    let said = |revision: u64, text: &str, read: &str| {
        let mut said = put("+390612345678 1790000000 tea", revision, text);
        said.attributes = Attributes([("read".to_owned(), read.to_owned())].into());
        said
    };
    for collection in ["messages", "calls"] {
        one.handle.set_enabled(collection, true).await.unwrap();
        let first = one.handle.put(collection, said(0, "Tea?", "no")).await.unwrap();
        // Brought a second time, by a program that begins anew.
        assert_eq!(one.handle.put(collection, said(0, "Tea?", "no")).await, Ok(first));
        let stale = one.handle.put(collection, said(7, "Tea?", "yes")).await;
        assert_eq!(stale, Err(SyncError::Conflict));
        let read = one.handle.put(collection, said(1, "Tea?", "yes")).await.unwrap();
        assert_eq!((first, read), (1, 2));
        for (revision, keep_both) in [(2, false), (1, false), (1, true)] {
            let mut other = said(revision, "Coffee?", "yes");
            other.keep_both = keep_both;
            let refused = one.handle.put(collection, other).await;
            assert!(
                matches!(refused, Err(SyncError::InvalidArgument(_))),
                "{refused:?}"
            );
        }
        let listed = async || one.handle.list(collection, 0, 9).await.unwrap();
        let ids: Vec<_> = listed().await.iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), 1);
        one.handle.delete(collection, ids[0], read).await.unwrap();
        one.handle.put(collection, said(0, "Tea?", "no")).await.unwrap();
        let again: Vec<_> = listed().await.iter().map(|entry| entry.id).collect();
        assert_eq!(again, ids);
    }
}

#[tokio::test]
async fn a_message_that_two_phones_had_is_there_once_on_both_and_nobody_has_to_choose() {
    for read in [["no", "yes"], ["yes", "no"]] {
        is_there_once_and_read(read).await;
    }
}

async fn is_there_once_and_read(read: [&str; 2]) {
    const MESSAGES: &str = "messages";
    let cloud = Arc::new(Cloud::default());
    let phones = [phone(&cloud).await, phone(&cloud).await];
    for one in &phones {
        one.handle.set_enabled(MESSAGES, true).await.unwrap();
        // What is switched on is synced by itself once: that isn't to come between the two.
        one.handle.sync_now(vec![MESSAGES]).await.unwrap();
    }
    for (one, read) in phones.iter().zip(read) {
        let mut said = put("+390612345678 1790000000 tea", 0, "Tea?");
        said.attributes = Attributes([("read".to_owned(), read.to_owned())].into());
        assert_eq!(one.handle.put(MESSAGES, said).await, Ok(1));
    }
    for one in phones.iter().chain(&phones) {
        one.handle.sync_now(vec![MESSAGES]).await.unwrap();
    }
    for one in &phones {
        let listed = one.handle.list(MESSAGES, 0, 9).await.unwrap();
        assert_eq!((listed.len(), listed[0].conflict_with), (1, None));
        // Its owner has read it, on whichever of the two.
        assert_eq!(listed[0].attributes.0["read"], "yes");
        let view = one.handle.view();
        let counted = &view.collections[MESSAGES];
        assert_eq!((counted.pending, counted.conflicts), (0, 0));
    }
}
