//! What the cloud does with what it should never get: a problem document that the contract names.

use std::time::{Duration, SystemTime};

use belay_proto::dpop;
use belay_proto::keys::SigningKey;
use belay_tests::openapi::{Contract, Exchange};

use crate::http::{Reply, send};
use crate::scene::Scene;

const JSON: (&str, &str) = ("content-type", "application/json");

/// A cloud without a device, and a key to prove.
struct Client {
    scene: Scene,
    key: SigningKey,
    nonce: Option<String>,
    calls: u32,
}

impl Client {
    async fn new() -> Self {
        let mut scene = Scene::empty().await;
        scene.start_cloud().await.unwrap();
        let mut client = Self {
            scene,
            key: SigningKey::generate(),
            nonce: None,
            calls: 0,
        };
        client.nonce = client.plain("POST", "/v1/challenges", &[JSON], b"{}").await.nonce;
        client
    }

    fn proof(&self, method: &str, path: &str) -> String {
        let url = format!("{}{path}", self.scene.network().url());
        dpop::create(
            &self.key,
            method,
            &url,
            self.nonce.as_deref(),
            None,
            SystemTime::now(),
        )
    }

    /// A call with exactly these headers.
    async fn plain(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let reply = send(&self.scene, method, path, headers, body).await;
        let texts = |headers: &[(&str, &str)]| {
            headers
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect()
        };
        let exchange = Exchange {
            method: method.to_owned(),
            path: path.split('?').next().unwrap().to_owned(),
            request_headers: texts(headers),
            request: body.to_vec(),
            status: reply.status,
            answer_headers: reply.headers.clone(),
            answer: reply.body.clone(),
        };
        if reply.status != 404 && reply.status != 405 {
            assert_eq!(
                Contract::ours().unwrap().judge_answer(&exchange),
                Vec::<String>::new()
            );
        }
        reply
    }

    /// A call with a good proof.
    async fn proven(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> Reply {
        self.calls += 1;
        let (proof, key) = (self.proof(method, path), format!("call-{}", self.calls));
        let headers = [
            ("content-type", kind),
            ("dpop", &proof),
            ("idempotency-key", &key),
        ];
        self.plain(method, path, &headers, body).await
    }
}

/// Calls that change something and take JSON.
const MUTATING: &[&str] = &[
    "/v1/verifications",
    "/v1/accounts",
    "/v1/login/challenge",
    "/v1/login",
    "/v1/token",
    "/v1/revoke",
];

#[tokio::test]
async fn bodies_that_are_no_request_are_problems() {
    let mut client = Client::new().await;
    for path in MUTATING {
        for body in [
            "",
            "{",
            "null",
            "[]",
            "{}",
            "\"x\"",
            r#"{"unknown": 1}"#,
            "{\"identifier\": \"\u{0}\"}",
        ] {
            let reply = client
                .proven("POST", path, "application/json", body.as_bytes())
                .await;
            assert_eq!(reply.status, 400, "{path} {body}");
            assert_eq!(reply.problem(), "malformed", "{path} {body}");
        }
        let reply = client
            .proven("POST", path, "application/json", b"{\"identifier\": \"\xff\"}")
            .await;
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (400, "malformed"),
            "{path}: not UTF-8"
        );
        let reply = client.proven("POST", path, "text/plain", b"{}").await;
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (415, "unsupported-media-type"),
            "{path}"
        );
        let huge = format!("{{\"x\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
        let reply = client
            .proven("POST", path, "application/json", huge.as_bytes())
            .await;
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (413, "too-large"),
            "{path}"
        );
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let reply = client
            .proven("POST", path, "application/json", deep.as_bytes())
            .await;
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (400, "malformed"),
            "{path}: deep"
        );
    }
}

#[tokio::test]
async fn open_calls_want_a_whole_request_too() {
    let client = Client::new().await;
    let key = ("idempotency-key", "k");
    for path in ["/v1/releases", "/v1/hardware/check"] {
        for body in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"release": "!!"}"#,
            r#"{"release": "AAAA"}"#,
        ] {
            let reply = client.plain("POST", path, &[JSON, key], body.as_bytes()).await;
            assert!(
                [400, 403].contains(&reply.status),
                "{path} {body}: {}",
                reply.status
            );
            assert!(
                ["malformed", "bad-release"].contains(&reply.problem().as_str()),
                "{path} {body}"
            );
        }
        let reply = client
            .plain("POST", path, &[("content-type", "text/xml"), key], b"<x/>")
            .await;
        assert_eq!(reply.problem(), "unsupported-media-type");
    }
    for (method, path) in [
        ("GET", "/v1/nothing"),
        ("POST", "/"),
        ("GET", "/v1/accounts/../../etc/passwd"),
    ] {
        assert_eq!(client.plain(method, path, &[], b"").await.problem(), "not-found");
    }
    for (method, path) in [("GET", "/v1/login"), ("DELETE", "/v1/releases")] {
        assert_eq!(
            client.plain(method, path, &[], b"").await.problem(),
            "method-not-allowed"
        );
    }
    let forged = [JSON, ("belay-gateway-signature", &"0".repeat(64))];
    let reply = client
        .plain(
            "POST",
            "/v1/inbound-sms",
            &forged,
            br#"{"from":"+491512345678","text":"x"}"#,
        )
        .await;
    assert!(["bad-signature", "channel-unavailable"].contains(&reply.problem().as_str()));
}

