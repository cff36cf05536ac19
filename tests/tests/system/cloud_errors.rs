//! Errors of registration and sign-in that need a cloud, or its absence, or something else under way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use belay_tests::app::{ACCOUNT, Answer, App, Options, refused};
use belay_tests::proxy::Trick;
use tokio::sync::Notify;

use crate::account_life::{begin_recovery, recover};
use crate::methods::name;
use crate::owner::{ADA, BEN, BENS, PASSWORD, app, code, registered, registering, state};
use crate::scene::{PACE, Scene, scene};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Has the wrong codes of a day be tried for the address of the verification `id`, whose first code this is. The one that is sent then is
/// right, and comes too late.
async fn guessed<T>(
    scene: &Scene,
    (who, id): (&str, &str),
    first: String,
    tries: impl AsyncFn(&str) -> Answer<T>,
) -> String {
    let mut newest = first;
    for _ in 0..2 {
        let right: u32 = newest.parse().unwrap();
        for other in 1..=5 {
            let wrong = format!("{:06}", (right + other) % 1_000_000);
            refused(tries(wrong.as_str()).await, "WrongCode").unwrap();
        }
        by_id(&app(scene), "ResendCode", id).await.unwrap();
        newest = code(scene, who).await;
    }
    newest
}

#[tokio::test]
async fn the_clouds_limits_have_their_names() {
    let mut scene = scene().await;
    let app = app(&scene);
    let (id, first) = registering(&scene, ADA, PASSWORD).await;
    let confirms = async |code: &str| app.confirm(&id, code).await.unwrap();
    let right = guessed(&scene, (ADA, &id), first, confirms).await;
    refused(app.confirm(&id, &right).await.unwrap(), "TooManyAttempts").unwrap();
    // Three messages went to her today, and five may.
    for _ in 0..2 {
        registering(&scene, ADA, PASSWORD).await;
    }
    let begun = app.register(ADA, PASSWORD, &Options::new()).await.unwrap();
    refused(begun, "TooSoon").unwrap();
    scene.clock().advance(DAY + Duration::from_secs(1)).unwrap();
    registered(&scene, ADA, PASSWORD).await;
    scene.factory_reset().await.unwrap();
    for guess in 1..=5 {
        let password = format!("not-the-password-{guess}");
        refused(app.sign_in(ADA, &password).await.unwrap(), "WrongPassword").unwrap();
    }
    refused(app.sign_in(ADA, PASSWORD).await.unwrap(), "TooManyAttempts").unwrap();
    scene.clock().advance(Duration::from_secs(31)).unwrap();
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_cloud_that_has_heard_too_many_wrong_codes_for_an_address_says_so_until_the_next_day() {
    let scene = scene().await;
    let app = app(&scene);
    let recovery = registered(&scene, ADA, PASSWORD).await;
    let id = app.add_identifier(BEN, PASSWORD).await.unwrap().unwrap();
    let first = code(&scene, BEN).await;
    let confirms = async |code: &str| app.confirm_identifier(&id, code).await.unwrap();
    let right = guessed(&scene, (BEN, &id), first, confirms).await;
    let confirmed = app.confirm_identifier(&id, &right).await.unwrap();
    refused(confirmed, "TooManyAttempts").unwrap();

    let (id, first) = begin_recovery(&scene, &scene).await;
    let recovers = async |code: &str| recover(&scene, &id, code, &recovery).await;
    let right = guessed(&scene, (ADA, &id), first, recovers).await;
    let recovered = recover(&scene, &id, &right, &recovery).await;
    refused(recovered, "TooManyAttempts").unwrap();
    assert_eq!(state(&scene).await, "bound");

    scene.clock().advance(DAY + Duration::from_secs(1)).unwrap();
    let id = app.add_identifier(BEN, PASSWORD).await.unwrap().unwrap();
    let code = code(&scene, BEN).await;
    app.confirm_identifier(&id, &code).await.unwrap().unwrap();
}

async fn by_id(app: &App, member: &str, id: &str) -> Answer<()> {
    let answer: Answer<()> = match member {
        "VerificationState" => app
            .call::<_, String>(ACCOUNT, member, &(id, Options::new()))
            .await
            .unwrap()
            .map(drop),
        _ => app.call(ACCOUNT, member, &(id, Options::new())).await.unwrap(),
    };
    answer
}

#[tokio::test]
async fn without_a_cloud_each_method_says_offline_and_with_a_broken_one_cloud_refused() {
    let mut scene = scene().await;
    scene.clock().run(PACE).unwrap();
    let app = app(&scene);
    let id = app
        .register(ADA, PASSWORD, &Options::new())
        .await
        .unwrap()
        .unwrap();
    scene.clock().advance(Duration::from_secs(16 * 60)).unwrap();
    scene.stop_cloud().await.unwrap();
    refused(by_id(&app, "ResendCode", &id).await, "Offline").unwrap();
    // What is known here is told without a network.
    let state_here = by_id(&app, "VerificationState", &id).await;
    assert!(
        ["granted", "Offline"].contains(&name(&state_here)),
        "{state_here:?}"
    );
    scene.start_cloud().await.unwrap();
    scene.network().plan("/v1/", 50, &Trick::says("{}"));
    refused(by_id(&app, "ResendCode", &id).await, "CloudRefused").unwrap();
    let state_here = by_id(&app, "VerificationState", &id).await;
    assert!(
        ["granted", "CloudRefused"].contains(&name(&state_here)),
        "{state_here:?}"
    );
    scene.network().behave();
    by_id(&app, "CancelVerification", &id).await.unwrap();

    registered(&scene, BEN, BENS).await;
    scene.network().plan("/v1/", 50, &Trick::says("{}"));
    refused(app.reauthenticate(BEN, BENS).await.unwrap(), "CloudRefused").unwrap();
    type Rows = Vec<HashMap<String, zbus::OwnedVariant>>;
    let rows: Answer<Rows> = app
        .call(ACCOUNT, "ListDevices", &(Options::new(),))
        .await
        .unwrap();
    refused(rows, "CloudRefused").unwrap();
    scene.network().behave();
    scene.stop_cloud().await.unwrap();
    refused(app.reauthenticate(BEN, BENS).await.unwrap(), "Offline").unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn what_is_over_cannot_be_gone_on_with() {
    let scene = scene().await;
    let app = app(&scene);
    let id = app
        .register(ADA, PASSWORD, &Options::new())
        .await
        .unwrap()
        .unwrap();
    refused(by_id(&app, "AcknowledgeRecoveryCode", &id).await, "NotBound").unwrap();
    let code = code(&scene, ADA).await;
    app.confirm(&id, &code).await.unwrap().unwrap();
    for member in ["ResendCode", "CancelVerification"] {
        let refusal = by_id(&app, member, &id).await.unwrap_err();
        assert!(
            ["AlreadyBound", "NotFound"].contains(&refusal.short()),
            "{member}: {refusal}"
        );
    }
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn one_thing_at_a_time() {
    let mut scene = scene().await;
    let app = app(&scene);
    scene.network().plan("/v1/", 50, &Trick::Hang);
    let first = {
        let app = app.clone();
        tokio::spawn(async move { app.register(ADA, PASSWORD, &Options::new()).await })
    };
    scene.network().played("/v1/").await.unwrap();
    refused(app.register(BEN, BENS, &Options::new()).await.unwrap(), "Busy").unwrap();
    refused(app.sign_in(BEN, BENS).await.unwrap(), "Busy").unwrap();
    // What was begun ends with belayd, by name.
    scene.stop_belayd().await.unwrap();
    let refusal = first.await.unwrap().unwrap().unwrap_err();
    assert!(
        ["Cancelled", "org.freedesktop.DBus.Error.NoReply"].contains(&refusal.short()),
        "{refusal}"
    );
    scene.network().behave();
    scene.start_belayd().await.unwrap();
    registered(&scene, ADA, PASSWORD).await;
}

#[tokio::test]
async fn a_verification_that_is_cancelled_while_its_code_is_under_way_is_gone_at_once() {
    let scene = scene().await;
    let app = app(&scene);
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    let go = Arc::new(Notify::new());
    scene
        .network()
        .plan("/v1/verifications/", 1, &Trick::Hold(Arc::clone(&go)));
    let confirming = {
        let (app, id, code) = (app.clone(), id.clone(), code.clone());
        tokio::spawn(async move { app.confirm(&id, &code).await.unwrap() })
    };
    scene.network().played("/v1/verifications/").await.unwrap();
    by_id(&app, "CancelVerification", &id).await.unwrap();
    assert_eq!(state(&scene).await, "unbound");
    refused(by_id(&app, "VerificationState", &id).await, "NotFound").unwrap();
    // The cloud's yes comes too late to bind anything.
    go.notify_one();
    refused(confirming.await.unwrap(), "Cancelled").unwrap();
    assert_eq!(state(&scene).await, "unbound");
}

#[tokio::test]
async fn a_second_registration_takes_the_place_of_the_first() {
    let scene = scene().await;
    let app = app(&scene);
    let first = app
        .register(ADA, PASSWORD, &Options::new())
        .await
        .unwrap()
        .unwrap();
    let second = app.register(BEN, BENS, &Options::new()).await.unwrap().unwrap();
    refused(by_id(&app, "VerificationState", &first).await, "NotFound").unwrap();
    by_id(&app, "CancelVerification", &second).await.unwrap();
    assert_eq!(state(&scene).await, "unbound");
}
