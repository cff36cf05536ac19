//! Commands by text message: whoever sends them, the owner's signature decides, and the modem keeps none.

use std::time::Duration;

use belay_proto::keys::SigningKey;
use belay_proto::sms::{SmsAction, SmsCommand};
use belay_proto::{DeviceId, Epoch};
use belay_tests::app::{DEVICE, WARDEN};
use belay_tests::owner::Console;

use crate::find_hostile::audited;
use crate::owner::{ADA, PASSWORD, adas, app};
use crate::scene::Scene;

/// Whose number the texts come from; it proves nothing.
const SENDER: &str = "+4915100000000";

/// Ada's device with no way to the cloud, and her console, which knows how the device stood.
async fn offline() -> (Scene, Console) {
    let scene = adas().await;
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    let reported = async || {
        console.reports(&scene, 0).await.unwrap();
        (console.owner().standing().sequence > 0).then_some(())
    };
    belay_tests::until::until("the first state report", reported)
        .await
        .unwrap();
    scene.network().connect(None);
    (scene, console)
}

/// The text arrives whole and is judged and deleted.
async fn received(scene: &Scene, sender: &str, text: &str) {
    let modem = scene.services().modem();
    let message = modem.receive_sms(sender, &[text]).await.unwrap();
    modem.until_deleted(&message).await.unwrap();
}

#[tokio::test]
async fn a_text_in_parts_locks_once_it_is_whole_and_another_unlocks() {
    let (scene, console) = offline().await;
    let (owner, modem) = (console.owner(), scene.services().modem());
    let mut warden = app(&scene).watch(WARDEN).await.unwrap();
    let text = owner.text(SmsAction::Lock).sign(&owner.key());
    let message = modem.begin_sms(SENDER).await.unwrap();
    // Another one that is whole is judged meanwhile: the first wasn't, half as it is.
    received(&scene, SENDER, "belay:nonsense").await;
    assert_eq!(app(&scene).text(WARDEN, "LockState").await.unwrap(), "unlocked");
    assert!(modem.puppet().has(&message));
    modem.finish_sms(&message, &text).await.unwrap();
    warden.becomes("LockState", "lost").await.unwrap();
    modem.until_deleted(&message).await.unwrap();

    // The owner knows of the first episode by having locked it.
    let mut unlock = owner.text(SmsAction::Unlock);
    unlock.presence_or_episode = 1;
    let mut device = app(&scene).watch(DEVICE).await.unwrap();
    received(&scene, SENDER, &unlock.sign(&owner.key())).await;
    warden.becomes("LockState", "unlocked").await.unwrap();
    device.becomes("LockState", "unlocked").await.unwrap();
    assert_eq!(audited(&app(&scene)).await, ["malformed"]);
}

#[tokio::test]
async fn a_text_rings_and_stops_without_any_network() {
    let (scene, console) = offline().await;
    let (owner, feedback) = (console.owner(), scene.services().feedback());
    received(&scene, SENDER, &owner.text(SmsAction::Ring).sign(&owner.key())).await;
    feedback.until_playing(true).await.unwrap();
    received(&scene, "", &owner.text(SmsAction::StopRing).sign(&owner.key())).await;
    feedback.until_playing(false).await.unwrap();
}

#[tokio::test]
async fn texts_spoofed_replayed_for_another_device_or_too_late_are_refused_and_deleted() {
    let (scene, console) = offline().await;
    let (owner, app) = (console.owner(), app(&scene));
    let good = owner.text(SmsAction::Ring);
    let own = |text: SmsCommand| text.sign(&owner.key());
    // With the owner's own number as its sender, and a stranger's signature.
    received(&scene, "+4915112345678", &good.sign(&SigningKey::generate())).await;
    let elsewhere = SmsCommand {
        device_tag: SmsCommand::tag_of(&DeviceId::random()),
        ..good
    };
    received(&scene, SENDER, &own(elsewhere)).await;
    let before = SmsCommand {
        epoch: Epoch::random(),
        ..good
    };
    received(&scene, SENDER, &own(before)).await;
    assert_eq!(scene.services().feedback().playing(), []);

    received(&scene, SENDER, &own(good)).await;
    scene.services().feedback().until_playing(true).await.unwrap();
    received(&scene, SENDER, &own(good)).await;
    let kept = SmsCommand {
        counter: good.counter + 1,
        ..good
    };
    scene.clock().advance(Duration::from_secs(12 * 60)).unwrap();
    received(&scene, SENDER, &own(kept)).await;
    let of_no_episode = owner.text(SmsAction::Unlock);
    received(&scene, SENDER, &own(of_no_episode)).await;
    assert_eq!(
        audited(&app).await,
        [
            "bad-signature",
            "wrong-device",
            "wrong-epoch",
            "replayed",
            "expired",
            "already"
        ]
    );
    assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "unlocked");
    // Whoever sends texts has the device send none, and a text of somebody's own stays.
    assert_eq!(scene.services().modem().sent(), []);
    let modem = scene.services().modem();
    let private = modem.receive_sms(SENDER, &["See you at eight?"]).await.unwrap();
    received(&scene, SENDER, "belay:").await;
    assert!(modem.puppet().has(&private));
}

#[tokio::test]
async fn what_a_text_did_reaches_the_owner_once_there_is_a_network_again() {
    let (scene, console) = offline().await;
    let (owner, cloud) = (console.owner(), scene.cloud().unwrap().address());
    let mut warden = app(&scene).watch(WARDEN).await.unwrap();
    received(&scene, SENDER, &owner.text(SmsAction::Lock).sign(&owner.key())).await;
    warden.becomes("LockState", "lost").await.unwrap();
    scene.clock().run(20).unwrap();
    scene.network().connect(Some(cloud));
    let reported = async || {
        console.reports(&scene, 0).await.unwrap();
        (owner.standing().episode == 1).then_some(())
    };
    belay_tests::until::until("the report of the lost device", reported)
        .await
        .unwrap();
}
