//! What operators and clients' settings ask for.

use axum::http::Request;

use super::rig::Rig;

#[tokio::test]
async fn health_and_configuration_are_told_to_anybody() {
    let rig = Rig::new();
    assert_eq!(rig.get("/healthz").await.is(200).body, b"ok\n");
    let config = rig.get("/v1/config").await.is(200).json();
    assert_eq!(config["limits"]["body"], 1_048_576);
    assert_eq!(config["channels"], serde_json::json!(["email", "sms", "sms-out"]));
}

#[tokio::test]
async fn numbers_are_told_to_the_operator_and_name_nobody() {
    let rig = Rig::new();
    rig.get("/verify/AAAAAAAAAAAAAAAAAAAAAA").await.is(404);
    let metrics = String::from_utf8(rig.get("/metrics").await.is(200).body).unwrap();
    assert!(
        metrics.contains("method=\"GET\",route=\"/verify/{token}\",status=\"4xx\"} 1"),
        "{metrics}"
    );
    assert!(!metrics.contains("AAAA"));
    let outside = Request::get("/metrics").header("x-forwarded-for", "203.0.113.1");
    rig.send(outside.body(Vec::new()).unwrap())
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let rig = Rig::new();
    for path in ["/", "/v1", "/v1/nothing", "/v2/config", "/v1/account/"] {
        rig.get(path).await.refuses(404, "not-found");
    }
    let reply = rig.get("/v1/login").await.refuses(405, "method-not-allowed");
    assert_eq!(reply.header("allow").unwrap(), "POST");
    let request = Request::put("/v1/account").body(Vec::new()).unwrap();
    rig.send(request).await.refuses(405, "method-not-allowed");
}
