//! What the cloud has taken comes to the warden without the cloud too, and what it didn't tell is asked for again.

use belay_proto::dbus::AccountState;
use belay_proto::id::DeviceId;
use belay_proto::secret::Secret;
use belay_proto::wire::{Grant, NewCredentialsRequest, ProfileChanges};

use super::World;
use super::cloud::problem;
use super::kills::in_time;
use super::upkeep::account;
use super::warden::DEVICE;
use crate::account::keep_up::follow;
use crate::cloud::CloudError;

fn grant(device: DeviceId, whose: &str) -> Grant {
    let named = |what: &str| Some(format!("{whose} {what}").into_bytes().into());
    Grant {
        device,
        keyring: named("keyring"),
        delegate: named("delegate"),
        certificate: named("certificate"),
    }
}

#[tokio::test]
async fn a_sign_in_that_the_accounts_keys_change_under_begins_anew() {
    let (world, life) = World::bound().await;
    world.sign_out(&life).await.unwrap();
    let logins = world.cloud.with(|cloud| cloud.logins);
    world.cloud.with(|cloud| {
        cloud
            .refusals
            .insert("devices", problem(409, "generation-conflict"))
    });
    world.sign_in(&life).await.unwrap();
    assert_eq!(world.cloud.with(|cloud| cloud.logins), logins + 2);
    assert_eq!(life.state(), AccountState::Bound);
    assert!(life.has_tokens().await);
}

#[tokio::test]
async fn a_new_root_whose_credentials_the_cloud_doesnt_tell_again_is_followed_with_the_devices_own_share_of_it()
 {
    let (world, _life) = World::bound().await;
    let mut record = account(&world).as_bytes().to_vec();
    record.push(2);
    let taken = NewCredentialsRequest {
        ticket: None,
        credentials: record.into(),
        keyring: Vec::new().into(),
        replaces: Vec::new().into(),
        share: Secret::new([0; 32]).into(),
        succession: Some(b"succession".to_vec().into()),
        owner: None,
        grants: vec![
            grant(DeviceId::from_bytes([9; 16]), "another's"),
            grant(DeviceId::from_bytes(DEVICE), "own"),
        ],
    };
    follow(&world.warden.handle(), taken).await.unwrap();
    let brought = world.warden.brought();
    let steps: Vec<_> = brought.iter().map(|(step, _)| step.as_str()).collect();
    assert_eq!(steps, ["succeed", "credentials", "take-keyring", "take-delegate"]);
    for (step, input) in brought {
        let input = String::from_utf8_lossy(&input).into_owned();
        assert!(!input.contains("another's"), "{step}");
        assert_eq!(input.contains("own "), step != "credentials", "{step}");
    }
    assert_eq!(world.warden.generation(), 2);
}

#[tokio::test]
async fn what_was_changed_elsewhere_is_heard_of_also_where_the_first_answer_to_the_hint_is_lost() {
    let (world, life) = World::bound().await;
    let mut record = account(&world).as_bytes().to_vec();
    record.push(3);
    world.cloud.with(|cloud| {
        (cloud.tells, cloud.record) = (true, Some(record));
        let lost = CloudError::offline("the answer was lost");
        cloud.refusals.insert("credentials", lost);
    });
    world.hint();
    in_time(&world, &life, || world.warden.generation() == 3).await;
}

#[tokio::test]
async fn details_that_the_cloud_doesnt_tell_after_a_change_have_the_account_looked_at_again() {
    let (world, life) = World::bound().await;
    let mut record = account(&world).as_bytes().to_vec();
    record.push(3);
    world.cloud.with(|cloud| {
        (cloud.tells, cloud.record) = (true, Some(record));
        cloud.refusals.insert("account", problem(404, "not-found"));
    });
    life.account.set_profile(ProfileChanges::default()).await.unwrap();
    // Without a hint.
    in_time(&world, &life, || world.warden.generation() == 3).await;
}
