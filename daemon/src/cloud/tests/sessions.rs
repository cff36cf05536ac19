//! Proofs, nonces and tokens.

use std::sync::Arc;

use belay_proto::dpop;

use super::server::{Request, Server};
use super::{Auth, Call, Reply, bench, bench_with, change, read};
use crate::cloud::error::CloudError;
use crate::cloud::problem::ProblemKind;

/// The answer that brings other tokens.
pub const TOKENS: &str =
    r#"{"tokens":{"access_token":"access-2","refresh_token":"refresh-2","expires_in":1800}}"#;

fn list() -> Call {
    Call::get("/v1/devices", Auth::Session)
}

fn proof(request: &Request, url: &str, token: Option<&str>) -> dpop::Proof {
    dpop::verify(
        request.header("dpop"),
        &request.method,
        &format!("{url}{}", request.path),
        token,
    )
    .unwrap()
}

#[tokio::test]
async fn the_clouds_nonce_is_taken_up_at_once_and_kept_for_the_next_call() {
    let bench = bench([
        Reply::problem(401, "use-dpop-nonce").with("dpop-nonce", "first"),
        Reply::done().with("dpop-nonce", "second"),
        Reply::done(),
    ])
    .await;
    bench.client.done(&change(Auth::Device)).await.unwrap();
    bench.client.done(&change(Auth::Device)).await.unwrap();
    let seen = bench.server.seen();
    let proofs: Vec<_> = seen
        .iter()
        .map(|request| proof(request, &bench.server.url(), None))
        .collect();
    let nonces: Vec<_> = proofs.iter().map(|proof| proof.nonce.as_deref()).collect();
    assert_eq!(nonces, [None, Some("first"), Some("second")]);
    assert!(proofs.iter().all(|proof| proof.key == bench.vault.key().public()));
    assert_ne!(proofs[0].jti, proofs[1].jti, "no proof is shown twice");
    assert_eq!(
        seen[0].header("idempotency-key"),
        seen[1].header("idempotency-key")
    );
}

#[tokio::test]
async fn a_cloud_that_is_never_content_with_a_nonce_is_given_up() {
    let bench =
        bench((0..20).map(|n| Reply::problem(401, "use-dpop-nonce").with("dpop-nonce", &n.to_string())))
            .await;
    let error = bench.client.done(&change(Auth::Device)).await.unwrap_err();
    assert!(matches!(error, CloudError::Problem(problem) if problem.kind == ProblemKind::UseDpopNonce));
    assert_eq!(bench.server.seen().len(), 3);
}

#[tokio::test]
async fn an_open_call_shows_no_key() {
    let bench = bench([Reply::done()]).await;
    bench.client.done(&read()).await.unwrap();
    let seen = bench.server.seen();
    assert_eq!(
        (seen[0].header("dpop"), seen[0].header("authorization")),
        ("", "")
    );
}

