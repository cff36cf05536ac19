//! A request that the network delivers twice, of which the second answer comes: the proof was used before.

use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::time::Duration;

use belay_proto::dpop;
use tokio::task::AbortHandle;

use super::server::{Request, Server};
use super::sessions::TOKENS;
use super::{Auth, Bench, Call, Reply, bench, bench_with, change};
use crate::cloud::error::CloudError;
use crate::cloud::problem::ProblemKind;

fn used() -> Reply {
    Reply::problem(401, "invalid-dpop-proof").with("dpop-nonce", "newest")
}

fn proof(bench: &Bench, request: &Request) -> dpop::Proof {
    let (url, token) = (bench.server.url(), request.header("authorization"));
    dpop::verify(
        request.header("dpop"),
        &request.method,
        &format!("{url}{}", request.path),
        token.strip_prefix("DPoP "),
    )
    .unwrap()
}

#[tokio::test]
async fn a_call_whose_proof_was_used_is_asked_for_once_more_as_the_same_call() {
    for (auth, call) in [
        (Auth::Device, change(Auth::Device)),
        (Auth::Session, change(Auth::Session)),
        (Auth::Session, Call::get("/v1/devices", Auth::Session)),
    ] {
        let bench = bench([used(), Reply::done()]).await;
        bench.vault.put("access-1", "refresh-1");
        bench.client.done(&call).await.unwrap();
        let seen = bench.server.seen();
        let [first, second] = seen.as_slice() else {
            panic!("{} calls of {auth:?}", seen.len());
        };
        for (before, after) in [
            (&first.path, &second.path),
            (&first.method, &second.method),
            (&first.body, &second.body),
        ] {
            assert_eq!(before, after, "{auth:?}");
        }
        let key = |request: &Request| request.header("idempotency-key").to_owned();
        assert_eq!(key(first), key(second), "{auth:?}");
        let (old, new) = (proof(&bench, first), proof(&bench, second));
        assert_ne!(old.jti, new.jti);
        assert_eq!(new.nonce.as_deref(), Some("newest"));
    }
}

#[tokio::test]
async fn a_cloud_that_takes_no_proof_is_asked_no_third_time() {
    let bench = bench((0..9).map(|_| used())).await;
    let error = bench.client.done(&change(Auth::Device)).await.unwrap_err();
    assert!(!error.is_decided(), "a copy may have been carried out");
    assert!(matches!(error, CloudError::Problem(problem) if problem.kind == ProblemKind::InvalidDpopProof));
    assert_eq!(bench.server.seen().len(), 2);
}

#[tokio::test]
async fn a_nonce_that_is_asked_for_besides_is_no_proof_too_many() {
    let nonce = || Reply::problem(401, "use-dpop-nonce").with("dpop-nonce", "another");
    for replies in [[nonce(), used()], [used(), nonce()]] {
        let bench = bench(replies.into_iter().chain([Reply::done()])).await;
        bench.client.done(&change(Auth::Device)).await.unwrap();
        assert_eq!(bench.server.seen().len(), 3);
    }
}

#[tokio::test]
async fn a_call_that_does_more_each_time_is_made_once() {
    let bench = bench([used(), Reply::done()]).await;
    let call = Call {
        idempotency_key: None,
        ..change(Auth::Device)
    };
    assert!(bench.client.done(&call).await.is_err());
    assert_eq!(bench.server.seen().len(), 1);
}

#[tokio::test]
async fn a_cloud_that_asks_for_a_while_besides_isn_t_asked_again_at_once() {
    let bench = bench([used().with("retry-after", "30"), Reply::done()]).await;
    let error = bench.client.done(&change(Auth::Device)).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    assert!(!error.is_decided(), "a copy may have been carried out");
    assert_eq!(bench.server.seen().len(), 1);
}

#[tokio::test]
async fn a_used_up_budget_says_nothing_of_a_copy_that_may_have_been_carried_out_before() {
    let too_many = || Reply::problem(429, "too-many").with("retry-after", "30");
    let used: fn() -> Reply = used;
    for earlier in [used, || Reply::json(500, ""), || Reply::json(504, "")] {
        for auth in [Auth::Device, Auth::Session] {
            let bench = bench([earlier(), too_many()]).await;
            bench.vault.put("access-1", "refresh-1");
            let error = bench.client.done(&change(auth)).await.unwrap_err();
            assert!(error.is_offline() && !error.is_unsent(), "{auth:?}: {error:?}");
            assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
            assert_eq!(bench.server.seen().len(), 2);
        }
    }
    // Of a call that was refused for it and nothing else it says all.
    let alone = bench([Reply::json(429, "").with("retry-after", "1"), too_many()]).await;
    let error = alone.client.done(&change(Auth::Device)).await.unwrap_err();
    assert!(matches!(error, CloudError::Problem(problem) if problem.status == 429));
}

