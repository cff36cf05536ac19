//! A forgotten password: the recovery code, the way with it and the way without it, and what the device is told then.

use super::{Passwords, done, password, path, read, refused};
use crate::account_life::NEW;
use crate::belayctl::file;
use crate::holding;
use crate::owner::{ADA, PASSWORD, adas, app, code, other_code, registered, state};
use crate::scene::{PACE, Scene, scene};

#[tokio::test]
async fn another_recovery_code_is_shown_and_the_one_before_is_void() {
    let scene = adas().await;
    let passwords = Passwords::new();
    let wrong = [&["account", "recovery-code"][..], &passwords.wrong()].concat();
    refused(&scene, &wrong, 77, "WrongPassword", "Nothing was changed.").await;
    let make = [&["account", "recovery-code"][..], &passwords.right()].concat();
    let first = done(&scene, &make).await["recovery_code"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(first.split('-').count(), 9, "{first}");
    let text = read(&scene, &[&make[..], &["--qr", "no"]].concat()).await;
    assert!(
        text.starts_with("Your recovery code; the one before is void:\n\n    "),
        "{text}"
    );
    assert!(
        text.contains("Write it on paper") && !text.contains(&first[..14]),
        "{text}"
    );
}

/// Has a code sent, and answers the id and that code; mails are those of `outbox`.
async fn forgotten(scene: &Scene, outbox: &Scene) -> (String, String) {
    let begun = done(scene, &["account", "forgot", ADA]).await;
    assert_eq!(begun["pending"]["kind"], "recovery", "{begun}");
    (begun["id"].as_str().unwrap().to_owned(), code(outbox, ADA).await)
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_with_both_codes_and_given_to_the_device() {
    let scene = scene().await;
    let recovery = file(&registered(&scene, ADA, PASSWORD).await);
    scene.clock().run(PACE).unwrap();
    refused(
        &scene,
        &["account", "forgot", "ada"],
        65,
        "InvalidArgument",
        "address",
    )
    .await;
    let (id, code) = forgotten(&scene, &scene).await;
    let text = read(&scene, &["status"]).await;
    assert!(
        text.contains(&format!("belayctl account recover {id} ADDRESS\n")),
        "{text}"
    );
    let (new, mistyped) = (file(NEW), file("AAAA-BBBB"));
    let with = |code, recovery| {
        let codes = [
            "account",
            "recover",
            id.as_str(),
            ADA,
            code,
            "--recovery-code-file",
            path(recovery),
        ];
        [&codes[..], &["--new-password-file", path(&new)]].concat()
    };
    refused(&scene, &with(&code, &mistyped), 65, "WrongCode", "recovery code").await;
    let other = other_code(&code);
    refused(
        &scene,
        &with(&other, &recovery),
        65,
        "WrongCode",
        "the newest message",
    )
    .await;
    assert_eq!(done(&scene, &with(&code, &recovery)).await["recovered"], true);
    assert_eq!(state(&scene).await, "reauthentication-required");
    let text = read(&scene, &["status"]).await;
    assert!(text.contains("run belayctl reauthenticate"), "{text}");
    let passwords = Passwords::new();
    let old = [&["reauthenticate"][..], &passwords.right()].concat();
    refused(
        &scene,
        &old,
        77,
        "WrongPassword",
        "That isn't the account password.",
    )
    .await;
    let right = [&["reauthenticate"][..], &password(&new)].concat();
    assert_eq!(done(&scene, &right).await["state"], "bound");
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_device_of_nobodys_is_told_to_sign_in_once_the_account_is_recovered() {
    let first = scene().await;
    let recovery = file(&registered(&first, ADA, PASSWORD).await);
    let second = Scene::beside(&first).await;
    let text = read(&second, &["account", "forgot", ADA]).await;
    let said = text
        .lines()
        .find(|line| line.starts_with("Then: belayctl account recover"));
    let id = said.unwrap().split(' ').nth(4).unwrap();
    let (code, new) = (code(&first, ADA).await, file(NEW));
    let recover = [
        "account",
        "recover",
        id,
        ADA,
        &code,
        "--recovery-code-file",
        path(&recovery),
    ];
    let text = read(
        &second,
        &[&recover[..], &["--new-password-file", path(&new)]].concat(),
    )
    .await;
    assert!(text.contains("else: belayctl sign-in."), "{text}");
    let sign_in = [&["sign-in", ADA][..], &password(&new)].concat();
    let text = read(&second, &sign_in).await;
    assert_eq!(text, format!("Signed in. This device now belongs to {ADA}.\n"));
    app(&second).sign_out(NEW).await.unwrap().unwrap();
}

#[tokio::test]
async fn without_the_recovery_code_it_takes_the_device_s_policy_and_a_wait_that_the_status_shows() {
    let scene = adas().await;
    scene.clock().run(PACE).unwrap();
    let (id, code) = forgotten(&scene, &scene).await;
    let new = file(NEW);
    let recover = [
        "account",
        "recover",
        &id,
        ADA,
        &code,
        "--without-code",
        "--new-password-file",
        path(&new),
    ];
    refused(
        &scene,
        &recover,
        69,
        "NotSupported",
        "belayctl policy --recovery-without-code yes",
    )
    .await;
    holding::allow(&scene, true).await;
    let held = done(&scene, &recover).await;
    assert_eq!(
        (&held["recovered"], &held["hold"]),
        (&false.into(), &true.into()),
        "{held}"
    );
    assert!(held["hold_left_ms"].as_u64().unwrap() > 71 * 3_600_000, "{held}");
    let text = read(&scene, &["status"]).await;
    assert!(text.contains("a new password takes hold in "), "{text}");
    let early = [&["reauthenticate"][..], &password(&new)].concat();
    refused(
        &scene,
        &early,
        69,
        "RecoveryOnHold",
        "belayctl status shows how long still",
    )
    .await;
}
