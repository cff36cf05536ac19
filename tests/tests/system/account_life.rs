//! What becomes of an account after sign-in: over the real bus, warden and cloud, with another device of the account where
//! there is one to be. What several devices do to each other is in `account_devices.rs`.

use std::time::Duration;

use belay_proto::clock::FileClock;
use belay_tests::app::{
    ACCOUNT, Answer, App, DEVICE, Options, REMOVE_IDENTIFIER, SET_LOGIN, options, read_text, refused,
};
use belay_tests::openapi::Exchange;
use belay_tests::proxy::Trick;
use belay_tests::stage::Plan;
use zbus::{OwnedFd, Variant};

use crate::owner::{ADA, PASSWORD, adas, app, code, registered, state};
use crate::scene::{PACE, Scene, plan, settings};

pub const NEW: &str = "marble-ferry-17-canyon";
pub const OTHER: &str = "ada@example.com";

/// Ada's device, with time that goes on.
pub async fn hers() -> Scene {
    let scene = adas().await;
    scene.clock().run(PACE).unwrap();
    scene
}

/// Another device of hers.
pub async fn another(first: &Scene) -> Scene {
    let second = Scene::beside(first).await;
    second.clock().run(PACE).unwrap();
    app(&second).sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    second
}

pub async fn ticket(app: &App, purpose: &str, subject: &str, password: &str) -> String {
    let secrets = [("password", password)];
    app.present(purpose, subject, &secrets).await.unwrap().unwrap()
}

pub async fn change(scene: &Scene, old: &str, new: &str, new_root: bool) -> Answer<()> {
    app(scene).change_password(old, new, new_root).await.unwrap()
}

/// What takes an id and a ticket whose subject names it.
pub async fn ordered(scene: &Scene, what: (&str, &str, &str), id: &str) -> Answer<()> {
    app(scene).order(what, id, PASSWORD).await.unwrap()
}

/// What takes a ticket alone.
pub async fn with(app: &App, member: &str, ticket: &str) -> Answer<()> {
    app.call(ACCOUNT, member, &(ticket, Options::new()))
        .await
        .unwrap()
}

/// Makes another recovery code, which nobody has seen yet; the claim to it.
pub async fn unseen_code(scene: &Scene, password: &str) -> String {
    let app = app(scene);
    let made = ticket(&app, "recovery-code", "", password).await;
    let claim: Answer<OwnedFd> = app
        .call(ACCOUNT, "CreateRecoveryCode", &(made, Options::new()))
        .await
        .unwrap();
    read_text(claim.unwrap().into()).unwrap()
}

/// Makes another recovery code.
pub async fn another_code(scene: &Scene, password: &str) -> String {
    let claim = unseen_code(scene, password).await;
    let app = app(scene);
    let code = app.recovery_code(&claim).await.unwrap().unwrap();
    app.acknowledge("").await.unwrap().unwrap();
    code
}

/// Adds an address of the owner's.
pub async fn add_address(scene: &Scene, outbox: &Scene, address: &str) {
    add_with(scene, address, code(outbox, address)).await;
}

/// The same with the code that comes, however it does, once the address was told.
pub async fn add_with(scene: &Scene, address: &str, code: impl Future<Output = String>) {
    let app = app(scene);
    let id = app.add_identifier(address, PASSWORD).await.unwrap().unwrap();
    let code = code.await;
    let wrong = crate::owner::other_code(&code);
    refused(app.confirm_identifier(&id, &wrong).await.unwrap(), "WrongCode").unwrap();
    app.confirm_identifier(&id, &code).await.unwrap().unwrap();
}

pub async fn begin_recovery(scene: &Scene, outbox: &Scene) -> (String, String) {
    let id = app(scene).begin_recovery(ADA).await.unwrap();
    (id.unwrap(), code(outbox, ADA).await)
}

pub async fn recover(scene: &Scene, id: &str, code: &str, recovery: &str) -> Answer<()> {
    let app = app(scene);
    let recovered = app.complete_recovery((id, code), ADA, NEW, recovery);
    recovered.await.unwrap()
}

pub async fn identifiers(scene: &Scene) -> Vec<(String, String, String, bool)> {
    app(scene).get(ACCOUNT, "Identifiers").await.unwrap()
}

pub async fn device_id(scene: &Scene) -> String {
    app(scene).text(DEVICE, "DeviceId").await.unwrap()
}

