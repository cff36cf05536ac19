//! A cloud that lies to the owner's own computer.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use belay_tests::proxy::Trick;
use serde_json::Value;

use super::{Computer, name, path};
use crate::belayctl::{ctl, file};
use crate::owner::{BEN, BENS, registered};
use crate::scene::scene;

/// What a cloud answers, to be answered again later.
fn recorded() -> (Arc<Mutex<Option<Value>>>, Trick) {
    let kept = Arc::new(Mutex::new(None));
    let inside = Arc::clone(&kept);
    let record = Trick::alter(move |answer| {
        inside.lock().unwrap().get_or_insert_with(|| answer.clone());
    });
    (kept, record)
}

/// The cloud's answer with a field that was in another one.
fn with(field: &'static str, from: &Arc<Mutex<Option<Value>>>) -> Trick {
    let old = from.lock().unwrap().clone().unwrap()[field].clone();
    Trick::alter(move |answer| answer[field] = old.clone())
}

#[tokio::test]
async fn a_cloud_that_answers_with_another_owners_device_or_its_reports_is_found_out() {
    let computer = Computer::adas().await;
    let device = computer.device.clone();
    let bens = scene().await;
    registered(&bens, BEN, BENS).await;
    let bens = Computer::of(bens).await;
    let list = {
        let (kept, record) = recorded();
        bens.scene.network().plan("/v1/devices", 1, &record);
        let from = ["--cloud", &bens.url, "--login", BEN, "--password-file"];
        let password = file(BENS);
        let all: Vec<&str> = ["find", "list"]
            .into_iter()
            .chain(from)
            .chain([path(&password)])
            .collect();
        let (exit, list) = ctl(&bens.scene, &all).await;
        assert_eq!(exit, Some(0), "{list}");
        kept
    };
    let network = computer.scene.network();
    network.plan("/v1/devices", 1, &with("devices", &list));
    let (exit, foreign) = computer.find(&["ring", &bens.device]).await;
    assert_eq!(
        (exit, name(&foreign)),
        (Some(69), "ForeignCertificate"),
        "{foreign}"
    );

    let reports = {
        let (kept, record) = recorded();
        bens.scene.network().plan(&bens.reports(), 1, &record);
        let password = file(BENS);
        let args = [
            "find",
            "status",
            &bens.device,
            "--cloud",
            &bens.url,
            "--login",
            BEN,
        ];
        let all: Vec<&str> = args
            .into_iter()
            .chain(["--password-file", path(&password)])
            .collect();
        let (exit, status) = ctl(&bens.scene, &all).await;
        assert_eq!(exit, Some(0), "{status}");
        kept
    };
    network.plan(&computer.reports(), 2, &with("state", &reports));
    let (exit, forged) = computer.find(&["unlock", &device]).await;
    assert_eq!((exit, name(&forged)), (Some(69), "ForgedReport"), "{forged}");
    assert_eq!(computer.posts(&computer.commands()), 0);
    // No lie keeps the owner from locking what a thief has.
    let locked = computer.done(&["lock", &device]).await;
    assert!(warned(&locked), "{locked}");
    assert_eq!(computer.lock_state().await, "lost");
}

fn warned(answer: &Value) -> bool {
    answer["warnings"]
        .to_string()
        .contains("The cloud lies or is broken")
}

#[tokio::test]
async fn a_cloud_that_gives_one_device_the_name_of_another_has_neither_erased() {
    let computer = Computer::with_a_wipe().await;
    let device = computer.device.clone();
    let rename = Trick::alter(|answer| {
        for device in answer["devices"].as_array_mut().unwrap() {
            device["name"] = "Old phone".into();
        }
    });
    computer.scene.network().plan("/v1/devices", 1, &rename);
    // The owner means another one, that was called so and has another id.
    let said = ["wipe", "Old phone", "--yes-wipe", "0123456789abcdef"];
    let (exit, refused) = computer.find(&said).await;
    assert_eq!((exit, name(&refused)), (Some(65), "Data"), "{refused}");
    computer.scene.network().plan("/v1/devices", 1, &rename);
    let (exit, refused) = computer
        .find(&["wipe", "Old phone", "--yes-wipe", "Old phone"])
        .await;
    assert_eq!((exit, name(&refused)), (Some(65), "Data"), "{refused}");
    assert_eq!(computer.posts(&format!("/v1/devices/{device}/commands")), 0);
}

