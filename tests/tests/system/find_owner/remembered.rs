//! A session that is kept in a file.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use belay_tests::proxy::Trick;
use belay_tests::until::until;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::{Computer, name};
use crate::belayctl::ctl;

/// A folder that the person may write to, and the file in it.
fn folder() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let kept = folder.path().join("session").to_str().unwrap().to_owned();
    (folder, kept)
}

#[tokio::test]
async fn a_remembered_key_does_the_harmless_part_without_a_password_and_no_more() {
    let computer = Computer::adas().await;
    let device = computer.device.clone();
    let (_folder, kept) = folder();
    let kept = kept.as_str();
    let (exit, list) = computer.find(&["list", "--remember", kept]).await;
    assert_eq!(exit, Some(0), "{list}");
    let mode = std::fs::metadata(kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(computer.posts("/v1/revoke"), 0, "the session is kept");

    let logins = computer.posts("/v1/login/challenge");
    let (exit, rung) = ctl(&computer.scene, &["find", "ring", &device, "--remembered", kept]).await;
    assert_eq!((exit, &rung["state"]), (Some(0), &Value::from("done")), "{rung}");
    let (exit, locked) = ctl(&computer.scene, &["find", "--remembered", kept, "lock", &device]).await;
    assert_eq!(
        (exit, &locked["state"]),
        (Some(0), &Value::from("done")),
        "{locked}"
    );
    assert_eq!(
        computer.posts("/v1/login/challenge"),
        logins,
        "no password, no login"
    );
    for verb in ["unlock", "wipe"] {
        let (exit, refused) = ctl(&computer.scene, &["find", verb, &device, "--remembered", kept]).await;
        assert_eq!((exit, name(&refused)), (Some(64), "Usage"), "{verb}");
    }
    assert_eq!(computer.lock_state().await, "lost");

    std::fs::set_permissions(kept, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (exit, exposed) = ctl(&computer.scene, &["find", "ring", &device, "--remembered", kept]).await;
    assert_eq!((exit, name(&exposed)), (Some(77), "FileExposed"));
}

#[tokio::test]
async fn what_is_remembered_takes_the_place_of_an_older_session_and_of_no_other_file() {
    let computer = Computer::adas().await;
    let (folder, kept) = folder();
    let notes = folder.path().join("notes").to_str().unwrap().to_owned();
    std::fs::write(&notes, "What I wrote").unwrap();
    std::fs::set_permissions(&notes, std::fs::Permissions::from_mode(0o666)).unwrap();
    let (exit, refused) = computer.find(&["list", "--remember", &notes]).await;
    assert_ne!(exit, Some(0), "{refused}");
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "What I wrote");
    assert_eq!(
        computer.posts("/v1/login/challenge"),
        0,
        "nobody was asked for anything"
    );

    for ended in [0, 1] {
        let (exit, list) = computer.find(&["list", "--remember", &kept]).await;
        assert_eq!(exit, Some(0), "{list}");
        assert_eq!(computer.posts("/v1/revoke"), ended, "the session before is ended");
    }
    let status = ["find", "list", "--remembered", &kept];
    let (exit, list) = ctl(&computer.scene, &status).await;
    assert_eq!(exit, Some(0), "{list}");
}

#[tokio::test]
async fn two_that_use_a_remembered_session_at_once_exchange_its_token_once_and_both_go_on() {
    let computer = Computer::adas().await;
    let device = computer.device.clone();
    let (_folder, kept) = folder();
    let (exit, list) = computer.find(&["list", "--remember", &kept]).await;
    assert_eq!(exit, Some(0), "{list}");
    // Whoever holds an answer back needs time for it.
    computer.scene.clock().run(1).unwrap();
    // The access token is over: both find out before either has another.
    computer
        .scene
        .clock()
        .advance(Duration::from_secs(31 * 60))
        .unwrap();
    let network = computer.scene.network();
    let go = Arc::new(Notify::new());
    network.plan("/v1/token", 1, &Trick::Hold(Arc::clone(&go)));
    let begun = network.exchanges().len();
    let over = || {
        let exchanges = network.exchanges();
        let since = exchanges.iter().skip(begun);
        let told = since.filter(|exchange| {
            exchange.status == 401 && String::from_utf8_lossy(&exchange.answer).contains("invalid-token")
        });
        told.count()
    };
    let both_know = async {
        until("both to be told that the token is over", async || {
            (over() >= 2).then_some(())
        })
        .await
        .unwrap();
        network.played("/v1/token").await.unwrap();
        go.notify_one();
    };
    let ring = ["find", "ring", &device, "--remembered", &kept];
    let status = ["find", "status", &device, "--remembered", &kept];
    let (rung, told, ()) = tokio::join!(
        ctl(&computer.scene, &ring),
        ctl(&computer.scene, &status),
        both_know
    );
    assert_eq!((rung.0, told.0), (Some(0), Some(0)), "{rung:?} {told:?}");
    assert_eq!(computer.posts("/v1/token"), 1);
    let (exit, again) = ctl(&computer.scene, &status).await;
    assert_eq!(exit, Some(0), "the session lives: {again}");
}

#[tokio::test]
async fn what_was_remembered_is_removed_and_its_session_ended_when_its_time_is_over() {
    let computer = Computer::adas().await;
    let device = computer.device.clone();
    let (_folder, kept) = folder();
    let (exit, list) = computer.find(&["list", "--remember", &kept]).await;
    assert_eq!(exit, Some(0), "{list}");
    computer
        .scene
        .clock()
        .advance(Duration::from_secs(12 * 60 * 60))
        .unwrap();
    let ring = ["find", "ring", &device, "--remembered", &kept];
    let (exit, over) = ctl(&computer.scene, &ring).await;
    assert_eq!((exit, name(&over)), (Some(77), "RememberedOver"), "{over}");
    assert!(!std::path::Path::new(&kept).exists());
    assert_eq!(computer.posts("/v1/revoke"), 1);
    assert_eq!(computer.posts(&computer.commands()), 0);
}