#[tokio::test]
async fn what_the_owner_tells_is_changed_and_an_empty_text_removes_it() {
    let scene = hers().await;
    let app = app(&scene);
    let set = async |name: &str| -> Answer<()> {
        let profile = options([("display-name", Variant::from(name))]);
        app.call(ACCOUNT, "SetProfile", &(profile, Options::new()))
            .await
            .unwrap()
    };
    let shown = async || {
        let profile = app.read(ACCOUNT, "Profile").await.unwrap().unwrap();
        format!("{profile:?}")
    };
    set("Ada Lovelace").await.unwrap();
    assert!(shown().await.contains("Ada Lovelace"));
    set("").await.unwrap();
    assert!(!shown().await.contains("Ada Lovelace"));
}

#[tokio::test]
async fn the_recovery_code_that_was_made_last_recovers_and_the_one_before_does_not() {
    let scene = crate::scene::scene().await;
    let old = registered(&scene, ADA, PASSWORD).await;
    scene.clock().run(PACE).unwrap();
    let app = app(&scene);
    let recovery = another_code(&scene, PASSWORD).await;
    assert_ne!(recovery, old);
    refused(app.acknowledge("").await.unwrap(), "NotFound").unwrap();
    let (id, code) = begin_recovery(&scene, &scene).await;
    refused(recover(&scene, &id, &code, &old).await, "WrongCode").unwrap();
    recover(&scene, &id, &code, &recovery).await.unwrap();
    assert_eq!(state(&scene).await, "reauthentication-required");
    refused(app.reauthenticate(ADA, PASSWORD).await.unwrap(), "WrongPassword").unwrap();
    app.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_recovery_that_was_done_unheard_is_not_done_with_another_password() {
    let scene = crate::scene::scene().await;
    let recovery = registered(&scene, ADA, PASSWORD).await;
    scene.clock().run(PACE).unwrap();
    let app = app(&scene);
    let (id, code) = begin_recovery(&scene, &scene).await;
    // Neither the answer comes, nor can the cloud be asked what it keeps.
    let brings = format!("/v1/recoveries/{id}/credentials");
    scene.network().plan(&brings, 20, &Trick::LoseAnswer);
    scene.network().plan("/v1/account/credentials", 1000, &Trick::Cut);
    refused(recover(&scene, &id, &code, &recovery).await, "Offline").unwrap();
    let with_another = async || {
        let other = app.complete_recovery((&id, &code), ADA, "quiet-otter-71-parasol", &recovery);
        other.await.unwrap()
    };
    refused(with_another().await, "Conflict").unwrap();
    scene.network().behave();
    refused(with_another().await, "Conflict").unwrap();
    recover(&scene, &id, &code, &recovery).await.unwrap();
    app.reauthenticate(ADA, NEW).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_device_of_nobodys_recovers_the_account_and_signs_in() {
    let first = crate::scene::scene().await;
    let recovery = registered(&first, ADA, PASSWORD).await;
    first.clock().run(PACE).unwrap();
    let second = Scene::beside(&first).await;
    second.clock().run(PACE).unwrap();
    let (id, code) = begin_recovery(&second, &first).await;
    let wrong = crate::owner::other_code(&code);
    refused(recover(&second, &id, &wrong, &recovery).await, "WrongCode").unwrap();
    recover(&second, &id, &code, &recovery).await.unwrap();
    assert_eq!(state(&second).await, "unbound");
    refused(
        app(&second).sign_in(ADA, PASSWORD).await.unwrap(),
        "WrongPassword",
    )
    .unwrap();
    app(&second).sign_in(ADA, NEW).await.unwrap().unwrap();
    app(&first)
        .reads(ACCOUNT, "State", "reauthentication-required")
        .await
        .unwrap();
}

#[tokio::test]
async fn an_address_is_added_made_the_login_and_the_old_one_removed() {
    let scene = hers().await;
    let app = app(&scene);
    add_address(&scene, &scene, OTHER).await;
    let addresses = identifiers(&scene).await;
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    let (login, added) = (addresses[0].0.clone(), addresses[1].0.clone());
    let remove = async |id: &str| ordered(&scene, REMOVE_IDENTIFIER, id).await;
    refused(remove(&login).await, "Conflict").unwrap();
    refused(remove(&"0".repeat(32)).await, "NotFound").unwrap();
    // The password was typed for one of the addresses, and the caller names another.
    let ticket = ticket(&app, "identifier", &format!("set-login {login}"), PASSWORD).await;
    let other: Answer<()> = app
        .call(ACCOUNT, "SetLogin", &(&added, ticket, Options::new()))
        .await
        .unwrap();
    refused(other, "BadTicket").unwrap();
    assert_eq!(identifiers(&scene).await[0].0, login);
    let set = ordered(&scene, SET_LOGIN, &added).await;
    set.unwrap();
    assert_eq!(app.identifiers().await.unwrap()[0].0, added);
    remove(&login).await.unwrap();
    assert_eq!(app.identifiers().await.unwrap().len(), 1);
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    refused(app.sign_in(ADA, PASSWORD).await.unwrap(), "WrongPassword").unwrap();
    app.sign_in(OTHER, PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_account_is_deleted_once_no_other_device_is_bound_and_its_address_is_free_then() {
    let first = hers().await;
    let second = another(&first).await;
    let delete = async || app(&first).delete_account(PASSWORD).await.unwrap();
    refused(delete().await, "DevicesStillBound").unwrap();
    assert_eq!(state(&first).await, "bound");
    app(&second).sign_out(PASSWORD).await.unwrap().unwrap();
    let released = |e: &Exchange| e.path == "/v1/releases" && e.status == 204;
    first.network().seen("the release", released).await.unwrap();
    delete().await.unwrap();
    assert_eq!(state(&first).await, "unbound");
    refused(app(&first).sign_in(ADA, PASSWORD).await.unwrap(), "WrongPassword").unwrap();
    registered(&first, ADA, NEW).await;
}

/// Ada's device, whose cloud has a file of settings; that file, and her recovery code.
pub async fn configured(content: &str) -> (Scene, tempfile::NamedTempFile, String) {
    let file = settings(content);
    let cloud_args = vec!["--config".to_owned(), file.path().display().to_string()];
    let scene = Scene::of(Plan { cloud_args, ..plan() }).await;
    let recovery = registered(&scene, ADA, PASSWORD).await;
    scene.clock().run(PACE).unwrap();
    (scene, file, recovery)
}

#[tokio::test]
async fn a_token_is_given_for_a_service_that_the_operator_named_and_for_no_other() {
    let service = "https://photos.example.org";
    let (scene, _file, _) = configured(&format!("services = [\"{service}\"]\n")).await;
    let app = app(&scene);
    let (token, expires) = app.service_token(service).await.unwrap().unwrap();
    assert_eq!(token.split('.').count(), 3, "a JWT");
    assert!(expires > 0);
    let elsewhere = app.service_token("https://elsewhere.example.org").await.unwrap();
    refused(elsewhere.map(drop), "NotFound").unwrap();
}

#[tokio::test]
async fn a_bootloader_is_approved_by_the_operator_once_the_request_has_waited() {
    let (scene, _file, _) = configured("[bootloader]\nwait-days = 1\n").await;
    let app = app(&scene);
    let device = device_id(&scene).await;
    let subject = format!("unlock-bootloader {device}");
    let order = ticket(&app, "bootloader", &subject, PASSWORD).await;
    let asked: Answer<()> = app
        .call(
            ACCOUNT,
            "RequestBootloaderUnlock",
            &(order, "to build it myself", Options::new()),
        )
        .await
        .unwrap();
    asked.unwrap();
    app.reads(ACCOUNT, "BootloaderUnlock", "pending").await.unwrap();
    let approve = async || {
        let data = scene.place().at("cloud").display().to_string();
        // The running cloud was given its outbox by an argument; the operator's command finds it in the file.
        let outbox = scene.place().at("outbox");
        let content = format!("outbox = {outbox:?}\n[bootloader]\nwait-days = 1\n");
        scene.place().write("admin.toml", &content, 0o644).unwrap();
        let config = scene.place().at("admin.toml").display().to_string();
        let args = [
            "admin",
            "bootloader",
            "approve",
            &device,
            "--data",
            &data,
            "--config",
            &config,
        ];
        let program = scene.program("belay-cloud", &args);
        let program = program.env(FileClock::VARIABLE, scene.clock().cloud_file());
        program.output().await.unwrap()
    };
    let (early, said) = approve().await;
    assert!(!early.success(), "{said}");
    scene.clock().advance(Duration::from_secs(25 * 3600)).unwrap();
    let (approved, said) = approve().await;
    assert!(approved.success(), "{said}");
    app.reads(ACCOUNT, "BootloaderUnlock", "approved").await.unwrap();
    for told in [
        "Somebody wants to unlock the bootloader of your device",
        "The bootloader of your device may be unlocked",
    ] {
        let mail = scene.outbox().notice(ADA).await.unwrap();
        assert_eq!(mail.subject.as_deref(), Some(told));
    }
}

#[tokio::test]
async fn a_new_password_that_is_easy_to_guess_gets_no_ticket() {
    let scene = Scene::of(plan()).await;
    let recovery = registered(&scene, ADA, PASSWORD).await;
    let app = app(&scene);
    for (purpose, subject, other) in [
        ("change-password", "", ("old", PASSWORD)),
        ("recover", ADA, ("recovery-code", recovery.as_str())),
    ] {
        let secrets = [other, ("new", "password1")];
        let answer = app.present(purpose, subject, &secrets).await.unwrap();
        refused(answer, "WeakPassword").unwrap_or_else(|e| panic!("{purpose}: {e}"));
    }
}
