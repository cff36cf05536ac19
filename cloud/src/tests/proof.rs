//! Proofs of the device key.

use axum::http::Request;
use belay_proto::dpop;
use belay_proto::keys::SigningKey;
use std::time::SystemTime;

use super::owner::{Device, Owner};
use super::rig::{ORIGIN, Reply, Rig};

const PATH: &str = "/v1/account/credentials";

async fn get(rig: &Rig, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(PATH);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    rig.send(request.body(Vec::new()).unwrap()).await
}

fn proof(key: &SigningKey, method: &str, url: &str, nonce: Option<&str>) -> String {
    dpop::create(key, method, url, nonce, None, SystemTime::UNIX_EPOCH)
}

async fn nonce(rig: &Rig) -> String {
    get(rig, &[])
        .await
        .refuses(401, "use-dpop-nonce")
        .header("dpop-nonce")
        .unwrap()
}

#[tokio::test]
async fn a_call_without_a_proof_or_nonce_is_told_which_nonce_to_use() {
    let rig = Rig::new();
    let (key, url) = (SigningKey::generate(), format!("{ORIGIN}{PATH}"));
    let reply = get(&rig, &[]).await.refuses(401, "use-dpop-nonce");
    assert!(
        reply
            .header("www-authenticate")
            .unwrap()
            .contains("use_dpop_nonce")
    );
    for nonce in [None, Some("invented")] {
        get(&rig, &[("dpop", &proof(&key, "GET", &url, nonce))])
            .await
            .refuses(401, "use-dpop-nonce");
    }
    let nonce = reply.header("dpop-nonce").unwrap();
    get(&rig, &[("dpop", &proof(&key, "GET", &url, Some(&nonce)))])
        .await
        .refuses(403, "not-bound");
}

#[tokio::test]
async fn a_proof_counts_once() {
    let rig = Rig::new();
    let (key, url, nonce) = (
        SigningKey::generate(),
        format!("{ORIGIN}{PATH}"),
        nonce(&rig).await,
    );
    let proof = proof(&key, "GET", &url, Some(&nonce));
    get(&rig, &[("dpop", &proof)]).await.refuses(403, "not-bound");
    get(&rig, &[("dpop", &proof)])
        .await
        .refuses(401, "invalid-dpop-proof");
    rig.advance(120);
    get(&rig, &[("dpop", &proof)])
        .await
        .refuses(401, "invalid-dpop-proof");
    let rig = rig.restart();
    get(&rig, &[("dpop", &proof)])
        .await
        .refuses(401, "invalid-dpop-proof");
    rig.advance(3600);
    get(&rig, &[("dpop", &proof)])
        .await
        .refuses(401, "use-dpop-nonce");
}

#[tokio::test]
async fn after_a_boot_of_the_machine_no_proof_of_before_it_counts() {
    let rig = Rig::new();
    let (key, url, nonce) = (
        SigningKey::generate(),
        format!("{ORIGIN}{PATH}"),
        nonce(&rig).await,
    );
    let [before, after] = [(); 2].map(|()| proof(&key, "GET", &url, Some(&nonce)));
    let rig = rig.restart();
    get(&rig, &[("dpop", &before)]).await.refuses(403, "not-bound");
    // A power cut may have it forgotten which proofs were used.
    rig.clock.set_boot_id("another");
    let rig = rig.restart();
    for proof in [before, after] {
        get(&rig, &[("dpop", &proof)])
            .await
            .refuses(401, "use-dpop-nonce");
    }
}

#[tokio::test]
async fn proofs_for_other_calls_and_broken_ones_are_refused() {
    let rig = Rig::new();
    let (key, nonce) = (SigningKey::generate(), nonce(&rig).await);
    let url = format!("{ORIGIN}{PATH}");
    let good = proof(&key, "GET", &url, Some(&nonce));
    for bad in [
        proof(&key, "POST", &url, Some(&nonce)),
        proof(&key, "GET", &format!("{ORIGIN}/v1/account"), Some(&nonce)),
        proof(
            &key,
            "GET",
            &format!("https://evil.example.org{PATH}"),
            Some(&nonce),
        ),
        good[..good.len() - 2].to_owned(),
        "nonsense".to_owned(),
        String::new(),
    ] {
        get(&rig, &[("dpop", &bad)])
            .await
            .refuses(401, "invalid-dpop-proof");
    }
    get(&rig, &[("dpop", &good), ("dpop", &good)])
        .await
        .refuses(401, "invalid-dpop-proof");
    get(&rig, &[("dpop", &good)]).await.refuses(403, "not-bound");
}

#[tokio::test]
async fn a_token_needs_a_proof_that_names_it() {
    let rig = Rig::new();
    let mut client = rig.client();
    Owner::new("jo@example.org")
        .register(&mut client, &Device::new())
        .await;
    let token = client.token.clone().unwrap();
    let authorization = format!("DPoP {token}");
    let (url, nonce) = (format!("{ORIGIN}{PATH}"), nonce(&rig).await);
    let unnamed = proof(&client.key, "GET", &url, Some(&nonce));
    get(&rig, &[("dpop", &unnamed), ("authorization", &authorization)])
        .await
        .refuses(401, "invalid-dpop-proof");
    for scheme in ["Bearer x", "DPoP", "x"] {
        let proof = proof(&client.key, "GET", &url, Some(&nonce));
        get(&rig, &[("dpop", &proof), ("authorization", scheme)])
            .await
            .refuses(401, "invalid-token");
    }
    for bad in ["", "AAAA", &token[1..]] {
        client.token = Some(bad.to_owned());
        client.get("/v1/account").await.refuses(401, "invalid-token");
    }
}

#[tokio::test]
async fn a_clients_wrong_clock_does_not_matter() {
    let rig = Rig::new();
    let (key, url, nonce) = (
        SigningKey::generate(),
        format!("{ORIGIN}{PATH}"),
        nonce(&rig).await,
    );
    let future = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(4_000_000_000);
    for now in [SystemTime::UNIX_EPOCH, future] {
        let proof = dpop::create(&key, "GET", &url, Some(&nonce), None, now);
        get(&rig, &[("dpop", &proof)]).await.refuses(403, "not-bound");
    }
}
