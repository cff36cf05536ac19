//! What a refusal means for the verb that gets it: one error's name, and other words and another way out for each.

use belay_tests::openapi::Call;
use belay_tests::proxy::Trick;

use super::{Passwords, done, path, refused, told};
use crate::account_life::{NEW, OTHER, hers};
use crate::belayctl::{ctl, file};
use crate::holding;
use crate::owner::{ADA, BEN, PASSWORD, app, code, other_code, registered, registering};
use crate::scene::{PACE, Scene, scene};

/// For as long as anybody asks.
const ALWAYS: usize = 50;

/// Refuses this call so.
fn refuse(scene: &Scene, method: &str, path: &str, trick: &Trick) {
    let call = Call::new(method, path);
    scene.network().plan_call(&call, ALWAYS, trick);
}

#[tokio::test]
async fn a_cloud_that_sends_no_codes_there_is_told_from_a_device_that_cant() {
    let scene = scene().await;
    scene.clock().run(PACE).unwrap();
    let passwords = Passwords::new();
    let nowhere = Trick::problem(422, "channel-unavailable");
    refuse(&scene, "POST", "/v1/verifications", &nowhere);
    refuse(&scene, "POST", "/v1/recoveries", &nowhere);
    let words = "This cloud sends no codes to an address of this kind.";
    let with = |verb: &[&'static str]| [verb, &passwords.right()].concat();
    refused(&scene, &with(&["register", ADA]), 69, "NotSupported", words).await;
    refused(&scene, &["account", "forgot", ADA], 69, "NotSupported", words).await;
    let own = with(&["register", "+4915112345678", "--outgoing-sms"]);
    let (exit, said) = told(&scene, &own).await;
    assert_eq!(exit, Some(69), "{said}");
    assert!(said.contains("Register without --outgoing-sms"), "{said}");
    scene.network().behave();
    registered(&scene, ADA, PASSWORD).await;
    refuse(&scene, "POST", "/v1/verifications", &nowhere);
    refused(
        &scene,
        &with(&["account", "add-address", OTHER]),
        69,
        "NotSupported",
        words,
    )
    .await;
}

#[tokio::test]
async fn too_many_codes_are_no_passwords_and_the_wait_is_the_clouds() {
    let scene = scene().await;
    scene.clock().run(PACE).unwrap();
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    let many = Trick::waits(429, "too-many", 900);
    refuse(&scene, "POST", "/v1/verifications/{id}/code", &many);
    let confirm = ["confirm", &id, &code, "--acknowledge"];
    let (exit, answer) = ctl(&scene, &confirm).await;
    let error = &answer["error"];
    assert_eq!(
        (exit, &error["name"]),
        (Some(77), &"TooManyAttempts".into()),
        "{answer}"
    );
    assert_eq!(error["retry_after_ms"], 900_000, "{answer}");
    assert!(error.get("tries_left").is_none(), "{answer}");
    let words = "The cloud takes no more codes from here for now.\nWait 15 min, then try again.";
    refused(&scene, &confirm, 77, "TooManyAttempts", words).await;
    scene.network().behave();
    done(&scene, &confirm).await;
    app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();

    refuse(&scene, "POST", "/v1/login", &many);
    let passwords = Passwords::new();
    let sign_in = [&["sign-in", ADA][..], &passwords.right()].concat();
    let words = "The cloud takes no more sign-ins from here for now.\nWait 15 min, then try again.";
    refused(&scene, &sign_in, 77, "TooManyAttempts", words).await;
    refuse(&scene, "POST", "/v1/recoveries/{id}/code", &many);
    done(&scene, &["account", "forgot", ADA]).await;
    let (id, code) = pending(&scene).await;
    let (new, recovery) = (file(NEW), file(recovery_code()));
    let recover = [
        "account",
        "recover",
        &id,
        ADA,
        &code,
        "--recovery-code-file",
        path(&recovery),
        "--new-password-file",
        path(&new),
    ];
    refused(
        &scene,
        &recover,
        77,
        "TooManyAttempts",
        "no more tries to recover an account from here for now",
    )
    .await;
}

/// Another address of Ada's waits for its code: the id, and that code.
async fn adding(scene: &Scene) -> (String, String) {
    let id = app(scene).add_identifier(OTHER, PASSWORD).await.unwrap();
    (id.unwrap(), code(scene, OTHER).await)
}

/// The id of what waits for its code, and that code, which went to Ada.
async fn pending(scene: &Scene) -> (String, String) {
    let status = done(scene, &["status"]).await;
    let id = status["account"]["pending"]["id"].as_str().unwrap().to_owned();
    (id, code(scene, ADA).await)
}

#[tokio::test]
async fn the_wait_that_is_told_is_that_of_what_was_asked() {
    let scene = hers().await;
    let passwords = Passwords::new();
    let add = |address| [&["account", "add-address", address][..], &passwords.right()].concat();
    done(&scene, &add(OTHER)).await;
    // Another code for that address could be had in a quarter of an hour; what is asked for now can't.
    let spent = Trick::waits(429, "too-many", 36_000);
    refuse(&scene, "POST", "/v1/recoveries", &spent);
    refuse(&scene, "POST", "/v1/verifications", &spent);
    let forgot = ["account", "forgot", ADA];
    refused(&scene, &forgot, 69, "TooSoon", "Try again in 10 h.").await;
    refused(&scene, &add(BEN), 69, "TooSoon", "Try again in 10 h.").await;
    // Where the cloud doesn't say there is nothing to point at.
    scene.network().behave();
    refuse(&scene, "POST", "/v1/recoveries", &Trick::problem(429, "too-many"));
    let (_, said) = told(&scene, &forgot).await;
    assert!(said.ends_with("Try again later.\n"), "{said}");
}

#[tokio::test]
async fn a_spent_budget_of_codes_is_told_and_the_next_call_asks_again() {
    let scene = scene().await;
    scene.clock().run(PACE).unwrap();
    let (id, _) = registering(&scene, ADA, PASSWORD).await;
    scene
        .clock()
        .advance(std::time::Duration::from_secs(901))
        .unwrap();
    let spent = Trick::waits(429, "too-many", 36_000);
    refuse(&scene, "POST", "/v1/verifications/{id}/resend", &spent);
    refused(&scene, &["resend", &id], 69, "TooSoon", "Try again in 10 h.").await;
    // Where the cloud doesn't say how long there is no wait of none.
    scene.network().behave();
    let unknown = Trick::problem(429, "too-many");
    refuse(&scene, "POST", "/v1/verifications/{id}/resend", &unknown);
    let (_, answer) = ctl(&scene, &["resend", &id]).await;
    assert!(answer["error"].get("retry_after_ms").is_none(), "{answer}");
    // In another network it may be had at once.
    scene.network().behave();
    done(&scene, &["resend", &id]).await;
}

#[tokio::test]
async fn an_address_that_cant_be_added_says_why() {
    for (status, problem, exit, name, words) in [
        (
            409,
            "identifier-taken",
            65,
            "IdentifierTaken",
            "belongs to an account already",
        ),
        (
            507,
            "quota-exceeded",
            65,
            "QuotaExceeded",
            "as many addresses as it can have",
        ),
        (
            409,
            "generation-conflict",
            65,
            "Conflict",
            "Add it again: belayctl account add-address",
        ),
    ] {
        let scene = hers().await;
        let (id, code) = adding(&scene).await;
        refuse(
            &scene,
            "POST",
            "/v1/account/identifiers",
            &Trick::problem(status, problem),
        );
        let (code, said) = told(&scene, &["account", "confirm-address", &id, &code]).await;
        assert_eq!(code, Some(exit), "{name}: {said}");
        assert!(said.contains(words), "{name}: {said}");
    }
}

#[tokio::test]
async fn what_conflicts_is_told_by_the_verb_and_not_by_its_name() {
    let scene = hers().await;
    let passwords = Passwords::new();
    let (id, code) = adding(&scene).await;
    app(&scene).confirm_identifier(&id, &code).await.unwrap().unwrap();
    let listed = done(&scene, &["account", "addresses"]).await;
    let added = listed["addresses"][1]["id"].as_str().unwrap();
    // It isn't the login.
    let conflict = Trick::problem(409, "generation-conflict");
    refuse(&scene, "DELETE", "/v1/account/identifiers/{id}", &conflict);
    let remove = [&["account", "remove-address", added][..], &passwords.right()].concat();
    let (exit, said) = told(&scene, &remove).await;
    assert_eq!(exit, Some(65), "{said}");
    assert!(
        said.contains("It was changed in the meantime.") && !said.contains("signs in with this address"),
        "{said}"
    );
    // A new password that is the old one.
    let same = file(PASSWORD);
    let change = [
        &["account", "password", "--new-password-file", path(&same)][..],
        &passwords.right(),
    ]
    .concat();
    refused(
        &scene,
        &change,
        65,
        "WeakPassword",
        "the password which the account has already",
    )
    .await;
    // A code that was right, of an account that isn't made yet.
    let nobodys = crate::scene::scene().await;
    nobodys.clock().run(PACE).unwrap();
    let (id, code) = registering(&nobodys, ADA, PASSWORD).await;
    refuse(&nobodys, "POST", "/v1/accounts", &Trick::status(500));
    let (exit, said) = told(&nobodys, &["confirm", &id, &code, "--acknowledge"]).await;
    assert_ne!(exit, Some(0), "{said}");
    refused(
        &nobodys,
        &["resend", &id],
        65,
        "Conflict",
        "The code was right already",
    )
    .await;
    let register = [&["register", BEN][..], &passwords.right()].concat();
    refused(&nobodys, &register, 65, "Conflict", "belayctl cancel gives it up").await;
    let forgot = ["account", "forgot", BEN];
    refused(&nobodys, &forgot, 65, "Conflict", "belayctl cancel gives it up").await;
}

#[tokio::test]
async fn a_code_that_is_over_leads_to_another_one_or_to_the_beginning() {
    let scene = hers().await;
    let (id, sent) = adding(&scene).await;
    let over = Trick::problem(410, "code-expired");
    refuse(&scene, "POST", "/v1/verifications/{id}/code", &over);
    let confirm = ["account", "confirm-address", &id, &sent];
    refused(
        &scene,
        &confirm,
        65,
        "CodeExpired",
        "Ask for a new one with belayctl resend",
    )
    .await;
    refuse(&scene, "POST", "/v1/verifications/{id}/resend", &over);
    let (exit, said) = told(&scene, &["resend", &id]).await;
    assert_eq!(exit, Some(65), "{said}");
    assert!(
        said.contains("Begin again: belayctl account add-address."),
        "{said}"
    );
    let status = done(&scene, &["status"]).await;
    assert_eq!(status["account"]["pending"], serde_json::json!({}), "{status}");

    let (id, sent) = {
        done(&scene, &["account", "forgot", ADA]).await;
        pending(&scene).await
    };
    let gone = Trick::problem(404, "not-found");
    refuse(&scene, "POST", "/v1/recoveries/{id}/code", &gone);
    let (new, recovery) = (file(NEW), file(recovery_code()));
    let recover = [
        "account",
        "recover",
        &id,
        ADA,
        &sent,
        "--recovery-code-file",
        path(&recovery),
        "--new-password-file",
        path(&new),
    ];
    let (exit, said) = told(&scene, &recover).await;
    assert_eq!(exit, Some(65), "{said}");
    assert!(said.contains("Begin again: belayctl account forgot."), "{said}");
}

/// A recovery code in form, and nobody's.
fn recovery_code() -> &'static str {
    "0000-0000-0000-0000-0000-0000-0000-0000-0"
}

