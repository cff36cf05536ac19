//! An account that goes on with keys of nothing that was: what a sign-out left on its devices is brought once more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::{Choice, Phase, Put, Shown, SyncError};
use super::rig::{ACCOUNT, CONTACTS, Cloud, Phone, all, begin, phone, put};

impl Phone {
    /// Its owner signs out and keeps the data, forgets password and recovery code, and signs in to the account's new keys.
    async fn comes_anew(&self) {
        self.is_nobodys().await;
        self.has_new_keys();
        self.becomes(ACCOUNT).await;
    }

    fn has_new_keys(&self) {
        self.anew.fetch_add(1, Ordering::Relaxed);
        self.epochs.lock().unwrap().0 = vec![2];
    }
}

/// A phone that the account gets then.
async fn new_phone(cloud: &Arc<Cloud>) -> Phone {
    let phone = begin(cloud, tempfile::tempdir().unwrap()).await;
    phone.comes_anew().await;
    phone.switches_on().await;
    phone
}

#[tokio::test]
async fn what_a_sign_out_left_goes_up_under_the_keys_that_the_account_has_since() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.puts("ada", "1").await;
    one.puts("gone", "1").await;
    one.syncs().await;
    one.removes("gone").await;
    one.syncs().await;
    one.puts("ada", "2").await;
    let before = one.entry("ada").await.unwrap();
    one.comes_anew().await;
    one.syncs().await;
    let after = one.entry("ada").await.unwrap();
    assert!(after.id != before.id && after.revision == before.revision);
    assert_eq!(one.handle.view().collections[CONTACTS].pending, 0);
    let two = new_phone(&cloud).await;
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("ada", "2")]));
    // And from there on as ever.
    two.puts("ada", "3").await;
    two.syncs().await;
    one.syncs().await;
    assert_eq!(one.has().await, all(&[("ada", "3")]));
}

#[tokio::test]
async fn what_one_of_two_devices_changed_or_removed_last_stands_though_the_other_comes_first() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("ada", "1").await;
    one.puts("gone", "1").await;
    one.puts("same", "1").await;
    one.syncs().await;
    two.syncs().await;
    one.puts("ada", "2").await;
    one.removes("gone").await;
    one.syncs().await;
    // The second one never heard of that.
    two.comes_anew().await;
    two.syncs().await;
    one.comes_anew().await;
    for phone in [&one, &two, &one] {
        phone.syncs().await;
    }
    let whole = all(&[("ada", "2"), ("same", "1")]);
    assert_eq!((one.has().await, two.has().await), (whole.clone(), whole));
}

#[tokio::test]
async fn versions_that_wait_for_a_choice_wait_for_it_under_their_new_ids() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("n", "first\n").await;
    one.syncs().await;
    two.syncs().await;
    one.puts("n", "one\n").await;
    two.puts("n", "two\n").await;
    one.syncs().await;
    two.syncs().await;
    two.comes_anew().await;
    two.syncs().await;
    let all_there = two.handle.list(CONTACTS, 0, 9).await.unwrap();
    let sibling = all_there
        .iter()
        .find(|entry| entry.conflict_with.is_some())
        .unwrap();
    let original = two.entry("n").await.unwrap();
    assert_eq!(sibling.conflict_with, Some(original.id));
    let resolved = two
        .handle
        .resolve(CONTACTS, sibling.id, Choice::Mine, Shown::default());
    resolved.await.unwrap();
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("n", "two\n")]));
}

#[tokio::test]
async fn what_is_long_waits_for_its_source_though_the_cloud_has_the_chunks_of_before() {
    let cloud = Arc::new(Cloud::default());
    *cloud.whole.lock().unwrap() = Some(BTreeSet::new());
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let one = phone(&cloud).await;
    one.brings("long").await;
    one.syncs().await;
    one.comes_anew().await;
    for _ in 0..2 {
        assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Lacking));
        assert!(one.lacks().await);
    }
    let two = new_phone(&cloud).await;
    two.syncs().await;
    assert_eq!(two.has().await, all(&[]));
    one.brings("long").await;
    one.syncs().await;
    assert!(!one.lacks().await);
    two.syncs().await;
    assert!(!two.lacks().await);
}

#[tokio::test]
async fn keys_that_come_while_the_device_is_bound_are_followed_too() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.puts("ada", "1").await;
    one.syncs().await;
    let mut changes = one.handle.changes();
    one.has_new_keys();
    one.warden.send_modify(|view| view.identity.generation += 1);
    let change = changes.recv().await.unwrap();
    one.syncs().await;
    let two = new_phone(&cloud).await;
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("ada", "1")]));
    assert_eq!(change.ids, [two.entry("ada").await.unwrap().id]);
    assert_eq!(change.removed.len(), 1);
}

#[tokio::test]
async fn what_the_owner_is_asked_about_is_put_back_rather_than_removed_for_good() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    for n in 0..30 {
        one.puts(&format!("n{n}"), "a").await;
    }
    one.syncs().await;
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    one.comes_to(Phase::Attention).await;
    one.comes_anew().await;
    one.syncs().await;
    assert_eq!(one.has().await.len(), 30);
    assert_eq!(one.handle.view().question, None);
}

#[tokio::test]
async fn nothing_is_stored_with_keys_that_the_account_has_left() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.puts("ada", "1").await;
    one.syncs().await;
    let old = one.entry("ada").await.unwrap();
    one.comes_anew().await;
    one.syncs().await;
    let stale = Put {
        id: Some(old.id),
        natural: None,
        ..put("ada", old.revision, "2")
    };
    assert_eq!(one.handle.put(CONTACTS, stale).await, Err(SyncError::Conflict));
    assert_eq!(one.has().await, all(&[("ada", "1")]));
}
