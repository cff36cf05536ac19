//! What ends a hold: the owner being there, and the device being in nobody's hands. Afterwards nothing comes of it.

use std::time::Duration;

use belay_proto::keys::SigningKey;
use belay_proto::signed::*;
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::holding::Held;
use crate::owner::{envelope, lock, ring, wipe};
use crate::support::{OTHER_PASSWORD, PASSWORD};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn the_old_password_ends_it_wherever_it_is_typed() {
    let (held, waiting) = Held::begun().await;
    assert_eq!(
        held.warden.unlock("wrong-heron-3-umbrella").await,
        Err(Refusal::WrongPassword)
    );
    assert!(held.warden.held().await.left.is_some(), "a wrong one doesn't");
    held.warden.unlock(PASSWORD).await.unwrap();
    held.is_ended(&waiting).await;

    let (held, waiting) = Held::begun().await;
    held.warden
        .proved_with(&held.account, Purpose::RecoveryCode, "")
        .await
        .unwrap();
    held.is_ended(&waiting).await;
}

#[tokio::test]
async fn a_command_of_the_owner_ends_it_and_one_that_was_seen_before_does_not() {
    let mut held = Held::ready().await;
    let (_, seen) = held.owner.signed(ring());
    assert_eq!(held.warden.command(seen.clone()).await, Disposition::Accepted);
    let waiting = held
        .warden
        .forgotten(&held.account, OTHER_PASSWORD)
        .await
        .unwrap();
    assert_eq!(held.warden.command(seen).await, Disposition::Replayed);
    let strange = envelope(&held.owner.command(ring()), &SigningKey::generate(), None);
    assert_eq!(held.warden.command(strange).await, Disposition::BadSignature);
    assert!(held.warden.held().await.left.is_some());
    let (_, rings) = held.owner.signed(ring());
    assert_eq!(held.warden.command(rings).await, Disposition::Accepted);
    held.is_ended(&waiting).await;
}

#[tokio::test]
async fn a_command_that_is_refused_is_still_the_owners() {
    let (mut held, waiting) = Held::begun().await;
    held.owner.now += 1000;
    let mut late = held.owner.command(ring());
    late.expires_at = 1;
    let late = held.owner.sign(&late);
    assert_ne!(held.warden.command(late).await, Disposition::Accepted);
    held.is_ended(&waiting).await;
}

#[tokio::test]
async fn another_device_of_the_owner_that_rings_this_one_ends_it() {
    let (mut held, waiting) = Held::begun().await;
    let key = SigningKey::generate();
    held.owner.now += 1000;
    let delegate = Signed::seal(&held.owner.delegate(&key, &[Verb::Ring]), &held.owner.key);
    let rings = envelope(&held.owner.command(ring()), &key, Some(delegate));
    assert_eq!(held.warden.command(rings).await, Disposition::Accepted);
    held.is_ended(&waiting).await;
}

#[tokio::test]
async fn lost_mode_and_a_wipe_end_it_and_nothing_begins_there() {
    let (held, waiting) = Held::begun().await;
    held.warden.handle.tighten("lost".to_owned()).await.unwrap();
    let refused = held.warden.present_forgotten(OTHER_PASSWORD).await;
    assert_eq!(refused, Err(Refusal::DeviceLost));
    held.is_ended(&waiting).await;

    let (mut held, waiting) = Held::begun().await;
    let (_, locks) = held.owner.signed(lock());
    held.warden.command(locks).await;
    held.is_ended(&waiting).await;

    let (mut held, _) = Held::begun().await;
    held.owner.now += 1000;
    let mut wipes = held.owner.command(wipe());
    wipes.presence = held.warden.report().await.presence;
    let wipes = held.owner.sign(&wipes);
    assert_eq!(held.warden.command(wipes).await, Disposition::Accepted);
    assert_eq!(held.warden.held().await.left, None);
    let refused = held.warden.present_forgotten(OTHER_PASSWORD).await;
    assert_eq!(refused, Err(Refusal::DeviceLost));
}

#[tokio::test]
async fn a_policy_that_locks_in_the_same_moment_wins() {
    let held = Held::ready().await;
    let changes = PolicyChanges {
        lock_after_offline: Some(72 * 3_600_000),
        ..PolicyChanges::default()
    };
    held.warden.set_policies(&changes).await.unwrap();
    let waiting = held
        .warden
        .forgotten(&held.account, OTHER_PASSWORD)
        .await
        .unwrap();
    held.device.clock.advance(100 * HOUR);
    held.warden.tick(&held.device).await;
    held.is_ended(&waiting).await;
}

#[tokio::test]
async fn other_credentials_and_other_keys_of_the_owner_end_it() {
    let (held, waiting) = Held::begun().await;
    let elsewhere = held.account.with_password("marble-ferry-17-canyon");
    assert_eq!(
        held.warden.handle.credentials(elsewhere.credentials).await,
        Ok(true)
    );
    held.is_ended(&waiting).await;

    let (held, waiting) = Held::begun().await;
    let (root, keyring) = (held.account.root(), held.account.keyring().with_new_epoch(1));
    let boxed = keyring.seal_to(&root.owner_key(), &held.owner.certificate.box_key);
    assert!(held.warden.take_keyring(&boxed).await);
    held.is_ended(&waiting).await;
}

#[tokio::test]
async fn it_ends_where_nothing_waits_at_the_cloud_any_more() {
    let (held, waiting) = Held::begun().await;
    let input = HoldInput {
        told: None,
        end: Some(true),
    };
    held.warden
        .use_ticket("", steps::HOLD, input.encode())
        .await
        .unwrap();
    held.is_ended(&waiting).await;
}

#[tokio::test]
async fn a_sign_out_leaves_nothing_of_it_to_the_next_owner() {
    let (held, _) = Held::begun().await;
    held.warden.sign_out(PASSWORD).await.unwrap();
    let next = held.warden.register().await;
    assert_eq!(held.warden.held().await.left, None);
    held.pass(100).await;
    assert_eq!(held.pin(), next.owner);
}
