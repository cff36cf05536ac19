//! Recovery without the code, over the real bus, warden and cloud: what it takes, what it leads to, and what ends it.

use std::time::Duration;

use belay_proto::Secret;
use belay_proto::dbus::client;
use belay_proto::signed::{Action, CommandState};
use belay_proto::steps::PolicyChanges;
use belay_tests::app::{ACCOUNT, Answer, DEVICE, Options, WARDEN, memfd, refused};
use belay_tests::openapi::Exchange;
use belay_tests::owner::Console;
use belay_tests::proxy::Trick;
use belay_tests::until::until;
use zbus::Fd;

use crate::account_life::{another, begin_recovery, hers};
use crate::owner::{ADA, PASSWORD, app, state};
use crate::scene::{PACE, Scene};

/// The password that is chosen without the code.
pub const NEW: &str = "marble-ferry-17-canyon";
pub const HOUR: Duration = Duration::from_secs(3600);

pub async fn allow(scene: &Scene, allowed: bool) {
    let changes = PolicyChanges {
        recovery_without_code: Some(allowed),
        ..PolicyChanges::default()
    };
    client::set_policies(scene.person(), &changes, &Secret::of_text(PASSWORD))
        .await
        .unwrap();
}

/// Ada's device, which she lets be recovered.
pub async fn open() -> Scene {
    let scene = hers().await;
    allow(&scene, true).await;
    scene
}

pub async fn present(scene: &Scene) -> Answer<String> {
    app(scene).present("recover", ADA, &[("new", NEW)]).await.unwrap()
}

/// Recovers with the new password alone; mails are those of `outbox`.
pub async fn forgotten(scene: &Scene, outbox: &Scene) -> Answer<()> {
    let (id, code) = begin_recovery(scene, outbox).await;
    let ticket = present(scene).await?;
    complete(scene, &id, &code, &ticket).await
}

pub async fn complete(scene: &Scene, id: &str, code: &str, ticket: &str) -> Answer<()> {
    let code = Fd::from(memfd(code.as_bytes()).unwrap());
    app(scene)
        .call(ACCOUNT, "CompleteRecovery", &(id, code, ticket, Options::new()))
        .await
        .unwrap()
}

pub async fn left(scene: &Scene) -> Duration {
    Duration::from_millis(app(scene).get(WARDEN, "HoldLeft").await.unwrap())
}

/// The time that a hold takes passes, and the pin has moved.
pub async fn waited_out(scene: &Scene, by: Duration) {
    scene.clock().advance(by).unwrap();
    let is_over = async || left(scene).await.is_zero().then_some(());
    until("the hold to be over", is_over).await.unwrap();
}

pub async fn shows(scene: &Scene, state: &str) {
    app(scene).reads(ACCOUNT, "State", state).await.unwrap();
}

pub async fn unlock(scene: &Scene, password: &str) -> Answer<()> {
    let fd = Fd::from(memfd(password.as_bytes()).unwrap());
    app(scene).call(WARDEN, "Unlock", &(fd,)).await.unwrap()
}

/// The cloud was told how a hold ended.
pub async fn told(scene: &Scene, status: u16) {
    let is_it = move |e: &Exchange| e.path == "/v1/holds" && e.status == status;
    scene.network().seen("the end of the hold", is_it).await.unwrap();
}

