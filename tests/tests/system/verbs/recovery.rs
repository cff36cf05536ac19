//! A forgotten password: the recovery code, the way with it and the way without it, and what the device is told then.

use belay_tests::guest;
use belay_tests::terminal::Terminal;

use super::{Passwords, done, password, path, read, refused};
use crate::account_life::NEW;
use crate::belayctl::{ctl, file};
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
    let first = done(&scene, &make).await;
    assert_eq!(
        (&first["acknowledged"], &first["shown_again"]),
        (&false.into(), &true.into()),
        "{first}"
    );
    let code = first["recovery_code"].as_str().unwrap();
    assert_eq!(code.split('-').count(), 9, "{first}");
    // Whoever closed the window too early sees it again.
    let written = [&make[..], &["--acknowledge"]].concat();
    let again = done(&scene, &written).await;
    assert_eq!(
        (&again["recovery_code"], &again["acknowledged"]),
        (&first["recovery_code"], &true.into())
    );
    let text = read(&scene, &[&written[..], &["--qr", "no"]].concat()).await;
    assert!(
        text.starts_with("Your recovery code; every one before it is void:\n\n    "),
        "{text}"
    );
    assert!(
        text.contains("Write it on paper") && !text.contains(&code[..14]),
        "{text}"
    );
    assert!(text.ends_with(" It isn't shown again.\n"), "{text}");
}

#[tokio::test]
async fn a_recovery_code_is_acknowledged_when_somebody_says_that_it_is_written_down() {
    let scene = adas().await;
    let passwords = Passwords::new();
    let make = [
        &["account", "recovery-code", "--qr", "no"][..],
        &passwords.right(),
    ]
    .concat();
    let answered = async |answer: &str| {
        let program = scene.program("belayctl", &make).as_user(guest::person());
        let (mut belayctl, terminal) = program.start_before(Terminal::wide(100).unwrap()).unwrap();
        terminal.shows("Is it written down? Type yes:").await.unwrap();
        terminal.types(answer).unwrap();
        assert_eq!(belayctl.wait().await.unwrap().code(), Some(0));
        let said = terminal.all().await.unwrap().replace("\r\n", "\n");
        let code = said.lines().find(|line| line.contains(" - "));
        (code.unwrap().to_owned(), said)
    };
    let (first, said) = answered("not yet\n").await;
    assert!(
        said.contains("belayctl account recovery-code\n")
            && said.ends_with("Once it is written down: belayctl acknowledge\n"),
        "{said}"
    );
    let (again, said) = answered("yes\n").await;
    assert_eq!(again, first);
    assert!(said.ends_with("It isn't shown again.\n"), "{said}");
    is_acknowledged(&scene).await;
    let (other, _) = answered("no\n").await;
    assert_ne!(other, first);
    assert_eq!(done(&scene, &["acknowledge"]).await["acknowledged"], true);
    is_acknowledged(&scene).await;
}

/// No recovery code waits to be written down.
async fn is_acknowledged(scene: &Scene) {
    let words = "There is no such thing.";
    refused(scene, &["acknowledge"], 65, "NotFound", words).await;
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
async fn a_recovery_whose_link_was_opened_needs_no_code() {
    let scene = scene().await;
    let recovery = file(&registered(&scene, ADA, PASSWORD).await);
    scene.clock().run(PACE).unwrap();
    let begun = done(&scene, &["account", "forgot", ADA]).await;
    let id = begun["id"].as_str().unwrap();
    let new = file(NEW);
    let recover = [
        "account",
        "recover",
        id,
        ADA,
        "--recovery-code-file",
        path(&recovery),
        "--new-password-file",
        path(&new),
    ];
    // Nobody is there to be asked for one.
    let (exit, answer) = ctl(&scene, &recover).await;
    assert_eq!(
        (exit, &answer["error"]["name"]),
        (Some(64), &"Usage".into()),
        "{answer}"
    );
    let link = scene.outbox().next(ADA).await.unwrap().link.unwrap();
    let page = link.strip_prefix(&scene.network().url()).unwrap();
    assert!(crate::http::post_form(&scene, page).await.status < 400);
    assert_eq!(done(&scene, &recover).await["recovered"], true);
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
        "The new password takes hold in ",
    )
    .await;
}
