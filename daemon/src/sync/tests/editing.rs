//! Putting, deleting and choosing on one device.

use std::sync::Arc;

use belay_drivers::ActivityMinute;
use belay_proto::DeviceId;
use belay_proto::id::AccessoryId;

use super::super::health::HEALTH;
use super::super::{Choice, SyncError};
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

async fn chosen(choice: Choice) -> Vec<String> {
    let one = torn().await;
    let entries = one.handle.list(CONTACTS, 0, 9).await.unwrap();
    let sibling = entries
        .iter()
        .find(|entry| entry.conflict_with.is_some())
        .unwrap();
    assert_eq!(sibling.conflict_with, Some(one.entry("n").await.unwrap().id));
    one.handle.resolve(CONTACTS, sibling.id, choice).await.unwrap();
    let left = one.handle.list(CONTACTS, 0, 9).await.unwrap();
    assert!(left.iter().all(|entry| entry.conflict_with.is_none()));
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
