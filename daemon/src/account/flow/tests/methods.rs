//! What the other methods answer, and what they leave behind.

use std::time::Duration;

use belay_proto::dbus::{AccountState, Activation, LockState};
use belay_proto::id::{AccountId, DeviceId, Epoch, HardwareId, device_id};
use belay_proto::keys::{BoxKey, SigningKey};
use belay_proto::secret::Secret;
use belay_proto::signed::{DeviceCertificate, Signed};
use tokio::time::timeout;

use super::cloud::problem;
use super::warden::OWNER;
use super::{Leaving, World, name};
use crate::account::ports::ListedDevice;
use crate::cloud::CloudError;

/// How long what comes in the background may take; nothing waits so long unless it is broken.
const AT_LAST: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_sign_in_that_fails_anywhere_leaves_nothing_and_the_next_works() {
    for (call, refusal, expected) in [
        ("challenge", CloudError::offline("no network"), "Offline"),
        ("login", problem(403, "login-refused"), "WrongPassword"),
        ("challenge", problem(429, "too-many"), "TooManyAttempts"),
        ("login", problem(429, "too-many"), "TooManyAttempts"),
        ("devices", problem(429, "too-many"), "TooSoon"),
        ("login", CloudError::Nonsense("nonsense".into()), "CloudRefused"),
        ("devices", problem(500, "internal"), "CloudRefused"),
        ("devices", problem(409, "activation-locked"), "ActivationLocked"),
    ] {
        let world = World::new();
        let life = world.live().await;
        world.cloud.with(|cloud| cloud.refusals.insert(call, refusal));
        assert_eq!(name(world.sign_in(&life).await.unwrap_err()), expected);
        assert_eq!(world.warden.bound(), None);
        assert!(!life.has_tokens().await, "{call}");
        let revoked = async {
            while world.cloud.with(|cloud| cloud.revoked) == 0 {
                tokio::task::yield_now().await;
            }
        };
        if call == "devices" {
            timeout(AT_LAST, revoked).await.expect("its session is ended");
        }
        assert_eq!(
            life.state() == AccountState::ActivationLocked,
            expected == "ActivationLocked"
        );
        world.sign_in(&life).await.unwrap();
        assert_eq!(life.state(), AccountState::Bound);
    }
}

#[tokio::test]
async fn a_cloud_that_lies_about_the_account_is_told_from_a_wrong_password() {
    let world = World::new();
    let life = world.live().await;
    world.cloud.with(|cloud| cloud.share = Some([9; 32]));
    assert_eq!(name(world.sign_in(&life).await.unwrap_err()), "CloudRefused");
    assert_eq!(life.state(), AccountState::Unbound);
    assert!(!life.has_tokens().await);
}

#[tokio::test]
async fn a_wrong_password_unbinds_nothing_and_is_asked_about_once_more_and_no_more() {
    let (world, life) = World::bound().await;
    let ticket = world.warden.ticket("sign-out", false);
    let error = life.account.sign_out(ticket, Leaving::Nothing).await.unwrap_err();
    assert_eq!(name(error), "WrongPassword");
    assert_eq!(
        world.warden.checks(),
        2,
        "the warden compares nothing twice with the same record"
    );
    assert_eq!(life.state(), AccountState::Bound);
    assert!(life.has_tokens().await);
}

#[tokio::test]
async fn a_password_changed_elsewhere_is_learnt_when_the_typed_one_fails_here() {
    let (world, life) = World::bound().await;
    world
        .cloud
        .with(|cloud| cloud.credentials = Some(b"newer".to_vec()));
    world.warden.expect_record(b"newer");
    let ticket = world.warden.ticket("sign-out", false);
    life.account.sign_out(ticket, Leaving::Nothing).await.unwrap();
    assert_eq!(world.warden.checks(), 2, "the same step once more, and no more");
    assert_eq!(life.state(), AccountState::Unbound);
}

#[tokio::test]
async fn a_record_that_the_warden_does_not_take_changes_nothing() {
    let (world, life) = World::bound().await;
    world
        .cloud
        .with(|cloud| cloud.credentials = Some(b"forged".to_vec()));
    let ticket = world.warden.ticket("sign-out", false);
    assert_eq!(
        name(life.account.sign_out(ticket, Leaving::Nothing).await.unwrap_err()),
        "WrongPassword"
    );
    assert_eq!(world.warden.checks(), 2);
}

#[tokio::test]
async fn offline_the_sign_out_works_and_its_release_waits() {
    let (world, life) = World::bound().await;
    world.cloud.with(|cloud| cloud.offline = true);
    let release = world.sign_out(&life).await.unwrap();
    assert_eq!(life.state(), AccountState::Unbound);
    assert!(life.account.view().pending_release);
    assert!(!life.has_tokens().await);
    life.kill().await;

    let life = world.live().await;
    assert!(life.account.view().pending_release, "it survives a restart");
    world.cloud.with(|cloud| cloud.offline = false);
    while life.account.view().pending_release {
        world.clock.advance(Duration::from_secs(900));
        tokio::task::yield_now().await;
    }
    assert_eq!(world.cloud.with(|cloud| cloud.releases.clone()), [release]);
    life.kill().await;

    // The warden keeps it until the next binding; it isn't brought again.
    let life = world.live().await;
    assert_eq!(life.account.check_activation().await.unwrap(), Activation::Free);
    assert_eq!(world.cloud.with(|cloud| cloud.releases.len()), 1);
}

