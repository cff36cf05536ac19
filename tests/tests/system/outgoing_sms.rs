//! Numbers that are proved by an SMS of the device's own: from the simulated modem, through a gateway that signs what it brings,
//! to the cloud.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use belay_proto::keys::hmac_sha256;
use belay_proto::text::hex;
use belay_proto::wire::header::GATEWAY_SIGNATURE;
use belay_tests::app::{ACCOUNT, Answer, Options, entry, options, refused};
use belay_tests::services::SentText;
use belay_tests::stage::Plan;
use serde_json::json;
use tempfile::TempDir;
use zbus::OwnedVariant;

use crate::belayctl::{ctl, file};
use crate::http::{self, Reply};
use crate::owner::{PASSWORD, app, state};
use crate::scene::{PACE, Scene, plan};

/// The number of the SIM.
const NUMBER: &str = "+4915123456789";
/// Somebody else's.
const OTHER: &str = "+4915198765432";
/// The cloud's.
pub const CLOUD: &str = "+4915100000000";
pub const SECRET: &str = "only for the gateway that brings";
/// Where the modem lists its messages.
const MESSAGES: &str = "/org/freedesktop/ModemManager1/SMS/";

/// A device whose cloud takes owners' messages.
async fn texting() -> (Scene, TempDir) {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let secret = write("sms-secret", SECRET);
    let config = format!("[sms-out]\nnumber = \"{CLOUD}\"\nsecret-file = {secret:?}\n");
    let plan = Plan {
        cloud_args: vec!["--config".into(), write("cloud.toml", &config)],
        ..plan()
    };
    (Scene::of(plan).await, folder)
}

async fn register(scene: &Scene, number: &str) -> Answer<String> {
    let details = options([("outgoing-sms", true.into())]);
    app(scene).register(number, PASSWORD, &details).await.unwrap()
}

/// What a gateway posts that has seen `text` come from `from`.
pub async fn bring(scene: &Scene, secret: &str, from: &str, text: &str) -> Reply {
    let body = json!({ "from": from, "text": text }).to_string();
    let signature = hex(&hmac_sha256(secret.as_bytes(), body.as_bytes()));
    let headers = [
        ("content-type", "application/json"),
        (GATEWAY_SIGNATURE, signature.as_str()),
    ];
    http::send(scene, "POST", "/v1/inbound-sms", &headers, body.as_bytes()).await
}

async fn stands(scene: &Scene, id: &str) -> String {
    let call = app(scene)
        .call::<_, String>(ACCOUNT, "VerificationState", &(id, Options::new()))
        .await;
    call.unwrap().unwrap()
}

async fn pending(scene: &Scene) -> HashMap<String, OwnedVariant> {
    app(scene).get(ACCOUNT, "Pending").await.unwrap()
}

/// The first message that this device has sent.
async fn sent(scene: &Scene) -> SentText {
    let modem = scene.services().modem();
    let all = modem.until_sent(1).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].number, CLOUD);
    all[0].clone()
}

#[tokio::test]
async fn a_number_registers_with_an_sms_from_this_device() {
    let (scene, _folder) = texting().await;
    let mut account = app(&scene).watch(ACCOUNT).await.unwrap();
    let id = register(&scene, NUMBER).await.unwrap();
    let sms = sent(&scene).await;
    let modem = scene.services().modem();
    assert!(
        modem.puppet().paths(MESSAGES).is_empty(),
        "the modem keeps no message"
    );
    let shown = pending(&scene).await;
    assert_eq!(entry(&shown, "channel"), "sms-out");
    assert_eq!(entry(&shown, "number"), CLOUD);
    assert_eq!(entry(&shown, "text"), sms.text);
    assert!(!entry(&shown, "address").contains(&NUMBER[3..]));
    refused(app(&scene).confirm(&id, "").await.unwrap(), "WrongCode").unwrap();
    refused(app(&scene).confirm(&id, "123456").await.unwrap(), "WrongCode").unwrap();

    assert_eq!(bring(&scene, SECRET, NUMBER, &sms.text).await.status, 204);
    scene.clock().run(30).unwrap();
    // Nobody asks: belayd notices by itself.
    account
        .until("Pending to be confirmed", "Pending", |v| {
            format!("{v:?}").contains("confirmed")
        })
        .await
        .unwrap();
    scene.clock().run(PACE).unwrap();
    assert!(
        scene.outbox().take(NUMBER).unwrap().is_none(),
        "the cloud sends no code"
    );
    let recovery = app(&scene).confirm(&id, "").await.unwrap().unwrap();
    assert_eq!(
        app(&scene).confirm(&id, "").await.unwrap().unwrap(),
        recovery,
        "asked again after a lost reply"
    );
    app(&scene).acknowledge(&id).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
    let identifiers: Vec<(String, String, String, bool)> =
        app(&scene).get(ACCOUNT, "Identifiers").await.unwrap();
    assert_eq!((identifiers[0].1.as_str(), identifiers[0].3), ("phone", true));
    // The account is that number's: with it and the password a session opens.
    app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();
    app(&scene).sign_in(NUMBER, PASSWORD).await.unwrap().unwrap();
    assert_eq!(modem.sent().len(), 1);
}

