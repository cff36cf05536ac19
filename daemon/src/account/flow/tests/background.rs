//! What goes on by itself: the end of a hold told, a verification over, a login that led nowhere.

use std::time::Duration;

use belay_proto::clock::Clock as _;
use belay_proto::dbus::AccountState;
use belay_proto::wire::CredentialsAnswer;

use super::kills::in_time;
use super::upkeep::account;
use super::*;
use crate::cloud::CloudError;
use crate::sync::NewerKeys;

/// From now on the cloud tells this of the account.
fn tells(world: &World, told: CredentialsAnswer) {
    world
        .cloud
        .with(|cloud| (cloud.tells, cloud.told) = (true, Some(told)));
}

/// Whether the warden was told that nothing waits for its hold.
fn is_called_off(world: &World) -> bool {
    world.warden.holds().iter().any(|input| input.end == Some(true))
}

#[tokio::test]
async fn the_end_of_a_hold_reaches_the_cloud_though_the_warden_has_no_time_at_first() {
    let (world, life) = World::bound().await;
    world.warden.begin_hold();
    life.until(|view| view.state == AccountState::RecoveryHold).await;
    world.warden.end_hold(3);
    in_time(&world, &life, || world.cloud.with(|cloud| cloud.holds.len()) == 1).await;
    in_time(&world, &life, || {
        world
            .warden
            .holds()
            .iter()
            .any(|input| input.told == Some([8; 32]))
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_hold_is_told_when_the_rest_ends_that_the_cloud_asked_of_all_calls() {
    let (world, life) = World::bound().await;
    let rest = Duration::from_secs(3600);
    let resting = CloudError::Offline {
        what: "left alone".into(),
        retry_after: Some(rest),
        unsent: true,
        source: None,
    };
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("end-hold", resting));
    world.warden.begin_hold();
    life.until(|view| view.state == AccountState::RecoveryHold).await;
    let begun = world.clock.boottime();
    world.warden.end_hold(0);
    in_time(&world, &life, || world.cloud.with(|cloud| cloud.holds.len()) == 1).await;
    assert!(world.clock.boottime() >= begun + rest);
}

#[tokio::test]
async fn a_warden_that_is_late_to_repeat_that_the_device_is_free_is_asked_until_it_does() {
    let (world, life) = World::bound().await;
    world.warden.is_late(4);
    // Nobody else asks for anything, and the view shows no more than this.
    world.warden.release_late();
    in_time(&world, &life, || world.warden.late() < 4).await;
    in_time(&world, &life, || life.state() == AccountState::Unbound).await;
    assert_eq!(world.warden.late(), 0, "not on a word that it hasn't repeated");
    assert!(!life.has_tokens().await);
}

#[tokio::test]
async fn what_the_cloud_told_before_a_hold_began_does_not_end_it() {
    let (world, life) = World::bound().await;
    let record = account(&world).as_bytes().to_vec();
    let told = CredentialsAnswer {
        credentials: record.into(),
        ..CredentialsAnswer::default()
    };
    let warden = std::sync::Arc::clone(&world.warden);
    tells(&world, told);
    world
        .cloud
        .with(|cloud| cloud.while_telling = Some(Box::new(move || warden.begin_hold())));
    world.hint();
    in_time(&world, &life, || life.state() == AccountState::RecoveryHold).await;
    // The look is over once another one has begun.
    assert!(!is_called_off(&world));
    world.hint();
    in_time(&world, &life, || is_called_off(&world)).await;
}

#[tokio::test]
async fn a_hold_ends_where_nothing_of_this_device_waits_at_the_cloud_whoever_elses_recovery_does() {
    let hour = Some(3_600_000);
    for (recovery_ms, recovery_here, goes_on) in [
        (hour, Some(true), true),
        (Some(0), Some(true), true),
        // The cloud is an older one, and doesn't say whose it is.
        (hour, None, true),
        (hour, Some(false), false),
        (None, Some(false), false),
        (None, Some(true), false),
        (None, None, false),
    ] {
        let (world, life) = World::bound().await;
        world.warden.begin_hold();
        life.until(|view| view.state == AccountState::RecoveryHold).await;
        let told = CredentialsAnswer {
            credentials: account(&world).as_bytes().to_vec().into(),
            recovery_ms,
            recovery_here,
            ..CredentialsAnswer::default()
        };
        tells(&world, told);
        life.account.fetch().await;
        assert_eq!(
            is_called_off(&world),
            !goes_on,
            "{recovery_ms:?} {recovery_here:?}"
        );
    }
}

#[tokio::test]
async fn a_hold_towards_what_the_account_has_goes_on_as_long_as_the_warden_leads_it_there() {
    let (other, another) = (b"another record".as_slice(), b"one more".as_slice());
    for (towards_told, leads_on_to, goes_on) in [
        (true, None, true),
        (false, Some(true), true),
        (false, Some(false), false),
        (false, None, false),
    ] {
        let (world, life) = World::bound().await;
        let record = account(&world).as_bytes().to_vec();
        let towards = if towards_told { record.as_slice() } else { other };
        let then = leads_on_to.map(|is_told| if is_told { record.as_slice() } else { another });
        world.warden.begin_hold_towards(towards, then);
        life.until(|view| view.state == AccountState::RecoveryHold).await;
        let told = CredentialsAnswer {
            credentials: record.clone().into(),
            ..CredentialsAnswer::default()
        };
        tells(&world, told);
        life.account.fetch().await;
        assert_eq!(is_called_off(&world), !goes_on, "{towards_told} {leads_on_to:?}");
    }
}

#[tokio::test]
async fn a_login_whose_account_does_not_open_leaves_no_session_behind() {
    let (world, life) = World::bound().await;
    world.cloud.with(|cloud| cloud.share = Some([9; 32]));
    let revoked = || world.cloud.with(|cloud| cloud.revoked);
    let before = revoked();
    let ticket = world.warden.ticket("reauthenticate", true);
    let refused = life.account.reauthenticate(ticket).await.unwrap_err();
    assert_eq!(name(refused), "CloudRefused");
    in_time(&world, &life, || revoked() == before + 1).await;

    let world = World::new();
    let life = world.live().await;
    world.cloud.with(|cloud| cloud.share = Some([9; 32]));
    assert_eq!(name(world.sign_in(&life).await.unwrap_err()), "CloudRefused");
    in_time(&world, &life, || world.cloud.with(|cloud| cloud.revoked) == 1).await;
}

#[tokio::test]
async fn a_recovery_that_nobody_goes_on_with_ends_and_hides_no_registration() {
    let world = World::new();
    let life = world.live().await;
    let begin = async || {
        let address = Identifier::parse(ADA).unwrap();
        life.account.begin_recovery(address).await.unwrap()
    };
    begin().await;
    let pending = || life.account.view().pending.map(|pending| pending.kind);
    assert_eq!(pending(), Some("recovery"));
    world.clock.advance(Duration::from_secs(86_400));
    in_time(&world, &life, || pending().is_none()).await;

    begin().await;
    let id = world.register(&life).await.unwrap();
    assert_eq!(pending(), Some("registration"));
    confirm(&life, &id, CODE).await.unwrap();
}
