//! What a cloud may say of a recovery without the code: that there is one, that it is over, that it is another account's. The
//! device counts by itself, towards the credentials that were made there; the one thing that a cloud's word does is that
//! everything stays as it was.

use std::time::Duration;

use belay_proto::wire::Hint;
use belay_tests::app::{ACCOUNT, Answer, Options, WARDEN, refused};
use belay_tests::openapi::{Call, Exchange};
use belay_tests::proxy::Trick;
use belay_tests::until::until;
use serde_json::{Value, json};

use crate::account_life::{begin_recovery, device_id};
use crate::holding::{
    HOUR, NEW, complete, forgotten, is_over, left, open, owner_of, present, shows, unlock, waited_out,
};
use crate::owner::{ADA, BEN, BENS, PASSWORD, app, code, state};
use crate::scene::Scene;

/// For as long as anybody asks.
const ALWAYS: usize = 10_000;

fn credentials() -> Call {
    Call::new("GET", "/v1/account/credentials")
}

/// What the cloud says once of the account, at a hint.
async fn told(scene: &Scene, lie: impl Fn(&mut Value) + Send + Sync + 'static) {
    let network = scene.network();
    network.plan_call(&credentials(), ALWAYS, &Trick::alter(lie));
    network.hint(Hint::Account);
    let played = async || network.has_played(&credentials()).then_some(());
    until("the lie to be told", played).await.unwrap();
    // Whoever looks hears it, and the warden with it.
    let _findings: Answer<Vec<(String, String, String)>> = app(scene)
        .call(ACCOUNT, "SecurityCheck", &(Options::new(),))
        .await
        .unwrap();
    network.behave();
}

/// The newest answer that Ben's device got to a login, at the same cloud.
async fn bens(scene: &Scene) -> Value {
    let other = Scene::beside(scene).await;
    let app = app(&other);
    let id = app.register(BEN, BENS, &Options::new()).await.unwrap().unwrap();
    let code = code(scene, BEN).await;
    app.confirm(&id, &code).await.unwrap().unwrap();
    app.reauthenticate(BEN, BENS).await.unwrap().unwrap();
    let exchanges = scene.network().exchanges();
    let fits = |e: &&Exchange| e.path == "/v1/login" && e.status == 200;
    serde_json::from_slice(&exchanges.iter().rev().find(fits).unwrap().answer).unwrap()
}

/// What was brought to the cloud to wait there.
fn waiting(scene: &Scene) -> Value {
    let exchanges = scene.network().exchanges();
    let fits = |e: &&Exchange| e.method == "PUT" && e.path.ends_with("/credentials");
    let asked: Value = serde_json::from_slice(&exchanges.iter().rev().find(fits).unwrap().request).unwrap();
    asked["credentials"].clone()
}

async fn still_holds(scene: &Scene, what: &str) {
    let left = left(scene).await;
    assert!(left > 71 * HOUR, "{what}: {left:?}");
    assert_eq!(state(scene).await, "recovery-hold", "{what}");
}

