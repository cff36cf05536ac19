//! A cloud that answers nonsense, lies, hangs, or fails: the named error, nothing half done, the next try works.

use std::time::{Duration, Instant};

use belay_tests::app::{ACCOUNT, Answer, Options, WARDEN};
use belay_tests::proxy::Trick;
use serde_json::{Value, json};

use crate::owner::{ADA, PASSWORD, adas, app, registered, registering, state};
use crate::scene::{PACE, Scene, scene};

/// The two seconds, and a little for the test itself.
const STOPS_WITHIN: Duration = Duration::from_millis(2500);

/// How often it is stopped before that counts as late: the machine may have been busy with something else.
const TRIES: usize = 10;

/// The failures that no step may be hurt by.
fn failures() -> Vec<(&'static str, Trick)> {
    let html = vec![("content-type", "text/html".to_owned())];
    vec![
        ("an empty object", Trick::says("{}")),
        ("a list", Trick::says("[1, 2, 3]")),
        ("half a document", Trick::says("{\"id\": \"")),
        (
            "a page",
            Trick::Answer {
                status: 200,
                headers: html,
                body: b"<html>Sign in to the hotel</html>".to_vec(),
            },
        ),
        (
            "10 MiB",
            Trick::says(&format!("\"{}\"", "x".repeat(10 * 1024 * 1024))),
        ),
        ("500", Trick::status(500)),
        ("503 and come back", Trick::later(503, 30)),
        ("429 and come back", Trick::later(429, 30)),
        ("404", Trick::status(404)),
        ("426", Trick::status(426)),
        (
            "a redirect",
            Trick::Answer {
                status: 302,
                headers: vec![("location", "http://127.0.0.1:9/".to_owned())],
                body: Vec::new(),
            },
        ),
        ("a cut", Trick::Cut),
    ]
}

/// What a failing cloud may be called.
const NAMES: &[&str] = &["CloudRefused", "Offline", "TooSoon", "Busy"];

fn named<T>(what: &str, path: &str, answer: Answer<T>) {
    match answer {
        Ok(_) => panic!("{path}: {what} was taken"),
        Err(refusal) => assert!(NAMES.contains(&refusal.short()), "{path}: {what}: {refusal}"),
    }
}

