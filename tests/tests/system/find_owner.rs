//! `belayctl find`: the owner's commands from another of their devices, and from any computer.

mod lies;
mod questions;
mod remembered;
mod second;
mod secure;
mod trouble;

use belay_proto::sms::SmsCommand;
use belay_tests::app::{DEVICE, WARDEN};
use belay_tests::services::geoclue::Place;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::belayctl::{ctl, file};
use crate::owner::{ADA, PASSWORD, app, registered};
use crate::scene::{Scene, plan, scene};

const MESSAGE: &str = "This phone is lost. Please call me.";
/// How fast time passes. A call may take ten seconds of it, whatever else this machine does.
const SPEED: u32 = 5;
const PHONE: &str = "+4915112345678";

/// Ada's phone, and a computer that has nothing of hers but the address of her cloud.
struct Computer {
    scene: Scene,
    right: NamedTempFile,
    url: String,
    device: String,
}

impl Computer {
    async fn of(scene: Scene) -> Self {
        let device = app(&scene).text(DEVICE, "DeviceId").await.unwrap();
        Self {
            url: scene.network().url(),
            right: file(PASSWORD),
            device,
            scene,
        }
    }

    async fn adas() -> Self {
        let scene = scene().await;
        registered(&scene, ADA, PASSWORD).await;
        // Waits at the cloud end by its own clock.
        scene.clock().run(SPEED).unwrap();
        Self::of(scene).await
    }

    /// The same where a wipe is worth something.
    async fn with_a_wipe() -> Self {
        let mut plan = plan();
        plan.more = "[warden.exec]\nwipe-class = [\"/bin/echo\", \"crypto\"]\n".into();
        let scene = Scene::of(plan).await;
        registered(&scene, ADA, PASSWORD).await;
        scene.clock().run(SPEED).unwrap();
        Self::of(scene).await
    }

    /// `belayctl find ARGS --cloud … --login …`.
    async fn find(&self, args: &[&str]) -> (Option<i32>, Value) {
        self.find_with(args, path(&self.right)).await
    }

    async fn find_with(&self, args: &[&str], password: &str) -> (Option<i32>, Value) {
        let from = ["--cloud", &self.url, "--login", ADA, "--password-file", password];
        let all: Vec<&str> = ["find"].iter().chain(args).chain(&from).copied().collect();
        ctl(&self.scene, &all).await
    }

    /// A command that is done at its end.
    async fn done(&self, args: &[&str]) -> Value {
        let (exit, answer) = self.find(args).await;
        assert_eq!(exit, Some(0), "{args:?}: {answer}");
        assert_eq!(answer["state"], "done", "{args:?}: {answer}");
        answer
    }

    async fn lock_state(&self) -> String {
        app(&self.scene).text(WARDEN, "LockState").await.unwrap()
    }

    /// Lets the device find where it is.
    async fn is_somewhere(&self) {
        let place = Place {
            latitude: 48.25,
            longitude: 16.5,
            accuracy: 20.0,
            altitude: None,
            timestamp: self.scene.clock().wall(),
        };
        self.scene.services().position().found(place).await.unwrap();
    }

    fn reports(&self) -> String {
        format!("/v1/devices/{}/reports", self.device)
    }

    fn commands(&self) -> String {
        format!("/v1/devices/{}/commands", self.device)
    }

