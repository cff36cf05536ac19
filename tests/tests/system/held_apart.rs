//! Device and account whose passwords are two: a hold that the cloud has forgotten, and the device hasn't, since it was away while
//! somebody signed in with the old password; and a cloud that was put back to the password of before.

use belay_tests::app::{New, refused};
use belay_tests::owner::Console;

use crate::account_life::{another, begin_recovery, change};
use crate::find_restored::{files, put_back};
use crate::holding::{
    HOUR, NEW, allow, complete, forgotten, left, open, owner_of, shows, told, unlock, waited_out,
};
use crate::owner::{ADA, PASSWORD, app};
use crate::scene::Scene;

/// A password that the account gets meanwhile.
const THIRD: &str = "willow-anchor-58-meadow";

/// Whichever password is typed, what is left to do is said, and can be done.
async fn is_told_and_can_go(scene: &Scene, own: &str, accounts: &str) {
    for password in [own, accounts] {
        let answer = app(scene).reauthenticate(ADA, password).await.unwrap();
        let refusal = answer.unwrap_err();
        let text = refusal.to_string();
        assert_eq!(refusal.short(), "Conflict", "{text}");
        assert!(text.contains("sign out with this device's password"), "{text}");
    }
    let refusal = app(scene).sign_out(accounts).await.unwrap();
    refused(refusal, "WrongPassword").unwrap();
    app(scene).sign_out(own).await.unwrap().unwrap();
    app(scene).sign_in(ADA, accounts).await.unwrap().unwrap();
    shows(scene, "bound").await;
}

/// Ada's device, whose pin has moved to a root that the cloud keeps no more.
async fn apart() -> Scene {
    gone_apart(open().await).await
}

async fn gone_apart(scene: Scene) -> Scene {
    let before = owner_of(&scene).await;
    forgotten(&scene, &scene).await.unwrap();
    shows(&scene, "recovery-hold").await;
    let device = scene.network().callers();
    scene.network().away(&device, true);
    Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    waited_out(&scene, 73 * HOUR).await;
    assert_ne!(owner_of(&scene).await, before);
    scene.network().away(&device, false);
    // It pauses between its tries to tell.
    scene.clock().advance(HOUR).unwrap();
    told(&scene, 404).await;
    shows(&scene, "reauthentication-required").await;
    scene
}

#[tokio::test]
async fn who_has_waited_in_vain_is_told_what_is_left_to_do_and_can_do_it() {
    let scene = apart().await;
    is_told_and_can_go(&scene, NEW, PASSWORD).await;
}

#[tokio::test]
async fn who_knows_the_accounts_password_alone_has_the_device_follow_it_by_another_hold() {
    let scene = apart().await;
    let apart = owner_of(&scene).await;
    let (id, code) = begin_recovery(&scene, &scene).await;
    let follows = async |password: &str| {
        let secrets = [("new", password)];
        let ticket = app(&scene).present("recover", ADA, &secrets).await.unwrap();
        complete(&scene, &id, &code, &ticket.unwrap()).await
    };
    refused(follows(THIRD).await, "WrongPassword").unwrap();
    assert_eq!(left(&scene).await, std::time::Duration::ZERO);
    follows(PASSWORD).await.unwrap();
    shows(&scene, "recovery-hold").await;
    assert!(left(&scene).await > 71 * HOUR);
    let early = app(&scene).reauthenticate(ADA, PASSWORD).await.unwrap();
    refused(early, "RecoveryOnHold").unwrap();
    waited_out(&scene, 73 * HOUR).await;
    shows(&scene, "reauthentication-required").await;
    assert_ne!(owner_of(&scene).await, apart);
    app(&scene).reauthenticate(ADA, PASSWORD).await.unwrap().unwrap();
    shows(&scene, "bound").await;
    app(&scene).sync_now().await.unwrap().unwrap();
    refused(unlock(&scene, NEW).await, "WrongPassword").unwrap();
    // It is as it was: what takes the password takes that one.
    allow(&scene, false).await;
    app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();
    app(&scene).sign_in(ADA, PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_written_while_the_device_was_apart_others_read_once_it_has_followed() {
    let scene = open().await;
    app(&scene).enable("contacts", true).await.unwrap().unwrap();
    let card = crate::documented_sync::grace();
    app(&scene).put_new("contacts", &card).await.unwrap().unwrap();
    app(&scene).sync_now().await.unwrap().unwrap();
    let scene = gone_apart(scene).await;
    let alan = New {
        natural: "alan",
        ..card
    };
    app(&scene).put_new("contacts", &alan).await.unwrap().unwrap();
    // With another password the account has counted as far as the device.
    let second = another(&scene).await;
    change(&second, PASSWORD, THIRD, false).await.unwrap();
    let (id, code) = begin_recovery(&scene, &scene).await;
    let ticket = app(&scene)
        .present("recover", ADA, &[("new", THIRD)])
        .await
        .unwrap();
    complete(&scene, &id, &code, &ticket.unwrap()).await.unwrap();
    shows(&scene, "recovery-hold").await;
    scene.clock().advance(73 * HOUR).unwrap();
    shows(&scene, "reauthentication-required").await;
    app(&scene).reauthenticate(ADA, THIRD).await.unwrap().unwrap();
    shows(&scene, "bound").await;
    app(&scene).sync_now().await.unwrap().unwrap();
    app(&second).enable("contacts", true).await.unwrap().unwrap();
    app(&second).sync_now().await.unwrap().unwrap();
    let mut naturals: Vec<String> = Vec::new();
    for row in app(&second).list("contacts").await.unwrap().unwrap() {
        naturals.push(row.natural);
    }
    naturals.sort();
    assert_eq!(naturals, [alan.natural, card.natural]);
}

#[tokio::test]
async fn who_knows_the_devices_password_alone_lets_it_go_and_recovers_the_account_anew() {
    let scene = apart().await;
    app(&scene).sign_out(NEW).await.unwrap().unwrap();
    let released = |e: &belay_tests::openapi::Exchange| e.path == "/v1/releases" && e.status == 204;
    scene.network().seen("the release", released).await.unwrap();
    forgotten(&scene, &scene).await.unwrap();
    let early = app(&scene).sign_in(ADA, NEW).await.unwrap();
    refused(early, "RecoveryOnHold").unwrap();
    scene.clock().advance(73 * HOUR).unwrap();
    app(&scene).sign_in(ADA, NEW).await.unwrap().unwrap();
    shows(&scene, "bound").await;
}

#[tokio::test]
async fn where_the_cloud_was_put_back_to_the_password_of_before_it_is_told_what_is_left_to_do_too() {
    let mut scene = open().await;
    let data = scene.place().at("cloud");
    scene.stop_cloud().await.unwrap();
    let backup = files(&data);
    scene.start_cloud().await.unwrap();
    change(&scene, PASSWORD, NEW, false).await.unwrap();
    app(&scene).reauthenticate(ADA, NEW).await.unwrap().unwrap();
    scene.stop_cloud().await.unwrap();
    put_back(&data, backup);
    scene.clock().advance(HOUR).unwrap();
    scene.start_cloud().await.unwrap();
    is_told_and_can_go(&scene, NEW, PASSWORD).await;
}
