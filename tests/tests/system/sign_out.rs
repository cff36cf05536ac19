//! `SignOut`: the only way to unbind, with or without a network.

use std::time::Duration;

use belay_tests::app::{ACCOUNT, Answer, Options, WARDEN, options, refused};

use crate::owner::{ADA, BEN, BENS, PASSWORD, adas, app, registered, state};
use crate::scene::{PACE, scene};

#[tokio::test]
async fn with_the_password_the_device_is_free_at_once() {
    let scene = adas().await;
    let app = app(&scene);
    let (mut account, mut warden) = (
        app.watch(ACCOUNT).await.unwrap(),
        app.watch(WARDEN).await.unwrap(),
    );
    let release = app.sign_out(PASSWORD).await.unwrap().unwrap();
    assert!(release.starts_with("belay-release:"), "{release}");
    warden.becomes("BindingState", "unbound").await.unwrap();
    account.becomes("State", "unbound").await.unwrap();
    scene
        .network()
        .seen("the release", |e| e.path == "/v1/releases" && e.status == 204)
        .await
        .unwrap();
    assert_eq!(app.text(ACCOUNT, "UserId").await.unwrap(), "");
    registered(&scene, BEN, BENS).await;
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn without_the_password_it_stays_bound() {
    let scene = adas().await;
    let app = app(&scene);
    refused(app.sign_out("not-the-password-1").await.unwrap(), "WrongPassword").unwrap();
    refused(app.sign_out("short").await.unwrap(), "WrongPassword").unwrap();
    refused(app.sign_out("").await.unwrap(), "InvalidArgument").unwrap();
    assert_eq!(state(&scene).await, "bound");
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");
}

#[tokio::test]
async fn offline_the_release_waits_and_then_reaches_the_cloud_by_itself() {
    let mut scene = adas().await;
    let app = app(&scene);
    let mut account = app.watch(ACCOUNT).await.unwrap();
    scene.stop_cloud().await.unwrap();
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    account.becomes("State", "unbound").await.unwrap();
    assert!(app.get::<bool>(ACCOUNT, "PendingRelease").await.unwrap());

    scene.reboot().await.unwrap();
    assert!(
        app.get::<bool>(ACCOUNT, "PendingRelease").await.unwrap(),
        "it survives a restart"
    );
    let mut account = app.watch(ACCOUNT).await.unwrap();
    scene.start_cloud().await.unwrap();
    // The pause begins where the last try came to nothing, which may be later than this.
    scene.clock().run(PACE).unwrap();
    account
        .until("PendingRelease to become false", "PendingRelease", |v| {
            bool::try_from(&**v) == Ok(false)
        })
        .await
        .unwrap();
    let activation: Answer<String> = app
        .call(ACCOUNT, "CheckActivation", &(Options::new(),))
        .await
        .unwrap();
    assert_eq!(activation.unwrap(), "free");
    registered(&scene, BEN, BENS).await;
}

#[tokio::test]
async fn anybody_may_bring_the_release_and_twice_does_no_harm() {
    let mut scene = adas().await;
    let app = app(&scene);
    scene.stop_cloud().await.unwrap();
    let text = app.sign_out(PASSWORD).await.unwrap().unwrap();
    scene.kill_belayd().await.unwrap();
    scene.start_cloud().await.unwrap();
    let release = text.strip_prefix("belay-release:").unwrap();
    let body = format!(r#"{{"release":"{release}"}}"#);
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "brought-by-anybody"),
    ];
    for _ in 0..2 {
        let reply = crate::http::send(&scene, "POST", "/v1/releases", &headers, body.as_bytes()).await;
        assert_eq!(reply.status, 204);
    }
    scene.factory_reset().await.unwrap();
    registered(&scene, BEN, BENS).await;
}

#[tokio::test]
async fn on_an_unbound_device_there_is_nothing_to_sign_out() {
    let scene = scene().await;
    refused(app(&scene).sign_out(PASSWORD).await.unwrap(), "NotBound").unwrap();
    refused(
        app(&scene).reauthenticate(ADA, PASSWORD).await.unwrap(),
        "NotBound",
    )
    .unwrap();
    let answer = app(&scene)
        .authorize_reset(PASSWORD, &Options::new())
        .await
        .unwrap();
    refused(answer, "NotBound").unwrap();
}

#[tokio::test]
async fn a_ticket_is_good_for_one_sign_out_and_nothing_else() {
    let scene = adas().await;
    let app = app(&scene);
    let foreign = app
        .present("reset", "", &[("password", PASSWORD)])
        .await
        .unwrap()
        .unwrap();
    refused(app.sign_out_with(&foreign).await.unwrap(), "BadTicket").unwrap();
    for odd in ["", "x", "00000000000000000000000000000000", &"f".repeat(4096)] {
        let refusal = app.sign_out_with(odd).await.unwrap().unwrap_err();
        assert!(
            ["BadTicket", "InvalidArgument"].contains(&refusal.short()),
            "{odd:.20}: {refusal}"
        );
    }
    let stale = app
        .present("sign-out", "", &[("password", PASSWORD)])
        .await
        .unwrap()
        .unwrap();
    scene.clock().advance(Duration::from_secs(61)).unwrap();
    refused(app.sign_out_with(&stale).await.unwrap(), "BadTicket").unwrap();
    assert_eq!(state(&scene).await, "bound");

    let ticket = app
        .present("sign-out", "", &[("password", PASSWORD)])
        .await
        .unwrap()
        .unwrap();
    app.sign_out_with(&ticket).await.unwrap().unwrap();
    let again = app.sign_out_with(&ticket).await.unwrap().unwrap_err();
    assert!(["BadTicket", "NotBound"].contains(&again.short()), "{again}");
}

#[tokio::test]
async fn the_data_may_be_kept_or_not_and_nothing_else_may_be_asked() {
    let scene = adas().await;
    let app = app(&scene);
    let ticket = app
        .present("sign-out", "", &[("password", PASSWORD)])
        .await
        .unwrap()
        .unwrap();
    for odd in [
        options([("keep", true.into())]),
        options([("keep-data", "yes".into())]),
    ] {
        let answer: Answer<zbus::OwnedFd> = app.call(ACCOUNT, "SignOut", &(&ticket, odd)).await.unwrap();
        refused(answer, "InvalidArgument").unwrap();
    }
    assert_eq!(state(&scene).await, "bound");
    let keep = options([("keep-data", true.into())]);
    let answer: Answer<zbus::OwnedFd> = app.call(ACCOUNT, "SignOut", &(&ticket, keep)).await.unwrap();
    answer.unwrap();
    assert_eq!(state(&scene).await, "unbound");
}

#[tokio::test]
async fn the_owner_signs_in_again_after_a_sign_out() {
    let scene = adas().await;
    let app = app(&scene);
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    let mut account = app.watch(ACCOUNT).await.unwrap();
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    account.becomes("State", "bound").await.unwrap();
    app.sign_out(PASSWORD).await.unwrap().unwrap();
}
