//! The devices of an account, and its end.

use belay_tests::app::{ACCOUNT, Answer, Entry, Options, entry};
use belay_tests::guest;
use belay_tests::openapi::Exchange;
use belay_tests::stage::Plan;
use belay_tests::terminal::Terminal;
use belay_tests::until::until;
use serde_json::json;

use super::{Passwords, done, read, refused};
use crate::accessory::{Beside, band};
use crate::account_life::device_id;
use crate::belayctl::ctl;
use crate::owner::{ADA, PASSWORD, adas, app, state};
use crate::scene::{PACE, Scene, plan};

/// Gives the other device a name that this one sees.
async fn called(first: &Scene, second: &Scene, name: &str) {
    assert_eq!(done(second, &["name", name]).await["name"], name);
    let told = |e: &Exchange| e.method == "PATCH" && e.path.starts_with("/v1/devices/") && e.status == 204;
    first.network().seen("the name", told).await.unwrap();
}

/// Ada's device.
async fn hers() -> Scene {
    let scene = adas().await;
    scene.clock().run(PACE).unwrap();
    scene
}

/// Another device of hers, of which its maker says what it is.
async fn a_tablet(first: &Scene) -> Scene {
    let more = "[device]\nkind = \"tablet\"\n".to_owned();
    let second = Scene::beside_by(Plan { more, ..plan() }, first).await;
    second.clock().run(PACE).unwrap();
    app(&second).sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    second
}

#[tokio::test]
async fn each_device_tells_the_others_what_kind_it_is() {
    let first = hers().await;
    let second = a_tablet(&first).await;
    for scene in [&first, &second] {
        let listed: Answer<Vec<Entry>> = app(scene)
            .call(ACCOUNT, "ListDevices", &(Options::new(),))
            .await
            .unwrap();
        let kinds: Vec<_> = listed
            .unwrap()
            .iter()
            .map(|device| entry(device, "kind"))
            .collect();
        assert_eq!(kinds, ["phone", "tablet"]);
    }
    // It says that once, as it is bound, and nothing more of what it is beside the certificate.
    let bound = |e: &Exchange| e.path == "/v1/devices" && e.method == "POST" && e.status == 201;
    let exchange = first.network().seen("the binding", bound).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&exchange.request).unwrap();
    let said: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(said, ["certificate", "keyring", "kind", "name"], "{body}");
}

#[tokio::test]
async fn the_devices_are_listed_and_another_one_is_removed_by_its_name() {
    let first = hers().await;
    let second = a_tablet(&first).await;
    called(&first, &second, "Slate").await;
    let listed = done(&first, &["devices"]).await["devices"].clone();
    assert_eq!(
        (listed[0]["this"] == true, listed[1]["this"] == true),
        (true, false),
        "{listed}"
    );
    assert_eq!(listed[1]["name"], "Slate", "{listed}");
    assert_eq!(
        (&listed[0]["kind"], &listed[1]["kind"]),
        (&"phone".into(), &"tablet".into()),
        "{listed}"
    );
    let text = read(&first, &["devices"]).await;
    let lines: Vec<&str> = text.lines().collect();
    let (own, other) = (device_id(&first).await, device_id(&second).await);
    assert!(lines[0].ends_with(&format!("{own}  this device")), "{text}");
    assert!(
        lines[1].starts_with("Slate ") && lines[1].ends_with(&other),
        "{text}"
    );

    let passwords = Passwords::new();
    let remove = |device| [&["account", "remove-device", device][..], &passwords.right()].concat();
    refused(
        &first,
        &remove("Watch"),
        65,
        "Data",
        "belayctl devices lists them",
    )
    .await;
    refused(&first, &remove(&own), 65, "Data", "belayctl sign-out").await;
    assert_eq!(done(&first, &remove("Slate")).await["removed"], other);
    let text = read(&first, &["devices"]).await;
    assert_eq!(text.lines().count(), 1, "{text}");
    app(&second)
        .reads(ACCOUNT, "Membership", "removed")
        .await
        .unwrap();
    let text = read(&second, &["account", "check"]).await;
    assert!(
        text.contains("You removed this device from the account."),
        "{text}"
    );
    refused(&second, &["devices"], 77, "ReauthenticationRequired", "belayctl").await;
}