#[tokio::test]
async fn no_more_does_a_refusal_that_the_cloud_gives_before_it_looks_or_that_is_not_the_clouds() {
    let refusals: [fn() -> Reply; 6] = [
        || Reply::json(403, ""),
        || Reply::json(409, r#"{"type":"about:blank","status":409}"#),
        || Reply::json(404, "<html>"),
        || Reply::problem(408, "request-timeout"),
        || Reply::problem(426, "update-required"),
        || Reply::json(429, ""),
    ];
    for refusal in refusals {
        for auth in [Auth::Device, Auth::Session] {
            let bench = bench([Reply::json(504, ""), refusal()]).await;
            bench.vault.put("access-1", "refresh-1");
            let error = bench.client.done(&change(auth)).await.unwrap_err();
            assert!(error.is_offline() && !error.is_unsent(), "{auth:?}: {error:?}");
        }
        let alone = bench([refusal()]).await;
        let error = alone.client.done(&change(Auth::Device)).await.unwrap_err();
        assert!(matches!(error, CloudError::Problem(_)), "{error:?}");
    }
    // What the cloud says by name it says of each copy.
    let bench = bench([Reply::json(504, ""), Reply::problem(409, "generation-conflict")]).await;
    let error = bench.client.done(&change(Auth::Device)).await.unwrap_err();
    assert!(error.is_decided(), "{error:?}");
}

#[tokio::test]
async fn where_no_other_token_is_to_be_had_a_copy_that_went_before_may_have_been_carried_out() {
    let over = || Reply::problem(401, "invalid-token");
    let too_many = || Reply::problem(429, "too-many").with("retry-after", "30");
    let with_copy = bench([used(), over(), too_many()]).await;
    with_copy.vault.put("access-1", "refresh-1");
    let error = with_copy.client.done(&change(Auth::Session)).await.unwrap_err();
    assert!(error.is_offline() && !error.is_unsent(), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    assert_eq!(with_copy.server.seen()[2].path, "/v1/token");
    // The only copy was refused for its token.
    let alone = bench([over(), too_many()]).await;
    alone.vault.put("access-1", "refresh-1");
    let error = alone.client.done(&change(Auth::Session)).await.unwrap_err();
    assert!(matches!(error, CloudError::Problem(problem) if problem.status == 429));
}

#[tokio::test]
async fn where_the_other_token_is_refused_too_a_copy_that_went_before_may_have_been_carried_out() {
    let over = || Reply::problem(401, "invalid-token");
    let another = || Reply::json(200, TOKENS);
    for replies in [
        vec![Reply::json(504, ""), over(), another(), over()],
        vec![over(), another(), Reply::json(504, ""), over()],
    ] {
        let with_copy = bench(replies).await;
        with_copy.vault.put("access-1", "refresh-1");
        let error = with_copy.client.done(&change(Auth::Session)).await.unwrap_err();
        assert!(error.is_offline() && !error.is_unsent(), "{error:?}");
        assert_eq!(with_copy.server.seen().len(), 4);
    }
    // No copy was heard of but those that were refused.
    let alone = bench([over(), another(), over()]).await;
    alone.vault.put("access-1", "refresh-1");
    let error = alone.client.done(&change(Auth::Session)).await.unwrap_err();
    assert!(error.is_decided(), "{error:?}");
}

#[tokio::test]
async fn a_call_of_nobodys_has_no_proof_to_renew() {
    let bench = bench([used(), Reply::done()]).await;
    assert!(bench.client.done(&change(Auth::Open)).await.is_err());
    assert_eq!(bench.server.seen().len(), 1);
}

#[tokio::test]
async fn where_the_second_time_nobody_is_there_the_call_may_have_arrived_all_the_same() {
    static ACCEPTING: OnceLock<AbortHandle> = OnceLock::new();
    let leaving = |_: &Request| {
        used()
            .with("connection", "close")
            .after(|| ACCEPTING.get().unwrap().abort())
    };
    let server = Server::at(Ipv4Addr::new(127, 0, 0, 3), leaving).await;
    ACCEPTING.set(server.accepting()).unwrap();
    let bench = bench_with(server);
    let error = bench.client.done(&change(Auth::Device)).await.unwrap_err();
    assert!(error.is_offline() && !error.is_unsent(), "{error:?}");
}

#[tokio::test]
async fn a_stream_is_opened_with_another_proof_too() {
    let (_pieces, stream) = tokio::sync::mpsc::unbounded_channel();
    let bench = bench([used(), Reply::Stream(stream)]).await;
    let call = Call::get("/v1/stream", Auth::Device);
    bench.client.open(&call, None).await.unwrap();
    let seen = bench.server.seen();
    assert_ne!(proof(&bench, &seen[0]).jti, proof(&bench, &seen[1]).jti);
}
