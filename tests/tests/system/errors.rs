//! Errors that the other tests don't meet, each from the method whose documentation names it.

use std::collections::HashMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use belay_tests::app::{ACCOUNT, Answer, App, DEVICE, Options, WARDEN, memfd, refused};
use belay_tests::contract;
use belay_tests::openapi::Exchange;
use zbus::{Fd, OwnedFd, OwnedVariant};

use crate::methods::{METHODS, call, name};
use crate::owner::{ADA, BEN, BENS, PASSWORD, adas, app, code, registering, state};
use crate::scene::{Scene, scene};

type Dictionary = HashMap<String, OwnedVariant>;

/// A ticket in form that nobody made.
const TICKET: &str = "0123456789abcdef0123456789abcdef";

/// belayd's name, taken by a connection of the programs' user.
async fn stand_in(scene: &mut Scene) -> App {
    scene.kill_belayd().await.unwrap();
    let uid = belay_tests::guest::programs().unwrap_or_else(belay_tests::guest::person);
    let connection = scene.connect(uid).await.unwrap();
    connection.request_name("org.belay1").await.unwrap();
    App::new(&connection)
}

/// Gives belayd's name back.
async fn step_down(stand_in: App) {
    stand_in.bus().release_name("org.belay1").await.unwrap();
}

