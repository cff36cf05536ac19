//! Tokens for other services.

use belay_proto::text::from_base64url;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use super::super::orders::Home;
use super::super::rig::{ORIGIN, Rig, SERVICE, START, settings};
use super::House;

/// What a service does with a token, with nothing of this program: the claims, under the key that the token names.
async fn verified(rig: &Rig, token: &str) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    let json = |part: &str| serde_json::from_slice::<Value>(&from_base64url(part).unwrap()).unwrap();
    let header = json(parts[0]);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("JWT")));
    let keys = rig.get("/.well-known/jwks.json").await.is(200).json();
    let keys = keys["keys"].as_array().unwrap();
    let key = keys
        .iter()
        .find(|key| key["kid"] == header["kid"])
        .expect("the key");
    let x = from_base64url(key["x"].as_str().unwrap()).unwrap();
    let signed = format!("{}.{}", parts[0], parts[1]);
    UnparsedPublicKey::new(&ED25519, x)
        .verify(signed.as_bytes(), &from_base64url(parts[2]).unwrap())
        .expect("the signature");
    json(parts[1])
}

#[tokio::test]
async fn a_token_names_the_account_to_one_service_for_ten_minutes() {
    let folder = tempfile::TempDir::new().unwrap();
    let wanted = crate::config::Settings {
        services: vec![SERVICE.to_owned(), "music".to_owned()],
        ..settings(&folder)
    };
    let rig = Rig::with(folder, wanted);
    let house = House::new(&rig).await;
    let body = json!({ "service": SERVICE });
    let answer = house.phone().post("/v1/service-tokens", &body).await.is(201);
    assert_eq!(answer.json()["expires_in"], 600);
    let claims = verified(&rig, &answer.text("token")).await;
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["iat"], &claims["exp"]),
        (
            &json!(ORIGIN),
            &json!(SERVICE),
            &json!(START / 1000),
            &json!(START / 1000 + 600)
        )
    );
    // Each device is the same to the service, each token another, and no other service can tell who it is.
    let second = house.second.post("/v1/service-tokens", &body).await.is(201);
    let second = verified(&rig, &second.text("token")).await;
    assert_eq!(claims["sub"], second["sub"]);
    assert_ne!(claims["jti"], second["jti"]);
    let music = house
        .phone()
        .post("/v1/service-tokens", &json!({ "service": "music" }))
        .await;
    let music = verified(&rig, &music.is(201).text("token")).await;
    assert_ne!(claims["sub"], music["sub"]);
    let other = Home::of(&rig, "x@example.org").await;
    let other = other.client.post("/v1/service-tokens", &body).await.is(201);
    assert_ne!(claims["sub"], verified(&rig, &other.text("token")).await["sub"]);
    let account = house.owner().account.to_string();
    assert!(!claims.to_string().contains(&account));
}

#[tokio::test]
async fn a_repetition_gets_a_fresh_token_and_the_key_stays_the_clouds() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let body = json!({ "service": SERVICE });
    let token = |reply: super::Reply| reply.is(201).text("token");
    let first = token(home.client.post_with("/v1/service-tokens", &body, "k").await);
    let again = token(home.client.post_with("/v1/service-tokens", &body, "k").await);
    assert_ne!(first, again);
    let away = home.leave();
    let rig = rig.restart();
    let home = away.back(&rig);
    let claims = verified(&rig, &first).await;
    let later = token(home.client.post("/v1/service-tokens", &body).await);
    assert_eq!(claims["sub"], verified(&rig, &later).await["sub"]);
}

#[tokio::test]
async fn only_a_session_gets_one_and_only_for_a_service_of_this_cloud() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    for service in ["music", "", "https://photos.example.org/"] {
        let body = json!({ "service": service });
        home.client
            .post("/v1/service-tokens", &body)
            .await
            .refuses(404, "not-found");
    }
    let body = json!({ "service": SERVICE });
    for _ in 0..120 {
        home.client.post("/v1/service-tokens", &body).await.is(201);
    }
    home.client
        .post("/v1/service-tokens", &body)
        .await
        .refuses(429, "too-many");
    home.client.token = None;
    home.client
        .post("/v1/service-tokens", &body)
        .await
        .refuses(401, "invalid-token");
}