#[tokio::test]
async fn a_release_is_dropped_only_where_the_cloud_says_by_name_that_it_is_void() {
    for (refusal, void) in [
        (problem(404, "not-found"), true),
        (problem(409, "other-epoch"), true),
        (problem(400, "bad-release"), true),
        (problem(404, ""), false),
        (problem(401, "invalid-token"), false),
        (problem(403, "activation-locked"), false),
        (problem(403, "bad-certificate"), false),
        (problem(429, "too-many"), false),
        (problem(500, "internal"), false),
        (CloudError::Nonsense("a captive portal".into()), false),
    ] {
        let (world, life) = World::bound().await;
        world
            .cloud
            .with(|cloud| cloud.refusals.insert("deliver", refusal));
        let release = world.sign_out(&life).await.unwrap();
        while life.account.view().pending_release {
            world.clock.advance(Duration::from_secs(900));
            tokio::task::yield_now().await;
        }
        let brought = world.cloud.with(|cloud| cloud.releases.contains(&release));
        assert_eq!(brought, !void);
    }
}

#[tokio::test]
async fn a_waiting_release_travels_with_the_next_binding() {
    let (world, life) = World::bound().await;
    world.cloud.with(|cloud| cloud.offline = true);
    let release = world.sign_out(&life).await.unwrap();
    world.cloud.with(|cloud| cloud.offline = false);
    world.sign_in(&life).await.unwrap();
    life.until(|view| !view.pending_release).await;
    assert!(world.cloud.with(|cloud| cloud.releases.contains(&release)));
}

#[tokio::test]
async fn nothing_of_the_account_is_left_after_a_sign_out() {
    let (world, life) = World::bound().await;
    let key = crate::cloud::Vault::device_key(&life.rows)
        .await
        .unwrap()
        .public();
    world.sign_out(&life).await.unwrap();
    let saved = life.rows.load().await.unwrap();
    assert_eq!(
        (saved.session, saved.registration, saved.locked),
        (None, None, None)
    );
    assert!(!life.has_tokens().await);
    let view = life.account.view();
    assert_eq!(
        (view.user_id.as_str(), view.identifiers.len(), view.bound_since),
        ("", 0, 0)
    );
    let next = crate::cloud::Vault::device_key(&life.rows)
        .await
        .unwrap()
        .public();
    assert_ne!(key, next, "the next owner's device has a key of its own");
}

#[tokio::test]
async fn a_session_that_the_cloud_has_ended_asks_for_the_password_and_no_more() {
    let (world, life) = World::bound().await;
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("list", CloudError::SessionEnded));
    assert_eq!(
        name(life.account.devices().await.unwrap_err()),
        "ReauthenticationRequired"
    );
    assert_eq!(life.state(), AccountState::ReauthenticationRequired);
    let wrong = world.warden.ticket("reauthenticate", false);
    assert_eq!(
        name(life.account.reauthenticate(wrong).await.unwrap_err()),
        "WrongPassword"
    );
    let since = life.account.view().bound_since;
    let right = world.warden.ticket("reauthenticate", true);
    life.account.reauthenticate(right).await.unwrap();
    let account = world.warden.bound().unwrap().to_string();
    let challenged = world.cloud.with(|cloud| cloud.challenged.clone());
    assert_eq!(challenged, [account.clone(), account], "addresses come and go");
    assert_eq!(
        (life.state(), life.account.view().bound_since),
        (AccountState::Bound, since)
    );
}

/// A certificate that names its own device, by its warden key and epoch.
fn certificate(account: AccountId) -> DeviceCertificate {
    let (warden_key, epoch) = (SigningKey::generate().public(), Epoch::random());
    DeviceCertificate {
        account,
        device: device_id(&warden_key, &epoch),
        epoch,
        device_key: SigningKey::generate().public(),
        warden_key,
        box_key: BoxKey::generate().public(),
        hardware: HardwareId::from_bytes([1; 32]),
        hardware_locked: false,
        model: "Phone 5".into(),
        wipe_class: "none".into(),
        key_epoch: 1,
    }
}

