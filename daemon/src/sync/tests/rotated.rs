//! Another key epoch, of which the warden hears before the cloud says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Phase;
use super::rig::{CONTACTS, Cloud, Phone, all, phone};

impl Cloud {
    /// How many records it keeps of each key epoch.
    fn epochs(&self) -> BTreeMap<u64, usize> {
        let mut epochs = BTreeMap::new();
        for (_, record) in self.kept.lock().unwrap().records.values() {
            *epochs.entry(record.key_epoch).or_default() += 1;
        }
        epochs
    }
}

/// The warden keeps this key epoch too from now on, and shows it.
fn rises(phone: &Phone, epoch: u64) {
    phone.epochs.lock().unwrap().0.push(epoch);
    phone.warden.send_modify(|view| view.identity.key_epoch = epoch);
}

#[tokio::test]
async fn what_is_pushed_after_a_new_key_epoch_is_under_it_though_the_cloud_would_take_the_old_one() {
    let cloud = Arc::new(Cloud::default());
    let phone = phone(&cloud).await;
    phone.puts("ada", "1").await;
    phone.syncs().await;
    assert_eq!(cloud.epochs(), [(1, 1)].into());
    rises(&phone, 2);
    phone.puts("grace", "1").await;
    phone.syncs().await;
    assert_eq!(cloud.epochs(), [(1, 1), (2, 1)].into());
}

#[tokio::test]
async fn a_round_under_way_pushes_nothing_more_under_keys_that_were_followed() {
    let cloud = Arc::new(Cloud::default());
    let phone = phone(&cloud).await;
    phone.syncs().await;
    // The answer to the first push is lost, so that the next round begins with what the cloud has.
    *cloud.loses.lock().unwrap() = true;
    phone.puts("ada", "1").await;
    phone.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    phone.puts("ada", "2").await;
    let (warden, epochs) = (phone.warden.clone(), Arc::clone(&phone.epochs));
    *cloud.about_changes.lock().unwrap() = Some(Box::new(move |_| {
        if epochs.lock().unwrap().0.len() == 1 {
            epochs.lock().unwrap().0.push(2);
            warden.send_modify(|view| view.identity.key_epoch = 2);
        }
    }));
    phone.syncs().await;
    assert_eq!(cloud.epochs(), [(2, 1)].into());
    phone.comes_to(Phase::Idle).await;
    assert_eq!(phone.has().await, [("ada".to_owned(), "2".to_owned())].into());
}

/// A cloud of its own that has all that `cloud` has.
fn copied(cloud: &Cloud) -> Arc<Cloud> {
    let copy = Cloud::default();
    *copy.kept.lock().unwrap() = cloud.kept.lock().unwrap().clone();
    Arc::new(copy)
}

impl Cloud {
    /// Has what `other` has of these key epochs and it hasn't.
    fn is_given(&self, other: &Cloud, epoch: u64) {
        let other = other.kept.lock().unwrap().records.clone();
        let mut kept = self.kept.lock().unwrap();
        for (key, (_, record)) in other {
            let has = kept.records.get(&key).map(|(_, has)| has.revision);
            if record.key_epoch == epoch && has != Some(record.revision) {
                kept.last += 1;
                let last = kept.last;
                kept.records.insert(key, (last, record));
            }
        }
    }
}

#[tokio::test]
async fn what_comes_under_keys_of_before_after_all_was_fetched_takes_no_place() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    for natural in ["ada", "grace"] {
        one.puts(natural, "the owner's").await;
    }
    one.syncs().await;
    two.syncs().await;
    // A removed phone, and a cloud that helps it.
    let theirs = copied(&cloud);
    let removed = phone(&theirs).await;
    removed.syncs().await;
    for phone in [&one, &two] {
        rises(phone, 2);
    }
    one.puts("alan", "the owner's").await;
    for _ in 0..2 {
        one.syncs().await;
        two.syncs().await;
    }
    assert_eq!(cloud.epochs(), [(1, 2), (2, 1)].into());
    removed.puts("ada", "forged").await;
    removed.removes("grace").await;
    removed.syncs().await;
    cloud.is_given(&theirs, 1);
    for _ in 0..2 {
        two.syncs().await;
        one.syncs().await;
    }
    for phone in [&one, &two] {
        let has = phone.has().await;
        for natural in ["ada", "alan", "grace"] {
            assert_eq!(
                has.get(natural).map(String::as_str),
                Some("the owner's"),
                "{natural}"
            );
        }
        let beside: Vec<&str> = has
            .values()
            .map(String::as_str)
            .filter(|text| *text == "forged")
            .collect();
        assert_eq!(beside.len(), 1, "were it no forgery, it weren't lost: {has:?}");
        let shown = &phone.handle.view().collections[CONTACTS];
        assert_eq!((shown.conflicts, shown.pending), (1, 0));
    }
}

#[tokio::test]
async fn what_another_device_pushed_before_it_heard_of_the_new_keys_is_taken_as_ever() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    for natural in ["ada", "grace"] {
        one.puts(natural, "1").await;
    }
    one.syncs().await;
    two.syncs().await;
    rises(&one, 2);
    two.puts("ada", "2").await;
    two.removes("grace").await;
    two.syncs().await;
    one.puts("alan", "1").await;
    one.syncs().await;
    one.syncs().await;
    rises(&two, 2);
    two.syncs().await;
    for phone in [&one, &two] {
        assert_eq!(phone.has().await, all(&[("ada", "2"), ("alan", "1")]));
        assert_eq!(phone.handle.view().collections[CONTACTS].conflicts, 0);
    }
}
