//! A disk that takes some things and not others, and a caller that leaves between two moments.

use std::time::Duration;

use belay_proto::dbus::AccountState;
use futures_util::FutureExt;

use super::cloud::problem;
use super::{ADA, CODE, Life, World, confirm, name};
use crate::account::AccountError;
use crate::account::state::Job;
use crate::cloud::CloudError;

/// Lets the disk refuse what `action` of table `account` and `when` name.
async fn spoil(life: &Life, action: &str, when: &str) {
    let trigger = format!(
        "CREATE TRIGGER spoilt BEFORE {action} ON account WHEN {when} \
         BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    );
    life.store
        .call(move |database| Ok(database.execute_batch(&trigger)?))
        .await
        .unwrap();
}

async fn mend(life: &Life) {
    life.store
        .call(|database| Ok(database.execute_batch("DROP TRIGGER spoilt")?))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_caller_that_leaves_between_the_admission_and_the_work_leaves_nothing_running() {
    let world = World::new();
    let life = world.live().await;
    let ticket = world.warden.ticket("sign-in", true);
    // Should the work begin, it hangs at its first message.
    world.fuse.set(1);
    let mut work = Box::pin(life.account.sign_in(ADA.into(), ticket));
    assert!(work.as_mut().now_or_never().is_none());
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    drop(work);
    world.fuse.remove();
    let next = async {
        while let Err(error) = world.sign_in(&life).await {
            assert_eq!(name(error), "Busy");
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), next)
        .await
        .expect("the work of who has left keeps nobody out");
}

#[tokio::test]
async fn work_that_ends_on_a_full_disk_leaves_room_for_the_next() {
    let world = World::new();
    let life = world.live().await;
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("devices", problem(500, "internal")));
    spoil(&life, "DELETE", "true").await;
    assert_eq!(name(world.sign_in(&life).await.unwrap_err()), "CloudRefused");
    mend(&life).await;
    world.sign_in(&life).await.unwrap();
    assert_eq!(life.state(), AccountState::Bound);
}

#[tokio::test]
async fn a_disk_that_is_full_once_the_device_is_bound_ends_no_session() {
    let world = World::new();
    let life = world.live().await;
    // The session is written when the password has opened the account, and again when the device is bound.
    spoil(&life, "UPDATE", "OLD.part = 'session'").await;
    assert_eq!(name(world.sign_in(&life).await.unwrap_err()), "Storage");
    assert!(world.warden.bound().is_some());
    assert!(life.has_tokens().await);
    mend(&life).await;
    life.kill().await;
    let life = world.live().await;
    assert_eq!(life.state(), AccountState::Bound);
    life.account.devices().await.unwrap();
    assert_eq!(world.cloud.with(|cloud| cloud.revoked), 0);
}

#[tokio::test]
async fn a_registration_that_cannot_be_ended_is_tried_again_and_keeps_nobody_busy() {
    let world = World::new();
    let life = world.live().await;
    world.register(&life).await.unwrap();
    spoil(&life, "DELETE", "OLD.part = 'registration'").await;
    world.clock.advance(Duration::from_secs(86_401));
    // Each reading lets the store's thread refuse whatever was handed to it before.
    for _ in 0..50 {
        life.rows.load().await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(world.clock.waits().len() < 5, "{:?}", world.clock.waits());
    assert_eq!(life.state(), AccountState::Registering);
    mend(&life).await;
    world.clock.advance(Duration::from_secs(61));
    life.until(|view| view.state == AccountState::Unbound).await;
}

#[tokio::test]
async fn tokens_of_an_account_that_was_given_up_do_not_stay() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    // The cloud makes the account and its tokens are kept; that it was accepted is not.
    spoil(&life, "INSERT", "NEW.part = 'session'").await;
    assert_eq!(name(confirm(&life, &id, CODE).await.unwrap_err()), "Storage");
    assert!(life.has_tokens().await);
    mend(&life).await;
    life.account.cancel(id).await.unwrap();
    assert!(!life.has_tokens().await);
    assert_eq!(life.state(), AccountState::Unbound);
}

#[tokio::test]
async fn what_the_cloud_has_is_not_kept_here_too() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    confirm(&life, &id, CODE).await.unwrap();
    let kept = life.rows.load().await.unwrap().registration.unwrap().material;
    assert!(kept.share.is_empty() && kept.credentials.is_empty() && kept.keyring.is_empty());
}

#[test]
fn a_session_that_the_cloud_ends_as_it_gives_it_is_a_refusal_to_whoever_had_none() {
    let told = |job| name(AccountError::from(CloudError::SessionEnded).of(job));
    assert_eq!(told(Job::SignIn), "CloudRefused");
    assert_eq!(told(Job::SetProfile), "ReauthenticationRequired");
}
