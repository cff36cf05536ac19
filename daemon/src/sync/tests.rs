//! Two devices of an account, and what a cloud between them can do.

mod anew;
mod beyond;
mod disk;
mod editing;
mod full;
mod guard;
mod histories;
mod kept;
mod lies;
mod longs;
mod lost;
mod news;
mod restored;
mod rig;
mod roots;
mod rotated;
mod said;
mod shown;
mod spoilt;
mod twice;
mod unopened;

use std::sync::Arc;

use belay_proto::AccountId;

use self::rig::{ACCOUNT, CONTACTS, Cloud, all, phone, put};
use super::ports::SyncFailure;
use super::{Conditions, Phase, Policy, PolicyChanges, SyncError};

#[tokio::test]
async fn what_one_device_puts_the_other_has_and_what_one_removes_goes_on_both() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("anna", "a").await;
    one.puts("ben", "b").await;
    one.syncs().await;
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("anna", "a"), ("ben", "b")]));
    two.removes("anna").await;
    two.puts("ben", "bb").await;
    two.syncs().await;
    one.syncs().await;
    assert_eq!(one.has().await, all(&[("ben", "bb")]));
    let view = one.handle.view();
    assert_eq!((view.collections[CONTACTS].pending, view.phase), (0, Phase::Idle));
    assert!(view.last_sync > 0);
}

#[tokio::test]
async fn an_edit_is_pushed_a_moment_later_without_anybody_asking_and_a_hint_brings_it_to_the_others() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.comes_to(Phase::Idle).await;
    two.comes_to(Phase::Idle).await;
    one.puts("anna", "a").await;
    let mut watch = one.handle.watch();
    watch
        .wait_for(|view| view.collections[CONTACTS].pending == 1)
        .await
        .unwrap();
    one.clock.advance(std::time::Duration::from_secs(2));
    watch
        .wait_for(|view| view.collections[CONTACTS].pending == 0)
        .await
        .unwrap();
    let mut changes = two.handle.changes();
    two.hinted.send_modify(|times| *times += 1);
    let change = changes.recv().await.unwrap();
    assert_eq!(change.ids, [two.entry("anna").await.unwrap().id]);
}

#[tokio::test]
async fn edits_of_two_devices_are_merged_and_what_doesn_t_go_together_waits_for_a_choice() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("n", "first\nsecond\nthird\n").await;
    one.syncs().await;
    two.syncs().await;
    one.puts("n", "FIRST\nsecond\nthird\n").await;
    two.puts("n", "first\nsecond\nTHIRD\n").await;
    one.syncs().await;
    two.syncs().await;
    one.syncs().await;
    let merged = all(&[("n", "FIRST\nsecond\nTHIRD\n")]);
    assert_eq!((one.has().await, two.has().await), (merged.clone(), merged));
    one.puts("n", "one\nsecond\nTHIRD\n").await;
    two.puts("n", "two\nsecond\nTHIRD\n").await;
    one.syncs().await;
    two.syncs().await;
    one.syncs().await;
    assert_eq!(one.has().await, two.has().await);
    assert_eq!(one.has().await.len(), 2, "both versions are there");
    assert_eq!(one.handle.view().collections[CONTACTS].conflicts, 1);
}

#[tokio::test]
async fn a_push_whose_answer_is_lost_is_no_conflict() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("n", "first\n").await;
    *cloud.loses.lock().unwrap() = true;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Offline));
    // Changed again before it is known that the first is there.
    one.puts("n", "other\n").await;
    one.syncs().await;
    assert_eq!(one.has().await, all(&[("n", "other\n")]));
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("n", "other\n")]));
}

#[tokio::test]
async fn a_push_that_arrives_after_all_is_what_the_removal_since_then_was_made_of() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.puts("n", "zero\n").await;
    one.syncs().await;
    one.puts("n", "first\n").await;
    *cloud.is_late.lock().unwrap() = true;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Offline));
    one.removes("n").await;
    one.syncs().await;
    assert_eq!(one.has().await, all(&[]));
}

#[tokio::test]
async fn a_second_edit_takes_the_place_of_a_first_whose_answer_was_lost_on_devices_that_have_it() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("n", "zero\n").await;
    one.syncs().await;
    two.syncs().await;
    one.puts("n", "first\n").await;
    *cloud.loses.lock().unwrap() = true;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Offline));
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("n", "first\n")]));
    one.puts("n", "other\n").await;
    one.syncs().await;
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("n", "other\n")]), "no second version");
}

#[tokio::test]
async fn what_another_device_made_of_a_push_whose_answer_was_lost_is_taken_in_its_place() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("n", "zero\n").await;
    one.syncs().await;
    one.puts("n", "first\n").await;
    *cloud.loses.lock().unwrap() = true;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Offline));
    two.syncs().await;
    two.puts("n", "second\n").await;
    two.syncs().await;
    one.syncs().await;
    assert_eq!(one.has().await, all(&[("n", "second\n")]));
}

#[tokio::test]
async fn what_needn_t_be_fetched_isn_t_and_a_sync_without_a_change_asks_once() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.syncs().await;
    let before = *cloud.counted.lock().unwrap();
    one.puts("n", "a").await;
    one.syncs().await;
    assert_eq!(*cloud.counted.lock().unwrap(), (before.0, before.1 + 1));
    one.syncs().await;
    assert_eq!(*cloud.counted.lock().unwrap(), (before.0 + 1, before.1 + 1));
}

