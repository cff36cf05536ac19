//! A cloud without room gets nothing in vain, round by round.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Phase, SyncError, View};
use super::rig::{CONTACTS, Cloud, Phone, all, phone};

/// Longer than what has no room is first left alone, with all that a device may wait longer than others.
const A_WHILE: Duration = Duration::from_secs(20 * 60);

/// How many records were pushed so far.
fn pushed(cloud: &Cloud) -> usize {
    cloud.counted.lock().unwrap().1
}

/// A phone whose second record the cloud has no room for.
async fn full(cloud: &Arc<Cloud>) -> Phone {
    let one = phone(cloud).await;
    one.puts("old", "a").await;
    one.syncs().await;
    cloud.kept.lock().unwrap().room = Some(1);
    one.puts("new", "a").await;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::QuotaExceeded));
    assert_eq!(pushed(cloud), 2);
    one
}

/// Everything is looked at again, though nobody waits for it.
async fn looks_again(one: &Phone) {
    one.handle.pause().await.unwrap();
    one.handle.resume().await.unwrap();
    let mut watch = one.handle.watch();
    let is_done = |view: &View| view.phase != Phase::Syncing;
    watch.wait_for(is_done).await.unwrap();
}

#[tokio::test]
async fn what_is_new_isnt_sent_again_before_there_is_more_room_and_what_is_changed_goes_meanwhile() {
    let cloud = Arc::new(Cloud::default());
    let one = full(&cloud).await;
    looks_again(&one).await;
    let view = one.comes_to(Phase::QuotaExceeded).await;
    assert_eq!((pushed(&cloud), view.collections[CONTACTS].pending), (2, 1));
    one.puts("old", "b").await;
    looks_again(&one).await;
    let view = one.comes_to(Phase::QuotaExceeded).await;
    assert_eq!((pushed(&cloud), view.collections[CONTACTS].pending), (3, 1));
    // Another device, or the cloud's owner, has made room.
    cloud.kept.lock().unwrap().room = Some(2);
    looks_again(&one).await;
    let view = one.comes_to(Phase::Idle).await;
    assert_eq!((pushed(&cloud), view.collections[CONTACTS].pending), (4, 0));
}

#[tokio::test]
async fn what_is_removed_makes_room_for_what_is_new_at_once() {
    let cloud = Arc::new(Cloud::default());
    let one = full(&cloud).await;
    one.removes("old").await;
    looks_again(&one).await;
    let view = one.comes_to(Phase::Idle).await;
    assert_eq!(view.collections[CONTACTS].pending, 0);
    assert_eq!(one.has().await, all(&[("new", "a")]));
}

#[tokio::test]
async fn where_nothing_new_is_left_a_full_cloud_troubles_nobody() {
    let cloud = Arc::new(Cloud::default());
    let one = full(&cloud).await;
    // Another device brings the very same, and there is as little room as before.
    let two = phone(&cloud).await;
    cloud.kept.lock().unwrap().room = None;
    two.puts("new", "a").await;
    two.syncs().await;
    cloud.kept.lock().unwrap().room = Some(2);
    looks_again(&one).await;
    assert_eq!(one.comes_to(Phase::Idle).await.last_error, "");
}

#[tokio::test]
async fn a_cloud_that_may_count_otherwise_than_it_tells_is_tried_after_a_while_and_for_who_asks() {
    let cloud = Arc::new(Cloud::default());
    let one = full(&cloud).await;
    let mut watch = one.handle.watch();
    one.clock.advance(A_WHILE);
    while pushed(&cloud) == 2 {
        let changed = tokio::time::timeout(Duration::from_secs(60), watch.changed());
        changed.await.expect("it is tried").unwrap();
    }
    one.comes_to(Phase::QuotaExceeded).await;
    assert_eq!(pushed(&cloud), 3);
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::QuotaExceeded));
    assert_eq!(pushed(&cloud), 4);
}

/// A phone of which a content found no room.
async fn full_of_contents(cloud: &Arc<Cloud>) -> Phone {
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let one = phone(cloud).await;
    one.brings("there").await;
    one.syncs().await;
    *cloud.is_full_of_longs.lock().unwrap() = true;
    assert_eq!(one.tries("film").await, Err(SyncError::QuotaExceeded));
    let view = one.comes_to(Phase::QuotaExceeded).await;
    assert_eq!(view.last_error, "QuotaExceeded");
    one
}

fn tried(cloud: &Cloud) -> usize {
    *cloud.tried_longs.lock().unwrap()
}

#[tokio::test]
async fn contents_that_find_no_room_are_told_of_and_not_moved_again_and_again_while_records_go() {
    let cloud = Arc::new(Cloud::default());
    let one = full_of_contents(&cloud).await;
    assert_eq!(tried(&cloud), 2);
    assert_eq!(one.tries("film").await, Err(SyncError::QuotaExceeded));
    assert_eq!(tried(&cloud), 2);
    one.puts("short", "a").await;
    looks_again(&one).await;
    let view = one.comes_to(Phase::QuotaExceeded).await;
    assert_eq!(view.collections[CONTACTS].pending, 0);
    // What takes the place of what is there may have room.
    *cloud.is_full_of_longs.lock().unwrap() = false;
    one.brings("there").await;
    one.comes_to(Phase::Idle).await;
    one.brings("film").await;
    assert_eq!(tried(&cloud), 4);
}

#[tokio::test]
async fn contents_that_found_no_room_are_tried_for_who_asks() {
    let cloud = Arc::new(Cloud::default());
    let one = full_of_contents(&cloud).await;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::QuotaExceeded));
    assert_eq!(one.tries("film").await, Err(SyncError::QuotaExceeded));
    assert_eq!(tried(&cloud), 3);
}

#[tokio::test]
async fn contents_that_found_no_room_are_tried_once_there_is_more() {
    let cloud = Arc::new(Cloud::default());
    let one = full_of_contents(&cloud).await;
    // Another device, or the cloud's owner, has made room.
    cloud.kept.lock().unwrap().room = Some(100);
    looks_again(&one).await;
    one.comes_to(Phase::Idle).await;
    *cloud.is_full_of_longs.lock().unwrap() = false;
    one.brings("film").await;
}