pub async fn is_over(scene: &Scene) {
    scene.clock().advance(80 * HOUR).unwrap();
    assert_eq!(left(scene).await, Duration::ZERO);
    refused(unlock(scene, NEW).await, "WrongPassword").unwrap();
    unlock(scene, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn who_has_forgotten_everything_has_a_new_password_after_72_hours_at_the_device() {
    let mut scene = open().await;
    let before = scene.clock().wall();
    forgotten(&scene, &scene).await.unwrap();
    shows(&scene, "recovery-hold").await;
    assert!(left(&scene).await > 71 * HOUR);
    // That an address was proved is told first.
    let proved = scene.outbox().notice(ADA).await.unwrap();
    assert!(!proved.text.contains("After 72 hours"), "{proved:?}");
    let told_by_mail = scene.outbox().notice(ADA).await.unwrap();
    assert!(told_by_mail.text.contains("After 72 hours"), "{told_by_mail:?}");
    let findings: Answer<Vec<(String, String, String)>> = app(&scene)
        .call(ACCOUNT, "SecurityCheck", &(Options::new(),))
        .await
        .unwrap();
    assert_eq!(findings.unwrap()[0].0, "recovery-hold");
    let history = app(&scene).history(before).await.unwrap().unwrap();
    assert!(
        history
            .iter()
            .any(|e| belay_tests::app::entry(e, "event") == "recovery-begun")
    );

    // The new password waits, here and anywhere.
    refused(
        app(&scene).reauthenticate(ADA, NEW).await.unwrap(),
        "RecoveryOnHold",
    )
    .unwrap();
    refused(present(&scene).await, "RecoveryOnHold").unwrap();
    let elsewhere = Scene::beside(&scene).await;
    refused(app(&elsewhere).sign_in(ADA, NEW).await.unwrap(), "RecoveryOnHold").unwrap();
    // Whoever only reads the mail doesn't get in its way.
    refused(forgotten(&elsewhere, &scene).await, "RecoveryOnHold").unwrap();

    // In steps: what a reboot takes away is what was counted since the warden last wrote it down.
    for _ in 0..80 {
        scene.clock().advance(HOUR / 2).unwrap();
        left(&scene).await;
    }
    assert!(left(&scene).await <= 32 * HOUR);
    scene.reboot().await.unwrap();
    shows(&scene, "recovery-hold").await;
    let still = left(&scene).await;
    assert!((31 * HOUR..35 * HOUR).contains(&still), "{still:?}");
    waited_out(&scene, 35 * HOUR).await;
    shows(&scene, "reauthentication-required").await;
    told(&scene, 204).await;
    refused(
        app(&scene).reauthenticate(ADA, PASSWORD).await.unwrap(),
        "WrongPassword",
    )
    .unwrap();
    app(&scene).reauthenticate(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
    app(&scene).sync_now().await.unwrap().unwrap();
    app(&scene).sign_out(NEW).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_on_the_device_is_synced_on_and_another_device_stays_with_the_old_password() {
    let first = open().await;
    let second = another(&first).await;
    app(&first).enable("contacts", true).await.unwrap().unwrap();
    let card = crate::documented_sync::grace();
    app(&first).put_new("contacts", &card).await.unwrap().unwrap();
    app(&first).sync_now().await.unwrap().unwrap();
    forgotten(&first, &first).await.unwrap();
    waited_out(&first, 73 * HOUR).await;
    told(&first, 204).await;
    app(&first).reauthenticate(ADA, NEW).await.unwrap().unwrap();
    let card = belay_tests::app::New {
        natural: "alan",
        ..card
    };
    app(&first).put_new("contacts", &card).await.unwrap().unwrap();
    app(&first).sync_now().await.unwrap().unwrap();
    assert_eq!(app(&first).list("contacts").await.unwrap().unwrap().len(), 2);

    // No word of the cloud moves its pin: it is Ada's of before, and says that it was left behind.
    shows(&second, "reauthentication-required").await;
    for password in [NEW, PASSWORD] {
        let answer = app(&second).reauthenticate(ADA, password).await.unwrap();
        refused(answer, "Conflict").unwrap();
    }
    app(&second).sign_out(PASSWORD).await.unwrap().unwrap();
    app(&second).sign_in(ADA, NEW).await.unwrap().unwrap();
}

/// A device that allows a recovery without the code, and was left behind by one at the other.
async fn left_behind() -> (Scene, Scene) {
    let first = open().await;
    let second = another(&first).await;
    allow(&second, true).await;
    forgotten(&first, &first).await.unwrap();
    waited_out(&first, 73 * HOUR).await;
    told(&first, 204).await;
    app(&first).reauthenticate(ADA, NEW).await.unwrap().unwrap();
    shows(&second, "reauthentication-required").await;
    (first, second)
}

#[tokio::test]
async fn a_device_that_was_left_behind_follows_by_a_hold_of_its_own_with_the_password_that_the_account_has_by_now()
 {
    let (first, second) = left_behind().await;
    let owner = owner_of(&second).await;
    // Another password than that, or none of the other two ways, is nothing.
    let (id, code) = begin_recovery(&second, &first).await;
    let secrets = [("new", "willow-anchor-58-meadow")];
    let wrong = app(&second)
        .present("recover", ADA, &secrets)
        .await
        .unwrap()
        .unwrap();
    refused(complete(&second, &id, &code, &wrong).await, "WrongPassword").unwrap();
    assert_eq!(left(&second).await, Duration::ZERO);
    let ticket = present(&second).await.unwrap();
    complete(&second, &id, &code, &ticket).await.unwrap();
    shows(&second, "recovery-hold").await;
    assert!(left(&second).await > 71 * HOUR);
    second.clock().advance(71 * HOUR).unwrap();
    assert_eq!(owner_of(&second).await, owner, "not before");
    let early = app(&second).reauthenticate(ADA, NEW).await.unwrap();
    refused(early, "RecoveryOnHold").unwrap();
    second.clock().advance(2 * HOUR).unwrap();
    shows(&second, "reauthentication-required").await;
    assert_eq!(owner_of(&second).await, owner_of(&first).await);
    refused(unlock(&second, PASSWORD).await, "WrongPassword").unwrap();
    app(&second).sign_out(NEW).await.unwrap().unwrap();
    app(&second).sign_in(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(
        (state(&first).await, state(&second).await),
        ("bound".into(), "bound".into())
    );
}

#[tokio::test]
async fn what_a_device_that_was_left_behind_waits_for_goes_on_over_another_recovery_code_of_the_account() {
    let (first, second) = left_behind().await;
    forgotten(&second, &first).await.unwrap();
    shows(&second, "recovery-hold").await;
    second.clock().advance(40 * HOUR).unwrap();
    assert!(left(&second).await < 33 * HOUR);
    crate::account_life::another_code(&first, NEW).await;
    until("the hold to be led on", async || {
        let history = app(&second).history(0).await.unwrap().unwrap();
        let is_it = |e| belay_tests::app::entry(e, "event") == "recovery-led-on";
        history.iter().any(is_it).then_some(())
    })
    .await
    .unwrap();
    // As long as it was, with what was waited out of it.
    second.clock().advance(33 * HOUR).unwrap();
    shows(&second, "reauthentication-required").await;
    assert_eq!(owner_of(&second).await, owner_of(&first).await);
    app(&second).sign_out(NEW).await.unwrap().unwrap();
    app(&second).sign_in(ADA, NEW).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_a_device_that_was_left_behind_waits_for_is_over_once_the_owner_has_another_password() {
    let (first, second) = left_behind().await;
    forgotten(&second, &first).await.unwrap();
    shows(&second, "recovery-hold").await;
    let another = "willow-anchor-58-meadow";
    crate::account_life::change(&first, NEW, another, false)
        .await
        .unwrap();
    shows(&second, "reauthentication-required").await;
    assert_eq!(left(&second).await, Duration::ZERO);
    second.clock().advance(80 * HOUR).unwrap();
    unlock(&second, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn the_old_password_ends_it_and_the_cloud_forgets_the_new_one() {
    let scene = open().await;
    forgotten(&scene, &scene).await.unwrap();
    shows(&scene, "recovery-hold").await;
    scene.clock().advance(71 * HOUR).unwrap();
    unlock(&scene, PASSWORD).await.unwrap();
    shows(&scene, "bound").await;
    told(&scene, 204).await;
    is_over(&scene).await;
    refused(
        app(&*Scene::beside(&scene).await)
            .sign_in(ADA, NEW)
            .await
            .unwrap(),
        "WrongPassword",
    )
    .unwrap();
}

#[tokio::test]
async fn the_old_password_at_the_cloud_and_a_command_of_the_owner_end_it() {
    let scene = open().await;
    forgotten(&scene, &scene).await.unwrap();
    shows(&scene, "recovery-hold").await;
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    // The sign-in has ended it at the cloud, the command ends it here.
    refused(
        app(&*Scene::beside(&scene).await)
            .sign_in(ADA, NEW)
            .await
            .unwrap(),
        "WrongPassword",
    )
    .unwrap();
    console.send(&scene, Action::Ring { seconds: 1 }).await.unwrap();
    shows(&scene, "bound").await;
    told(&scene, 404).await;
    is_over(&scene).await;
}

#[tokio::test]
async fn a_lost_device_begins_nothing() {
    let scene = open().await;
    let (id, code) = begin_recovery(&scene, &scene).await;
    let ticket = present(&scene).await.unwrap();
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    let lock = Action::Lock {
        message: String::new(),
        phone: String::new(),
    };
    let sent = console.send(&scene, lock).await.unwrap();
    console.follow(&scene, sent, CommandState::Done).await.unwrap();
    refused(complete(&scene, &id, &code, &ticket).await, "DeviceLost").unwrap();
    refused(present(&scene).await, "DeviceLost").unwrap();
    refused(app(&scene).begin_recovery(ADA).await.unwrap(), "DeviceLost").unwrap();
    unlock(&scene, PASSWORD).await.unwrap();
    shows(&scene, "bound").await;
    assert_eq!(left(&scene).await, Duration::ZERO);
}

#[tokio::test]
async fn a_device_whose_owner_allows_none_begins_nothing() {
    let scene = hers().await;
    refused(present(&scene).await, "NotSupported").unwrap();
    allow(&scene, true).await;
    let (id, code) = begin_recovery(&scene, &scene).await;
    let ticket = present(&scene).await.unwrap();
    allow(&scene, false).await;
    refused(complete(&scene, &id, &code, &ticket).await, "NotSupported").unwrap();
    assert_eq!(left(&scene).await, Duration::ZERO);
    assert_eq!(state(&scene).await, "bound");
}

/// The pinned owner's key, as root reads it.
pub async fn owner_of(scene: &Scene) -> Vec<u8> {
    let root = belay_tests::app::App::new(&scene.root().await.unwrap());
    let identity: Answer<std::collections::HashMap<String, zbus::OwnedVariant>> =
        root.call(WARDEN, "Identity", &()).await.unwrap();
    let owner = identity.unwrap().remove("owner").unwrap();
    Vec::try_from(owner).unwrap()
}

#[tokio::test]
async fn a_device_of_nobodys_waits_for_the_cloud_and_the_other_stays_locked_to_the_account() {
    let first = hers().await;
    let second = Scene::beside(&first).await;
    for scene in [&first, &second] {
        scene.clock().run(PACE).unwrap();
    }
    forgotten(&second, &first).await.unwrap();
    assert_eq!(state(&second).await, "unbound");
    refused(app(&second).sign_in(ADA, NEW).await.unwrap(), "RecoveryOnHold").unwrap();
    first.clock().advance(73 * HOUR).unwrap();
    refused(app(&second).sign_in(ADA, NEW).await.unwrap(), "RecoveryOnHold").unwrap();
    first.clock().advance(4 * 24 * HOUR).unwrap();
    app(&second).sign_in(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(&second).await, "bound");
    shows(&first, "reauthentication-required").await;
    unlock(&first, PASSWORD).await.unwrap();
    let id: String = app(&first).get(DEVICE, "DeviceId").await.unwrap();
    assert!(!id.is_empty());
}

#[tokio::test]
async fn killed_between_the_cloud_and_the_warden_it_can_be_begun_again() {
    let mut scene = open().await;
    let (id, code) = begin_recovery(&scene, &scene).await;
    let ticket = present(&scene).await.unwrap();
    let path = format!("/v1/recoveries/{id}/credentials");
    scene.network().plan(&path, 9, &Trick::status(503));
    let answer = complete(&scene, &id, &code, &ticket).await;
    assert!(answer.is_err(), "the cloud took nothing");
    assert_eq!(left(&scene).await, Duration::ZERO, "and nothing runs");
    scene.network().behave();
    scene.kill_belayd().await.unwrap();
    scene.start_belayd().await.unwrap();
    scene.clock().advance(HOUR).unwrap();
    forgotten(&scene, &scene).await.unwrap();
    shows(&scene, "recovery-hold").await;
}
