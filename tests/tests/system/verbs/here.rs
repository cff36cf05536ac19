//! This device: whether it is free, a registration given up and a code written down, its name, its log, a factory reset, what is
//! followed as it happens.

use belay_tests::app::{ACCOUNT, DEVICE};
use belay_tests::guest;
use belay_tests::terminal::Terminal;
use serde_json::Value;

use super::{Passwords, done, read, refused};
use crate::belayctl::file;
use crate::owner::{ADA, PASSWORD, adas, app, code, registering, state};
use crate::scene::scene;

#[tokio::test]
async fn whether_the_device_is_free_is_asked_of_the_cloud() {
    let mut scene = scene().await;
    assert_eq!(done(&scene, &["check-activation"]).await["activation"], "free");
    let text = read(&scene, &["check-activation"]).await;
    assert_eq!(text, "This device is free: it can be bound.\n");
    scene.stop_cloud().await.unwrap();
    assert_eq!(
        done(&scene, &["check-activation"]).await["activation"],
        "unchecked"
    );
    let text = read(&scene, &["check-activation"]).await;
    assert!(text.contains("Try again with a network."), "{text}");
    scene.kill_belayd().await.unwrap();
    let gone = "org.freedesktop.DBus.Error.ServiceUnknown";
    refused(
        &scene,
        &["check-activation"],
        69,
        gone,
        "The Belay daemon isn't running.",
    )
    .await;
}

#[tokio::test]
async fn a_registration_is_given_up_or_confirmed_and_its_recovery_code_written_down() {
    let scene = scene().await;
    let nobodys = "0".repeat(32);
    refused(&scene, &["cancel", &nobodys], 65, "NotFound", "belayctl status").await;
    let (id, _) = registering(&scene, ADA, PASSWORD).await;
    let text = read(&scene, &["status"]).await;
    assert!(text.contains(&format!("belayctl confirm {id}\n")), "{text}");
    assert_eq!(done(&scene, &["cancel", &id]).await["cancelled"], true);
    assert_eq!(state(&scene).await, "unbound");

    let (id, code) = registering(&scene, "grace@example.org", PASSWORD).await;
    let wrong = crate::owner::other_code(&code);
    refused(
        &scene,
        &["confirm", &id, &wrong],
        65,
        "WrongCode",
        "newest message",
    )
    .await;
    let text = read(&scene, &["confirm", &id, &code, "--qr", "no", "--acknowledge"]).await;
    assert!(
        text.contains("Your recovery code:") && text.ends_with("It isn't shown again.\n"),
        "{text}"
    );
    refused(
        &scene,
        &["acknowledge", &id],
        65,
        "NotFound",
        "There is no such thing.",
    )
    .await;
}

#[tokio::test]
async fn a_recovery_code_is_shown_again_until_it_is_said_to_be_written_down() {
    let scene = scene().await;
    let passwords = Passwords::new();
    let register = [&["register", ADA][..], &passwords.right()].concat();
    let text = read(&scene, &register).await;
    let id = text.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(
        text.contains("A message with a code and a link is on its way to a"),
        "{text}"
    );
    let code = code(&scene, ADA).await;
    let first = done(&scene, &["confirm", &id, &code]).await;
    assert_eq!(
        (&first["acknowledged"], &first["shown_again"]),
        (&false.into(), &true.into()),
        "{first}"
    );
    let again = done(&scene, &["confirm", &id, &code]).await;
    assert_eq!(again["recovery_code"], first["recovery_code"]);
    let text = read(&scene, &["acknowledge", &id]).await;
    assert_eq!(text, "The recovery code isn't shown again.\n");
    refused(
        &scene,
        &["confirm", &id, &code],
        65,
        "AlreadyBound",
        "belayctl sign-out",
    )
    .await;
}

#[tokio::test]
async fn the_device_is_named_and_a_name_that_cannot_be_is_refused() {
    let scene = adas().await;
    assert_eq!(done(&scene, &["name", "Pocket"]).await["name"], "Pocket");
    app(&scene).reads(DEVICE, "Name", "Pocket").await.unwrap();
    let text = read(&scene, &["name", " Ada's phone "]).await;
    assert_eq!(text, "This device is now called Ada's phone.\n");
    let long = "x".repeat(65);
    refused(
        &scene,
        &["name", &long],
        65,
        "InvalidArgument",
        "at most 64 characters",
    )
    .await;
}