#[tokio::test]
async fn only_the_number_that_was_given_confirms_and_only_by_its_own_message() {
    let (scene, _folder) = texting().await;
    let other = Scene::beside(&scene).await;
    let id = register(&scene, NUMBER).await.unwrap();
    let others = register(&other, OTHER).await.unwrap();
    let (sms, theirs) = (sent(&scene).await, sent(&other).await);
    assert_ne!(sms.text, theirs.text);

    let forged = bring(&scene, "another secret", NUMBER, &sms.text).await;
    assert_eq!((forged.status, forged.problem().as_str()), (403, "bad-signature"));
    // The right message from another number; the other's message from this number; none of them.
    for (from, text) in [
        (OTHER, sms.text.as_str()),
        (NUMBER, &theirs.text),
        (NUMBER, "belay 00000000000000000000000000000000"),
        (NUMBER, "hello"),
        (NUMBER, ""),
        ("ada@example.org", &sms.text),
    ] {
        assert_eq!(
            bring(&scene, SECRET, from, text).await.status,
            204,
            "{from} {text}"
        );
        assert_eq!(stands(&scene, &id).await, "pending", "{from} {text}");
        assert_eq!(stands(&other, &others).await, "pending", "{from} {text}");
        refused(app(&scene).confirm(&id, "").await.unwrap(), "WrongCode").unwrap();
    }
    assert_eq!(bring(&scene, SECRET, NUMBER, &sms.text).await.status, 204);
    assert_eq!(stands(&scene, &id).await, "confirmed");
    assert_eq!(stands(&other, &others).await, "pending");
    app(&scene).confirm(&id, "").await.unwrap().unwrap();
    app(&scene).acknowledge(&id).await.unwrap().unwrap();

    // What the gateway has brought once proves nothing a second time, nor to anybody else who names the number.
    app(&other)
        .call::<_, ()>(ACCOUNT, "CancelVerification", &(&others, Options::new()))
        .await
        .unwrap()
        .unwrap();
    let again = register(&other, NUMBER).await.unwrap();
    assert_eq!(bring(&scene, SECRET, NUMBER, &sms.text).await.status, 204);
    assert_eq!(bring(&scene, SECRET, OTHER, &theirs.text).await.status, 204);
    assert_eq!(stands(&other, &again).await, "pending");
    let fresh = other.services().modem().until_sent(2).await.unwrap()[1].clone();
    assert_eq!(bring(&scene, SECRET, NUMBER, &fresh.text).await.status, 204);
    refused(app(&other).confirm(&again, "").await.unwrap(), "IdentifierTaken").unwrap();
    assert_eq!(state(&other).await, "unbound");
}

#[tokio::test]
async fn a_device_without_a_modem_says_that_it_sends_no_sms() {
    let (scene, _folder) = texting().await;
    scene.services().modem().unplug().await.unwrap();
    refused(register(&scene, NUMBER).await, "NotSupported").unwrap();
    refused(register(&scene, "ada@example.org").await, "InvalidArgument").unwrap();
    assert_eq!(state(&scene).await, "unbound");
    let asked = scene.network().exchanges();
    assert!(asked.iter().all(|e| e.path != "/v1/verifications"));
}

#[tokio::test]
async fn a_cloud_that_takes_no_sms_says_so() {
    let scene = crate::scene::scene().await;
    refused(register(&scene, NUMBER).await, "NotSupported").unwrap();
    assert_eq!(state(&scene).await, "unbound");
    assert!(scene.services().modem().sent().is_empty());
}