#[tokio::test]
async fn a_cloud_that_gives_a_lost_device_the_name_of_another_gets_no_unlock_signed_for_it() {
    let computer = Computer::adas().await;
    let device = computer.device.clone();
    computer.done(&["lock", &device]).await;
    // The one at hand isn't listed, and the lost one is called as it was.
    let rename = Trick::alter(|answer| {
        for device in answer["devices"].as_array_mut().unwrap() {
            device["name"] = "Pocket".into();
        }
    });
    let sent = computer.posts(&computer.commands());
    for args in [&["unlock", "Pocket"][..], &["sms", "Pocket", "unlock"]] {
        computer.scene.network().plan("/v1/devices", 1, &rename);
        let (exit, refused) = computer.find(args).await;
        assert_eq!((exit, name(&refused)), (Some(64), "Usage"), "{refused}");
        assert!(!refused.to_string().contains("belay:"), "{refused}");
    }
    assert_eq!(computer.posts(&computer.commands()), sent);
    assert_eq!(computer.lock_state().await, "lost");
}

#[tokio::test]
async fn a_report_that_is_held_back_is_noticed_where_it_was_seen_and_stale_at_the_device_else() {
    let computer = Computer::adas().await;
    let device = computer.device.clone();
    let network = computer.scene.network();
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let kept = folder.path().join("session");
    let kept = kept.to_str().unwrap();
    let (old, record) = recorded();
    network.plan(&computer.reports(), 1, &record);
    computer.done(&["lock", &device]).await;
    computer.done(&["unlock", &device]).await;
    // The device is locked once more: another episode, and a newer report.
    computer.done(&["lock", &device]).await;
    let (exit, answer) = computer.find(&["status", &device, "--remember", kept]).await;
    assert_eq!(exit, Some(0), "{answer}");

    let commands = format!("/v1/devices/{device}/commands");
    network.plan(&computer.reports(), 1, &with("state", &old));
    let (exit, rung) = ctl(&computer.scene, &["find", "ring", &device, "--remembered", kept]).await;
    assert_eq!(exit, Some(0), "what harms nobody is asked for: {rung}");
    assert!(warned(&rung), "{rung}");

    // A computer that has seen nothing can't know; the device does.
    network.behave();
    network.plan(&computer.reports(), 1, &with("state", &old));
    network.plan(
        &commands,
        1,
        &Trick::alter(|answer| answer["commands"] = Value::Array(Vec::new())),
    );
    let (exit, stale) = computer.find(&["unlock", &device]).await;
    assert_eq!((exit, name(&stale)), (Some(77), "CommandRefused"), "{stale}");
    assert_eq!(stale["error"]["message"], "stale");
    assert_eq!(computer.lock_state().await, "lost");
}

#[tokio::test]
async fn an_outcome_of_another_command_is_not_taken_for_this_ones() {
    let computer = Computer::adas().await;
    let device = computer.device.clone();
    let network = computer.scene.network();
    let rung = computer.done(&["ring", &device]).await;
    let commands = format!("/v1/devices/{device}/commands");
    let (old, record) = recorded();
    network.plan(&commands, 1, &record);
    computer.find(&["status", &device]).await;
    let outcomes = old.lock().unwrap().clone().unwrap()["commands"][0]["outcomes"].clone();
    assert!(
        outcomes.as_array().is_some_and(|outcomes| !outcomes.is_empty()),
        "{rung}"
    );
    // The next life that is asked for comes with the first one's outcomes.
    let forge = Trick::alter(move |answer| {
        if answer["id"].is_string() {
            answer["outcomes"] = outcomes.clone();
        }
    });
    network.plan(&commands, 4, &forge);
    let (exit, forged) = computer.find(&["stop", &device]).await;
    assert_eq!((exit, name(&forged)), (Some(69), "ForgedOutcome"), "{forged}");
}