#[tokio::test]
async fn a_failing_cloud_begins_no_registration() {
    let scene = scene().await;
    scene.clock().run(PACE).unwrap();
    let app = app(&scene);
    for path in ["/v1/challenges", "/v1/verifications"] {
        for (what, trick) in failures() {
            scene.network().plan(path, 50, &trick);
            named(
                what,
                path,
                app.register(ADA, PASSWORD, &Options::new()).await.unwrap(),
            );
            scene.network().behave();
            assert_eq!(state(&scene).await, "unbound", "{path}: {what}");
            scene.clock().advance(Duration::from_secs(3600)).unwrap();
        }
    }
    registered(&scene, ADA, PASSWORD).await;
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_failing_cloud_confirms_nothing_half() {
    let scene = scene().await;
    scene.clock().run(PACE).unwrap();
    let app = app(&scene);
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    for (path, tricks) in [("/v1/verifications/", failures()), ("/v1/accounts", failures())] {
        for (what, trick) in tricks {
            // A 404 for the verification itself is an answer: it is gone.
            if path == "/v1/verifications/" && what == "404" {
                continue;
            }
            scene.network().plan(path, 50, &trick);
            named(what, path, app.confirm(&id, &code).await.unwrap());
            scene.network().behave();
            assert_eq!(state(&scene).await, "registering", "{path}: {what}");
            assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "unbound");
            scene.clock().advance(Duration::from_secs(31)).unwrap();
        }
    }
    app.confirm(&id, &code).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_failing_cloud_signs_nobody_in() {
    let mut scene = adas().await;
    scene.factory_reset().await.unwrap();
    scene.clock().run(PACE).unwrap();
    let app = app(&scene);
    for path in ["/v1/login/challenge", "/v1/login", "/v1/devices"] {
        for (what, trick) in failures() {
            scene.network().plan(path, 50, &trick);
            named(what, path, app.sign_in(ADA, PASSWORD).await.unwrap());
            scene.network().behave();
            assert_eq!(state(&scene).await, "unbound", "{path}: {what}");
            scene.clock().advance(Duration::from_secs(31)).unwrap();
        }
    }
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_without_harm() {
    let scene = scene().await;
    let app = app(&scene);
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    for path in ["/v1/verifications/", "/v1/accounts"] {
        scene.network().plan(path, 1, &Trick::LoseAnswer);
        // Either belayd asks again by itself, or the next call does.
        let _lost = app.confirm(&id, &code).await.unwrap();
        scene.network().behave();
    }
    app.confirm(&id, &code).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
    let made = scene
        .network()
        .exchanges()
        .iter()
        .filter(|e| e.path == "/v1/accounts" && e.status == 201)
        .count();
    assert!(made >= 1);
}

/// Changes one answer on the way and expects the sign-in to fail with nothing changed.
async fn lied_to(
    scene: &Scene,
    path: &str,
    lie: impl Fn(&mut Value) + Send + Sync + 'static,
    names: &[&str],
) {
    let app = app(scene);
    scene.network().plan(path, 50, &Trick::alter(lie));
    let refusal = app.sign_in(ADA, PASSWORD).await.unwrap().unwrap_err();
    scene.network().behave();
    assert!(names.contains(&refusal.short()), "{path}: {refusal}");
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "unbound");
    assert_eq!(state(scene).await, "unbound");
    scene.clock().advance(Duration::from_secs(31)).unwrap();
}

#[tokio::test]
async fn a_cloud_that_lies_about_salt_or_parameters_learns_nothing_and_binds_nothing() {
    let mut scene = adas().await;
    scene.factory_reset().await.unwrap();
    let path = "/v1/login/challenge";
    for (memory, iterations, parallelism) in [
        (8, 1, 1),
        (19_455, 2, 1),
        (19_456, 1, 1),
        (0, 0, 0),
        (1 << 30, 2, 1),
        (19_456, 11, 1),
        (19_456, 2, 5),
    ] {
        let parameters = json!({"memory_kib": memory, "iterations": iterations, "parallelism": parallelism});
        let lie = move |v: &mut Value| v["parameters"] = parameters.clone();
        lied_to(&scene, path, lie, &["CloudRefused"]).await;
    }
    lied_to(&scene, path, |v| v["salt"] = json!("AAAA"), &["CloudRefused"]).await;
    // Another salt is another key: the cloud doesn't know it, and says that the password is wrong.
    lied_to(
        &scene,
        path,
        |v| v["salt"] = json!("AAAAAAAAAAAAAAAAAAAAAA"),
        &["WrongPassword", "CloudRefused"],
    )
    .await;
    app(&scene).sign_in(ADA, PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_cloud_that_lies_about_the_account_binds_nothing() {
    let mut scene = adas().await;
    scene.factory_reset().await.unwrap();
    for field in ["share", "credentials", "keyring", "account", "owner"] {
        let lie = move |v: &mut Value| {
            if let Some(text) = v[field].as_str() {
                let other = if text.ends_with('A') { "QA" } else { "AA" };
                v[field] = json!(format!("{}{other}", &text[..text.len() - 2]));
            }
        };
        lied_to(&scene, "/v1/login", lie, &["CloudRefused"]).await;
    }
    let _bound = app(&scene).sign_in(ADA, PASSWORD).await.unwrap();
    let _state: String = app(&scene).text(ACCOUNT, "State").await.unwrap();
    app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_cloud_that_hangs_is_given_up_and_holds_nobody_else_up() {
    let scene = scene().await;
    let app = app(&scene);
    // The clock stands still: what hangs, hangs.
    scene.network().plan("/v1/", 50, &Trick::Hang);
    let none = Options::new();
    let hung = app.register(ADA, PASSWORD, &none);
    let meanwhile = async {
        scene.network().played("/v1/").await.unwrap();
        let _state = state(&scene).await;
        scene.clock().run(PACE).unwrap();
    };
    let (answer, ()) = futures_util::future::join(hung, meanwhile).await;
    named("a hang", "/v1/", answer.unwrap());
    scene.network().behave();
    scene.clock().advance(Duration::from_secs(3600)).unwrap();
    registered(&scene, ADA, PASSWORD).await;
}

#[tokio::test]
async fn belayd_stops_within_two_seconds_even_while_the_cloud_hangs() {
    let mut scene = scene().await;
    let mut took: Vec<Duration> = Vec::new();
    while took.iter().all(|took| *took >= STOPS_WITHIN) {
        assert!(took.len() < TRIES, "{took:?}");
        if !took.is_empty() {
            scene.start_belayd().await.unwrap();
        }
        scene.network().plan("/v1/", 50, &Trick::Hang);
        let app = app(&scene);
        let call = tokio::spawn(async move { app.register(ADA, PASSWORD, &Options::new()).await });
        scene.network().played("/v1/").await.unwrap();
        let begun = Instant::now();
        scene.stop_belayd().await.unwrap();
        took.push(begun.elapsed());
        call.abort();
        scene.network().behave();
    }
}