#[tokio::test]
async fn an_account_goes_once_it_is_said_in_full_and_no_other_device_is_bound() {
    let first = hers().await;
    let second = a_tablet(&first).await;
    let passwords = Passwords::new();
    let right = passwords.right();
    let asks = [&["account", "delete"][..], &right].concat();
    let said = [&["account", "delete", "--yes-delete-everything"][..], &right].concat();
    let (exit, answer) = ctl(&first, &asks).await;
    assert_eq!(
        (exit, &answer["error"]["name"]),
        (Some(64), &"Usage".into()),
        "{answer}"
    );
    called(&first, &second, "Slate").await;
    let other = device_id(&second).await;
    let words = format!("Nothing was deleted.\nDevices:\n  Slate  {other}\nSign each of them out there");
    refused(&first, &said, 65, "DevicesStillBound", &words).await;
    let (_, answer) = ctl(&first, &said).await;
    assert_eq!(
        (&answer["error"]["devices"], &answer["error"]["accessories"]),
        (&json!([{ "id": other, "name": "Slate" }]), &json!([])),
        "{answer}"
    );
    app(&second).sign_out(PASSWORD).await.unwrap().unwrap();
    let released = |e: &Exchange| e.path == "/v1/releases" && e.status == 204;
    first.network().seen("the release", released).await.unwrap();

    let program = first.program("belayctl", &asks).as_user(guest::person());
    let terminal = Terminal::wide(100).unwrap();
    let (mut belayctl, terminal) = program.start_before(terminal).unwrap();
    terminal.shows("Type “delete everything”:").await.unwrap();
    terminal.types("yes\n").unwrap();
    assert_eq!(belayctl.wait().await.unwrap().code(), Some(65));
    terminal.shows("Nothing was deleted.").await.unwrap();
    assert_eq!(state(&first).await, "bound");

    assert_eq!(done(&first, &said).await["deleted"], true);
    assert_eq!(state(&first).await, "unbound");
    let text = read(&first, &["status"]).await;
    assert!(text.contains("none: this device is free"), "{text}");
}

#[tokio::test]
async fn an_account_stays_while_a_band_is_paired_and_the_band_is_named() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(60)).await;
    beside.pairs(&band, object).await;
    let scene = &beside.scene;
    let brought =
        |e: &Exchange| e.method == "PUT" && e.path.starts_with("/v1/accessories/") && e.status < 300;
    scene.network().seen("the band's record", brought).await.unwrap();
    let passwords = Passwords::new();
    let delete = [
        &["account", "delete", "--yes-delete-everything"][..],
        &passwords.right(),
    ]
    .concat();
    let id = object.path.rsplit('/').next().unwrap();
    let words = format!(
        "Nothing was deleted.\nAccessories:\n  MI Band 2  {id}\nUnpair them with belayctl accessory unpair"
    );
    refused(scene, &delete, 65, "DevicesStillBound", &words).await;
    let (_, answer) = ctl(scene, &delete).await;
    assert_eq!(
        (&answer["error"]["devices"], &answer["error"]["accessories"]),
        (
            &json!([]),
            &json!([{ "id": id, "name": "MI Band 2", "kind": "mi-band-2" }])
        ),
        "{answer}"
    );
    let unpair = [&["accessory", "unpair", id, "--yes"][..], &passwords.right()].concat();
    read(scene, &unpair).await;
    // As soon as the cloud has heard of it.
    until("the account to be deleted", async || {
        let (exit, answer) = ctl(scene, &delete).await;
        (exit == Some(0)).then_some(answer)
    })
    .await
    .unwrap();
    assert_eq!(state(scene).await, "unbound");
}