#[tokio::test]
async fn a_restored_cloud_gets_back_what_it_lost_and_nothing_is_deleted() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("old", "a").await;
    one.syncs().await;
    let backup = cloud.kept.lock().unwrap().clone();
    one.puts("new", "b").await;
    one.puts("old", "aa").await;
    one.syncs().await;
    two.syncs().await;
    *cloud.kept.lock().unwrap() = rig::Kept { epoch: 1, ..backup };
    one.syncs().await;
    two.syncs().await;
    one.syncs().await;
    let whole = all(&[("old", "aa"), ("new", "b")]);
    assert_eq!((one.has().await, two.has().await), (whole.clone(), whole.clone()));
    let third = phone(&cloud).await;
    third.syncs().await;
    assert_eq!(third.has().await, whole);
}

#[tokio::test]
async fn a_new_key_epoch_is_fetched_and_what_didn_t_open_is_read_then() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("old", "a").await;
    one.syncs().await;
    two.syncs().await;
    // The password was changed on one: its records are sealed in another epoch.
    let one = {
        one.epochs.lock().unwrap().0 = vec![1, 2];
        one.is_nobodys().await;
        one.becomes(ACCOUNT).await;
        one
    };
    one.puts("new", "b").await;
    one.syncs().await;
    assert_eq!(
        two.handle.sync_now(vec![CONTACTS]).await,
        Err(SyncError::Unopened)
    );
    assert_eq!(two.has().await, all(&[("old", "a")]), "there is no key yet");
    // The owner's keyring for this device reaches its warden when the next round asks for it.
    two.made_elsewhere.lock().unwrap().push(2);
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("old", "a"), ("new", "b")]));
}

#[tokio::test]
async fn a_push_in_an_old_key_epoch_has_the_owners_newest_keys_fetched_and_is_made_again_with_them() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.puts("old", "a").await;
    one.syncs().await;
    *cloud.least_epoch.lock().unwrap() = 2;
    one.puts("new", "b").await;
    one.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    one.made_elsewhere.lock().unwrap().push(2);
    one.syncs().await;
    assert!(one.made_elsewhere.lock().unwrap().is_empty());
    let two = phone(&cloud).await;
    two.epochs.lock().unwrap().0 = vec![1, 2];
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("old", "a"), ("new", "b")]));
}

#[tokio::test]
async fn nothing_moves_while_sync_is_paused_or_the_policy_forbids_it_and_a_pause_outlives_a_restart() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.handle.pause().await.unwrap();
    one.puts("n", "a").await;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Paused));
    let one = one.restarts(&cloud).await;
    one.comes_to(Phase::Paused).await;
    one.handle.resume().await.unwrap();
    one.conditions.send_replace(Conditions {
        metered: true,
        ..Conditions::default()
    });
    one.comes_to(Phase::Paused).await;
    let all_networks = PolicyChanges {
        metered: Some(true),
        roaming: None,
        battery_floor: Some(20),
    };
    one.handle.set_policy(all_networks).await.unwrap();
    one.syncs().await;
    one.conditions.send_replace(Conditions {
        battery: Some(19),
        ..Conditions::default()
    });
    one.comes_to(Phase::Paused).await;
}

#[tokio::test]
async fn a_full_cloud_is_told_and_a_failure_is_tried_again() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.comes_to(Phase::Idle).await;
    *cloud.refuses.lock().unwrap() = Some(SyncFailure::Offline(None));
    one.puts("n", "a").await;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Offline));
    let view = one.comes_to(Phase::Offline).await;
    assert_eq!(view.last_error, "Offline");
    *cloud.refuses.lock().unwrap() = None;
    one.clock.advance(std::time::Duration::from_secs(60));
    let view = one.comes_to(Phase::Idle).await;
    assert_eq!((view.collections[CONTACTS].pending, view.last_error), (0, ""));
    *cloud.about_results.lock().unwrap() = Some(Box::new(|answer| {
        answer.results = vec![belay_proto::wire::PushStatus::Quota.into(); answer.results.len()];
    }));
    one.puts("n", "b").await;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::QuotaExceeded));
    let view = one.comes_to(Phase::QuotaExceeded).await;
    assert_eq!(view.collections[CONTACTS].pending, 1);
}

#[tokio::test]
async fn another_owner_sees_nothing_of_what_a_sign_out_left_and_the_same_one_finds_it() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.puts("n", "a").await;
    one.is_nobodys().await;
    assert_eq!(one.handle.list(CONTACTS, 0, 9).await, Err(SyncError::NotBound));
    assert_eq!(
        one.handle.put(CONTACTS, put("m", 0, "b")).await,
        Err(SyncError::NotBound)
    );
    one.becomes(ACCOUNT).await;
    assert_eq!(one.has().await, all(&[("n", "a")]));
    one.is_nobodys().await;
    one.becomes(AccountId::from_bytes([8; 16])).await;
    assert_eq!(one.has().await, all(&[]));
}

#[tokio::test]
async fn a_pause_ends_with_the_binding_that_it_was_made_in() {
    let one = phone(&Arc::new(Cloud::default())).await;
    one.handle.pause().await.unwrap();
    one.is_nobodys().await;
    // Another owner's, who never paused anything.
    one.becomes(AccountId::from_bytes([8; 16])).await;
    one.comes_to(Phase::Idle).await;
}

#[tokio::test]
async fn what_one_owner_chose_of_metered_networks_isn_t_the_next_one_s() {
    let one = phone(&Arc::new(Cloud::default())).await;
    let changes = PolicyChanges {
        metered: Some(true),
        roaming: Some(true),
        battery_floor: Some(0),
    };
    one.handle.set_policy(changes).await.unwrap();
    one.conditions.send_modify(|now| now.metered = true);
    one.syncs().await;
    one.is_nobodys().await;
    one.becomes(AccountId::from_bytes([8; 16])).await;
    let view = one.comes_to(Phase::Paused).await;
    assert_eq!(view.policy, Policy::default());
}
