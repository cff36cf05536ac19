//! How much one account has, and how often it is changed.

use belay_proto::keys::SigningKey;
use belay_proto::signed::Deed;
use belay_proto::text::base64url;
use rusqlite::params;
use serde_json::json;

use super::super::orders::Home;
use super::super::owner::{Device, signed};
use super::super::rig::{Reply, Rig};
use super::super::store::count;
use super::{House, bind, delete, next, order, put, record, removal_body};
use crate::store;

const HOUR: u64 = 3600;

#[tokio::test]
async fn an_account_has_room_for_64_devices_and_its_own_hardware_is_bound_anew_in_a_full_one() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut last = Device::new();
    for _ in 1..64 {
        last = Device::new();
        bind(&home.owner, &home.client, &last).await.is(201);
    }
    let further = Device::new();
    bind(&home.owner, &home.client, &further)
        .await
        .refuses(507, "quota-exceeded");
    bind(&home.owner, &home.client, &last.reset()).await.is(201);
    let release = home.device.release(&home.owner);
    rig.post("/v1/releases", &json!({ "release": release }))
        .await
        .is(204);
    // With the device its session ended.
    let mut home = home;
    home.owner.sign_in(&mut home.client).await.is(200);
    bind(&home.owner, &home.client, &further).await.is(201);
}

#[tokio::test]
async fn devices_that_were_removed_and_not_released_take_room_too() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    for number in 1..256_u16 {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        connection
            .execute(
                "INSERT INTO devices (id, account, thumbprint, warden, epoch, hardware, locked, certificate, name, state,
                                      bound_at, last_seen, removed_at)
                 SELECT ?1, account, zeroblob(32), warden, epoch, ?2, 1, certificate, name, 'active', 1, 1, 2 FROM devices
                 WHERE id = ?3",
                params![id, [id, id].concat(), home.device.id().as_bytes()],
            )
            .unwrap();
    }
    bind(&home.owner, &home.client, &Device::new())
        .await
        .refuses(507, "quota-exceeded");
}

#[tokio::test]
async fn of_bindings_that_have_ended_the_oldest_are_forgotten() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut device = home.device.reset();
    let oldest = device.id();
    for _ in 0..260 {
        bind(&home.owner, &home.client, &device).await.is(201);
        rig.advance(1);
        device = device.reset();
    }
    assert_eq!(count(&rig, "devices"), 257, "one in force, 256 of before");
    let there: bool = store::connect(&rig.app.settings.data.join(store::FILE))
        .unwrap()
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM devices WHERE id = ?1)",
            params![oldest.as_bytes()],
            |row| row.get(0),
        )
        .unwrap();
    assert!(!there);
}

#[tokio::test]
async fn a_certificate_has_a_bound() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let with = |model: usize| {
        let mut certificate = home.owner.certificate(&home.client, &Device::new());
        certificate.model = "m".repeat(model);
        json!({ "certificate": signed(&certificate, &home.owner.owner), "name": "Tablet" })
    };
    home.client.post("/v1/devices", &with(7_000)).await.is(201);
    home.client
        .post("/v1/devices", &with(9_000))
        .await
        .refuses(403, "bad-certificate");
}

#[tokio::test]
async fn a_session_that_changes_all_it_may_keeps_the_owner_from_nothing() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let path = format!("/v1/devices/{}", house.tablet.id());
    let rename = async |number: usize| {
        let (body, key) = (json!({ "name": "Kitchen" }), number.to_string());
        house.phone().call("PATCH", &path, Some(&body), Some(&key)).await
    };
    for number in 0..300 {
        rename(number).await.is(204);
    }
    let refused = rename(300).await.refuses(429, "too-many");
    assert_eq!(refused.retry_after(), HOUR);
    let profile = json!({ "display_name": "Al" });
    house
        .phone()
        .call("PATCH", "/v1/account", Some(&profile), Some("profile"))
        .await
        .refuses(429, "too-many");
    // A repetition is none.
    rename(0).await.is(204);
    let removal = house.order(Deed::RemoveDevice(house.tablet.id()));
    let body = removal_body(&removal, &super::FIRST, json!([]));
    delete(house.phone(), &path, &body).await.is(204);
    let login = SigningKey::generate();
    let mut password = next(house.owner(), &record(house.owner(), 2, &login), &super::SECOND);
    password["keyring"] = json!(base64url(&[9; 210]));
    put(house.phone(), "/v1/account/credentials", &password)
        .await
        .is(204);
}

#[tokio::test]
async fn what_the_owner_key_signs_has_a_budget_of_its_own() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let account = house.phone().get("/v1/account").await.is(200).json();
    let login = account["identifiers"][0]["id"].as_str().unwrap().to_owned();
    let front = async || -> Reply {
        let order = order(house.owner(), 1, Deed::SetLogin(login.clone()));
        put(house.phone(), "/v1/account/login", &json!({ "order": order })).await
    };
    // The tablet's binding was one.
    for _ in 1..300 {
        front().await.is(204);
    }
    front().await.refuses(429, "too-many");
    bind(house.owner(), &house.second, &house.tablet.reset())
        .await
        .refuses(429, "too-many");
    let password = next(
        house.owner(),
        &record(house.owner(), 2, &SigningKey::generate()),
        &super::FIRST,
    );
    put(house.phone(), "/v1/account/credentials", &password)
        .await
        .refuses(429, "too-many");
    let body = json!({ "name": "Kitchen" });
    let path = format!("/v1/devices/{}", house.tablet.id());
    house
        .phone()
        .call("PATCH", &path, Some(&body), Some("k"))
        .await
        .is(204);
}