#[tokio::test]
async fn proofs_that_prove_nothing_are_refused() {
    let mut client = Client::new().await;
    let path = "/v1/login/challenge";
    let body = br#"{"identifier": "nobody@example.org"}"#;
    let call = async |client: &Client, proof: Option<&str>| {
        let mut headers = vec![JSON, ("idempotency-key", "one")];
        headers.extend(proof.map(|p| ("dpop", p)));
        client.plain("POST", path, &headers, body).await
    };
    assert_eq!(call(&client, None).await.problem(), "use-dpop-nonce");
    let good = client.proof("POST", path);
    assert_eq!(call(&client, Some(&good)).await.status, 200);
    assert_eq!(
        call(&client, Some(&good)).await.problem(),
        "invalid-dpop-proof",
        "a proof counts once"
    );
    for (what, proof) in [
        ("for another method", client.proof("GET", path)),
        ("for another path", client.proof("POST", "/v1/login")),
        ("no proof", "x.y.z".to_owned()),
        ("empty", String::new()),
        ("long", "x".repeat(8000)),
        ("with another signature", format!("{}A", &good[..good.len() - 1])),
    ] {
        let reply = call(&client, Some(&proof)).await;
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (401, "invalid-dpop-proof"),
            "{what}"
        );
    }
    let nonce = client.nonce.take();
    let without = client.proof("POST", path);
    assert_eq!(
        call(&client, Some(&without)).await.problem(),
        "use-dpop-nonce",
        "without a nonce"
    );
    client.nonce = Some("AAAA".to_owned());
    let invented = client.proof("POST", path);
    assert_eq!(
        call(&client, Some(&invented)).await.problem(),
        "use-dpop-nonce",
        "with an invented nonce"
    );
    client.nonce = nonce;
    client.scene.clock().advance(Duration::from_secs(600)).unwrap();
    let expired = client.proof("POST", path);
    let reply = call(&client, Some(&expired)).await;
    assert_eq!(reply.problem(), "use-dpop-nonce", "with an old nonce");
    client.nonce = reply.nonce;
    let fresh = client.proof("POST", path);
    assert_eq!(
        call(&client, Some(&fresh)).await.status,
        200,
        "with the nonce of the refusal"
    );
}

#[tokio::test]
async fn what_needs_a_token_is_not_given_without() {
    let mut client = Client::new().await;
    for (method, path) in [("GET", "/v1/account"), ("GET", "/v1/devices")] {
        let reply = client.proven(method, path, "application/json", b"").await;
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (401, "invalid-token"),
            "{method} {path}"
        );
    }
    let reply = client
        .proven("GET", "/v1/account/credentials", "application/json", b"")
        .await;
    assert_eq!((reply.status, reply.problem().as_str()), (403, "not-bound"));
    let reply = client
        .proven(
            "POST",
            "/v1/token",
            "application/json",
            br#"{"refresh_token": "AAAA"}"#,
        )
        .await;
    assert_eq!((reply.status, reply.problem().as_str()), (400, "invalid-grant"));
}

#[tokio::test]
async fn an_idempotency_key_answers_the_same_and_serves_no_other_body() {
    let mut client = Client::new().await;
    let path = "/v1/login/challenge";
    let call = async |client: &Client, key: &str, body: &str| {
        let proof = client.proof("POST", path);
        client
            .plain(
                "POST",
                path,
                &[JSON, ("dpop", &proof), ("idempotency-key", key)],
                body.as_bytes(),
            )
            .await
    };
    let first = call(&client, "k", r#"{"identifier": "a@example.org"}"#).await;
    let again = call(&client, "k", r#"{"identifier": "a@example.org"}"#).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.json()["salt"], again.json()["salt"]);
    let other = call(&client, "k", r#"{"identifier": "b@example.org"}"#).await;
    assert_eq!(
        (other.status, other.problem().as_str()),
        (422, "idempotency-key-reused")
    );
    client.key = SigningKey::generate();
    assert_eq!(
        call(&client, "k", r#"{"identifier": "b@example.org"}"#)
            .await
            .status,
        200,
        "another key's keys"
    );
}

#[tokio::test]
async fn an_unknown_identifier_has_a_salt_that_stays() {
    let mut client = Client::new().await;
    let mut salts = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let body = br#"{"identifier": "nobody@example.org"}"#;
        let reply = client
            .proven("POST", "/v1/login/challenge", "application/json", body)
            .await;
        salts.insert(reply.json()["salt"].to_string());
    }
    assert_eq!(salts.len(), 1);
    client.scene.kill_cloud().await.unwrap();
    client.scene.start_cloud().await.unwrap();
    let body = br#"{"identifier": "nobody@example.org"}"#;
    let reply = client
        .proven("POST", "/v1/login/challenge", "application/json", body)
        .await;
    salts.insert(reply.json()["salt"].to_string());
    assert_eq!(salts.len(), 1, "over a restart too");
}
