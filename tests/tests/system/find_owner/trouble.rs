//! Answers that are lost, clocks that are wrong, and a cloud that says what it likes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use belay_tests::openapi::Exchange;
use belay_tests::proxy::Trick;
use belay_tests::until::until;
use serde_json::{Value, json};

use super::{Computer, life, name};

/// An answer as it is.
fn untouched() -> Trick {
    Trick::alter(|_| ())
}

/// A command's life as a cloud would have it that has heard nothing of the device; `change` does the rest.
pub fn unsigned(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Trick {
    Trick::alter(move |answer| {
        if answer["id"].is_string() {
            answer["outcomes"] = json!([]);
            answer["state"] = "queued".into();
            answer["reason"] = "".into();
            answer.as_object_mut().unwrap().remove("delivered_at");
            change(answer);
        }
    })
}

#[tokio::test]
async fn a_command_whose_answer_was_lost_is_brought_again_and_followed_to_its_end() {
    let computer = Computer::adas().await;
    let (device, commands) = (computer.device.clone(), computer.commands());
    let network = computer.scene.network();
    // What was sent before is asked for first.
    network.plan(&commands, 1, &untouched());
    network.plan(&commands, 1, &Trick::LoseAnswer);
    let locked = computer.done(&["lock", &device]).await;
    assert_eq!(computer.lock_state().await, "lost");
    assert_eq!(computer.posts(&commands), 2);
    let (exit, status) = computer.find(&["status", &device]).await;
    assert_eq!(exit, Some(0), "{status}");
    let sent = status["commands"].as_array().unwrap();
    assert_eq!(sent.len(), 1, "brought twice, it is one: {status}");
    assert_eq!(sent[0]["id"], locked["id"]);
}

/// What a cloud answers that has had enough of them, and for how many seconds.
fn too_many(seconds: u32) -> Trick {
    let body = json!({"type": "urn:belay:problem:too-many", "title": "too many", "status": 429});
    Trick::Answer {
        status: 429,
        headers: vec![
            ("content-type", "application/problem+json".to_owned()),
            ("retry-after", seconds.to_string()),
        ],
        body: body.to_string().into_bytes(),
    }
}

const DAY: u32 = 24 * 60 * 60;

#[tokio::test]
async fn a_command_that_the_cloud_takes_no_more_of_is_said_at_once_with_the_wait() {
    let computer = Computer::adas().await;
    let (device, commands) = (computer.device.clone(), computer.commands());
    let network = computer.scene.network();
    network.plan(&commands, 1, &untouched());
    network.plan(&commands, 1, &too_many(DAY));
    let (exit, refused) = computer.find(&["lock", &device]).await;
    assert_eq!((exit, name(&refused)), (Some(69), "TooManyCommands"), "{refused}");
    assert_eq!(refused["error"]["retry_after_ms"], u64::from(DAY) * 1000);
    assert_eq!(computer.posts(&commands), 0);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_soon_whatever_wait_the_cloud_asks_for() {
    let computer = Computer::adas().await;
    let (device, commands) = (computer.device.clone(), computer.commands());
    let network = computer.scene.network();
    network.plan(&commands, 1, &untouched());
    network.plan(&commands, 1, &Trick::LoseAnswer);
    network.plan(&commands, 1, &too_many(DAY));
    computer.done(&["lock", &device]).await;
    assert_eq!(computer.lock_state().await, "lost");
}

#[tokio::test]
async fn a_cloud_that_cannot_give_out_reports_for_a_while_ends_no_search() {
    let computer = Computer::adas().await;
    let (device, reports) = (computer.device.clone(), computer.reports());
    let network = computer.scene.network();
    computer.is_somewhere().await;
    for (trouble, times) in [
        (too_many(5), 1),
        // Tried as often within one question.
        (Trick::status(500), 3),
        (Trick::says("nonsense"), 1),
    ] {
        // How the device stands is asked for first.
        network.plan(&reports, 1, &untouched());
        network.plan(&reports, times, &trouble);
        let located = computer.done(&["locate", &device]).await;
        let found = located["reports"].as_array().unwrap();
        assert!(
            found.iter().any(|report| report["kind"] == "location"),
            "{trouble:?}: {located}"
        );
    }
}

#[tokio::test]
async fn who_does_not_wait_is_told_that_a_command_without_an_answer_may_be_on_its_way() {
    let computer = Computer::adas().await;
    let (device, commands) = (computer.device.clone(), computer.commands());
    let network = computer.scene.network();
    network.plan(&commands, 1, &untouched());
    network.plan(&commands, 3, &Trick::LoseAnswer);
    let (exit, lost) = computer.find(&["lock", &device, "--no-wait"]).await;
    assert_eq!((exit, name(&lost)), (Some(69), "AnswerLost"), "{lost}");
    let is_lost = async || (computer.lock_state().await == "lost").then_some(());
    until("the device to be lost", is_lost).await.unwrap();
    let (_, status) = computer.find(&["status", &device]).await;
    let id = status["commands"][0]["id"].as_str().unwrap();
    let message = lost["error"]["message"].as_str().unwrap();
    assert!(message.contains(id), "{message}: {status}");
}

#[tokio::test]
async fn the_clouds_word_that_a_command_is_over_does_not_end_it_before_its_time() {
    let computer = Computer::adas().await;
    let (device, commands) = (computer.device.clone(), computer.commands());
    let lie = unsigned(|answer| answer["reason"] = "expired".into());
    computer.scene.network().plan(&commands, 4, &lie);
    let rung = computer.done(&["ring", &device]).await;
    let steps = rung["life"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["reason"] != "expired"), "{rung}");
}

#[tokio::test]
async fn a_ring_that_the_device_says_nothing_about_ends_with_its_own_time() {
    let computer = Computer::adas().await;
    let (device, commands) = (computer.device.clone(), computer.commands());
    let network = computer.scene.network();
    network.plan(&commands, 10_000, &unsigned(|_| ()));
    let time_passes = async {
        let followed = |exchange: &Exchange| exchange.path.starts_with(&format!("{commands}/"));
        network.seen("the ring to be followed", followed).await.unwrap();
        computer
            .scene
            .clock()
            .advance(Duration::from_secs(12 * 60))
            .unwrap();
    };
    let ring = ["ring", device.as_str()];
    let ((exit, over), ()) = tokio::join!(computer.find(&ring), time_passes);
    assert_eq!((exit, name(&over)), (Some(69), "CommandExpired"), "{over}");
}

#[tokio::test]
async fn a_cloud_that_changes_its_mind_is_heard_once_each_way() {
    let computer = Computer::adas().await;
    let (device, commands) = (computer.device.clone(), computer.commands());
    let rounds = AtomicU64::new(0);
    let fickle = unsigned(move |answer| {
        let round = rounds.fetch_add(1, Ordering::Relaxed);
        answer["revision"] = (1_000 + round).into();
        if round % 2 == 1 {
            answer["state"] = "delivered".into();
            answer["delivered_at"] = 1.into();
        }
    });
    computer.scene.network().plan(&commands, 7, &fickle);
    let locked = computer.done(&["lock", &device]).await;
    let states = life(&locked);
    assert_eq!(states[..2], ["queued", "delivered"], "{locked}");
    for state in ["queued", "delivered"] {
        let count = states.iter().filter(|shown| **shown == state).count();
        assert_eq!(count, 1, "{locked}");
    }
}

#[tokio::test]
async fn a_command_that_the_cloud_has_forgotten_is_not_waited_for() {
    let computer = Computer::adas().await;
    let (device, commands) = (computer.device.clone(), computer.commands());
    let network = computer.scene.network();
    network.plan(&commands, 2, &untouched());
    network.plan(&commands, 1, &not_found());
    let (exit, forgotten) = computer.find(&["lock", &device]).await;
    assert_eq!(
        (exit, name(&forgotten)),
        (Some(69), "CommandForgotten"),
        "{forgotten}"
    );
}

/// What a cloud answers that has lost something.
pub fn not_found() -> Trick {
    let body = json!({"type": "urn:belay:problem:not-found", "title": "not found", "status": 404});
    Trick::Answer {
        status: 404,
        headers: vec![("content-type", "application/problem+json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

#[tokio::test]
async fn a_computer_whose_clock_is_behind_goes_by_the_devices_word_and_says_so() {
    let computer = Computer::adas().await;
    let (device, clock) = (computer.device.clone(), computer.scene.clock());
    // By commands a device learns the time, and it tells of it in the report that follows.
    let before = clock.wall();
    computer.done(&["lock", &device]).await;
    computer.done(&["unlock", &device]).await;
    let told = async || {
        let (_, status) = computer.find(&["status", &device]).await;
        let time = status["standing"]["time_ms"].as_u64().unwrap_or_default();
        (time / 1000 >= before).then_some(())
    };
    until("the device to tell the time", told).await.unwrap();
    clock.set_wall(clock.wall() - 12 * 60).unwrap();
    let rung = computer.done(&["ring", &device]).await;
    let warned = |answer: &Value| answer["warnings"].to_string().contains("clock is wrong");
    assert!(warned(&rung), "{rung}");

    // What the device last signed is older than that by now: the cloud calls the command over.
    clock.advance(Duration::from_secs(15 * 60)).unwrap();
    let (exit, over) = computer.find(&["ring", &device]).await;
    assert_eq!((exit, name(&over)), (Some(69), "ClockWrong"), "{over}");
}
