//! What is written after a removal or a recovery is under keys that the devices before it don't have, at once and on
//! every device.

use belay_proto::signed::{DeviceCertificate, Signed};
use belay_proto::text::from_base64url;
use belay_proto::wire::{Hint, PushRequest};
use belay_tests::app::{New, REMOVE_DEVICE, Refusal};
use belay_tests::openapi::{Call, Exchange};
use belay_tests::proxy::Trick;
use belay_tests::until::until;
use serde_json::Value;

use crate::account_life::{NEW, another, change, device_id, hers, ordered};
use crate::documented_sync::grace;
use crate::owner::{ADA, PASSWORD, app};
use crate::scene::{PACE, Scene};
use crate::sync::served;

/// The key epochs of what was pushed so far, in order.
fn pushed(scene: &Scene) -> Vec<u64> {
    let exchanges = scene.network().exchanges();
    let is_push = |exchange: &&Exchange| exchange.path == "/v1/sync/push" && exchange.status == 200;
    let records = exchanges.iter().filter(is_push).flat_map(|push| {
        let request: PushRequest = rmp_serde::from_slice(&push.request).unwrap();
        request.records
    });
    records.map(|push| push.record.key_epoch).collect()
}

/// A card of this name is put and synced.
async fn puts(scene: &Scene, natural: &str) {
    let card = New { natural, ..grace() };
    app(scene).put_new("contacts", &card).await.unwrap().unwrap();
    app(scene).sync_now().await.unwrap().unwrap();
}

async fn count(scene: &Scene) -> usize {
    app(scene).sync_now().await.unwrap().unwrap();
    app(scene).list("contacts").await.unwrap().unwrap().len()
}

#[tokio::test]
async fn after_a_removal_every_device_goes_on_at_once_with_keys_that_the_removed_one_lacks() {
    let first = hers().await;
    let (second, third) = (another(&first).await, another(&first).await);
    for scene in [&first, &second] {
        app(scene).enable("contacts", true).await.unwrap().unwrap();
    }
    puts(&first, "ada").await;
    assert_eq!(count(&second).await, 1);
    assert_eq!(pushed(&first), [1]);
    let gone = device_id(&third).await;
    ordered(&first, REMOVE_DEVICE, &gone).await.unwrap();
    puts(&first, "grace").await;
    assert_eq!(
        pushed(&first),
        [1, 2],
        "the remover, whom the cloud wouldn't have refused"
    );
    assert_eq!(count(&second).await, 2);
    puts(&second, "alan").await;
    assert_eq!(pushed(&first), [1, 2, 2]);
    assert_eq!(count(&first).await, 3);
    change(&first, PASSWORD, NEW, false).await.unwrap();
    puts(&first, "joan").await;
    assert_eq!(pushed(&first), [1, 2, 2, 2], "none is lost");
}

/// For as long as anybody asks.
const ALWAYS: usize = 10_000;

/// The password after the next.
const THIRD: &str = "willow-anchor-58-meadow";

fn login() -> Call {
    Call::new("POST", "/v1/login")
}

fn credentials() -> Call {
    Call::new("GET", "/v1/account/credentials")
}

/// The newest answer to this call, whose path has no names in it.
fn newest(scene: &Scene, call: &Call) -> Value {
    let exchanges = scene.network().exchanges();
    let fits = |e: &&Exchange| e.method == call.method && e.path == call.path && e.status == 200;
    serde_json::from_slice(&exchanges.iter().rev().find(fits).unwrap().answer).unwrap()
}

/// The keyring of `before` in each answer to this call.
fn gives_back(scene: &Scene, call: &Call, before: &Value) {
    let keyring = before["keyring"].clone();
    assert!(keyring.is_string(), "{call}: {before}");
    let trick = Trick::alter(move |answer| answer["keyring"] = keyring.clone());
    scene.network().plan_call(call, ALWAYS, &trick);
}

