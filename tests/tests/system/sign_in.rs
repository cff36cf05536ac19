//! `SignIn`, `Reauthenticate`, `CheckActivation`, and the lock that outlives a reset.

use belay_tests::app::{ACCOUNT, Answer, DEVICE, Options, WARDEN, refused};
use belay_tests::proxy::Trick;
use belay_tests::stage::Plan;
use belay_tests::sysfs::Hardware;
use serde_json::json;

use crate::owner::{ADA, BEN, BENS, PASSWORD, adas, app, registered, registering, state};
use crate::scene::{Scene, plan, scene};

async fn activation(scene: &Scene) -> String {
    let answer: Answer<String> = app(scene)
        .call(ACCOUNT, "CheckActivation", &(Options::new(),))
        .await
        .unwrap();
    answer.unwrap()
}

#[tokio::test]
async fn the_owner_signs_in_on_a_reset_device() {
    let mut scene = adas().await;
    scene.factory_reset().await.unwrap();
    assert_eq!(activation(&scene).await, "locked");
    let app = app(&scene);
    let (mut account, mut warden) = (
        app.watch(ACCOUNT).await.unwrap(),
        app.watch(WARDEN).await.unwrap(),
    );
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    warden.becomes("BindingState", "bound").await.unwrap();
    account.becomes("State", "bound").await.unwrap();
    let identifiers: Vec<(String, String, String, bool)> = app.get(ACCOUNT, "Identifiers").await.unwrap();
    assert_eq!(identifiers.len(), 1);
    // The password is checked on the device from now on.
    scene.stop_cloud().await.unwrap();
    refused(app.sign_out("not-the-password-1").await.unwrap(), "WrongPassword").unwrap();
    app.sign_out(PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_thief_registers_nothing_on_a_reset_device() {
    let mut scene = adas().await;
    scene.factory_reset().await.unwrap();
    let app = app(&scene);
    let mut account = app.watch(ACCOUNT).await.unwrap();
    let (id, code) = registering(&scene, BEN, BENS).await;
    refused(app.confirm(&id, &code).await.unwrap(), "ActivationLocked").unwrap();
    account.becomes("State", "activation-locked").await.unwrap();
    let locked_to = app.text(ACCOUNT, "LockedTo").await.unwrap();
    assert!(
        locked_to.contains('•') && !locked_to.contains("ada@"),
        "masked: {locked_to}"
    );
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "unbound");
    // The owner still can.
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
    assert_eq!(app.text(ACCOUNT, "LockedTo").await.unwrap(), "");
}

#[tokio::test]
async fn another_account_does_not_sign_in_on_a_reset_device() {
    // Ben has an account, made on a device of his own.
    let mut scene = scene().await;
    registered(&scene, BEN, BENS).await;
    let app = app(&scene);
    app.sign_out(BENS).await.unwrap().unwrap();
    scene
        .network()
        .seen("the release", |e| e.path == "/v1/releases" && e.status == 204)
        .await
        .unwrap();
    registered(&scene, ADA, PASSWORD).await;
    scene.factory_reset().await.unwrap();
    refused(app.sign_in(BEN, BENS).await.unwrap(), "ActivationLocked").unwrap();
    assert_eq!(state(&scene).await, "activation-locked");
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_device_with_nothing_unprinted_has_no_activation_lock() {
    let plan = Plan {
        hardware: Hardware::Printed(7),
        ..plan()
    };
    let mut scene = Scene::of(plan).await;
    registered(&scene, ADA, PASSWORD).await;
    let notes: Vec<String> = app(&scene)
        .get(belay_tests::app::DEVICE, "AssuranceNotes")
        .await
        .unwrap();
    assert!(!notes.is_empty(), "it says so");
    scene.factory_reset().await.unwrap();
    assert_eq!(activation(&scene).await, "free");
    registered(&scene, BEN, BENS).await;
}

#[tokio::test]
async fn known_and_unknown_accounts_are_refused_alike() {
    let mut scene = adas().await;
    scene.factory_reset().await.unwrap();
    let app = app(&scene);
    let known = app.sign_in(ADA, "not-the-password-1").await.unwrap().unwrap_err();
    let unknown = app
        .sign_in("nobody@example.org", "not-the-password-1")
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(known, unknown);
    assert_eq!(known.short(), "WrongPassword");
    assert_ne!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_bound_device_signs_nobody_in() {
    let scene = adas().await;
    refused(app(&scene).sign_in(ADA, PASSWORD).await.unwrap(), "AlreadyBound").unwrap();
    refused(app(&scene).sign_in(BEN, BENS).await.unwrap(), "AlreadyBound").unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_network_failure_signs_nobody_out_and_only_an_invalid_grant_asks_for_the_password() {
    let mut scene = adas().await;
    let app = app(&scene);
    let mut account = app.watch(ACCOUNT).await.unwrap();
    scene.stop_cloud().await.unwrap();
    let devices: Answer<Vec<std::collections::HashMap<String, zbus::OwnedVariant>>> = app
        .call(ACCOUNT, "ListDevices", &(Options::new(),))
        .await
        .unwrap();
    refused(devices, "Offline").unwrap();
    assert_eq!(state(&scene).await, "bound");
    scene.start_cloud().await.unwrap();

    // The access token is refused once and the refresh token with it, as after a revocation.
    let problem = |name: &str, status: u16| Trick::Answer {
        status,
        headers: vec![("content-type", "application/problem+json".to_owned())],
        body: json!({"type": format!("urn:belay:problem:{name}"), "title": name, "status": status})
            .to_string()
            .into_bytes(),
    };
    scene
        .network()
        .plan("/v1/devices", 1, &problem("invalid-token", 401));
    scene
        .network()
        .plan("/v1/token", 1, &problem("invalid-grant", 400));
    let devices: Answer<Vec<std::collections::HashMap<String, zbus::OwnedVariant>>> = app
        .call(ACCOUNT, "ListDevices", &(Options::new(),))
        .await
        .unwrap();
    refused(devices, "ReauthenticationRequired").unwrap();
    account
        .becomes("State", "reauthentication-required")
        .await
        .unwrap();
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");

    refused(
        app.reauthenticate(ADA, "not-the-password-1").await.unwrap(),
        "WrongPassword",
    )
    .unwrap();
    app.reauthenticate(ADA, PASSWORD).await.unwrap().unwrap();
    account.becomes("State", "bound").await.unwrap();
    let devices: Answer<Vec<std::collections::HashMap<String, zbus::OwnedVariant>>> = app
        .call(ACCOUNT, "ListDevices", &(Options::new(),))
        .await
        .unwrap();
    assert_eq!(devices.unwrap().len(), 1);
}

#[tokio::test]
async fn activation_is_free_on_a_new_device_and_unchecked_without_a_network() {
    let mut scene = scene().await;
    assert_eq!(activation(&scene).await, "free");
    scene.stop_cloud().await.unwrap();
    assert_eq!(activation(&scene).await, "unchecked");
}

/// Asks until the store has no room for more.
async fn until_full<T>(ask: impl AsyncFn(usize) -> Answer<T>) {
    for turn in 0..200 {
        if let Err(refusal) = ask(turn).await {
            assert_eq!(refusal.short(), "Storage", "{refusal}");
            return;
        }
    }
    panic!("the store has room for everything");
}

#[tokio::test]
async fn what_the_disk_has_no_room_for_is_refused_and_done_once_it_has() {
    // What is logged needs room as well.
    let log_level = "warn";
    let mut scene = Scene::of(Plan { log_level, ..plan() }).await;
    scene.stop_belayd().await.unwrap();
    scene.start_belayd_with_files_of(192).await.unwrap();
    let app = app(&scene);
    until_full(async |turn: usize| -> Answer<String> {
        // Each time another answer, which is kept.
        let said = json!({ "locked": true, "login": format!("a{turn}\u{2022}\u{2022}@example.org") });
        let network = scene.network();
        network.plan("/v1/hardware/check", 1, &Trick::says(&said.to_string()));
        app.call(ACCOUNT, "CheckActivation", &(Options::new(),))
            .await
            .unwrap()
    })
    .await;
    let named = async |turn: usize| -> Answer<()> {
        let name = format!("Phone {turn}");
        app.call(DEVICE, "SetName", &(name, Options::new()))
            .await
            .unwrap()
    };
    until_full(&named).await;
    scene.kill_belayd().await.unwrap();
    scene.start_belayd().await.unwrap();
    assert_eq!(activation(&scene).await, "free");
    named(200).await.unwrap();
    assert_eq!(app.text(DEVICE, "Name").await.unwrap(), "Phone 200");
}

#[tokio::test]
async fn the_reset_proof_place_keeps_the_lock_without_any_cloud() {
    let plan = Plan {
        reset_proof: true,
        ..plan()
    };
    let mut scene = Scene::of(plan).await;
    registered(&scene, ADA, PASSWORD).await;
    scene.stop_cloud().await.unwrap();
    scene.kill_belayd().await.unwrap();
    scene.kill_warden().await.unwrap();
    for folder in ["belayd", "warden", "warden-run"] {
        scene.place().wipe(folder).unwrap();
    }
    let refused_init = scene.warden_command(&["init"]).await.unwrap();
    assert_ne!(
        refused_init,
        Some(0),
        "init refuses where a trace of an earlier binding is"
    );
}
