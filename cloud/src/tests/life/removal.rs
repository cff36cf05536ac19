//! Removing a device: no keys and no session any more, and bound until its release.

use belay_proto::keys::{SigningKey, sha256};
use belay_proto::signed::{Action, Command, Deed, Signed};
use belay_proto::text::base64url;
use serde_json::json;

use super::super::orders::envelope;
use super::super::owner::{Device, Owner, access_token, refresh_token, signed};
use super::super::rig::Rig;
use super::{FIRST, House, SECOND, bind, delegate, delete, fetched, hints, next, put, record, removal_body};
use crate::messages::Notice;

pub async fn remove(house: &House<'_>) {
    let path = format!("/v1/devices/{}", house.tablet.id());
    let order = house.order(Deed::RemoveDevice(house.tablet.id()));
    let grants = json!([{ "device": house.home.device.id(), "keyring": base64url(&[3; 90]) }]);
    let body = removal_body(&order, &FIRST, grants);
    for _ in 0..2 {
        let reply = house
            .phone()
            .call("DELETE", &path, Some(&body), Some("once"))
            .await;
        reply.is(204);
    }
}

#[tokio::test]
async fn a_removed_device_has_no_session_and_no_keys_and_is_told_so() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let refresh = refresh_token(&house.home.owner.sign_in(&mut house.second).await.is(200));
    let owner = house.owner();
    let mut body = next(owner, &record(owner, 2, &owner.login), &FIRST);
    body["keyring"] = json!(base64url(&FIRST));
    body["grants"] = json!([{
        "device": house.tablet.id(), "keyring": base64url(&[4; 90]),
        "delegate": signed(&delegate(owner, &house.tablet, 2), &owner.owner),
    }]);
    put(house.phone(), "/v1/account/credentials", &body).await.is(204);
    let before = hints(&rig, house.tablet.id()).await;
    rig.advance(1);
    let path = format!("/v1/devices/{}", house.tablet.id());
    let order = super::order(owner, 2, Deed::RemoveDevice(house.tablet.id()));
    let grants = json!([
        { "device": house.home.device.id(), "keyring": base64url(&[3; 90]) },
        { "device": house.tablet.id(), "keyring": base64url(&[3; 90]) },
    ]);
    delete(house.phone(), &path, &removal_body(&order, &FIRST, grants))
        .await
        .is(204);
    assert!(hints(&rig, house.tablet.id()).await > before);
    for path in ["/v1/account", "/v1/devices"] {
        house.second.get(path).await.refuses(401, "removed");
    }
    let token = json!({ "refresh_token": refresh });
    house
        .second
        .post("/v1/token", &token)
        .await
        .refuses(401, "removed");
    house
        .home
        .owner
        .sign_in(&mut house.second)
        .await
        .refuses(401, "removed");
    house
        .home
        .owner
        .guess(&house.second)
        .await
        .refuses(403, "login-refused");
    let there = fetched(&mut house.second).await;
    assert_eq!(
        (&there["removed"], there.get("keyring"), there.get("delegate")),
        (&json!(true), None, None)
    );
    let devices = house.phone().get("/v1/devices").await.is(200).json();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1);
    assert_eq!(
        fetched(&mut house.home.client).await["keyring"],
        base64url(&[3; 90])
    );
    let answer = house.home.owner.sign_in(&mut house.home.client).await.is(200);
    assert_eq!(answer.text("keyring"), base64url(&SECOND));
    assert_eq!(answer.json()["devices"].as_array().unwrap().len(), 1);
    let rename = json!({ "name": "Mine" });
    house
        .phone()
        .call("PATCH", &path, Some(&rename), Some("k"))
        .await
        .refuses(404, "not-found");
    delete(house.phone(), &path, &removal_body(&order, &SECOND, json!([])))
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn a_device_that_gets_none_of_the_newer_keys_has_to_prove_the_password_and_finds_them_there() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let (watch, mut third) = (Device::new(), rig.client());
    house.owner().sign_in(&mut third).await.is(200);
    // The phone's owner was listed the devices of before.
    bind(house.owner(), &third, &watch).await.is(201);
    third.get("/v1/account").await.is(200);
    remove(&house).await;
    third.get("/v1/account").await.refuses(401, "invalid-token");
    house.phone().get("/v1/account").await.is(200);
    let answer = house.home.owner.sign_in(&mut third).await.is(200);
    assert_eq!(answer.text("keyring"), base64url(&SECOND));
    let login = &house.owner().login;
    let mut body = next(house.owner(), &record(house.owner(), 2, login), &SECOND);
    body["grants"] = json!([{ "device": house.home.device.id(), "keyring": base64url(&[3; 90]) }]);
    put(house.phone(), "/v1/account/credentials", &body).await.is(204);
    third.get("/v1/account").await.refuses(401, "invalid-token");
    house.phone().get("/v1/account").await.is(200);
}