/// Every method that is documented to answer `error` answers it, or `or`; `but` are those that don't get that far.
async fn all_answer(scene: &Scene, error: &str, or: &str, but: &[&str]) {
    let app = app(scene);
    for (object, member, _) in METHODS {
        let documented = &contract::documented()[&format!("{}.{member}", object.interface)];
        if documented.contains(error) && !but.contains(member) {
            let answer = call(&app, *object, member).await;
            assert!([error, or].contains(&name(&answer)), "{member}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_lost_device_answers_device_lost_to_all_but_unlock() {
    let mut scene = adas().await;
    let thief = stand_in(&mut scene).await;
    thief
        .call::<_, ()>(WARDEN, "Tighten", &("owner-asked",))
        .await
        .unwrap()
        .unwrap();
    step_down(thief).await;
    scene.start_belayd().await.unwrap();
    all_answer(&scene, "DeviceLost", "DeviceLost", &[]).await;
}

#[tokio::test]
async fn a_tampered_device_answers_tampered() {
    let mut scene = adas().await;
    scene.kill_belayd().await.unwrap();
    scene.kill_warden().await.unwrap();
    for copy in ["a", "b"] {
        std::fs::write(scene.place().at("warden").join(copy).join("binding"), "spoilt").unwrap();
    }
    scene.start_belayd().await.unwrap();
    // Signing in is the door: with a ticket of nobody's it comes as far as that.
    all_answer(&scene, "Tampered", "DeviceLost", &["SignIn"]).await;
    let answer = call(&app(&scene), ACCOUNT, "SignIn").await;
    assert_eq!(name(&answer), "BadTicket");
}

/// Spoils the warden's binding beyond repair; the next who calls it starts one that sees it.
async fn spoil(scene: &Scene) {
    scene.kill_warden().await.unwrap();
    for copy in ["a", "b"] {
        std::fs::write(scene.place().at("warden").join(copy).join("binding"), "spoilt").unwrap();
    }
}

#[tokio::test]
async fn a_sign_out_on_a_device_that_was_spoilt_since_its_ticket_answers_tampered() {
    let scene = adas().await;
    let app = app(&scene);
    let ticket = app
        .present("sign-out", "", &[("password", PASSWORD)])
        .await
        .unwrap()
        .unwrap();
    spoil(&scene).await;
    refused(app.sign_out_with(&ticket).await.unwrap(), "Tampered").unwrap();
    assert_eq!(state(&scene).await, "activation-locked");
}

#[tokio::test]
async fn a_registration_on_a_device_that_was_spoilt_since_is_not_confirmed() {
    let scene = scene().await;
    let app = app(&scene);
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    spoil(&scene).await;
    refused(app.confirm(&id, &code).await.unwrap(), "Tampered").unwrap();
    let made = |e: &Exchange| e.path == "/v1/accounts";
    assert!(!scene.network().exchanges().iter().any(made));
}

/// Lets the warden write its state, or not.
fn writable(scene: &Scene, mode: u32) {
    for copy in ["a", "b"] {
        let folder = scene.place().at("warden").join(copy);
        std::fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
    }
}

#[tokio::test]
async fn once_the_account_is_made_nothing_but_its_confirmation_goes_on() {
    let scene = scene().await;
    let app = app(&scene);
    let none = Options::new();
    let id = app.register(ADA, PASSWORD, &none).await.unwrap().unwrap();
    let code = code(&scene, ADA).await;
    writable(&scene, 0o500);
    refused(app.confirm(&id, &code).await.unwrap(), "Storage").unwrap();
    for member in ["CancelVerification", "ResendCode"] {
        let answer: Answer<()> = app.call(ACCOUNT, member, &(&id, &none)).await.unwrap();
        refused(answer, "Conflict").unwrap();
    }
    refused(app.register(BEN, BENS, &none).await.unwrap(), "Conflict").unwrap();
    assert_eq!(state(&scene).await, "registering");
    writable(&scene, 0o700);
    app.confirm(&id, &code).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_sign_out_that_the_wardens_disk_refuses_answers_storage_and_can_be_asked_again() {
    let scene = adas().await;
    let app = app(&scene);
    let ticket = app
        .present("sign-out", "", &[("password", PASSWORD)])
        .await
        .unwrap()
        .unwrap();
    writable(&scene, 0o500);
    refused(app.sign_out_with(&ticket).await.unwrap(), "Storage").unwrap();
    assert_eq!(state(&scene).await, "bound");
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");
    writable(&scene, 0o700);
    app.sign_out_with(&ticket).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "unbound");
}

#[tokio::test]
async fn an_uninitialised_warden_makes_every_method_answer_storage() {
    let mut scene = Scene::empty().await;
    scene.start_cloud().await.unwrap();
    scene.launch_belayd().await.unwrap();
    let local = ["SetName", "CheckActivation"];
    all_answer(&scene, "Storage", "Storage", &local).await;
}

#[tokio::test]
async fn a_ticket_that_nobody_made_is_a_bad_one() {
    let scene = adas().await;
    let app = app(&scene);
    let none = Options::new();
    for (object, member) in [
        (ACCOUNT, "Reauthenticate"),
        (ACCOUNT, "SignOut"),
        (ACCOUNT, "ChangePassword"),
        (ACCOUNT, "CreateRecoveryCode"),
        (ACCOUNT, "AddIdentifier"),
        (ACCOUNT, "RemoveIdentifier"),
        (ACCOUNT, "SetLogin"),
        (ACCOUNT, "RemoveDevice"),
        (ACCOUNT, "DeleteAccount"),
        (ACCOUNT, "RequestBootloaderUnlock"),
        (DEVICE, "AuthorizeReset"),
    ] {
        let answer = call(&app, object, member).await;
        assert_eq!(name(&answer), "BadTicket", "{member}");
    }
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    let answer: Answer<String> = app
        .call(ACCOUNT, "Register", &(ADA, TICKET, &none, &none))
        .await
        .unwrap();
    refused(answer, "BadTicket").unwrap();
    let answer: Answer<()> = app.call(ACCOUNT, "SignIn", &(ADA, TICKET, &none)).await.unwrap();
    refused(answer, "BadTicket").unwrap();
    // One that was made for another address.
    let ticket = app
        .present("sign-in", BEN, &[("password", BENS)])
        .await
        .unwrap()
        .unwrap();
    let answer: Answer<()> = app.call(ACCOUNT, "SignIn", &(ADA, ticket, &none)).await.unwrap();
    let refusal = answer.unwrap_err();
    assert!(
        ["BadTicket", "WrongPassword"].contains(&refusal.short()),
        "{refusal}"
    );
    assert_eq!(state(&scene).await, "unbound");
}

#[tokio::test]
async fn an_unbound_device_answers_not_bound_to_what_needs_an_owner() {
    let mut scene = scene().await;
    let app = app(&scene);
    for (object, member) in [
        (ACCOUNT, "Reauthenticate"),
        (ACCOUNT, "SignOut"),
        (ACCOUNT, "ListDevices"),
        (ACCOUNT, "SetProfile"),
        (ACCOUNT, "ChangePassword"),
        (ACCOUNT, "CreateRecoveryCode"),
        (ACCOUNT, "AddIdentifier"),
        (ACCOUNT, "RemoveIdentifier"),
        (ACCOUNT, "SetLogin"),
        (ACCOUNT, "SecurityCheck"),
        (ACCOUNT, "GetServiceToken"),
        (ACCOUNT, "RemoveDevice"),
        (ACCOUNT, "DeleteAccount"),
        (ACCOUNT, "RequestBootloaderUnlock"),
        (WARDEN, "Unlock"),
    ] {
        assert_eq!(name(&call(&app, object, member).await), "NotBound", "{member}");
    }
    let belayd = stand_in(&mut scene).await;
    let bytes: &[u8] = &[1];
    let answer: Answer<bool> = belayd.call(WARDEN, "Credentials", &(bytes,)).await.unwrap();
    refused(answer, "NotBound").unwrap();
    refused(
        belayd.call::<_, ()>(WARDEN, "Tighten", &("x",)).await.unwrap(),
        "NotBound",
    )
    .unwrap();
    let answer: Answer<Vec<u8>> = belayd
        .call(WARDEN, "Use", &(TICKET, "release", bytes))
        .await
        .unwrap();
    let refusal = answer.unwrap_err();
    assert!(
        ["BadTicket", "NotBound", "InvalidArgument"].contains(&refusal.short()),
        "{refusal}"
    );
    refused(app.recovery_code(TICKET).await.unwrap(), "NotFound").unwrap();
}

#[tokio::test]
async fn the_warden_takes_only_records_that_are_ones_and_cuts_a_reason_to_size() {
    let mut scene = adas().await;
    let belayd = stand_in(&mut scene).await;
    for bytes in [Vec::<u8>::new(), vec![0xff; 100], vec![0; 200_000]] {
        let answer: Answer<bool> = belayd.call(WARDEN, "Credentials", &(bytes,)).await.unwrap();
        assert!(answer == Ok(false) || answer.is_err_and(|e| e.short() == "InvalidArgument"));
    }
    let answer = belayd
        .present("change-password", "", &[("password", PASSWORD), ("new", BENS)])
        .await
        .unwrap();
    refused(answer, "InvalidArgument").unwrap();
    let answer = belayd
        .present("recover", "ada@example.org", &[("new", BENS)])
        .await
        .unwrap();
    refused(answer, "NotSupported").unwrap();
    let enormous = "x".repeat(1024 * 1024);
    let answer = belayd
        .call::<_, ()>(WARDEN, "Tighten", &(enormous,))
        .await
        .unwrap();
    refused(answer, "InvalidArgument").unwrap();
    // A reason is for the log only: whatever it says, the device is made tighter, and the log stays whole.
    let reason = "two\nlines\u{7}".repeat(1000);
    belayd
        .call::<_, ()>(WARDEN, "Tighten", &(reason,))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(belayd.text(WARDEN, "LockState").await.unwrap(), "lost");
    assert_eq!(scene.warden_command(&["verify-log"]).await.unwrap(), Some(0));
}

#[tokio::test]
async fn the_throttle_speaks_from_each_door_of_the_local_check() {
    let scene = adas().await;
    let app = app(&scene);
    // Tickets that were made before the wait began.
    let present = async |purpose: &str| {
        app.present(purpose, ADA, &[("password", PASSWORD)])
            .await
            .unwrap()
            .unwrap()
    };
    let (again, reset) = (present("reauthenticate").await, present("reset").await);
    for n in 1..=5 {
        refused(
            app.sign_out(&format!("guess-number-{n}")).await.unwrap(),
            "WrongPassword",
        )
        .unwrap();
    }
    let answer: Answer<()> = app
        .call(ACCOUNT, "Reauthenticate", &(again, Options::new()))
        .await
        .unwrap();
    refused(answer, "TooManyAttempts").unwrap();
    let answer: Answer<OwnedFd> = app
        .call(DEVICE, "AuthorizeReset", &(reset, Options::new()))
        .await
        .unwrap();
    refused(answer, "TooManyAttempts").unwrap();
    let fd = Fd::from(memfd(PASSWORD.as_bytes()).unwrap());
    refused(
        app.call::<_, ()>(WARDEN, "Unlock", &(fd,)).await.unwrap(),
        "TooManyAttempts",
    )
    .unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn belayds_own_members_say_that_the_state_is_spoilt() {
    let mut scene = adas().await;
    let belayd = stand_in(&mut scene).await;
    spoil(&scene).await;
    let bytes: &[u8] = &[1];
    let answer: Answer<bool> = belayd.call(WARDEN, "Credentials", &(bytes,)).await.unwrap();
    refused(answer, "Tampered").unwrap();
    let answer: Answer<()> = belayd.call(WARDEN, "Tighten", &("x",)).await.unwrap();
    refused(answer, "Tampered").unwrap();
    assert_eq!(belayd.text(WARDEN, "BindingState").await.unwrap(), "tampered");
}

#[tokio::test]
async fn belayds_own_members_say_that_there_is_no_state() {
    let scene = Scene::empty().await;
    let uid = belay_tests::guest::programs().unwrap_or_else(belay_tests::guest::person);
    let connection = scene.connect(uid).await.unwrap();
    connection.request_name("org.belay1").await.unwrap();
    let belayd = App::new(&connection);
    let bytes: &[u8] = &[1];
    let answers = [
        belayd
            .call::<_, bool>(WARDEN, "Credentials", &(bytes,))
            .await
            .unwrap()
            .map(drop),
        belayd.call::<_, ()>(WARDEN, "Tighten", &("x",)).await.unwrap(),
        belayd
            .call::<_, Vec<u8>>(WARDEN, "Use", &(TICKET, "release", bytes))
            .await
            .unwrap()
            .map(drop),
        belayd
            .call::<_, Dictionary>(WARDEN, "Identity", &())
            .await
            .unwrap()
            .map(drop),
        belayd
            .call::<_, Vec<Dictionary>>(WARDEN, "History", &(0_u64,))
            .await
            .unwrap()
            .map(drop),
    ];
    for answer in answers {
        refused(answer, "Storage").unwrap();
    }
}