    /// How many posts to paths that begin so were taken.
    fn posts(&self, path: &str) -> usize {
        let exchanges = self.scene.network().exchanges();
        exchanges
            .iter()
            .filter(|exchange| {
                exchange.method == "POST" && exchange.path.starts_with(path) && exchange.status / 100 == 2
            })
            .count()
    }
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

/// The error's name.
fn name(answer: &Value) -> &str {
    answer["error"]["name"].as_str().unwrap_or_default()
}

/// The states of a life, as they were shown.
fn life(answer: &Value) -> Vec<&str> {
    let steps = answer["life"].as_array().unwrap();
    steps.iter().map(|step| step["state"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_computer_without_anything_of_the_account_locks_and_unlocks_and_leaves_no_session() {
    let computer = Computer::adas().await;
    let (exit, list) = computer.find(&["list"]).await;
    assert_eq!(exit, Some(0), "{list}");
    assert_eq!(list["devices"][0]["id"], computer.device.as_str());
    assert_eq!(list["devices"][0]["certified"], true);

    let device = computer.device.clone();
    let locked = computer
        .done(&["lock", &device, "--message", MESSAGE, "--phone", PHONE])
        .await;
    assert_eq!(life(&locked).first(), Some(&"queued"));
    assert_eq!(life(&locked).last(), Some(&"done"));
    assert_eq!(computer.lock_state().await, "lost");
    let app = app(&computer.scene);
    assert_eq!(app.text(DEVICE, "LostMessage").await.unwrap(), MESSAGE);
    assert_eq!(app.text(DEVICE, "OwnerPhone").await.unwrap(), PHONE);

    computer.done(&["message", &device, "A reward waits."]).await;
    assert_eq!(app.text(DEVICE, "LostMessage").await.unwrap(), "A reward waits.");
    computer.done(&["unlock", &device[..8]]).await;
    assert_eq!(computer.lock_state().await, "unlocked");

    assert_eq!(computer.posts("/v1/login/challenge"), 4);
    assert_eq!(computer.posts("/v1/revoke"), 4, "each session is ended");
    let exchanges = computer.scene.network().exchanges();
    let read = exchanges
        .iter()
        .filter(|exchange| exchange.path == computer.reports());
    assert_eq!(
        read.count(),
        3,
        "a command reads how the device stands, once, and no more"
    );
}

#[tokio::test]
async fn a_ring_a_place_and_a_state_come_back_to_the_computer() {
    let computer = Computer::adas().await;
    let device = computer.device.clone();
    computer.done(&["ring", &device, "--seconds", "600"]).await;
    let feedback = computer.scene.services().feedback();
    feedback.until_playing(true).await.unwrap();
    computer.done(&["stop", &device]).await;
    feedback.until_playing(false).await.unwrap();

    computer.is_somewhere().await;
    let located = computer.done(&["locate", &device]).await;
    let reports = located["reports"].as_array().unwrap();
    let found = reports
        .iter()
        .find(|report| report["kind"] == "location")
        .unwrap();
    assert_eq!(found["geo"], "geo:48.250000,16.500000;u=20");
    assert_eq!(found["command"], located["id"]);

    let (exit, status) = computer.find(&["status", &device]).await;
    assert_eq!(exit, Some(0), "{status}");
    assert_eq!(status["standing"]["lock"], "unlocked");
    let commands = status["commands"].as_array().unwrap();
    assert_eq!(commands[0]["id"], located["id"]);
    assert_eq!(commands[0]["state"], "done");
    let kinds = status["reports"].as_array().unwrap();
    assert!(
        kinds.iter().any(|report| report["kind"] == "location"),
        "{status}"
    );
}

#[tokio::test]
async fn a_command_is_taken_back_before_the_device_has_it_and_not_once_it_is_done() {
    let computer = Computer::adas().await;
    let device = computer.device.clone();
    computer.done(&["cancel", &device, &"0a".repeat(16)]).await;
    let locked = computer.done(&["lock", &device]).await;
    let id = locked["id"].as_str().unwrap();
    let (exit, late) = computer.find(&["cancel", &device, id]).await;
    assert_eq!((exit, name(&late)), (Some(69), "CommandFailed"), "{late}");
    assert_eq!(late["error"]["message"], "too-late");
    assert_eq!(computer.lock_state().await, "lost");
}

#[tokio::test]
async fn a_wipe_wants_the_certified_id_and_no_name_and_shows_what_it_is_worth() {
    let computer = Computer::with_a_wipe().await;
    let device = computer.device.clone();
    let (_, list) = computer.find(&["list"]).await;
    assert_eq!(list["devices"][0]["wipe_class"], "crypto");
    let own = list["devices"][0]["name"].as_str().unwrap();
    for wrong in ["yes", "", own, &device[..7], "00000000"] {
        let (exit, refused) = computer.find(&["wipe", &device, "--yes-wipe", wrong]).await;
        assert_eq!((exit, name(&refused)), (Some(65), "Data"), "{wrong:?}");
    }
    let (exit, unasked) = computer.find(&["wipe", &device]).await;
    assert_eq!(
        (exit, name(&unasked)),
        (Some(64), "Usage"),
        "no terminal to ask on"
    );
    assert_eq!(computer.posts(&computer.commands()), 0);
    let app = app(&computer.scene);
    let mut watch = app.watch(DEVICE).await.unwrap();
    let (exit, sent) = computer
        .find(&["wipe", &device, "--yes-wipe", &device[..8], "--no-wait"])
        .await;
    assert_eq!(exit, Some(0), "{sent}");
    watch.becomes("LockState", "wiping").await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_an_unknown_device_and_what_cannot_be_have_names_and_codes() {
    let computer = Computer::adas().await;
    let wrong = file("not-the-password-1");
    let device = computer.device.clone();
    let (exit, refused) = computer.find_with(&["ring", &device], path(&wrong)).await;
    assert_eq!((exit, name(&refused)), (Some(77), "WrongPassword"));
    let (exit, unknown) = computer.find(&["ring", "Somewhere"]).await;
    assert_eq!((exit, name(&unknown)), (Some(65), "NoSuchDevice"));
    let (exit, wipe) = computer.find(&["wipe", &device, "--yes-wipe", "x"]).await;
    assert_eq!((exit, name(&wipe)), (Some(69), "NotSupported"), "{wipe}");
    let (exit, phone) = computer.find(&["lock", &device, "--phone", "112"]).await;
    assert_eq!((exit, name(&phone)), (Some(65), "Data"));
    assert_eq!(computer.posts(&computer.commands()), 0);
    assert_eq!(computer.lock_state().await, "unlocked");
}

#[tokio::test]
async fn the_text_of_an_sms_is_the_owners_and_for_this_device() {
    let computer = Computer::adas().await;
    let device = computer.device.clone();
    for action in ["lock", "unlock", "ring", "stop", "locate"] {
        let (exit, sms) = computer.find(&["sms", &device, action]).await;
        assert_eq!(exit, Some(0), "{sms}");
        let text = sms["text"].as_str().unwrap();
        assert_eq!(text.len(), 145);
        let signed = SmsCommand::parse(text).unwrap();
        assert_eq!(signed.id().to_string(), sms["id"].as_str().unwrap());
        let tag = belay_proto::text::hex(&signed.peek_unverified().device_tag);
        assert!(device.starts_with(&tag));
    }
    let (_, sms) = computer.find(&["sms", &device, "lock"]).await;
    let modem = computer.scene.services().modem();
    modem
        .receive_sms("+4915100000000", &[sms["text"].as_str().unwrap()])
        .await
        .unwrap();
    let app = app(&computer.scene);
    app.reads(DEVICE, "LockState", "lost").await.unwrap();
}