#[tokio::test]
async fn a_password_is_judged_and_the_log_is_shown() {
    let scene = adas().await;
    let passwords = Passwords::new();
    let judged = [&["check-password"][..], &passwords.right()].concat();
    assert_eq!(done(&scene, &judged).await["score"], 4);
    let weak = file("password");
    let text = read(&scene, &["check-password", "--password-file", super::path(&weak)]).await;
    assert_eq!(text, "0 of 4: too easy to guess.\n");
    let nothing = ["check-password", "--password-file", "/nonexistent/belay"];
    refused(&scene, &nothing, 74, "Io", "/nonexistent/belay").await;

    let log = done(&scene, &["history"]).await["entries"].clone();
    let bound = |entry: &&Value| entry["event"] == "bound";
    let bound = log.as_array().unwrap().iter().find(bound).unwrap();
    assert!(
        bound["time"].as_u64().unwrap() > 0 && bound["hash"].is_string(),
        "{log}"
    );
    let text = read(&scene, &["history", "--since", "1d"]).await;
    assert!(text.lines().any(|line| line.contains(" UTC  bound ")), "{text}");
    refused(
        &scene,
        &["history", "--since", "yesterday"],
        64,
        "Usage",
        "write 2026-11-21, 45min, 12h or 3d",
    )
    .await;
}

#[tokio::test]
async fn a_factory_reset_is_allowed_to_who_has_the_password() {
    let scene = adas().await;
    let passwords = Passwords::new();
    let wrong = [&["reset"][..], &passwords.wrong()].concat();
    refused(&scene, &wrong, 77, "WrongPassword", "Nothing was changed.").await;
    let reset = [&["reset"][..], &passwords.right()].concat();
    let allowed = done(&scene, &reset).await;
    assert_eq!(
        (&allowed["valid_for_ms"], &allowed["released"]),
        (&600_000.into(), &false.into()),
        "{allowed}"
    );
    assert!(
        !allowed["authorisation"].as_str().unwrap().is_empty(),
        "{allowed}"
    );
    assert_eq!(state(&scene).await, "bound");
    let text = read(&scene, &[&reset[..], &["--release"]].concat()).await;
    assert!(text.contains("This device is signed out too"), "{text}");
    app(&scene).reads(ACCOUNT, "State", "unbound").await.unwrap();
    refused(&scene, &reset, 65, "NotBound", "belayctl sign-in").await;
}

#[tokio::test]
async fn what_changes_is_followed_until_somebody_ends_it() {
    let scene = adas().await;
    for (args, expected) in [
        (&["monitor"][..], ["watching; Ctrl-C ends", "device: name = Kite"]),
        (
            &["--json", "monitor"][..],
            ["{\"event\":\"watching\"", "\"value\":\"Kite\""],
        ),
    ] {
        done(&scene, &["name", "Pocket"]).await;
        let program = scene.program("belayctl", args).as_user(guest::person());
        let (mut belayctl, terminal) = program.start_before(Terminal::wide(400).unwrap()).unwrap();
        terminal.shows(expected[0]).await.unwrap();
        done(&scene, &["name", "Kite"]).await;
        terminal.shows(expected[1]).await.unwrap();
        terminal.types("\u{3}").unwrap();
        assert_eq!(belayctl.wait().await.unwrap().code(), Some(130), "{args:?}");
    }
    refused(
        &scene,
        &["monitor", "everything"],
        64,
        "Usage",
        "unexpected argument",
    )
    .await;
}

#[tokio::test]
async fn the_completions_of_a_shell_know_every_group_and_another_shell_is_refused() {
    let scene = scene().await;
    for shell in ["bash", "zsh", "fish"] {
        let script = read(&scene, &["completions", shell]).await;
        for word in ["unlock-bootloader", "find-device", "stop-alert", "conflicts"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1").display().to_string();
    let program = scene.program("belayctl", &["man", &pages]).as_ourselves();
    assert!(program.output().await.unwrap().0.success());
    assert!(folder.path().join("man1/belayctl-account-recover.1").exists());
    refused(&scene, &["man", "/dev/null/man1"], 74, "Io", "/dev/null/man1").await;
    refused(
        &scene,
        &["completions", "cmd"],
        64,
        "Usage",
        "possible values: bash",
    )
    .await;
}