#[tokio::test]
async fn keys_from_before_a_removal_that_the_cloud_gives_back_seal_nothing_any_more() {
    let first = hers().await;
    app(&first).enable("contacts", true).await.unwrap().unwrap();
    puts(&first, "ada").await;
    // Keys come to a device from elsewhere once there are newer ones.
    for natural in ["grace", "alan"] {
        let gone = device_id(&another(&first).await).await;
        ordered(&first, REMOVE_DEVICE, &gone).await.unwrap();
        puts(&first, natural).await;
    }
    app(&first).reauthenticate(ADA, PASSWORD).await.unwrap().unwrap();
    let (opened, told) = (newest(&first, &login()), newest(&first, &credentials()));
    let gone = device_id(&another(&first).await).await;
    ordered(&first, REMOVE_DEVICE, &gone).await.unwrap();
    puts(&first, "hedy").await;
    assert_eq!(pushed(&first), [1, 2, 3, 4]);

    gives_back(&first, &login(), &opened);
    gives_back(&first, &credentials(), &told);
    let network = first.network();
    network.hint(Hint::Account);
    until("the keys to be given back", async || {
        network.has_played(&credentials()).then_some(())
    })
    .await
    .unwrap();
    puts(&first, "joan").await;
    let said =
        |answer: &Result<(), Refusal>| answer.as_ref().err().map_or("granted", Refusal::short).to_owned();
    let proved = app(&first).reauthenticate(ADA, PASSWORD).await.unwrap();
    assert!(
        ["granted", "CloudRefused"].contains(&said(&proved).as_str()),
        "{proved:?}"
    );
    puts(&first, "mary").await;
    let changed = change(&first, PASSWORD, NEW, false).await;
    assert!(
        ["granted", "CloudRefused", "Conflict"].contains(&said(&changed).as_str()),
        "{changed:?}"
    );
    puts(&first, "emmy").await;
    network.behave();

    // Nothing was lost, and the owner goes on.
    let password = if changed.is_ok() { NEW } else { PASSWORD };
    app(&first).reauthenticate(ADA, password).await.unwrap().unwrap();
    change(&first, password, THIRD, false).await.unwrap();
    puts(&first, "lise").await;
    let epochs = pushed(&first);
    assert_eq!(epochs[..3], [1, 2, 3]);
    assert!(
        epochs.len() == 8 && epochs[3..].iter().all(|epoch| *epoch >= 4),
        "{epochs:?}"
    );
    let other = Scene::beside(&first).await;
    other.clock().run(PACE).unwrap();
    app(&other).sign_in(ADA, THIRD).await.unwrap().unwrap();
    served(&app(&other)).await;
    app(&other).enable("contacts", true).await.unwrap().unwrap();
    assert_eq!(count(&other).await, 8, "whoever joins reads all of it");
}

/// The devices to which keys were sealed, in what the owner had the cloud take since the first `before` exchanges.
fn granted(scene: &Scene, before: usize) -> Vec<String> {
    let exchanges = scene.network().exchanges();
    let gives = |e: &&Exchange| {
        let removes = e.method == "DELETE" && e.path.starts_with("/v1/devices/");
        removes || (e.method == "PUT" && e.path == "/v1/account/credentials")
    };
    let requests = exchanges.iter().skip(before).filter(gives);
    let grants = requests.flat_map(|e| {
        let request: Value = serde_json::from_slice(&e.request).unwrap();
        request["grants"].as_array().cloned().unwrap_or_default()
    });
    grants
        .map(|grant| grant["device"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_removed_device_whose_certificate_the_cloud_gives_back_gets_no_keys_from_anything_the_owner_does() {
    let first = hers().await;
    let (second, third) = (another(&first).await, another(&first).await);
    app(&first).enable("contacts", true).await.unwrap().unwrap();
    let (own, gone, other) = (
        device_id(&first).await,
        device_id(&second).await,
        device_id(&third).await,
    );
    app(&first).reauthenticate(ADA, PASSWORD).await.unwrap().unwrap();
    let listed = newest(&first, &login())["devices"].as_array().unwrap().clone();
    let is_gone = |certificate: &&Value| {
        let bytes = from_base64url(certificate.as_str().unwrap()).unwrap();
        let certificate: DeviceCertificate = Signed::decode(&bytes).unwrap().peek_unverified().unwrap();
        certificate.device.to_string() == gone
    };
    let certificate = listed.iter().find(is_gone).unwrap().clone();
    ordered(&first, REMOVE_DEVICE, &gone).await.unwrap();

    let trick = Trick::alter(move |answer| {
        answer["devices"]
            .as_array_mut()
            .unwrap()
            .push(certificate.clone());
    });
    first.network().plan_call(&login(), ALWAYS, &trick);
    let since = first.network().count();
    change(&first, PASSWORD, NEW, false).await.unwrap();
    app(&first).create_recovery_code(NEW).await.unwrap().unwrap();
    app(&first)
        .order(REMOVE_DEVICE, &other, NEW)
        .await
        .unwrap()
        .unwrap();
    change(&first, NEW, THIRD, true).await.unwrap();
    puts(&first, "grace").await;
    let granted = granted(&first, since);
    assert!(
        granted.len() >= 4 && granted.contains(&own) && granted.contains(&other),
        "{granted:?}"
    );
    assert!(!granted.contains(&gone), "{granted:?}");
    assert!(pushed(&first).iter().all(|epoch| *epoch >= 2));
    first.network().behave();
    app(&first).reauthenticate(ADA, THIRD).await.unwrap().unwrap();
}
