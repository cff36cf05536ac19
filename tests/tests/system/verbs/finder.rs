//! Whoever holds this device: where it is, how it is silenced, and how a finder calls its owner.

use belay_proto::signed::{Action, CommandState};
use belay_tests::guest;
use belay_tests::owner::Console;
use belay_tests::polkit::Answer;
use belay_tests::services::geoclue::Place;

use super::{done, read, refused};
use crate::account_life::configured;
use crate::find_device::PHONE;
use crate::owner::{ADA, PASSWORD, adas, registered};
use crate::scene::{PACE, Scene, scene, skipped};

/// The owner, elsewhere.
async fn console(scene: &Scene) -> Console {
    Console::sign_in(scene, ADA, PASSWORD).await.unwrap()
}

/// Has the device do what its owner asks for.
async fn obeys(scene: &Scene, console: &Console, action: Action) {
    let id = console.send(scene, action).await.unwrap();
    console.follow(scene, id, CommandState::Done).await.unwrap();
}

#[tokio::test]
async fn where_the_device_is_is_said_with_how_good_and_how_old_that_is() {
    let scene = scene().await;
    refused(
        &scene,
        &["location"],
        65,
        "NotBound",
        "This device has no owner yet.",
    )
    .await;
    registered(&scene, ADA, PASSWORD).await;
    scene.clock().run(PACE).unwrap();
    refused(
        &scene,
        &["location"],
        69,
        "NotFound",
        "Nothing has told yet where this device is.",
    )
    .await;
    let measured_now = async || {
        let here = Place {
            latitude: 48.25,
            longitude: 16.5,
            accuracy: 20.0,
            altitude: None,
            timestamp: scene.clock().wall(),
        };
        scene.services().position().found(here).await.unwrap();
    };
    measured_now().await;
    let found = done(&scene, &["location"]).await;
    assert_eq!(
        (&found["latitude"], &found["longitude"]),
        (&48.25.into(), &16.5.into()),
        "{found}"
    );
    assert_eq!(
        (&found["source"], &found["geo"]),
        (&"network".into(), &"geo:48.250000,16.500000;u=20".into()),
        "{found}"
    );
    assert!(found["altitude"].is_null() && found["age_ms"].is_u64(), "{found}");
    // On a busy machine the first is older than ten seconds by now.
    measured_now().await;
    let text = read(&scene, &["location"]).await;
    assert!(
        text.starts_with("48.250000, 16.500000 within 20 m\n  by cells, networks or addresses, "),
        "{text}"
    );
}

#[tokio::test]
async fn a_device_that_rings_says_so_and_is_silenced() {
    let scene = adas().await;
    let console = console(&scene).await;
    let feedback = scene.services().feedback();
    for silences in ["a script", "a person"] {
        obeys(&scene, &console, Action::Ring { seconds: 600 }).await;
        feedback.until_playing(true).await.unwrap();
        let text = read(&scene, &["status"]).await;
        assert!(
            text.contains("Rings:         until belayctl stop-ringing\n"),
            "{text}"
        );
        match silences {
            "a script" => assert_eq!(done(&scene, &["stop-ringing"]).await["ringing"], false),
            _ => assert_eq!(
                read(&scene, &["stop-ringing"]).await,
                "This device doesn't ring.\n"
            ),
        }
        feedback.until_playing(false).await.unwrap();
    }
    scene.polkit().answer(Answer::No);
    let elsewhere = "Do it in a session on the device itself";
    refused(&scene, &["stop-ringing"], 77, "NotAuthorized", elsewhere).await;
}

#[tokio::test]
async fn a_finder_reads_what_the_owner_left_and_calls_from_the_lost_screen() {
    let scene = adas().await;
    let console = console(&scene).await;
    refused(
        &scene,
        &["call-owner"],
        65,
        "NotAuthorized",
        "This device isn't locked as lost",
    )
    .await;
    let lock = |phone: &str| Action::Lock {
        message: "Please call".into(),
        phone: phone.to_owned(),
    };
    obeys(&scene, &console, lock(PHONE)).await;
    let text = read(&scene, &["status"]).await;
    assert!(text.contains("Message:       Please call\n"), "{text}");
    assert!(text.contains(&format!("To call:       {PHONE}\n")), "{text}");
    refused(
        &scene,
        &["call-owner"],
        77,
        "NotAuthorized",
        "Only the lost screen and root call the owner.",
    )
    .await;
    // Nothing of the owner's is shown, and nobody is told that it is nobody's.
    assert!(text.starts_with("Account:       not shown now\n"), "{text}");
    for args in [
        &["policy"][..],
        &["find-device"],
        &["account", "profile"],
        &["account", "addresses"],
    ] {
        refused(&scene, args, 77, "DeviceLost", "belayctl unlock").await;
    }
    if !guest::is_root() {
        skipped("the lost screen's part is played by root");
        return;
    }
    let screen = async |words: &[&str]| {
        let program = scene.program("belayctl", words).as_ourselves().without_terminal();
        program.output().await.unwrap()
    };
    let (status, said) = screen(&["call-owner"]).await;
    assert!(
        status.success() && said == "The modem dials the owner's number.\n",
        "{said}"
    );
    let modem = scene.services().modem();
    assert_eq!(modem.calls(), [PHONE]);
    let (status, said) = screen(&["--json", "call-owner"]).await;
    assert!(status.success() && said == "{\"calling\":true}\n", "{said}");
    obeys(&scene, &console, lock("")).await;
    let (status, said) = screen(&["--json", "call-owner"]).await;
    assert_eq!(status.code(), Some(65), "{said}");
    assert!(said.contains("belayctl status shows the message"), "{said}");
}

#[tokio::test]
async fn whoever_polkit_would_ask_for_a_password_is_asked() {
    let service = "https://photos.example.org";
    let (scene, _file, recovery) = configured(&format!("services = [\"{service}\"]\n")).await;
    let new = crate::belayctl::file("marble-ferry-17-canyon");
    let (nobodys, recovery) = ("0".repeat(32), crate::belayctl::file(&recovery));
    let recover = [
        "account",
        "recover",
        &nobodys,
        ADA,
        "123456",
        "--recovery-code-file",
        super::path(&recovery),
        "--new-password-file",
        super::path(&new),
    ];
    for (action, args) in [
        ("org.belay1.location.read", &["location"][..]),
        ("org.belay1.service.token", &["account", "token", service][..]),
        ("org.belay1.device.recover", &recover[..]),
    ] {
        scene.polkit().except(action, Answer::Challenge);
        let _before = scene.polkit().asked();
        // Nobody answers.
        refused(
            &scene,
            args,
            77,
            "NotAuthorized",
            "belayctl: You may not do this from here.",
        )
        .await;
        let asked = scene.polkit().asked();
        let mut about = asked.iter().filter(|question| question.action == action);
        assert!(about.any(|question| question.interaction), "{action}: {asked:?}");
    }
}
