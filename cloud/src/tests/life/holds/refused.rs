//! What never holds, and what may not even wait.

use belay_proto::keys::SigningKey;
use belay_proto::signed::{CredentialsRecord, DeviceCertificate, HoldEnd};
use belay_proto::text::from_base64url;
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn without_its_wardens_word_nothing_holds_however_long_it_waits() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let (body, new) = begun(&house).await;
    rig.advance(20 * 24 * HOUR);
    on_hold(&new, &mut rig.client()).await;
    // Another device's warden, another epoch's, other credentials, a stranger's key.
    let other_device = end(&new, &body, &house.tablet, true);
    rig.post("/v1/holds", &other_device)
        .await
        .refuses(404, "not-found");
    let unlike = other(&forgetful(house.owner()), "ticket", None);
    let unlike = end(&new, &unlike, &house.home.device, true);
    rig.post("/v1/holds", &unlike).await.refuses(404, "not-found");
    let strange = Device {
        warden: SigningKey::generate(),
        ..Device::new()
    };
    let strange = end(&new, &body, &strange, true);
    rig.post("/v1/holds", &strange).await.refuses(404, "not-found");
    rig.post("/v1/holds", &json!({ "hold": "AAAA" }))
        .await
        .refuses(400, "malformed");
    on_hold(&new, &mut rig.client()).await;
    let over = end(&new, &body, &house.home.device, true);
    rig.post("/v1/holds", &over).await.is(204);
    new.sign_in(&mut rig.client()).await.is(200);
    rig.post("/v1/holds", &over).await.refuses(404, "not-found");
}

#[tokio::test]
async fn a_word_under_another_key_or_of_another_epoch_is_none() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let (body, new) = begun(&house).await;
    let credentials = from_base64url(body["credentials"].as_str().unwrap()).unwrap();
    let mut word = HoldEnd {
        account: new.account,
        device: house.home.device.id(),
        epoch: house.home.device.epoch,
        credentials: belay_proto::keys::sha256(&credentials),
        over: true,
    };
    let forged = json!({ "hold": signed(&word, &new.owner) });
    let known = rig.post("/v1/holds", &forged).await.refuses(404, "not-found");
    // Nobody learns which devices there are.
    let nobodys = HoldEnd {
        device: Device::new().id(),
        ..word
    };
    let nobodys = json!({ "hold": signed(&nobodys, &new.owner) });
    let unknown = rig.post("/v1/holds", &nobodys).await;
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    let elsewhere = HoldEnd {
        account: Owner::new("x@example.org").account,
        ..word
    };
    let elsewhere = json!({ "hold": signed(&elsewhere, &house.home.device.warden) });
    rig.post("/v1/holds", &elsewhere).await.refuses(404, "not-found");
    word.epoch = house.tablet.epoch;
    let stale = json!({ "hold": signed(&word, &house.home.device.warden) });
    rig.post("/v1/holds", &stale).await.refuses(409, "other-epoch");
}

#[tokio::test]
async fn what_may_not_wait_is_refused() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let client = house.phone();
    let (id, answer) = proved(client, "jo@example.org").await;
    let (new, ticket) = (forgetful(house.owner()), answer.text("ticket"));
    let certificate = certificate_of(&house, &house.home.device).await;
    let path = format!("/v1/recoveries/{id}/credentials");
    let good = || other(&new, &ticket, Some(&certificate));
    let refused = async |body: Value, status: u16, problem: &str| {
        put(client, &path, &body).await.refuses(status, problem);
    };
    let with = |record: &CredentialsRecord| {
        let mut body = good();
        body["credentials"] = json!(signed(record, &new.owner));
        body
    };
    let fine = other_record(&new);
    refused(
        with(&CredentialsRecord {
            salt: [1; 16],
            ..fine.clone()
        }),
        403,
        "bad-credentials",
    )
    .await;
    refused(
        with(&CredentialsRecord {
            generation: 3,
            ..fine.clone()
        }),
        409,
        "generation-conflict",
    )
    .await;
    let elsewhere = CredentialsRecord {
        account: Owner::new("x@example.org").account,
        ..fine
    };
    refused(with(&elsewhere), 403, "bad-credentials").await;
    let mut body = good();
    body["owner"] = json!(house.owner().owner.public().to_string());
    refused(body, 403, "bad-credentials").await;
    // Its own device has to be certified, and no other may be.
    let mut body = good();
    body["grants"] = json!([]);
    refused(body, 403, "bad-certificate").await;
    let tablet = certificate_of(&house, &house.tablet).await;
    refused(other(&new, &ticket, Some(&tablet)), 403, "bad-certificate").await;
    let changed = DeviceCertificate {
        hardware_locked: false,
        ..certificate.clone()
    };
    refused(other(&new, &ticket, Some(&changed)), 403, "bad-certificate").await;
    // A session brings none of it.
    let mut body = good();
    body.as_object_mut().unwrap().remove("ticket");
    put(client, "/v1/account/credentials", &body)
        .await
        .refuses(403, "bad-credentials");
    assert_eq!(waits(&rig).await, 0);
    put(client, &path, &good()).await.is(202);
    put(&rig.client(), &path, &good())
        .await
        .refuses(403, "bad-ticket");
}