#[tokio::test]
async fn only_a_device_that_the_owner_has_certified_by_its_own_name_is_listed() {
    let (world, life) = World::bound().await;
    let listed = |certificate: Vec<u8>| ListedDevice {
        certificate,
        name: "a phone".into(),
        kind: belay_proto::wire::DeviceKind::Tablet,
        last_seen: 7,
        lost: false,
        current: false,
    };
    let owner = SigningKey::from_seed(&Secret::new(OWNER));
    let account = world.warden.bound().unwrap();
    let good = certificate(account);
    let misnamed = DeviceCertificate {
        device: DeviceId::random(),
        ..certificate(account)
    };
    world.cloud.with(|cloud| {
        cloud.listed = vec![
            listed(b"forged".to_vec()),
            listed(Signed::seal(&certificate(account), &SigningKey::generate()).encode()),
            listed(Signed::seal(&misnamed, &owner).encode()),
            listed(Signed::seal(&certificate(AccountId::random()), &owner).encode()),
            listed(Signed::seal(&good, &owner).encode()),
        ];
    });
    let listed = life.account.devices().await.unwrap();
    let ids: Vec<_> = listed.iter().map(|d| (d.id, d.kind)).collect();
    assert_eq!(ids, [(good.device, belay_proto::wire::DeviceKind::Tablet)]);
}

#[tokio::test]
async fn a_sign_out_that_meets_belayds_end_is_kept_before_anybody_hears_of_it() {
    let (world, mut life) = World::bound().await;
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let shut = life.store.clone();
    let shut = tokio::spawn(async move { shut.call(move |_| Ok(gate.recv().is_ok())).await });
    let (account, ticket) = (life.account.clone(), world.warden.ticket("sign-out", true));
    let leaving = tokio::spawn(async move { account.sign_out(ticket, Leaving::Nothing).await });
    // It is admitted, and comes as far as its first question to the store.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    life.supervisor.stop().await;
    assert!(!leaving.is_finished() && world.warden.bound().is_some());
    open.send(()).unwrap();
    assert!(shut.await.unwrap().unwrap());
    let release = leaving.await.unwrap().unwrap();
    let kept = life.rows.next_release().await.unwrap().unwrap();
    assert_eq!(kept.signed, release);
    assert!(!life.has_tokens().await);
}

#[tokio::test]
async fn whose_the_hardware_is_is_remembered() {
    let world = World::new();
    let life = world.live().await;
    world.cloud.with(|cloud| cloud.locked = true);
    assert_eq!(life.account.check_activation().await.unwrap(), Activation::Locked);
    assert_eq!(life.account.view().locked_to, "a•••@e•••.org");
    assert_eq!(name(world.register(&life).await.unwrap_err()), "ActivationLocked");
    life.kill().await;
    let life = world.live().await;
    assert_eq!(life.state(), AccountState::ActivationLocked);
    world.cloud.with(|cloud| cloud.offline = true);
    assert_eq!(
        life.account.check_activation().await.unwrap(),
        Activation::Unchecked
    );
    assert_eq!(life.state(), AccountState::ActivationLocked);
    world
        .cloud
        .with(|cloud| (cloud.offline, cloud.locked) = (false, false));
    assert_eq!(life.account.check_activation().await.unwrap(), Activation::Free);
    assert_eq!(life.state(), AccountState::Unbound);
}

#[tokio::test]
async fn a_lost_device_does_nothing() {
    let (world, life) = World::bound().await;
    world.warden.set_lock(LockState::Lost);
    assert_eq!(name(world.sign_out(&life).await.unwrap_err()), "DeviceLost");
    assert_eq!(name(life.account.devices().await.unwrap_err()), "DeviceLost");
    assert!(life.account.view().lost);
    world.warden.set_lock(LockState::Unlocked);
    world.sign_out(&life).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_leaves_cancels_what_is_safe_to_cancel() {
    let world = World::new();
    let life = world.live().await;
    // The challenge never comes.
    world.fuse.set(1);
    let work = world.sign_in(&life);
    tokio::select! {
        _ = work => panic!("it can't have ended"),
        () = world.fuse.burnt() => {}
    }
    world.fuse.remove();
    // The work of who has left makes room.
    while let Err(error) = world.sign_in(&life).await {
        assert_eq!(name(error), "Busy");
        tokio::task::yield_now().await;
    }
    assert_eq!(life.state(), AccountState::Bound);
}

#[tokio::test]
async fn long_work_holds_up_nothing_but_its_own_kind() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    world.fuse.set(1);
    let account = life.account.clone();
    let (looked, looking) = (id.clone(), account.clone());
    let hung = tokio::spawn(async move { looking.verification(looked).await });
    world.fuse.burnt().await;
    assert_eq!(name(account.verification(id.clone()).await.unwrap_err()), "Busy");
    account.cancel(id).await.unwrap();
    assert_eq!(life.state(), AccountState::Unbound);
    hung.abort();
}

#[tokio::test]
async fn work_that_can_be_left_ends_by_name_when_belayd_stops() {
    let world = World::new();
    let mut life = world.live().await;
    world.fuse.set(1);
    let account = life.account.clone();
    let ticket = world.warden.ticket("sign-in", true);
    let hung = tokio::spawn(async move { account.sign_in(super::ADA.into(), ticket).await });
    world.fuse.burnt().await;
    life.supervisor.stop().await;
    assert_eq!(name(hung.await.unwrap().unwrap_err()), "Cancelled");
}
