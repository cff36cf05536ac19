//! Keys that the owner lets ask for some commands.

use std::time::Duration;

use belay_proto::keys::SigningKey;
use belay_proto::signed::{Action, Verb};
use serde_json::json;

use super::orders::Home;
use super::owner::signed;
use super::rig::Rig;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_delegate_asks_for_what_its_certificate_covers_and_for_no_more() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let key = SigningKey::generate();
    let certificate = home.delegate(&key, &[Verb::Ring, Verb::StopRing], HOUR);
    let ring = home.command(Action::Ring { seconds: 60 });
    home.post(&home.delegated(&ring, &key, &certificate))
        .await
        .is(202);
    let lock = home.lock();
    home.post(&home.delegated(&lock, &key, &certificate))
        .await
        .refuses(403, "no-such-delegate");
    let stranger = SigningKey::generate();
    home.post(&home.delegated(&home.command(Action::StopRing), &stranger, &certificate))
        .await
        .refuses(403, "bad-command");
}

#[tokio::test]
async fn a_certificate_that_is_over_or_of_another_generation_is_none() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let key = SigningKey::generate();
    let certificate = home.delegate(&key, &[Verb::StopRing], HOUR);
    let mut older = certificate.clone();
    older.generation = 0;
    let mut newer = certificate.clone();
    newer.generation = 2;
    for wrong in [older, newer] {
        home.post(&home.delegated(&home.command(Action::StopRing), &key, &wrong))
            .await
            .refuses(403, "no-such-delegate");
        let body = json!({ "certificate": signed(&wrong, &home.owner.owner) });
        home.client
            .post("/v1/delegates", &body)
            .await
            .refuses(403, "no-such-delegate");
    }
    let body = json!({ "certificate": signed(&certificate, &home.owner.owner) });
    home.client.post("/v1/delegates", &body).await.is(204);
    rig.advance(3600);
    home.owner.sign_in(&mut home.client).await.is(200);
    home.post(&home.delegated(&home.command(Action::StopRing), &key, &certificate))
        .await
        .refuses(403, "no-such-delegate");
    assert_eq!(
        home.client.get("/v1/delegates").await.is(200).json(),
        json!({ "delegates": [] })
    );
    home.client
        .post("/v1/delegates", &body)
        .await
        .refuses(403, "no-such-delegate");
}

#[tokio::test]
async fn the_owners_clients_tell_each_other_of_delegates() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let key = SigningKey::generate();
    let first = signed(&home.delegate(&key, &[Verb::Ring], HOUR), &home.owner.owner);
    let again = signed(
        &home.delegate(&key, &[Verb::Ring, Verb::Locate], HOUR),
        &home.owner.owner,
    );
    for certificate in [&first, &again] {
        let body = json!({ "certificate": certificate });
        home.client.post("/v1/delegates", &body).await.is(204);
    }
    assert_eq!(
        home.client.get("/v1/delegates").await.json(),
        json!({ "delegates": [again] })
    );
    for _ in 0..70 {
        rig.advance(1);
        let further = home.delegate(&SigningKey::generate(), &[Verb::Ring], HOUR);
        let body = json!({ "certificate": signed(&further, &home.owner.owner) });
        home.client.post("/v1/delegates", &body).await.is(204);
    }
    let listed = home.client.get("/v1/delegates").await.json();
    let listed = listed["delegates"].as_array().unwrap();
    assert!(listed.len() == 64 && !listed.contains(&json!(again)));
}

#[tokio::test]
async fn only_the_owner_makes_delegates() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let other = Home::of(&rig, "x@example.org").await;
    let key = SigningKey::generate();
    let mut certificate = home.delegate(&key, &[Verb::Ring], HOUR);
    let forged = json!({ "certificate": signed(&certificate, &key) });
    home.client
        .post("/v1/delegates", &forged)
        .await
        .refuses(403, "no-such-delegate");
    home.client
        .post("/v1/delegates", &json!({ "certificate": "AAEC" }))
        .await
        .refuses(400, "malformed");
    certificate.account = other.owner.account;
    let foreign = json!({ "certificate": signed(&certificate, &home.owner.owner) });
    home.client
        .post("/v1/delegates", &foreign)
        .await
        .refuses(403, "no-such-delegate");
    let mut nobody = rig.client();
    nobody.get("/v1/delegates").await.refuses(401, "invalid-token");
    nobody.token = Some("nonsense".into());
    nobody
        .post("/v1/delegates", &foreign)
        .await
        .refuses(401, "invalid-token");
}
