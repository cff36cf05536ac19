//! The recovery code that takes the place of another, and who has seen it.

use belay_proto::id::AccountId;

use super::cloud::problem;
use super::kills::in_time;
use super::*;
use crate::cloud::CloudError;

#[tokio::test]
async fn another_recovery_code_is_told_to_whoever_asked_and_dropped_where_the_cloud_refuses() {
    let (world, life) = World::bound().await;
    let ticket = world.warden.ticket("recovery-code", true);
    let claim = life.account.create_recovery_code(ticket).await.unwrap();
    assert_eq!(
        *claim.text().expose(),
        world.warden.pending().unwrap().to_string()
    );
    assert_eq!(world.warden.generation(), 2);
    assert!(!life.account.view().recovery_code_set, "nobody has seen it");
    let ticket = world.warden.ticket("recovery-code", true);
    let again = life.account.create_recovery_code(ticket).await.unwrap();
    assert_eq!(again.text().expose(), claim.text().expose());
    assert_eq!(world.warden.generation(), 2, "it is the account's already");
    life.account.acknowledge(String::new()).await.unwrap();
    assert!(life.account.view().recovery_code_set);
    assert_eq!(world.warden.pending(), None);
    let twice = life.account.acknowledge(String::new()).await.unwrap_err();
    assert_eq!(name(twice), "NotFound");

    let (world, life) = World::bound().await;
    let refusal = problem(422, "bad-credentials");
    world.cloud.with(|cloud| cloud.refusals.insert("put", refusal));
    let ticket = world.warden.ticket("recovery-code", true);
    let refused = life.account.create_recovery_code(ticket).await.unwrap_err();
    assert_eq!(name(refused), "CloudRefused");
    assert_eq!(world.warden.pending(), None);
    assert_eq!(world.warden.generation(), 1);
    assert!(life.account.view().recovery_code_set, "the one before");
}

#[tokio::test]
async fn a_code_whose_answer_was_lost_with_belayd_counts_as_none_until_it_is_asked_for_again() {
    let (world, life) = World::bound().await;
    // The cloud takes it, and nothing comes back however often it is asked.
    world.cloud.with(|cloud| cloud.losses.insert("put", 9));
    let ticket = world.warden.ticket("recovery-code", true);
    let lost = life.account.create_recovery_code(ticket).await.unwrap_err();
    assert_eq!(name(lost), "Offline");
    assert!(
        !life.account.view().recovery_code_set,
        "the one before may be void"
    );
    let made = world.warden.pending().unwrap();
    life.kill().await;

    world.cloud.with(|cloud| cloud.losses.clear());
    let life = world.live().await;
    assert!(!life.account.view().recovery_code_set);
    // It is told that the account has it, which nobody has seen.
    world.cloud.with(|cloud| cloud.tells = true);
    world.hint();
    in_time(&world, &life, || world.warden.generation() == 2).await;
    assert!(!life.account.view().recovery_code_set);
    let ticket = world.warden.ticket("recovery-code", true);
    let claim = life.account.create_recovery_code(ticket).await.unwrap();
    assert_eq!(*claim.text().expose(), made.to_string());
    assert_eq!(world.warden.generation(), 2);
}

#[tokio::test]
async fn a_code_that_the_cloud_never_got_leaves_the_one_before() {
    let (world, life) = World::bound().await;
    let unsent = CloudError::NotConfigured;
    world.cloud.with(|cloud| cloud.refusals.insert("put", unsent));
    let ticket = world.warden.ticket("recovery-code", true);
    let refused = life.account.create_recovery_code(ticket).await.unwrap_err();
    assert_eq!(name(refused), "Offline");
    assert!(!life.account.view().recovery_code_set, "nobody knows yet");
    world.cloud.with(|cloud| {
        let record = super::warden::record(account_of(cloud), 2, b"the code before".to_vec());
        (cloud.tells, cloud.record) = (true, Some(record));
    });
    world.hint();
    in_time(&world, &life, || life.account.view().recovery_code_set).await;
}

/// The account that a cloud has.
fn account_of(cloud: &super::cloud::Inner) -> AccountId {
    *cloud.accounts.values().next().unwrap()
}
