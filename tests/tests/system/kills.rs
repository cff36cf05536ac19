//! `kill -9` between any two steps: what was said to be stored is there, and the story goes on.

use std::time::Duration;

use belay_tests::app::{ACCOUNT, App, WARDEN, refused};
use belay_tests::openapi::Call;
use belay_tests::proxy::Trick;

use crate::owner::{ADA, BEN, BENS, PASSWORD, adas, app, registered, registering, state};
use crate::scene::{PACE, Scene, scene};

/// The requests of a registration's end, in order; belayd is killed while each is under way.
const REQUESTS: &[&str] = &["/v1/verifications/", "/v1/accounts"];

/// Confirms while the answer to `path` is lost or never comes, and kills belayd then.
async fn killed_while_confirming(scene: &mut Scene, id: &str, code: &str, path: &str, trick: Trick) {
    scene.network().plan(path, 50, &trick);
    let call = {
        let (app, id, code) = (app(scene), id.to_owned(), code.to_owned());
        tokio::spawn(async move { app.confirm(&id, &code).await })
    };
    scene.network().played(path).await.unwrap();
    scene.kill_belayd().await.unwrap();
    let _gone = call.await.unwrap();
    scene.network().behave();
    scene.start_belayd().await.unwrap();
}

#[tokio::test]
async fn belayd_killed_while_it_confirms_resumes() {
    for path in REQUESTS {
        for trick in [Trick::Hang, Trick::LoseAnswer] {
            let mut scene = scene().await;
            let (id, code) = registering(&scene, ADA, PASSWORD).await;
            killed_while_confirming(&mut scene, &id, &code, path, trick.clone()).await;
            let recovery = app(&scene).confirm(&id, &code).await.unwrap();
            let recovery = recovery.unwrap_or_else(|e| panic!("{path} {trick:?}: {e}"));
            assert_eq!(recovery.split('-').count(), 9);
            assert_eq!(state(&scene).await, "bound", "{path} {trick:?}");
            app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn both_killed_while_they_confirm_resume() {
    let mut scene = scene().await;
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    killed_while_confirming(&mut scene, &id, &code, "/v1/accounts", Trick::LoseAnswer).await;
    scene.reboot().await.unwrap();
    app(&scene).confirm(&id, &code).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn belayd_killed_while_it_signs_in_can_be_asked_again() {
    for path in ["/v1/login/challenge", "/v1/login", "/v1/devices"] {
        for trick in [Trick::Hang, Trick::LoseAnswer] {
            let mut scene = adas().await;
            scene.factory_reset().await.unwrap();
            scene.network().plan(path, 50, &trick);
            let call = {
                let app = app(&scene);
                tokio::spawn(async move { app.sign_in(ADA, PASSWORD).await })
            };
            scene.network().played(path).await.unwrap();
            scene.kill_belayd().await.unwrap();
            let _gone = call.await.unwrap();
            scene.network().behave();
            scene.start_belayd().await.unwrap();
            let state_now = state(&scene).await;
            assert!(
                ["unbound", "activation-locked"].contains(&state_now.as_str()),
                "{path}: {state_now}"
            );
            app(&scene)
                .sign_in(ADA, PASSWORD)
                .await
                .unwrap()
                .unwrap_or_else(|e| panic!("{path} {trick:?}: {e}"));
            assert_eq!(state(&scene).await, "bound", "{path} {trick:?}");
        }
    }
}

#[tokio::test]
async fn a_kill_after_the_sign_out_loses_neither_the_freedom_nor_the_release() {
    let mut scene = adas().await;
    scene.stop_cloud().await.unwrap();
    let writing = crate::disk::next_write(&scene.place().at("warden"));
    let call = {
        let app = app(&scene);
        tokio::spawn(async move { app.sign_out(PASSWORD).await })
    };
    writing.await;
    scene.kill_belayd().await.unwrap();
    scene.kill_warden().await.unwrap();
    let _gone = call.await.unwrap();
    scene.start_belayd().await.unwrap();
    if app(&scene).text(WARDEN, "BindingState").await.unwrap() == "bound" {
        assert_eq!(state(&scene).await, "bound", "both halves agree");
        app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();
    }
    assert_eq!(state(&scene).await, "unbound");
    let mut account = app(&scene).watch(ACCOUNT).await.unwrap();
    scene.start_cloud().await.unwrap();
    scene.clock().advance(Duration::from_secs(3600)).unwrap();
    if app(&scene).get::<bool>(ACCOUNT, "PendingRelease").await.unwrap() {
        let gone = |v: &zbus::OwnedVariant| bool::try_from(&**v) == Ok(false);
        account
            .until("the release to reach the cloud", "PendingRelease", gone)
            .await
            .unwrap();
    }
    registered(&scene, BEN, BENS).await;
}

#[tokio::test]
async fn a_release_that_belayd_never_heard_of_is_fetched_at_its_next_start_and_delivered() {
    let mut scene = adas().await;
    let ticket = app(&scene)
        .present("sign-out", "", &[("password", PASSWORD)])
        .await
        .unwrap()
        .unwrap();
    // As if belayd had died between the warden's answer and its own store.
    scene.kill_belayd().await.unwrap();
    let uid = belay_tests::guest::programs().unwrap_or_else(belay_tests::guest::person);
    let stand_in = scene.connect(uid).await.unwrap();
    stand_in.request_name("org.belay1").await.unwrap();
    let step = (ticket, "release", vec![0xa1_u8, 0x61, b'v', 0x01]);
    let _lost: Vec<u8> = App::new(&stand_in)
        .call(WARDEN, "Use", &step)
        .await
        .unwrap()
        .unwrap();
    stand_in.release_name("org.belay1").await.unwrap();

    scene.start_belayd().await.unwrap();
    assert_eq!(state(&scene).await, "unbound");
    scene
        .network()
        .seen("the release", |e| e.path == "/v1/releases" && e.status == 204)
        .await
        .unwrap();
    registered(&scene, BEN, BENS).await;
}

#[tokio::test]
async fn a_deletion_whose_answers_are_lost_frees_the_device_by_itself_however_late_it_hears_of_it() {
    let scene = adas().await;
    scene.clock().run(PACE).unwrap();
    // The device hears of nothing besides: as a network that fails in this moment.
    scene.network().plan("/v1/account", 1000, &Trick::LoseAnswer);
    let answer = app(&scene).delete_account(PASSWORD).await.unwrap();
    refused(answer, "Offline").unwrap();
    assert_eq!(state(&scene).await, "bound", "nobody here knows of it");
    // Longer than any ticket lives.
    scene
        .clock()
        .advance(Duration::from_secs(6 * 24 * 60 * 60))
        .unwrap();
    assert_eq!(app(&scene).text(WARDEN, "BindingState").await.unwrap(), "bound");
    scene.network().behave();
    scene.network().cut();
    app(&scene).reads(ACCOUNT, "State", "unbound").await.unwrap();
    scene
        .network()
        .seen("the release", |e| e.path == "/v1/releases" && e.status == 204)
        .await
        .unwrap();
    registered(&scene, ADA, PASSWORD).await;
}

#[tokio::test]
async fn a_deletion_whose_answer_is_lost_frees_the_device_though_the_cloud_takes_no_more_calls_then() {
    let scene = adas().await;
    scene.clock().run(PACE).unwrap();
    let (network, delete) = (scene.network(), Call::new("DELETE", "/v1/account"));
    network.plan_call(&delete, 1, &Trick::LoseAnswer);
    network.plan_call(&delete, 10, &Trick::problem(429, "too-many"));
    // Nor can it be asked what has become of it.
    let credentials = Call::new("GET", "/v1/account/credentials");
    network.plan_call(&credentials, 1000, &Trick::LoseAnswer);
    let answer = app(&scene).delete_account(PASSWORD).await.unwrap();
    refused(answer, "Offline").unwrap();
    assert_eq!(state(&scene).await, "bound", "nobody here knows of it");
    network.behave();
    // As long as belayd waits at most before it asks again.
    scene.clock().advance(Duration::from_secs(15 * 60)).unwrap();
    app(&scene).reads(ACCOUNT, "State", "unbound").await.unwrap();
    let released = network.seen("the release", |e| e.path == "/v1/releases" && e.status == 204);
    released.await.unwrap();
    registered(&scene, ADA, PASSWORD).await;
}

#[tokio::test]
async fn the_cloud_killed_at_any_time_loses_nothing_it_said() {
    let mut scene = scene().await;
    let app = app(&scene);
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    scene.kill_cloud().await.unwrap();
    scene.start_cloud().await.unwrap();
    app.confirm(&id, &code).await.unwrap().unwrap();
    scene.kill_cloud().await.unwrap();
    scene.start_cloud().await.unwrap();
    scene.factory_reset().await.unwrap();
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn belayd_and_the_warden_are_two_processes_and_each_comes_back_alone() {
    let mut scene = adas().await;
    let (belayd, warden) = (
        scene.owner("org.belay1").await.unwrap(),
        scene.owner("org.belay1.Warden").await.unwrap(),
    );
    assert!(
        belayd.is_some() && warden.is_some() && belayd != warden,
        "{belayd:?} {warden:?}"
    );
    scene.kill_warden().await.unwrap();
    assert_eq!(state(&scene).await, "bound", "belayd goes on");
    assert_eq!(app(&scene).text(WARDEN, "BindingState").await.unwrap(), "bound");
    assert_ne!(scene.owner("org.belay1.Warden").await.unwrap(), warden);
    scene.kill_belayd().await.unwrap();
    assert_eq!(
        app(&scene).text(WARDEN, "BindingState").await.unwrap(),
        "bound",
        "the warden goes on"
    );
    scene.start_belayd().await.unwrap();
    assert_eq!(state(&scene).await, "bound");
    app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();
}
