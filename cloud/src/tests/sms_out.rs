//! Numbers that prove themselves by sending a message.

use axum::http::Request;
use belay_proto::keys::hmac_sha256;
use belay_proto::text::{base64url, from_hex, hex};
use serde_json::{Value, json};

use super::owner::opening;
use super::rig::{GATEWAY_SECRET, Reply, Rig, settings};

async fn inbound(rig: &Rig, secret: &str, from: &str, text: &str) -> Reply {
    let body = serde_json::to_vec(&json!({ "from": from, "text": text })).unwrap();
    let signature = hex(&hmac_sha256(secret.as_bytes(), &body));
    let request = Request::post("/v1/inbound-sms")
        .header("content-type", "application/json")
        .header("belay-gateway-signature", signature);
    rig.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn the_owners_message_confirms_the_number_it_was_asked_for() {
    let rig = Rig::new();
    let client = rig.client();
    let body = opening(&rig, "sms-out", "+49 151 234567").await;
    let opened = client.post("/v1/verifications", &body).await.is(202);
    let (id, sms) = (opened.text("id"), opened.json()["sms_out"].clone());
    assert_eq!(sms["number"], "+4915100000");
    assert!(rig.mails().await.is_empty());
    let (code, text) = (
        format!("/v1/verifications/{id}/code"),
        sms["text"].as_str().unwrap(),
    );
    client
        .post(&code, &json!({ "code": "123456" }))
        .await
        .refuses(409, "not-confirmed");
    inbound(&rig, GATEWAY_SECRET, "+49151999999", text).await.is(204);
    inbound(&rig, GATEWAY_SECRET, "+49151234567", "hello")
        .await
        .is(204);
    client
        .post(&code, &json!({ "code": "" }))
        .await
        .refuses(409, "not-confirmed");
    inbound(&rig, GATEWAY_SECRET, "+49151234567", text).await.is(204);
    client.post(&code, &json!({ "code": "" })).await.is(200);
}

#[tokio::test]
async fn a_message_proves_one_verification_and_nothing_when_it_comes_again() {
    let rig = Rig::new();
    let (first, second) = (rig.client(), rig.client());
    let mut open = Vec::new();
    for client in [&first, &second] {
        let body = opening(&rig, "sms-out", "+49151234567").await;
        let opened = client.post("/v1/verifications", &body).await.is(202);
        let text = opened.json()["sms_out"]["text"].as_str().unwrap().to_owned();
        open.push((client, opened.text("id"), text));
    }
    let stands = async |at: usize| {
        let (client, id, _) = &open[at];
        client.get(&format!("/v1/verifications/{id}")).await.text("state")
    };
    for _ in 0..2 {
        inbound(&rig, GATEWAY_SECRET, "+49151234567", &open[0].2)
            .await
            .is(204);
        assert_eq!(
            (stands(0).await.as_str(), stands(1).await.as_str()),
            ("confirmed", "pending")
        );
    }
    // Somebody else's key has no use for it.
    let code = format!("/v1/verifications/{}/code", open[0].1);
    second
        .post(&code, &json!({ "code": "" }))
        .await
        .refuses(404, "not-found");
    rig.advance(24 * 3600);
    inbound(&rig, GATEWAY_SECRET, "+49151234567", &open[1].2)
        .await
        .is(204);
    assert_eq!(stands(1).await, "expired", "after a day it is too late");
}

#[tokio::test]
async fn the_message_is_asked_for_again_no_sooner_than_a_code() {
    let rig = Rig::new();
    let client = rig.client();
    let body = opening(&rig, "sms-out", "+49151234567").await;
    let id = client.post("/v1/verifications", &body).await.is(202).text("id");
    let path = format!("/v1/verifications/{id}/resend");
    let again = async || client.post(&path, &json!({ "pow": rig.work().await })).await;
    again().await.refuses(429, "too-soon");
    rig.advance(15 * 60);
    assert_eq!(again().await.is(202).json()["resend_in_ms"], 900_000);
    again().await.refuses(429, "too-soon");
    assert!(rig.mails().await.is_empty(), "the cloud sends nothing");
}

#[tokio::test]
async fn only_the_gateway_brings_messages() {
    let rig = Rig::new();
    inbound(&rig, "another secret", "+49151234567", "belay 00")
        .await
        .refuses(403, "bad-signature");
    let unsigned = json!({ "from": "+49151234567", "text": "belay 00" });
    rig.post("/v1/inbound-sms", &unsigned)
        .await
        .refuses(403, "bad-signature");
    let body = b"not json".to_vec();
    let request = Request::post("/v1/inbound-sms")
        .header("content-type", "application/json")
        .header(
            "belay-gateway-signature",
            hex(&hmac_sha256(GATEWAY_SECRET.as_bytes(), &body)),
        );
    rig.send(request.body(body).unwrap())
        .await
        .refuses(400, "malformed");
}

#[tokio::test]
async fn the_messages_token_confirms_nothing_on_the_page() {
    let rig = Rig::new();
    let client = rig.client();
    let body = opening(&rig, "sms-out", "+49151234567").await;
    let opened = client.post("/v1/verifications", &body).await.is(202).json();
    let token = opened["sms_out"]["text"]
        .as_str()
        .unwrap()
        .rsplit_once(' ')
        .unwrap()
        .1;
    let path = format!("/verify/{}", base64url(&from_hex(token).unwrap()));
    rig.get(&path).await.is(404);
    rig.send(Request::post(&path).body(Vec::new()).unwrap())
        .await
        .is(404);
    let id = opened["id"].as_str().unwrap();
    assert_eq!(
        client.get(&format!("/v1/verifications/{id}")).await.text("state"),
        "pending"
    );
}

#[tokio::test]
async fn a_cloud_without_channels_says_so() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut settings = settings(&folder);
    settings.sms_out = None;
    settings.delivery.outbox = None;
    let rig = Rig::with(folder, settings);
    let client = rig.client();
    for (channel, address) in [
        ("sms-out", "+49151234567"),
        ("sms", "+49151234567"),
        ("email", "jo@example.org"),
    ] {
        let body = opening(&rig, channel, address).await;
        client
            .post("/v1/verifications", &body)
            .await
            .refuses(422, "channel-unavailable");
    }
    inbound(&rig, "", "+49151234567", "x")
        .await
        .refuses(422, "channel-unavailable");
    assert_eq!(
        rig.get("/v1/config").await.is(200).json()["channels"],
        Value::Array(Vec::new())
    );
}