#[tokio::test]
async fn a_modem_that_refuses_leaves_no_message_and_no_registration() {
    let (scene, _folder) = texting().await;
    let modem = scene.services().modem();
    // MM_MOBILE_EQUIPMENT_ERROR_NO_NETWORK
    modem.puppet().refuse(
        "Send",
        "org.freedesktop.ModemManager1.Error.MobileEquipment.NoNetwork",
    );
    refused(register(&scene, NUMBER).await, "Offline").unwrap();
    assert_eq!(state(&scene).await, "unbound");
    assert!(modem.puppet().paths(MESSAGES).is_empty());
    assert!(pending(&scene).await.is_empty());
    modem.puppet().heal();
    let id = register(&scene, NUMBER).await.unwrap();
    let sms = sent(&scene).await;
    bring(&scene, SECRET, NUMBER, &sms.text).await;
    app(&scene).confirm(&id, "").await.unwrap().unwrap();
}

#[tokio::test]
async fn a_message_that_was_lost_is_sent_again_after_a_while_but_not_sooner() {
    let (scene, _folder) = texting().await;
    let id = register(&scene, NUMBER).await.unwrap();
    let sms = sent(&scene).await;
    let resend = async || {
        app(&scene)
            .call::<_, ()>(ACCOUNT, "ResendCode", &(&id, Options::new()))
            .await
            .unwrap()
    };
    refused(resend().await, "TooSoon").unwrap();
    scene.clock().advance(Duration::from_secs(16 * 60)).unwrap();
    resend().await.unwrap();
    let modem = scene.services().modem();
    let all = modem.until_sent(2).await.unwrap();
    assert_eq!(all, [sms.clone(), sms.clone()], "the same message");
    assert!(modem.puppet().paths(MESSAGES).is_empty());
    refused(resend().await, "TooSoon").unwrap();
    scene.clock().advance(Duration::from_secs(16 * 60)).unwrap();
    modem.unplug().await.unwrap();
    refused(resend().await, "NotSupported").unwrap();
    assert_eq!(state(&scene).await, "registering", "the first may still arrive");
    bring(&scene, SECRET, NUMBER, &sms.text).await;
    app(&scene).confirm(&id, "").await.unwrap().unwrap();
}

#[tokio::test]
async fn a_killed_belayd_sends_no_second_message_and_goes_on_waiting_for_the_first() {
    let (mut scene, _folder) = texting().await;
    let id = register(&scene, NUMBER).await.unwrap();
    let sms = sent(&scene).await;
    scene.kill_belayd().await.unwrap();
    bring(&scene, SECRET, NUMBER, &sms.text).await;
    scene.start_belayd().await.unwrap();
    scene.clock().run(30).unwrap();
    let noticed = async || (entry(&pending(&scene).await, "state") == "confirmed").then_some(());
    belay_tests::until::until("the message to be noticed", noticed)
        .await
        .unwrap();
    scene.clock().run(PACE).unwrap();
    app(&scene).confirm(&id, "").await.unwrap().unwrap();
    assert_eq!(scene.services().modem().sent().len(), 1);
}

#[tokio::test]
async fn belayctl_registers_by_an_sms_of_this_device() {
    let (scene, _folder) = texting().await;
    let password = file(PASSWORD);
    let password = password.path().to_str().unwrap();
    let (exit, registered) = ctl(
        &scene,
        &["register", NUMBER, "--outgoing-sms", "--password-file", password],
    )
    .await;
    assert_eq!(exit, Some(0), "{registered}");
    let id = registered["id"].as_str().unwrap().to_owned();
    assert_eq!(registered["pending"]["number"], CLOUD);
    // There is no code to ask for, so nobody is asked.
    let (exit, early) = ctl(&scene, &["confirm", &id]).await;
    assert_eq!(exit, Some(65), "{early}");
    assert!(early.to_string().contains("WrongCode"), "{early}");
    bring(&scene, SECRET, NUMBER, &sent(&scene).await.text).await;
    let (exit, confirmed) = ctl(&scene, &["confirm", &id, "--acknowledge"]).await;
    assert_eq!(exit, Some(0), "{confirmed}");
    assert_eq!(state(&scene).await, "bound");
}
