//! `Register` to `AcknowledgeRecoveryCode`.

use std::collections::HashMap;
use std::time::Duration;

use belay_tests::app::{ACCOUNT, Answer, DEVICE, Options, WARDEN, entry, number, options, refused};
use zbus::OwnedVariant;

use crate::owner::{ADA, BEN, BENS, PASSWORD, adas, app, code, other_code, registered, registering, state};
use crate::scene::scene;

#[tokio::test]
async fn registering_binds_the_device_and_each_step_shows_in_the_properties() {
    let scene = scene().await;
    let app = app(&scene);
    let (mut account, mut warden) = (
        app.watch(ACCOUNT).await.unwrap(),
        app.watch(WARDEN).await.unwrap(),
    );
    assert_eq!(state(&scene).await, "unbound");

    let details = options([
        ("display-name", "Ada".into()),
        ("country", "GB".into()),
        ("language", "en".into()),
        ("newsletter", true.into()),
    ]);
    let id = app.register(ADA, PASSWORD, &details).await.unwrap().unwrap();
    account.becomes("State", "registering").await.unwrap();
    let pending: HashMap<String, OwnedVariant> = app.get(ACCOUNT, "Pending").await.unwrap();
    assert_eq!(entry(&pending, "id"), id);
    assert_eq!(entry(&pending, "kind"), "registration");
    assert_eq!(entry(&pending, "channel"), "email");
    assert_eq!(entry(&pending, "state"), "pending");
    assert!(
        !entry(&pending, "address").contains("ada@"),
        "the address is masked"
    );
    assert!(number(&pending, "resend-in").is_some_and(|ms| ms <= 15 * 60_000));
    assert!(number(&pending, "expires-in").is_some_and(|ms| ms > 0));

    let code = code(&scene, ADA).await;
    let recovery = app.confirm(&id, &code).await.unwrap().unwrap();
    account.becomes("State", "bound").await.unwrap();
    warden.becomes("BindingState", "bound").await.unwrap();
    assert_eq!(recovery.split('-').count(), 9, "8 groups and a check symbol");
    assert_eq!(
        app.confirm(&id, &code).await.unwrap().unwrap(),
        recovery,
        "asked again after a lost reply"
    );
    assert!(app.get::<bool>(ACCOUNT, "RecoveryCodeSet").await.unwrap());
    app.acknowledge(&id).await.unwrap().unwrap();

    let all = app.all(ACCOUNT).await.unwrap();
    assert!(!entry(&all, "UserId").is_empty());
    assert_eq!(entry(&all, "CloudUrl"), scene.network().url());
    assert!(number(&all, "BoundSince").is_some_and(|t| t.abs_diff(scene.clock().wall()) < 600));
    let identifiers: Vec<(String, String, String, bool)> = app.get(ACCOUNT, "Identifiers").await.unwrap();
    assert_eq!(identifiers.len(), 1);
    assert_eq!(identifiers[0].1, "email");
    assert!(identifiers[0].3, "verified");
    let profile: HashMap<String, OwnedVariant> = app.get(ACCOUNT, "Profile").await.unwrap();
    assert_eq!(entry(&profile, "display-name"), "Ada");
    assert!(
        app.get::<HashMap<String, OwnedVariant>>(ACCOUNT, "Pending")
            .await
            .unwrap()
            .is_empty()
    );
    assert!(!app.text(DEVICE, "DeviceId").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_number_registers_with_a_code_by_sms() {
    let scene = scene().await;
    let app = app(&scene);
    let id = app
        .register("+49 151 2345 6789", PASSWORD, &Options::new())
        .await
        .unwrap()
        .unwrap();
    let code = code(&scene, "+4915123456789").await;
    app.confirm(&id, &code).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn an_opened_link_confirms_without_a_code() {
    let scene = scene().await;
    let app = app(&scene);
    let mut account = app.watch(ACCOUNT).await.unwrap();
    let id = app
        .register(ADA, PASSWORD, &Options::new())
        .await
        .unwrap()
        .unwrap();
    let link = scene.outbox().next(ADA).await.unwrap().link.unwrap();
    let path = link.strip_prefix(&scene.network().url()).unwrap().to_owned();

    let page = crate::http::get(&scene, &path).await;
    assert_eq!(page.status, 200);
    let verification: Answer<String> = app
        .call(ACCOUNT, "VerificationState", &(&id, Options::new()))
        .await
        .unwrap();
    assert_eq!(verification.unwrap(), "pending", "mail scanners open links");
    assert!(crate::http::post_form(&scene, &path).await.status < 400);
    let verification: Answer<String> = app
        .call(ACCOUNT, "VerificationState", &(&id, Options::new()))
        .await
        .unwrap();
    assert_eq!(verification.unwrap(), "confirmed");
    account
        .until("Pending to be confirmed", "Pending", |v| {
            format!("{v:?}").contains("confirmed")
        })
        .await
        .unwrap();
    app.confirm(&id, "").await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_wrong_code_is_named_and_the_right_one_works_until_the_tries_are_spent() {
    let scene = scene().await;
    let app = app(&scene);
    let (id, first) = registering(&scene, ADA, PASSWORD).await;
    let wrong = other_code(&first);
    refused(app.confirm(&id, "").await.unwrap(), "WrongCode").unwrap();
    refused(app.confirm(&id, &wrong).await.unwrap(), "WrongCode").unwrap();
    refused(
        app.call::<_, ()>(ACCOUNT, "ResendCode", &(&id, Options::new()))
            .await
            .unwrap(),
        "TooSoon",
    )
    .unwrap();
    for _ in 0..4 {
        let _refused = app.confirm(&id, &wrong).await.unwrap().unwrap_err();
    }
    refused(app.confirm(&id, &first).await.unwrap(), "CodeExpired").unwrap();
    // The code is spent: another one may be sent at once.
    app.call::<_, ()>(ACCOUNT, "ResendCode", &(&id, Options::new()))
        .await
        .unwrap()
        .unwrap();
    let second = code(&scene, ADA).await;
    app.confirm(&id, &second).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_cancelled_verification_leaves_the_device_as_it_was() {
    let scene = scene().await;
    let app = app(&scene);
    let mut account = app.watch(ACCOUNT).await.unwrap();
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    app.call::<_, ()>(ACCOUNT, "CancelVerification", &(&id, Options::new()))
        .await
        .unwrap()
        .unwrap();
    account.becomes("State", "unbound").await.unwrap();
    refused(app.confirm(&id, &code).await.unwrap(), "NotFound").unwrap();
    registered(&scene, ADA, PASSWORD).await;
}

#[tokio::test]
async fn an_unknown_verification_is_not_found() {
    let scene = scene().await;
    let app = app(&scene);
    let nobody = "00000000000000000000000000000000";
    for member in ["ResendCode", "CancelVerification", "AcknowledgeRecoveryCode"] {
        let answer = app
            .call::<_, ()>(ACCOUNT, member, &(nobody, Options::new()))
            .await
            .unwrap();
        refused(answer, "NotFound").unwrap_or_else(|e| panic!("{member}: {e}"));
    }
    let answer: Answer<String> = app
        .call(ACCOUNT, "VerificationState", &(nobody, Options::new()))
        .await
        .unwrap();
    refused(answer, "NotFound").unwrap();
    refused(app.confirm(nobody, "123456").await.unwrap(), "NotFound").unwrap();
}

#[tokio::test]
async fn a_weak_password_is_refused_before_anything_is_sent() {
    let scene = scene().await;
    let app = app(&scene);
    for weak in ["password1", "ada12345", "short1", "nodigitshere", "1234567890123"] {
        let answer = app.register(ADA, weak, &Options::new()).await.unwrap();
        refused(answer, "WeakPassword").unwrap_or_else(|e| panic!("{weak}: {e}"));
    }
    assert_eq!(state(&scene).await, "unbound");
    assert!(
        scene
            .network()
            .exchanges()
            .iter()
            .all(|e| e.path != "/v1/verifications")
    );
}

#[tokio::test]
async fn what_is_no_address_is_an_invalid_argument() {
    let scene = scene().await;
    let app = app(&scene);
    for odd in [
        "",
        "ada",
        "ada@",
        "@example.org",
        "+12",
        "a\u{7}@example.org",
        "ada@example.org\n",
    ] {
        let answer = app.register(odd, PASSWORD, &Options::new()).await.unwrap();
        // A line end is trimmed or refused; nothing else passes.
        match answer {
            Err(refusal) => assert_eq!(refusal.short(), "InvalidArgument", "{odd:?}"),
            Ok(_) => assert_eq!(odd.trim(), ADA, "{odd:?} was taken"),
        }
    }
}

#[tokio::test]
async fn a_taken_address_is_said_only_to_who_has_the_mailbox() {
    let mut scene = adas().await;
    let app = app(&scene);
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    // The release must be there, else the device's lock is what is answered.
    scene
        .network()
        .seen("the release", |e| e.path == "/v1/releases" && e.status == 204)
        .await
        .unwrap();
    let id = app
        .register(ADA, "another-good-phrase-88", &Options::new())
        .await
        .unwrap()
        .unwrap();
    let code = code(&scene, ADA).await;
    refused(app.confirm(&id, &code).await.unwrap(), "IdentifierTaken").unwrap();
    assert_eq!(state(&scene).await, "unbound");
    scene.stop_cloud().await.unwrap();
}

#[tokio::test]
async fn a_bound_device_registers_nobody_else() {
    let scene = adas().await;
    refused(
        app(&scene).register(BEN, BENS, &Options::new()).await.unwrap(),
        "AlreadyBound",
    )
    .unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn offline_nothing_is_begun() {
    let mut scene = scene().await;
    scene.stop_cloud().await.unwrap();
    refused(
        app(&scene)
            .register(ADA, PASSWORD, &Options::new())
            .await
            .unwrap(),
        "Offline",
    )
    .unwrap();
    assert_eq!(state(&scene).await, "unbound");
    scene.start_cloud().await.unwrap();
    registered(&scene, ADA, PASSWORD).await;
}

#[tokio::test]
async fn what_is_pending_survives_a_restart_of_everything() {
    let mut scene = scene().await;
    let app = app(&scene);
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    scene.reboot().await.unwrap();
    assert_eq!(state(&scene).await, "registering");
    let pending: HashMap<String, OwnedVariant> = app.get(ACCOUNT, "Pending").await.unwrap();
    assert_eq!(entry(&pending, "id"), id);
    app.confirm(&id, &code).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_registration_that_nobody_confirms_for_a_day_is_forgotten() {
    let scene = scene().await;
    let app = app(&scene);
    let mut account = app.watch(ACCOUNT).await.unwrap();
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    scene
        .clock()
        .advance(Duration::from_secs(24 * 3600 + 60))
        .unwrap();
    let answer = app.confirm(&id, &code).await.unwrap().unwrap_err();
    assert!(["CodeExpired", "NotFound"].contains(&answer.short()), "{answer}");
    account.becomes("State", "unbound").await.unwrap();
}
