//! The same call again.

mod bounds;

use axum::http::Request;
use serde_json::json;

use super::owner::{Device, Owner, open, opening};
use super::rig::Rig;

#[tokio::test]
async fn the_same_call_answers_the_same_and_sends_one_mail() {
    let rig = Rig::new();
    let client = rig.client();
    let body = opening(&rig, "email", "jo@example.org").await;
    let first = client.post_with("/v1/verifications", &body, "k").await.is(202);
    assert_eq!(rig.mails().await.len(), 1);
    rig.advance(3600);
    let second = client.post_with("/v1/verifications", &body, "k").await.is(202);
    assert_eq!(first.body, second.body);
    assert!(rig.mails().await.is_empty());
    let other = opening(&rig, "email", "xx@example.org").await;
    client
        .post_with("/v1/verifications", &other, "k")
        .await
        .refuses(422, "idempotency-key-reused");
}

#[tokio::test]
async fn a_key_is_scoped_to_device_key_method_and_path_and_lasts_a_day() {
    let rig = Rig::new();
    let (client, other) = (rig.client(), rig.client());
    let body = opening(&rig, "email", "jo@example.org").await;
    let first = client
        .post_with("/v1/verifications", &body, "k")
        .await
        .is(202)
        .text("id");
    let foreign = opening(&rig, "email", "jo@example.org").await;
    let second = other
        .post_with("/v1/verifications", &foreign, "k")
        .await
        .is(202)
        .text("id");
    assert_ne!(first, second);
    let code = json!({ "code": "" });
    client
        .post_with(&format!("/v1/verifications/{first}/code"), &code, "k")
        .await
        .refuses(409, "not-confirmed");
    rig.advance(24 * 3600);
    let later = opening(&rig, "email", "jo@example.org").await;
    client.post_with("/v1/verifications", &later, "k").await.is(202);
}

#[tokio::test]
async fn a_repeated_wrong_code_costs_one_try() {
    let rig = Rig::new();
    let client = rig.client();
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let code = rig.code_mail().await.code.unwrap();
    let wrong = json!({ "code": format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000) });
    let path = format!("/v1/verifications/{id}/code");
    for _ in 0..3 {
        let reply = client
            .post_with(&path, &wrong, "k")
            .await
            .refuses(403, "wrong-code");
        assert_eq!(reply.json()["tries_left"], 4);
        assert_eq!(reply.header("content-type").unwrap(), "application/problem+json");
    }
    let reply = client
        .post_with(&path, &wrong, "l")
        .await
        .refuses(403, "wrong-code");
    assert_eq!(reply.json()["tries_left"], 3);
}

#[tokio::test]
async fn calls_that_did_nothing_fill_no_table() {
    let rig = Rig::new();
    let client = rig.client();
    let nonsense = json!({ "refresh_token": "nonsense" });
    client.post("/v1/revoke", &nonsense).await.is(204);
    let nowhere = format!("/v1/verifications/{}", "0".repeat(32));
    client.call("DELETE", &nowhere, None, Some("k")).await.is(204);
    assert_eq!(super::store::count(&rig, "answers"), 0);
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let code = json!({ "code": rig.code_mail().await.code.unwrap() });
    let path = format!("/v1/verifications/{id}");
    client.post(&format!("{path}/code"), &code).await.is(200);
    let before = super::store::count(&rig, "answers");
    let resend = json!({ "pow": rig.work().await });
    for _ in 0..3 {
        client.post(&format!("{path}/code"), &code).await.is(200);
        client.post(&format!("{path}/resend"), &resend).await.is(202);
    }
    assert_eq!(super::store::count(&rig, "answers"), before);
}

#[tokio::test]
async fn a_repeated_sign_in_goes_on_with_the_same_session() {
    let rig = Rig::new();
    let mut client = rig.client();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut client, &Device::new()).await;
    client.token = None;
    let challenge = owner.challenge(&client).await.is(200);
    let body = owner.login_body(&client, &challenge, &owner.login);
    let first = client.post_with("/v1/login", &body, "k").await.is(200);
    let second = client.post_with("/v1/login", &body, "k").await.is(200);
    assert_eq!(
        super::owner::refresh_token(&first),
        super::owner::refresh_token(&second)
    );
    let guess = owner.login_body(&client, &challenge, &owner.owner);
    client
        .post_with("/v1/login", &guess, "k")
        .await
        .refuses(422, "idempotency-key-reused");
}

#[tokio::test]
async fn a_refusal_that_changed_nothing_is_not_kept() {
    let rig = Rig::new();
    let mut victim = rig.client();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    owner.register(&mut victim, &device).await;
    let buyer = Owner::new("buyer@example.org");
    let mut client = rig.client();
    buyer.register(&mut client, &Device::new()).await;
    let body = json!({ "certificate": buyer.certify(&client, &device.reset()), "name": "x" });
    client
        .post_with("/v1/devices", &body, "k")
        .await
        .refuses(409, "activation-locked");
    rig.post("/v1/releases", &json!({ "release": device.release(&owner) }))
        .await
        .is(204);
    client.post_with("/v1/devices", &body, "k").await.is(201);
}

#[tokio::test]
async fn calls_that_need_a_key_say_so_and_bad_keys_are_malformed() {
    let rig = Rig::new();
    let client = rig.client();
    let body = opening(&rig, "email", "jo@example.org").await;
    let reply = client.call("POST", "/v1/verifications", Some(&body), None).await;
    reply.refuses(400, "idempotency-key-required");
    for bad in ["", "with space", &"x".repeat(129)] {
        client
            .post_with("/v1/verifications", &body, bad)
            .await
            .refuses(400, "malformed");
    }
    let request = Request::post("/v1/verifications")
        .header("dpop", client.proof("POST", "/v1/verifications"))
        .header("content-type", "application/json")
        .header("idempotency-key", "a")
        .header("idempotency-key", "b");
    rig.send(request.body(serde_json::to_vec(&body).unwrap()).unwrap())
        .await
        .refuses(400, "malformed");
    client.post_with("/v1/verifications", &body, "good").await.is(202);
}
