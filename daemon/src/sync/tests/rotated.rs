//! Another key epoch, of which the warden hears before the cloud says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Phase;
use super::rig::{CONTACTS, Cloud, Phone, phone};

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

/// The warden keeps these key epochs from now on, and shows it.
fn keeps(phone: &Phone, epochs: &[u64]) {
    phone.epochs.lock().unwrap().0 = epochs.to_vec();
    phone.warden.send_modify(|view| {
        view.identity.key_epoch = *epochs.last().unwrap();
        view.identity.key_epochs = epochs.len() as u64;
    });
}

#[tokio::test]
async fn older_keys_that_come_after_the_newest_one_open_what_was_left_aside() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    keeps(&one, &[1, 2, 3, 4, 5, 6, 7]);
    one.puts("ada", "1").await;
    one.syncs().await;
    assert_eq!(cloud.epochs(), [(7, 1)].into());
    // A cloud that was restored had the first alone, and the owner made newer keys from there.
    keeps(&two, &[1, 8]);
    two.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    assert_eq!(two.has().await, [].into());
    keeps(&two, &[1, 2, 3, 4, 5, 6, 7, 8]);
    two.syncs().await;
    assert_eq!(two.has().await, [("ada".to_owned(), "1".to_owned())].into());
}

#[tokio::test]
async fn older_keys_that_come_after_the_newest_one_are_asked_for_though_nothing_lacks_them() {
    let cloud = Arc::new(Cloud::default());
    let phone = phone(&cloud).await;
    keeps(&phone, &[1, 8]);
    phone.syncs().await;
    let asked = phone.epochs.lock().unwrap().1;
    phone.syncs().await;
    assert_eq!(phone.epochs.lock().unwrap().1, asked);
    keeps(&phone, &[1, 2, 8]);
    phone.syncs().await;
    assert!(phone.epochs.lock().unwrap().1 > asked);
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