#[tokio::test]
async fn what_an_offline_cloud_may_have_done_is_not_said_to_be_undone() {
    let mut scene = hers().await;
    let passwords = Passwords::new();
    let new = file(NEW);
    scene.stop_cloud().await.unwrap();
    let change = [
        &["account", "password", "--new-password-file", path(&new)][..],
        &passwords.right(),
    ]
    .concat();
    refused(&scene, &change, 69, "Offline", "try the new one first").await;
    let delete = [
        &["account", "delete", "--yes-delete-everything"][..],
        &passwords.right(),
    ]
    .concat();
    refused(&scene, &delete, 69, "Offline", "It may be done all the same").await;
    let (_, said) = told(&scene, &["devices"]).await;
    assert!(said.ends_with("Check the network and try again.\n"), "{said}");
}

#[tokio::test]
async fn a_recovery_that_is_waited_out_tells_a_device_of_nobodys_how_long_still() {
    let first = hers().await;
    let second = Scene::beside(&first).await;
    second.clock().run(PACE).unwrap();
    holding::forgotten(&second, &first).await.unwrap();
    let new = file(holding::NEW);
    let sign_in = ["sign-in", ADA, "--password-file", path(&new)];
    let (exit, answer) = ctl(&second, &sign_in).await;
    assert_eq!(
        (exit, &answer["error"]["name"]),
        (Some(69), &"RecoveryOnHold".into()),
        "{answer}"
    );
    // A week, since the first device is bound.
    assert!(
        answer["error"]["retry_after_ms"].as_u64().unwrap() > 6 * 24 * 3_600_000,
        "{answer}"
    );
    let (_, said) = told(&second, &sign_in).await;
    let in_days = |days: &str| said.contains(&format!("The new password takes hold in {days} d "));
    assert!(
        (in_days("6") || in_days("7")) && !said.contains("belayctl status"),
        "{said}"
    );
}

#[tokio::test]
async fn where_nobody_can_be_asked_the_arguments_that_are_missing_are_named() {
    let scene = scene().await;
    for (args, named) in [
        (&["sign-in", ADA][..], "given: --password-file FILE."),
        (
            &["account", "delete"][..],
            "--yes-delete-everything, --password-file FILE.",
        ),
        (&["unlock"][..], "given: --password-file FILE."),
    ] {
        let (exit, answer) = ctl(&scene, args).await;
        assert_eq!(
            (exit, &answer["error"]["name"]),
            (Some(64), &"Usage".into()),
            "{answer}"
        );
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.ends_with(named), "{said}");
    }
    let (id, sent) = registering(&scene, ADA, PASSWORD).await;
    let (_, answer) = ctl(&scene, &["confirm", &id]).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("CODE, --code-file FILE"), "{said}");
    let wrong = file(&other_code(&sent));
    refused(
        &scene,
        &["confirm", &id, "--code-file", path(&wrong)],
        65,
        "WrongCode",
        "newest",
    )
    .await;
}