#[tokio::test]
async fn an_access_token_that_is_over_is_exchanged_and_the_new_one_kept_before_it_is_used() {
    let bench = bench([Reply::problem(401, "invalid-token"), Reply::json(200, TOKENS)]).await;
    bench.vault.put("access-1", "refresh-1");
    // The third request finds no reply in the script: what counts is that it was sent with what is kept.
    let _ = bench.client.done(&list()).await;
    let seen = bench.server.seen();
    let said: Vec<_> = seen
        .iter()
        .map(|request| (request.path.as_str(), request.header("authorization")))
        .collect();
    assert_eq!(
        said,
        [
            ("/v1/devices", "DPoP access-1"),
            ("/v1/token", ""),
            ("/v1/devices", "DPoP access-2")
        ]
    );
    assert_eq!(seen[1].body, r#"{"refresh_token":"refresh-1"}"#);
    proof(&seen[2], &bench.server.url(), Some("access-2"));
    assert_eq!(bench.vault.held(), Some(("access-2".into(), "refresh-2".into())));
}

#[tokio::test]
async fn tokens_that_can_not_be_kept_are_not_used_and_the_next_try_works() {
    let bench = bench([
        Reply::problem(401, "invalid-token"),
        Reply::json(200, TOKENS),
        Reply::problem(401, "invalid-token"),
        Reply::json(200, TOKENS),
        Reply::done(),
    ])
    .await;
    bench.vault.put("access-1", "refresh-1");
    bench.vault.set_broken(true);
    assert!(matches!(
        bench.client.done(&list()).await,
        Err(CloudError::Vault(_))
    ));
    assert_eq!(
        bench.server.seen().len(),
        2,
        "nothing was sent with tokens that a crash would lose"
    );
    bench.vault.set_broken(false);
    bench.client.done(&list()).await.unwrap();
    assert_eq!(bench.server.seen()[3].body, r#"{"refresh_token":"refresh-1"}"#);
}

#[tokio::test]
async fn only_an_invalid_grant_ends_the_session() {
    for (reply, ends) in [
        (Reply::problem(400, "invalid-grant"), true),
        (Reply::problem(400, "malformed"), false),
        (Reply::problem(500, "invalid-grant"), false),
        (Reply::json(200, &TOKENS.replace("access-2", "access 2")), false),
        (Reply::json(403, ""), false),
        (Reply::json(200, "{}"), false),
        (Reply::Close, false),
    ] {
        let bench = bench([Reply::problem(401, "invalid-token"), reply]).await;
        bench.vault.put("access-1", "refresh-1");
        let error = bench.client.done(&list()).await.unwrap_err();
        assert_eq!(matches!(error, CloudError::SessionEnded), ends, "{error}");
        assert!(
            bench.vault.held().is_some(),
            "what to do about it isn't the client's to decide"
        );
    }
}

#[tokio::test]
async fn a_refresh_under_way_brings_no_session_back_after_a_sign_out() {
    let vault = Arc::new(std::sync::OnceLock::<Arc<super::MemoryVault>>::new());
    let signing_out = Arc::clone(&vault);
    let token = Reply::json(200, TOKENS).after(move || signing_out.get().unwrap().clear());
    let bench = bench([Reply::problem(401, "invalid-token"), token]).await;
    vault.set(Arc::clone(&bench.vault)).ok().unwrap();
    bench.vault.put("access-1", "refresh-1");
    assert!(matches!(
        bench.client.done(&list()).await,
        Err(CloudError::SessionEnded)
    ));
    assert_eq!(bench.vault.held(), None);
}

#[tokio::test]
async fn the_end_of_an_old_session_ends_no_session_that_has_begun_meanwhile() {
    for over in [Reply::problem(400, "invalid-grant"), Reply::json(200, TOKENS)] {
        let vault = Arc::new(std::sync::OnceLock::<Arc<super::MemoryVault>>::new());
        let signing_in = Arc::clone(&vault);
        let over = over.after(move || signing_in.get().unwrap().put("access-3", "refresh-3"));
        let bench = bench([Reply::problem(401, "invalid-token"), over, Reply::done()]).await;
        vault.set(Arc::clone(&bench.vault)).ok().unwrap();
        bench.vault.put("access-1", "refresh-1");
        bench.client.done(&list()).await.unwrap();
        assert_eq!(bench.server.seen()[2].header("authorization"), "DPoP access-3");
        assert_eq!(bench.vault.held(), Some(("access-3".into(), "refresh-3".into())));
    }
}

#[tokio::test]
async fn two_calls_at_once_exchange_the_token_once() {
    let server = Server::with(
        |request| match (request.path.as_str(), request.header("authorization")) {
            ("/v1/token", _) => Reply::json(200, TOKENS),
            (_, "DPoP access-2") => Reply::done(),
            _ => Reply::problem(401, "invalid-token"),
        },
    );
    let bench = bench_with(server.await);
    bench.vault.put("access-1", "refresh-1");
    let (call, other) = (list(), list());
    let (one, two) = tokio::join!(bench.client.done(&call), bench.client.done(&other));
    let exchanges = bench
        .server
        .seen()
        .iter()
        .filter(|request| request.path == "/v1/token")
        .count();
    assert_eq!(exchanges, 1);
    assert!(one.is_ok() && two.is_ok());
}

#[tokio::test]
async fn without_a_session_nothing_is_sent() {
    let bench = bench([]).await;
    assert!(matches!(
        bench.client.done(&list()).await,
        Err(CloudError::SessionEnded)
    ));
    assert_eq!(bench.server.seen().len(), 0);
}

#[tokio::test]
async fn a_session_ends_with_the_key_that_began_it_even_when_it_is_forgotten() {
    let bench = bench([Reply::done()]).await;
    bench.vault.put("access-1", "refresh-1");
    let revocation = bench.client.revocation().await.unwrap().unwrap();
    bench.vault.clear();
    crate::account::Cloud::revoke(&bench.client, revocation)
        .await
        .unwrap();
    let seen = bench.server.seen();
    assert_eq!(
        (seen[0].path.as_str(), seen[0].body.as_str()),
        ("/v1/revoke", r#"{"refresh_token":"refresh-1"}"#)
    );
    assert_eq!(
        proof(&seen[0], &bench.server.url(), None).key,
        bench.vault.key().public()
    );
}