#[tokio::test]
async fn a_device_is_bound_with_the_keys_that_are_the_accounts_still() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let (watch, mut third) = (Device::new(), rig.client());
    house.owner().sign_in(&mut third).await.is(200);
    let mut body = json!({
        "certificate": house.owner().certify(&third, &watch),
        "name": "Watch",
        "keyring": base64url(&sha256(&FIRST)),
    });
    remove(&house).await;
    third
        .post("/v1/devices", &body)
        .await
        .refuses(409, "generation-conflict");
    house.home.owner.sign_in(&mut third).await.is(200);
    body["keyring"] = json!(base64url(&sha256(&SECOND)));
    third.post("/v1/devices", &body).await.is(201);
}

#[tokio::test]
async fn its_hardware_and_its_channel_stay_the_owners_until_its_release() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    remove(&house).await;
    // A thief's account can't have it, reset or not.
    let (thief, mut client) = (Owner::new("thief@example.org"), rig.client());
    thief.register(&mut client, &Device::new()).await;
    bind(&thief, &client, &house.tablet.reset())
        .await
        .refuses(409, "activation-locked");
    // The owner commands it still.
    let wipe = Command {
        device: house.tablet.id(),
        epoch: house.tablet.epoch,
        ..house.home.command(Action::Wipe {
            external: true,
            keep_esim: false,
        })
    };
    let sealed = envelope(Signed::seal(&wipe, &house.owner().owner), None);
    let path = format!("/v1/devices/{}/commands", house.tablet.id());
    house
        .phone()
        .post(&path, &json!({ "envelope": sealed }))
        .await
        .is(202);
    house.second.token = None;
    let queue = house.second.get("/v1/commands").await.is(200).json();
    assert_eq!(queue["commands"][0]["envelope"], sealed);
    // Its password change reaches it too.
    let owner = house.owner();
    let other = record(owner, 2, &SigningKey::generate());
    put(
        house.phone(),
        "/v1/account/credentials",
        &next(owner, &other, &SECOND),
    )
    .await
    .is(204);
    let there = fetched(&mut house.second).await;
    assert_eq!(there["credentials"], signed(&other, &house.owner().owner));
    let release = json!({ "release": house.tablet.release(house.owner()) });
    rig.post("/v1/releases", &release).await.is(204);
    house.second.get("/v1/commands").await.refuses(403, "not-bound");
    bind(&thief, &client, &house.tablet.reset()).await.is(201);
}

#[tokio::test]
async fn a_removed_device_comes_back_by_being_bound_anew() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    remove(&house).await;
    let mut fresh = rig.client();
    house.home.owner.sign_in(&mut fresh).await.is(200);
    bind(house.owner(), &fresh, &house.tablet.reset()).await.is(201);
    fresh.get("/v1/account").await.is(200);
    house.second.token = None;
    house
        .second
        .get("/v1/account/credentials")
        .await
        .refuses(403, "not-bound");
    let devices = house.phone().get("/v1/devices").await.is(200).json();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 2);
    // With the same key after its release.
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    remove(&house).await;
    let release = json!({ "release": house.tablet.release(house.owner()) });
    rig.post("/v1/releases", &release).await.is(204);
    house.home.owner.sign_in(&mut house.second).await.is(200);
}

