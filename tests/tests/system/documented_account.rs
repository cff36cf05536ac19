//! Errors of `org.belay1.Account` that its documentation names and no story of the other tests meets.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::dbus::action_arguments;
use belay_proto::signed::Action;
use belay_proto::steps::command_subject;
use belay_tests::app::{ACCOUNT, Answer, App, DEVICE, Options, WARDEN, refused};
use belay_tests::guest;
use belay_tests::proxy::Trick;
use belay_tests::stage::Plan;
use belay_tests::sysfs::Hardware;
use belay_tests::until::until;
use tokio::sync::Notify;

use crate::account_life::{another_code, begin_recovery, recover};
use crate::owner::{ADA, BEN, BENS, PASSWORD, adas, app, code, other_code, registered, registering, state};
use crate::scene::{PACE, Scene, has_time_for, plan, scene, skipped};

/// Begins a registration of Ada's, so long ago that another code may be sent; its id and the code of the mail.
async fn begun(scene: &Scene) -> (String, String) {
    let (id, code) = registering(scene, ADA, PASSWORD).await;
    scene.clock().advance(Duration::from_secs(16 * 60)).unwrap();
    (id, code)
}

async fn by_id(app: &App, member: &str, id: &str) -> Answer<()> {
    app.call(ACCOUNT, member, &(id, Options::new())).await.unwrap()
}

/// Does `work`, which asks the cloud at `path`: what it is about is given up before the answer comes.
async fn given_up<T>(scene: &Scene, path: &str, id: &str, work: impl Future<Output = T>) -> T {
    let go = Arc::new(Notify::new());
    scene.network().plan(path, 1, &Trick::Hold(Arc::clone(&go)));
    let gives_up = async {
        scene.network().played(path).await.unwrap();
        by_id(&app(scene), "CancelVerification", id).await.unwrap();
        go.notify_one();
    };
    tokio::join!(work, gives_up).0
}

/// `Account.SendCommand`, with the arguments of `action` as clients send them.
async fn send_as(app: &App, (device, verb): (&str, &str), action: &Action, ticket: &str) -> Answer<String> {
    let body = (device, verb, action_arguments(action), ticket, Options::new());
    app.call(ACCOUNT, "SendCommand", &body).await.unwrap()
}

/// The same for this very device.
async fn send(scene: &Scene, action: &Action, ticket: &str) -> Answer<String> {
    let app = app(scene);
    let device = app.text(DEVICE, "DeviceId").await.unwrap();
    send_as(&app, (&device, action.verb().as_str()), action, ticket).await
}

/// A ticket for locating this device.
async fn ticket(scene: &Scene, password: &str) -> String {
    let device = app(scene).text(DEVICE, "DeviceId").await.unwrap();
    let subject = command_subject(&device.parse().unwrap(), &Action::Locate);
    app(scene)
        .present("command", &subject, &[("password", password)])
        .await
        .unwrap()
        .unwrap()
}

const RING: Action = Action::Ring { seconds: 5 };

#[tokio::test]
async fn hardware_that_is_known_to_be_another_accounts_begins_no_registration() {
    let mut scene = adas().await;
    scene.factory_reset().await.unwrap();
    let app = app(&scene);
    let answer: Answer<String> = app
        .call(ACCOUNT, "CheckActivation", &(Options::new(),))
        .await
        .unwrap();
    assert_eq!(answer.unwrap(), "locked");
    let answer = app.register(BEN, BENS, &Options::new()).await.unwrap();
    refused(answer, "ActivationLocked").unwrap();
    assert_eq!(state(&scene).await, "activation-locked");
}

#[tokio::test]
async fn a_verification_that_the_cloud_has_forgotten_gets_no_other_code() {
    let scene = scene().await;
    let app = app(&scene);
    let (id, _) = begun(&scene).await;
    scene
        .network()
        .plan("/v1/verifications/", 1, &Trick::problem(404, "not-found"));
    refused(by_id(&app, "ResendCode", &id).await, "CodeExpired").unwrap();
    assert_eq!(state(&scene).await, "unbound");
}

#[tokio::test]
async fn what_waits_for_the_cloud_when_its_verification_is_given_up_is_cancelled() {
    for member in ["ResendCode", "VerificationState", "ConfirmRegistration"] {
        let scene = scene().await;
        let app = app(&scene);
        let (id, code) = begun(&scene).await;
        let waits = async {
            match member {
                "ResendCode" => by_id(&app, member, &id).await,
                "VerificationState" => {
                    let body = (&id, Options::new());
                    let answer: Answer<String> = app.call(ACCOUNT, member, &body).await.unwrap();
                    answer.map(drop)
                }
                _ => app.confirm(&id, &code).await.unwrap().map(drop),
            }
        };
        let answer = given_up(&scene, "/v1/verifications/", &id, waits).await;
        refused(answer, "Cancelled").unwrap();
        assert_eq!(state(&scene).await, "unbound", "{member}");
    }
}

