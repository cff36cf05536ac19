//! A device that goes over to another root of its account, and back to the one of before.

use std::sync::Arc;

use belay_proto::keys::PublicKey;

use super::super::SyncError;
use super::super::ports::SyncFailure;
use super::rig::{CONTACTS, Cloud, Phone, all, phone};

/// The warden follows this owner from now on, in this generation and with these key epochs.
fn is_under(phone: &Phone, owner: u8, generation: u64, epochs: &[u64]) {
    phone.epochs.lock().unwrap().0 = epochs.to_vec();
    phone.warden.send_modify(|view| {
        view.identity.owner = Some(PublicKey::from_bytes([owner; 32]));
        view.identity.generation = generation;
        view.identity.key_epoch = *epochs.last().unwrap();
        view.identity.key_epochs = epochs.len() as u64;
    });
}

/// Another root ends what was asked for under the one before, and what that one was refused.
async fn syncs(phone: &Phone) {
    while let Err(error) = phone.handle.sync_now(vec![CONTACTS]).await {
        let is_of_before = [SyncError::Cancelled, SyncError::ReauthenticationRequired].contains(&error);
        assert!(is_of_before, "{error:?}");
    }
}

#[tokio::test]
async fn what_goes_up_once_a_device_is_back_under_its_root_the_others_read_though_it_made_newer_keys_apart() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    for phone in [&one, &two] {
        is_under(phone, 1, 1, &[1]);
    }
    one.puts("ada", "1").await;
    syncs(&one).await;
    // It waits out a recovery without the code, of which the account knows nothing.
    is_under(&one, 2, 2, &[1, 2]);
    *cloud.refuses.lock().unwrap() = Some(SyncFailure::Reauthentication);
    one.puts("ada", "2").await;
    one.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    // The account has had another password meanwhile, and counts as far as the device.
    *cloud.refuses.lock().unwrap() = None;
    is_under(&one, 1, 2, &[1]);
    syncs(&one).await;
    is_under(&two, 1, 2, &[1]);
    syncs(&two).await;
    assert_eq!(two.has().await, all(&[("ada", "2")]));
}

#[tokio::test]
async fn a_round_under_way_pushes_nothing_more_under_the_keys_of_a_root_that_was_left() {
    let cloud = Arc::new(Cloud::default());
    let phone = phone(&cloud).await;
    is_under(&phone, 1, 1, &[1]);
    syncs(&phone).await;
    // The answer to the first push is lost, so that the next round begins with what the cloud has.
    *cloud.loses.lock().unwrap() = true;
    phone.puts("ada", "1").await;
    phone.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    phone.puts("ada", "2").await;
    let (warden, epochs) = (phone.warden.clone(), Arc::clone(&phone.epochs));
    *cloud.about_changes.lock().unwrap() = Some(Box::new(move |_| {
        if epochs.lock().unwrap().0.len() == 2 {
            epochs.lock().unwrap().0 = vec![1];
            warden.send_modify(|view| {
                view.identity.owner = Some(PublicKey::from_bytes([1; 32]));
                (view.identity.key_epoch, view.identity.key_epochs) = (1, 1);
            });
        }
    }));
    is_under(&phone, 2, 2, &[1, 2]);
    syncs(&phone).await;
    let kept = cloud.kept.lock().unwrap();
    let epochs: Vec<u64> = kept
        .records
        .values()
        .map(|(_, record)| record.key_epoch)
        .collect();
    assert_eq!(epochs, [1]);
}