#[tokio::test]
async fn a_device_does_not_remove_itself_nor_anothers() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let order = house.order(Deed::RemoveDevice(house.tablet.id()));
    let path = format!("/v1/devices/{}", house.tablet.id());
    let body = removal_body(&order, &FIRST, json!([]));
    delete(&house.second, &path, &body)
        .await
        .refuses(403, "bad-order");
    let other = super::Home::of(&rig, "x@example.org").await;
    delete(&other.client, &path, &body)
        .await
        .refuses(404, "not-found");
    let unknown = Device::new().id();
    let order = house.order(Deed::RemoveDevice(unknown));
    let body = removal_body(&order, &FIRST, json!([]));
    for name in [unknown.to_string(), "nonsense".into()] {
        delete(house.phone(), &format!("/v1/devices/{name}"), &body)
            .await
            .refuses(404, "not-found");
    }
}

#[tokio::test]
async fn a_removal_is_of_the_present_keyring_and_its_grants_are_the_owners() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let path = format!("/v1/devices/{}", house.tablet.id());
    let order = house.order(Deed::RemoveDevice(house.tablet.id()));
    let phone = house.home.device.id();
    let stranger = Owner::new("x@example.org");
    let delegate = signed(&delegate(house.owner(), &house.home.device, 1), &stranger.owner);
    for (body, status, problem) in [
        (
            removal_body(&order, &SECOND, json!([])),
            409,
            "generation-conflict",
        ),
        (
            removal_body(&order, &FIRST, json!([{ "device": phone, "delegate": delegate }])),
            403,
            "no-such-delegate",
        ),
        (
            removal_body(
                &order,
                &FIRST,
                json!([{ "device": phone, "certificate": "AAAA" }]),
            ),
            403,
            "bad-certificate",
        ),
        (
            removal_body(&order, &FIRST, json!([{ "device": phone }, { "device": phone }])),
            400,
            "malformed",
        ),
        (
            removal_body(&order, &FIRST, json!([{ "device": phone, "surprise": 1 }])),
            400,
            "malformed",
        ),
        (
            removal_body(
                &order,
                &FIRST,
                json!([{ "device": phone, "keyring": base64url(&[0; 70_000]) }]),
            ),
            413,
            "too-large",
        ),
    ] {
        delete(house.phone(), &path, &body).await.refuses(status, problem);
    }
    house.second.get("/v1/account").await.is(200);
    remove(&house).await;
}

#[tokio::test]
async fn a_removed_device_opens_the_root_to_recover_which_its_owner_is_told_and_has_no_session_by_it() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    remove(&house).await;
    rig.mails().await;
    let owner = house.owner();
    let challenge = owner.challenge(&house.second).await.is(200);
    let body = owner.login_body_for("recover", &house.second, &challenge, &owner.login);
    let reply = house.second.post("/v1/login", &body).await.is(200);
    assert_eq!(reply.json()["owner"], json!(owner.owner.public().to_string()));
    assert!(reply.json()["share"].is_string());
    let device = "Tablet";
    rig.told(
        "jo@example.org",
        &[Notice::RecoveryFollowed { device, hours: 72 }],
    )
    .await;
    house.second.token = Some(access_token(&reply));
    for path in ["/v1/account", "/v1/devices"] {
        house.second.get(path).await.refuses(401, "removed");
    }
    let token = json!({ "refresh_token": refresh_token(&reply) });
    let again = house.second.post("/v1/token", &token).await;
    assert_eq!(again.status, 401);
    // Whoever doesn't know the password gets nothing of it.
    let owner = house.owner();
    let challenge = owner.challenge(&house.second).await.is(200);
    let body = owner.login_body_for("recover", &house.second, &challenge, &SigningKey::generate());
    let reply = house.second.post("/v1/login", &body).await;
    reply.refuses(403, "login-refused");
}
