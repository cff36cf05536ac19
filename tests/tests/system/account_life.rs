//! What becomes of an account after sign-in: over the real bus, warden and cloud, with another device of the account where
//! there is one to be.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use belay_proto::clock::FileClock;
use belay_proto::dbus::action_arguments;
use belay_proto::signed::Action;
use belay_tests::app::{ACCOUNT, Answer, App, DEVICE, Options, memfd, options, read_text, refused};
use belay_tests::openapi::Exchange;
use belay_tests::stage::Plan;
use zbus::{Fd, OwnedFd, Variant};

use crate::documented_sync::grace;
use crate::owner::{ADA, PASSWORD, adas, app, code, registered, state};
use crate::scene::{Scene, plan};

const NEW: &str = "marble-ferry-17-canyon";
const OTHER: &str = "ada@example.com";

/// Ada's device, with time that goes on.
async fn hers() -> Scene {
    let scene = adas().await;
    scene.clock().run(20).unwrap();
    scene
}

/// Another device of hers.
async fn another(first: &Scene) -> Scene {
    let second = Scene::beside(first).await;
    second.clock().run(20).unwrap();
    app(&second).sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    second
}

async fn ticket(app: &App, purpose: &str, subject: &str, password: &str) -> String {
    let secrets = [("password", password)];
    app.present(purpose, subject, &secrets).await.unwrap().unwrap()
}

async fn change(scene: &Scene, old: &str, new: &str, new_root: bool) -> Answer<()> {
    let app = app(scene);
    let subject = if new_root { "new-root" } else { "" };
    let secrets = [("old", old), ("new", new)];
    let ticket = app.present("change-password", subject, &secrets).await.unwrap()?;
    let options = options([("new-root", Variant::from(new_root))]);
    app.call(ACCOUNT, "ChangePassword", &(ticket, options))
        .await
        .unwrap()
}

/// What takes a ticket alone.
async fn with(app: &App, member: &str, ticket: &str) -> Answer<()> {
    app.call(ACCOUNT, member, &(ticket, Options::new()))
        .await
        .unwrap()
}

/// What takes an id and a ticket whose subject is `deed` and that id.
async fn ordered(scene: &Scene, member: &str, purpose: &str, deed: &str, id: &str) -> Answer<()> {
    let app = app(scene);
    let ticket = ticket(&app, purpose, &format!("{deed} {id}"), PASSWORD).await;
    app.call(ACCOUNT, member, &(id, ticket, Options::new()))
        .await
        .unwrap()
}

async fn begin_recovery(scene: &Scene, outbox: &Scene) -> (String, String) {
    let id: Answer<String> = app(scene)
        .call(ACCOUNT, "BeginRecovery", &(ADA, Options::new()))
        .await
        .unwrap();
    (id.unwrap(), code(outbox, ADA).await)
}

async fn recover(scene: &Scene, id: &str, code: &str, recovery: &str) -> Answer<()> {
    let app = app(scene);
    let secrets = [("new", NEW), ("recovery-code", recovery)];
    let ticket = app.present("recover", ADA, &secrets).await.unwrap()?;
    let code = Fd::from(memfd(code.as_bytes()).unwrap());
    app.call(ACCOUNT, "CompleteRecovery", &(id, code, ticket, Options::new()))
        .await
        .unwrap()
}

async fn identifiers(scene: &Scene) -> Vec<(String, String, String, bool)> {
    app(scene).get(ACCOUNT, "Identifiers").await.unwrap()
}

async fn device_id(scene: &Scene) -> String {
    app(scene).text(DEVICE, "DeviceId").await.unwrap()
}