#[tokio::test]
async fn an_address_that_is_given_up_while_its_code_is_under_way_is_not_added() {
    let scene = adas().await;
    let app = app(&scene);
    let id = app.add_identifier(BEN, PASSWORD).await.unwrap().unwrap();
    let code = code(&scene, BEN).await;
    let confirms = app.confirm_identifier(&id, &code);
    let answer = given_up(&scene, "/v1/verifications/", &id, confirms).await;
    refused(answer.unwrap(), "Cancelled").unwrap();
    assert_eq!(app.identifiers().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_recovery_that_is_given_up_while_its_code_is_under_way_says_so_and_not_that_the_code_is_wrong() {
    let scene = adas().await;
    let recovery = another_code(&scene, PASSWORD).await;
    let (id, right) = begin_recovery(&scene, &scene).await;
    let wrong = other_code(&right);
    let recovers = recover(&scene, &id, &wrong, &recovery);
    let answer = given_up(&scene, "/v1/recoveries/", &id, recovers).await;
    refused(answer, "Cancelled").unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_command_is_sent_only_whole_and_from_a_device_that_is_somebodys() {
    let scene = adas().await;
    let app = app(&scene);
    let device = app.text(DEVICE, "DeviceId").await.unwrap();
    for spoilt in [(&*device, "explode"), ("nowhere", "ring"), (&device, "lock")] {
        refused(send_as(&app, spoilt, &RING, "").await, "InvalidArgument").unwrap();
    }
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    refused(send_as(&app, (&device, "ring"), &RING, "").await, "NotBound").unwrap();
}

#[tokio::test]
async fn a_command_for_the_owner_alone_needs_the_right_password_and_waits_out_the_throttle() {
    // Time stands still: neither is the ticket too old when it is used, nor the throttle over.
    let scene = adas().await;
    let right = ticket(&scene, PASSWORD).await;
    let wrong = ticket(&scene, "not-the-password-1").await;
    refused(send(&scene, &Action::Locate, &wrong).await, "WrongPassword").unwrap();
    for n in 2..=5 {
        let answer = app(&scene).sign_out(&format!("guess-number-{n}")).await.unwrap();
        refused(answer, "WrongPassword").unwrap();
    }
    refused(send(&scene, &Action::Locate, &right).await, "TooManyAttempts").unwrap();
}

#[tokio::test]
async fn a_cloud_that_takes_no_more_commands_for_now_is_not_taken_for_a_wrong_password() {
    let scene = adas().await;
    scene.clock().run(20).unwrap();
    scene
        .network()
        .plan("/v1/devices", 50, &Trick::problem(429, "too-many"));
    refused(send(&scene, &RING, "").await, "TooSoon").unwrap();
    scene.network().behave();
    send(&scene, &RING, "").await.unwrap();
}

#[tokio::test]
async fn one_command_at_a_time_is_sent_and_none_without_a_cloud() {
    let mut scene = adas().await;
    // The clock stands still: what hangs, hangs.
    scene.network().plan("/v1/devices", 1, &Trick::Hang);
    let _hangs = tokio::spawn({
        let app = app(&scene);
        let device = app.text(DEVICE, "DeviceId").await.unwrap();
        async move {
            let body = (device, "ring", action_arguments(&RING), "", Options::new());
            app.call::<_, String>(ACCOUNT, "SendCommand", &body).await
        }
    });
    scene.network().played("/v1/devices").await.unwrap();
    refused(send(&scene, &RING, "").await, "Busy").unwrap();
    scene.network().behave();

    scene.kill_belayd().await.unwrap();
    scene.start_belayd().await.unwrap();
    scene.clock().run(20).unwrap();
    scene.stop_cloud().await.unwrap();
    refused(send(&scene, &RING, "").await, "Offline").unwrap();
}

#[tokio::test]
async fn a_cloud_takes_three_hundred_commands_an_hour_for_a_device_and_says_so_of_the_next() {
    if !has_time_for("three hundred commands") {
        return;
    }
    let scene = adas().await;
    scene.clock().run(PACE).unwrap();
    let mut taken = 0;
    let refusal = loop {
        // More wait there than may, until the device has fetched some.
        let sent = until("a place for a command", async || {
            let sent = send(&scene, &Action::StopRing, "").await;
            let is_full = matches!(&sent, Err(refusal) if refusal.short() == "CloudRefused");
            (!is_full).then_some(sent)
        });
        match sent.await.unwrap() {
            Ok(_) => taken += 1,
            Err(refusal) => break refusal,
        }
        assert!(taken <= 300, "no command is refused");
    };
    assert_eq!((taken, refusal.short()), (300, "TooSoon"));
}

#[tokio::test]
async fn nobody_but_the_owner_comes_in_by_the_door_of_a_spoilt_device() {
    if !guest::is_root() {
        skipped("the door opens to root or the lost screen only");
        return;
    }
    // The cloud lets anybody in here: there is no part of the hardware that no box has printed on it.
    let hardware = Hardware::Printed(7);
    let mut scene = Scene::of(Plan { hardware, ..plan() }).await;
    registered(&scene, BEN, BENS).await;
    app(&scene).sign_out(BENS).await.unwrap().unwrap();
    registered(&scene, ADA, PASSWORD).await;
    scene.kill_belayd().await.unwrap();
    scene.kill_warden().await.unwrap();
    for copy in ["a", "b"] {
        let throttle = scene.place().at("warden").join(copy).join("throttle");
        std::fs::remove_file(throttle).unwrap();
    }
    scene.start_belayd().await.unwrap();
    let root = App::new(&scene.root().await.unwrap());
    refused(root.sign_in(BEN, BENS).await.unwrap(), "Tampered").unwrap();
    assert_eq!(root.text(WARDEN, "BindingState").await.unwrap(), "tampered");
}
