//! What begins no hold, and what a cloud can't invent.

use std::time::Duration;

use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::holding::{Held, allowed};
use crate::support::{Device, OTHER_PASSWORD};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn it_needs_the_owners_policy_and_a_dry_run_is_none() {
    let held = Held::ready().await;
    let not_supported = async || {
        let refused = held.warden.present_forgotten(OTHER_PASSWORD).await;
        assert!(matches!(refused, Err(Refusal::NotSupported(_))), "{refused:?}");
    };
    held.warden.set_policies(&allowed(false)).await.unwrap();
    not_supported().await;
    let dry_run = PolicyChanges {
        dry_run: Some(true),
        ..allowed(true)
    };
    held.warden.set_policies(&dry_run).await.unwrap();
    not_supported().await;
    // Switched off between the ticket and the step.
    let on = PolicyChanges {
        dry_run: Some(false),
        ..allowed(true)
    };
    held.warden.set_policies(&on).await.unwrap();
    let (ticket, _) = held.warden.renewed(&held.account, OTHER_PASSWORD).await.unwrap();
    held.warden.set_policies(&allowed(false)).await.unwrap();
    let refused = held
        .warden
        .use_ticket(&ticket, steps::BEGIN_HOLD, Done {}.encode())
        .await;
    assert!(matches!(refused, Err(Refusal::NotSupported(_))), "{refused:?}");
    assert_eq!(held.warden.held().await.left, None);
}

#[tokio::test]
async fn a_second_one_waits_for_the_first() {
    let (held, _) = Held::begun().await;
    held.pass(10).await;
    let refused = held.warden.present_forgotten("marble-ferry-17-canyon").await;
    assert_eq!(refused, Err(Refusal::RecoveryOnHold(62 * HOUR)));
}

#[tokio::test]
async fn a_cloud_that_invents_a_recovery_moves_nothing() {
    let held = Held::ready().await;
    let stranger = Device::initialised().other_hardware();
    let theirs = stranger.start().register().await;
    // Other credentials than the pinned owner's, older ones, ones with another salt.
    let lured = theirs.with_record(|record| record.account = held.account.record().account);
    let ours = held.account.with_record(|record| record.salt = [1; 16]);
    for credentials in [lured, theirs.credentials.clone(), ours] {
        let ticket = held.warden.present_forgotten(OTHER_PASSWORD).await.unwrap();
        let lie = RecoverInput {
            credentials,
            keyring: held.account.keyring.clone(),
            devices: vec![],
            key_epoch: None,
            ..Default::default()
        };
        let answer = held
            .warden
            .use_ticket(&ticket, steps::RECOVER, lie.encode())
            .await;
        assert!(matches!(answer, Err(Refusal::CloudRefused(_))), "{answer:?}");
        let spent = held
            .warden
            .use_ticket(&ticket, steps::BEGIN_HOLD, Done {}.encode())
            .await;
        assert_eq!(spent, Err(Refusal::BadTicket));
    }
    // What a recovery elsewhere would bring.
    assert_eq!(
        held.warden.handle.credentials(theirs.credentials.clone()).await,
        Ok(false)
    );
    let begun = held
        .warden
        .use_ticket("", steps::BEGIN_HOLD, Done {}.encode())
        .await;
    assert_eq!(begun, Err(Refusal::BadTicket));
    held.pass(200).await;
    assert_eq!(held.pin(), held.account.owner);
    assert_eq!(
        held.warden.held().await,
        HoldOutput {
            left: None,
            ended: None,
            towards: None,
        }
    );
}

#[tokio::test]
async fn a_number_that_none_could_follow_does_not_keep_the_owner_out() {
    let held = Held::ready().await;
    let ticket = held.warden.present_forgotten(OTHER_PASSWORD).await.unwrap();
    let lie = RecoverInput {
        credentials: held.account.credentials.clone(),
        keyring: held.account.keyring.clone(),
        devices: vec![],
        key_epoch: Some(u64::MAX),
        ..Default::default()
    };
    let answer = held
        .warden
        .use_ticket(&ticket, steps::RECOVER, lie.encode())
        .await;
    let set = NewCredentialsSet::decode(&answer.unwrap()).unwrap();
    let keyring = held.account.after(&set, OTHER_PASSWORD).keyring();
    assert_eq!(keyring.key_epoch(), held.account.keyring().key_epoch() + 1);
}