#[tokio::test]
async fn a_hold_that_the_cloud_invents_is_none() {
    let scene = open().await;
    let device = device_id(&scene).await;
    for waits in [0, 1, 72 * 3_600_000, 1_u64 << 53] {
        told(&scene, move |answer| answer["recovery_ms"] = json!(waits)).await;
        assert_eq!(left(&scene).await, Duration::ZERO, "{waits}");
        assert_eq!(state(&scene).await, "bound", "{waits}");
    }
    // Nor is one that stands in the way of the password: it says so, and goes by with the lie.
    let network = scene.network();
    network.plan("/v1/login", ALWAYS, &Trick::problem(403, "recovery-on-hold"));
    let answer = app(&scene).reauthenticate(ADA, PASSWORD).await.unwrap();
    refused(answer, "RecoveryOnHold").unwrap();
    network.behave();
    is_over(&scene).await;
    assert_eq!(state(&scene).await, "bound");
    assert_eq!(device_id(&scene).await, device);
    app(&scene).reauthenticate(ADA, PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn whatever_the_cloud_says_of_its_own_wait_the_device_counts_its_72_hours() {
    for waits in [0, 1, u64::MAX] {
        let scene = open().await;
        let trick = Trick::alter(move |answer| answer["waits_ms"] = json!(waits));
        let brought = Call::new("PUT", "/v1/recoveries/{id}/credentials");
        scene.network().plan_call(&brought, ALWAYS, &trick);
        forgotten(&scene, &scene).await.unwrap();
        scene.network().behave();
        shows(&scene, "recovery-hold").await;
        still_holds(&scene, &waits.to_string()).await;
        scene.clock().advance(70 * HOUR).unwrap();
        refused(unlock(&scene, NEW).await, "WrongPassword").unwrap();
        waited_out(&scene, 3 * HOUR).await;
        unlock(&scene, NEW).await.unwrap();
    }
}

#[tokio::test]
async fn a_hold_comes_to_no_early_end_by_what_the_cloud_says_holds_now() {
    let scene = open().await;
    let bens = bens(&scene).await;
    forgotten(&scene, &scene).await.unwrap();
    shows(&scene, "recovery-hold").await;
    let new = waiting(&scene);
    told(&scene, |answer| answer["recovery_ms"] = json!(0)).await;
    still_holds(&scene, "a wait that is over").await;
    let lie = new.clone();
    told(&scene, move |answer| answer["credentials"] = lie.clone()).await;
    still_holds(&scene, "the new credentials").await;
    // Another account's hold.
    told(&scene, move |answer| {
        answer["credentials"] = bens["credentials"].clone();
        answer["keyring"] = bens["keyring"].clone();
        answer["recovery_ms"] = json!(1);
    })
    .await;
    still_holds(&scene, "another account's").await;
    refused(unlock(&scene, NEW).await, "WrongPassword").unwrap();
    still_holds(&scene, "a guess").await;

    // That nothing waits is all that counts: everything is as it was, whatever else comes with it.
    told(&scene, move |answer| {
        answer["credentials"] = new.clone();
        answer.as_object_mut().unwrap().remove("recovery_ms");
    })
    .await;
    shows(&scene, "bound").await;
    is_over(&scene).await;
}

#[tokio::test]
async fn another_accounts_recovery_holds_nothing_here() {
    let scene = open().await;
    let bens = bens(&scene).await;
    let proved = Call::new("POST", "/v1/recoveries/{id}/code");
    for (fields, error) in [
        (vec!["account"], "AlreadyBound"),
        (
            vec!["account", "credentials", "keyring", "devices"],
            "AlreadyBound",
        ),
        (vec!["credentials"], "CloudRefused"),
        (vec!["credentials", "keyring", "devices"], "CloudRefused"),
    ] {
        let what = format!("{fields:?}");
        scene.clock().advance(25 * HOUR).unwrap();
        let (id, code) = begin_recovery(&scene, &scene).await;
        let from = bens.clone();
        let trick = Trick::alter(move |answer| {
            for field in &fields {
                answer[*field] = from[*field].clone();
            }
        });
        scene.network().plan_call(&proved, ALWAYS, &trick);
        let ticket = present(&scene).await.unwrap();
        let answer = complete(&scene, &id, &code, &ticket).await;
        scene.network().behave();
        refused(answer, error).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(left(&scene).await, Duration::ZERO, "{what}");
        assert_eq!(state(&scene).await, "bound", "{what}");
    }
    is_over(&scene).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_to_the_end_of_a_hold_it_stays_ended() {
    let scene = open().await;
    let ended = Call::new("POST", "/v1/holds");
    let lies = [
        Trick::status(500),
        Trick::status(418),
        Trick::problem(404, "not-found"),
        Trick::problem(409, "other-epoch"),
        Trick::problem(403, "removed"),
        Trick::says("{\"waits_ms\": 1}"),
    ];
    for trick in lies {
        scene.clock().advance(25 * HOUR).unwrap();
        while scene.outbox().take(ADA).unwrap().is_some() {}
        forgotten(&scene, &scene).await.unwrap();
        shows(&scene, "recovery-hold").await;
        let network = scene.network();
        network.plan_call(&ended, ALWAYS, &trick);
        unlock(&scene, PASSWORD).await.unwrap();
        shows(&scene, "bound").await;
        let played = async || network.has_played(&ended).then_some(());
        until("the end to be told", played).await.unwrap();
        network.behave();
        let binding = app(&scene).text(WARDEN, "BindingState").await.unwrap();
        assert_eq!(
            (binding.as_str(), left(&scene).await),
            ("bound", Duration::ZERO),
            "{trick:?}"
        );
        // A cloud that wants to know nothing of it hears by the old password.
        app(&scene).reauthenticate(ADA, PASSWORD).await.unwrap().unwrap();
    }
    is_over(&scene).await;
}

#[tokio::test]
async fn a_cloud_that_invents_a_recovery_changes_nothing_on_a_bound_device() {
    let scene = open().await;
    let owner = owner_of(&scene).await;
    // It says that the account has been recovered: other credentials, and that this device was removed.
    let lie = Trick::alter(|answer| {
        if let Some(credentials) = answer.get_mut("credentials") {
            *credentials = "omdwYXlsb2FkQKBpc2lnbmF0dXJlWEAAAAAAAAAA".into();
        }
        answer["recovery_ms"] = 0.into();
    });
    scene.network().plan("/v1/account/credentials", 3, &lie);
    scene.network().hint(Hint::Account);
    let asked = |e: &Exchange| e.path == "/v1/account/credentials";
    scene.network().seen("the question", asked).await.unwrap();
    scene.clock().advance(200 * HOUR).unwrap();
    assert_eq!(left(&scene).await, Duration::ZERO);
    assert_eq!(owner_of(&scene).await, owner);
    unlock(&scene, PASSWORD).await.unwrap();
    scene.network().behave();
}