/// One device has the other ring, which any of the owner's may.
async fn rings(from: &Scene, to: &Scene) {
    let arguments = action_arguments(&Action::Ring { seconds: 60 });
    let body = (device_id(to).await, "ring", arguments, "", Options::new());
    let sent: Answer<String> = app(from).call(ACCOUNT, "SendCommand", &body).await.unwrap();
    sent.unwrap();
    to.services().feedback().until_playing(true).await.unwrap();
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
async fn another_password_stops_the_old_one_at_once_on_every_device() {
    let first = hers().await;
    let second = another(&first).await;
    refused(
        change(&first, "not-the-password-1", NEW, false).await,
        "WrongPassword",
    )
    .unwrap();
    change(&first, PASSWORD, NEW, false).await.unwrap();
    assert_eq!(state(&first).await, "bound");
    refused(app(&first).sign_out(PASSWORD).await.unwrap(), "WrongPassword").unwrap();
    let other = app(&second);
    other
        .reads(ACCOUNT, "State", "reauthentication-required")
        .await
        .unwrap();
    refused(
        other.reauthenticate(ADA, PASSWORD).await.unwrap(),
        "WrongPassword",
    )
    .unwrap();
    other.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(&second).await, "bound");
    rings(&first, &second).await;
    app(&first).sign_out(NEW).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_root_is_followed_by_the_other_device_which_still_obeys() {
    let first = hers().await;
    let second = another(&first).await;
    change(&first, PASSWORD, NEW, true).await.unwrap();
    let has_code: bool = app(&first).get(ACCOUNT, "RecoveryCodeSet").await.unwrap();
    assert!(!has_code, "nobody but the owner knew the code");
    let other = app(&second);
    other
        .reads(ACCOUNT, "State", "reauthentication-required")
        .await
        .unwrap();
    other.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    rings(&first, &second).await;
    rings(&second, &first).await;
}

#[tokio::test]
async fn the_recovery_code_that_was_made_last_recovers_and_the_one_before_does_not() {
    let scene = crate::scene::scene().await;
    let old = registered(&scene, ADA, PASSWORD).await;
    scene.clock().run(20).unwrap();
    let app = app(&scene);
    let made = ticket(&app, "recovery-code", "", PASSWORD).await;
    let claim: Answer<OwnedFd> = app
        .call(ACCOUNT, "CreateRecoveryCode", &(made, Options::new()))
        .await
        .unwrap();
    let claim = read_text(claim.unwrap().into()).unwrap();
    let recovery = app.recovery_code(&claim).await.unwrap().unwrap();
    assert_ne!(recovery, old);
    let (id, code) = begin_recovery(&scene, &scene).await;
    refused(recover(&scene, &id, &code, &old).await, "WrongCode").unwrap();
    recover(&scene, &id, &code, &recovery).await.unwrap();
    assert_eq!(state(&scene).await, "reauthentication-required");
    refused(app.reauthenticate(ADA, PASSWORD).await.unwrap(), "WrongPassword").unwrap();
    app.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_device_of_nobodys_recovers_the_account_and_signs_in() {
    let first = crate::scene::scene().await;
    let recovery = registered(&first, ADA, PASSWORD).await;
    first.clock().run(20).unwrap();
    let second = Scene::beside(&first).await;
    second.clock().run(20).unwrap();
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
    let order = ticket(&app, "identifier", &format!("add-identifier {OTHER}"), PASSWORD).await;
    let id: Answer<String> = app
        .call(ACCOUNT, "AddIdentifier", &(OTHER, order, Options::new()))
        .await
        .unwrap();
    let (id, code) = (id.unwrap(), code(&scene, OTHER).await);
    let confirm = async |code: &str| -> Answer<()> {
        let fd = Fd::from(memfd(code.as_bytes()).unwrap());
        app.call(ACCOUNT, "ConfirmIdentifier", &(&id, fd, Options::new()))
            .await
            .unwrap()
    };
    refused(confirm(&crate::owner::other_code(&code)).await, "WrongCode").unwrap();
    confirm(&code).await.unwrap();
    let addresses = identifiers(&scene).await;
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    let (login, added) = (addresses[0].0.clone(), addresses[1].0.clone());
    let remove =
        async |id: &str| ordered(&scene, "RemoveIdentifier", "identifier", "remove-identifier", id).await;
    refused(remove(&login).await, "Conflict").unwrap();
    refused(remove(&"0".repeat(32)).await, "NotFound").unwrap();
    let set = ordered(&scene, "SetLogin", "identifier", "set-login", &added).await;
    set.unwrap();
    assert_eq!(identifiers(&scene).await[0].0, added);
    remove(&login).await.unwrap();
    assert_eq!(identifiers(&scene).await.len(), 1);
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    refused(app.sign_in(ADA, PASSWORD).await.unwrap(), "WrongPassword").unwrap();
    app.sign_in(OTHER, PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_removed_device_says_so_and_keeps_its_data_while_the_others_sync_on() {
    let first = hers().await;
    let second = another(&first).await;
    for scene in [&first, &second] {
        app(scene).enable("contacts", true).await.unwrap().unwrap();
    }
    app(&first).put_new("contacts", &grace()).await.unwrap().unwrap();
    for scene in [&first, &second] {
        app(scene).sync_now().await.unwrap().unwrap();
    }
    assert_eq!(app(&second).list("contacts").await.unwrap().unwrap().len(), 1);
    let id = device_id(&second).await;
    let remove = async |id: &str| ordered(&first, "RemoveDevice", "remove-device", "remove-device", id).await;
    refused(remove(&"0".repeat(32)).await, "NotFound").unwrap();
    // Nobody makes a ticket for this one either.
    let (own, no_ticket) = (device_id(&first).await, "0".repeat(32));
    let answer: Answer<()> = app(&first)
        .call(ACCOUNT, "RemoveDevice", &(own, no_ticket, Options::new()))
        .await
        .unwrap();
    refused(answer, "InvalidArgument").unwrap();
    remove(&id).await.unwrap();
    let other = app(&second);
    other
        .reads(ACCOUNT, "State", "reauthentication-required")
        .await
        .unwrap();
    refused(
        other.reauthenticate(ADA, PASSWORD).await.unwrap(),
        "ReauthenticationRequired",
    )
    .unwrap();
    assert_eq!(other.list("contacts").await.unwrap().unwrap().len(), 1);
    let card = belay_tests::app::New {
        natural: "alan",
        ..grace()
    };
    app(&first).put_new("contacts", &card).await.unwrap().unwrap();
    app(&first).sync_now().await.unwrap().unwrap();
    assert_eq!(app(&first).list("contacts").await.unwrap().unwrap().len(), 2);
}

#[tokio::test]
async fn an_account_is_deleted_once_no_other_device_is_bound_and_its_address_is_free_then() {
    let first = hers().await;
    let second = another(&first).await;
    let delete = async || {
        let app = app(&first);
        let order = ticket(&app, "delete-account", "delete-account", PASSWORD).await;
        with(&app, "DeleteAccount", &order).await
    };
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

#[tokio::test]
async fn the_security_check_finds_what_the_owner_could_do() {
    let scene = hers().await;
    let found: Answer<Vec<(String, String, String)>> = app(&scene)
        .call(ACCOUNT, "SecurityCheck", &(Options::new(),))
        .await
        .unwrap();
    let found = found.unwrap();
    let advice: Vec<_> = found.iter().map(|(_, _, advice)| advice.as_str()).collect();
    assert!(advice.contains(&"add-an-address"), "{found:?}");
    assert!(!advice.contains(&"create-a-recovery-code"), "{found:?}");
}

/// A cloud with a file of settings.
async fn configured(content: &str) -> (Scene, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let cloud_args = vec!["--config".to_owned(), file.path().display().to_string()];
    let scene = Scene::of(Plan { cloud_args, ..plan() }).await;
    registered(&scene, ADA, PASSWORD).await;
    scene.clock().run(20).unwrap();
    (scene, file)
}

#[tokio::test]
async fn a_token_is_given_for_a_service_that_the_operator_named_and_for_no_other() {
    let service = "https://photos.example.org";
    let (scene, _file) = configured(&format!("services = [\"{service}\"]\n")).await;
    let app = app(&scene);
    let get = async |service: &str| -> Answer<(OwnedFd, u64)> {
        app.call(ACCOUNT, "GetServiceToken", &(service, Options::new()))
            .await
            .unwrap()
    };
    let (token, expires) = get(service).await.unwrap();
    let token = read_text(token.into()).unwrap();
    assert_eq!(token.split('.').count(), 3, "a JWT");
    assert!(expires > 0);
    refused(get("https://elsewhere.example.org").await.map(drop), "NotFound").unwrap();
}

#[tokio::test]
async fn a_bootloader_is_approved_by_the_operator_once_the_request_has_waited() {
    let (scene, _file) = configured("[bootloader]\nwait-days = 1\n").await;
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
    assert_eq!(app.text(ACCOUNT, "BootloaderUnlock").await.unwrap(), "pending");
    let approve = async || {
        let data = scene.place().at("cloud").display().to_string();
        let config = scene.plan().cloud_args[1].clone();
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
}
